"""Which route a report takes, and what an owner may write."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.routing import Choice, Destination, Routed, RoutingRules, check_routes, choose_route, follow
from bot.mappings import load_mappings

RULES = RoutingRules.model_validate(
    {
        "default": {"tracker": "main", "labels": ["desk"], "owner": "desk", "calendar": "strict"},
        "routes": [
            {
                "name": "dns",
                "when": {
                    "recipients": ["dns@example.nl"],
                    "assets": ["*.dns.example.nl", "ns1.example.nl"],
                    "keywords": ["nameserver", "zone transfer"],
                },
                "tracker": "platform",
                "fields": {
                    "weight": "5",
                    "customfield_10050": {"value": "DNS"},
                    "text": '"5"',
                    "odd": "1e999",
                },
                "priorities": {"unrated": "Medium"},
                "owner": "dns-team",
            },
            {"name": "portal", "when": {"assets": ["mijn portaal"], "keywords": ["café"]}, "labels": []},
            {"name": "tagged", "when": {"recipients": ["security+web@example.nl"]}},
        ],
    }
)


def route_of(text: str = "", *recipients: str, asset: str | None = None) -> str:
    return choose_route(RULES, recipients=recipients, asset=asset, text=text).route


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("Kijk op https://a.b.dns.example.nl:8443/zone?x=1", "dns"),
        ("A.DNS.EXAMPLE.NL.", "dns"),
        ("van ns1.example.nl af", "dns"),
        ("dns.example.nl zelf hoort er niet bij", "default"),
        ("vals-dns.example.nl en adns.example.nl", "default"),
        ("a.dns.example.nl.evil.example.com", "default"),
        ("schrijf naar info@a.dns.example.nl", "default"),
        ("De NAMESERVER faalt", "dns"),
        ("nameservers", "default"),
        ("een zone-\ntransfer", "dns"),
        ("zone\n\n\n\n\ntransfer", "default"),
        ("Mijn Portaal is lek", "portal"),
        ("mijnportaal", "default"),
        ("het CAFE\u0301", "portal"),
        ("name\u200bserver", "dns"),
        ("het portaal en de nameserver", "dns"),
    ],
)
def test_a_host_or_a_word_as_a_whole_leads_to_the_first_route_that_has_it(text: str, route: str) -> None:
    assert route_of(text) == route


@pytest.mark.parametrize(
    ("recipient", "route"),
    [
        ("DNS@Example.nl", "dns"),
        ("dns+2026@example.nl", "dns"),
        ("security+web@example.nl", "tagged"),
        ("security@example.nl", "default"),
        ("security+other@example.nl", "default"),
        ("dns@example.org", "default"),
        ("", "default"),
    ],
)
def test_an_address_without_a_tag_takes_any_tag_and_one_with_a_tag_its_own(
    recipient: str, route: str
) -> None:
    assert route_of("", recipient) == route


def test_the_asset_that_a_form_names_counts_as_one_in_the_text() -> None:
    assert route_of(asset="a.dns.example.nl") == route_of(asset="https://a.dns.example.nl/") == "dns"
    assert route_of(asset="Mijn portaal") == "portal"


def test_a_choice_says_which_word_of_the_mapping_led_to_it() -> None:
    assert choose_route(RULES, text="x.dns.example.nl") == Choice("dns", "asset", "*.dns.example.nl")
    assert choose_route(RULES, text="Zone-Transfer") == Choice("dns", "keyword", "zone transfer")
    assert choose_route(RULES, recipients=["DNS@example.nl"], text="zone transfer") == Choice(
        "dns", "recipient", "dns@example.nl"
    )
    assert choose_route(RULES) == Choice("default", None, None)


def test_what_a_route_leaves_out_is_as_in_the_default() -> None:
    dns, portal = RULES.destination("dns"), RULES.destination("portal")
    assert (dns.tracker, dns.labels, dns.owner, dns.calendar) == ("platform", ("desk",), "dns-team", "strict")
    assert (portal.tracker, portal.labels, portal.owner) == ("main", (), "desk")
    assert RULES.destination("default") == RULES.destination("gone") == RULES.default


def test_a_field_that_is_json_is_that_and_any_other_text_is_text() -> None:
    assert RULES.destination("dns").json_fields == (
        ("weight", "5"),
        ("customfield_10050", '{"value": "DNS"}'),
        ("text", '"5"'),
        ("odd", '"1e999"'),
    )


def test_a_destination_without_a_tracker_is_the_first_of_the_settings() -> None:
    choice = Choice("dns", "keyword", "zone transfer")
    assert follow(RULES, choice, ["other"]).tracker == "platform"
    assert follow(RoutingRules(), Choice(), ["first", "second"]) == Routed(Choice(), Destination(), "first")
    assert follow(RULES, choice, ["main"]).facts == {
        "route": "dns",
        "because": 'keyword "zone transfer"',
        "tracker": "platform",
        "owner": "dns-team",
    }


@given(text=st.text(), recipients=st.lists(st.text()), asset=st.none() | st.text())
def test_whatever_a_report_holds_it_takes_a_route_of_the_mapping(
    text: str, recipients: list[str], asset: str | None
) -> None:
    choice = choose_route(RULES, recipients=recipients, asset=asset, text=text)
    assert choice.route in {"default", *(route.name for route in RULES.routes)}


@pytest.mark.parametrize(
    "piece", ["a.", "a-", "zone ", "@a.", "zone zone-", "\u00e9.", "*.dns", "name\u200b"]
)
def test_a_text_made_to_be_slow_still_takes_a_route(piece: str) -> None:
    assert route_of(piece * 200_000) == "default"


def mistake_of(routes: Any = (), **default: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        RoutingRules.model_validate({"default": default, "routes": routes})
    first = caught.value.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def route(**when: Any) -> list[dict[str, Any]]:
    return [{"name": "dns", "when": when}]


@pytest.mark.parametrize(
    ("routes", "mistake"),
    [
        (route(), "names nothing"),
        (route(assets=["https://portal.example.nl"]), "neither a host"),
        (route(assets=["*.example.*"]), "neither a host"),
        (route(assets=["portal*"]), "neither a host"),
        (route(assets=["a.example.nl", "A.Example.NL"]), '"a.example.nl" stands twice'),
        (route(keywords=["dns", "DNS"]), '"dns" stands twice'),
        (route(keywords=["--"]), "has no letter or digit"),
        (route(keywords=["x"]), "at least 2 characters"),
        (route(recipients=["Desk <desk@example.nl>"]), "not a mail address alone"),
        ([*route(keywords=["dns"]), *route(keywords=["bind"])], 'two routes have the name "dns"'),
        ([{"name": "default", "when": {"keywords": ["dns"]}}], 'two routes have the name "default"'),
        ([{"name": "dns"}], "Field required"),
        (
            [{"name": "dns", "when": {"keywords": ["dns"]}, "priorities": {"worst": "High"}}],
            "Input should be",
        ),
        ([{"name": "dns", "when": {"keywords": ["dns"]}, "owner": "\u202egro"}], "cannot be printed"),
        ([{"name": "dns", "when": {"keywords": ["dns"]}, "label": "x"}], "Extra inputs"),
    ],
)
def test_what_cannot_be_meant_is_refused(routes: Any, mistake: str) -> None:
    assert mistake in mistake_of(routes)


@pytest.mark.parametrize(
    ("first", "second", "never"),
    [
        ({"keywords": ["dns"]}, {"keywords": ["dns"]}, True),
        ({"keywords": ["dns"]}, {"keywords": ["dns server"]}, True),
        ({"keywords": ["dns server"]}, {"keywords": ["dns"]}, False),
        ({"assets": ["*.example.nl"]}, {"assets": ["a.example.nl", "*.b.example.nl"]}, True),
        ({"assets": ["a.example.nl"]}, {"assets": ["*.example.nl"]}, False),
        ({"recipients": ["a@example.nl"]}, {"recipients": ["A+web@example.nl"]}, True),
        ({"recipients": ["a+web@example.nl"]}, {"recipients": ["a@example.nl"]}, False),
        ({"keywords": ["dns"]}, {"keywords": ["dns", "bind"]}, False),
    ],
)
def test_a_route_that_can_never_be_chosen_is_named(first: Any, second: Any, never: bool) -> None:  # noqa: FBT001 - a table
    rules = RoutingRules.model_validate(
        {"routes": [{"name": "first", "when": first}, {"name": "second", "when": second}]}
    )
    assert [line.split()[3] for line in check_routes(rules)] == (["second"] if never else [])


def test_the_example_in_the_shipped_mapping_can_be_taken_as_it_is() -> None:
    written = Path("mappings/routing.yaml").read_text("utf-8")
    example = written[written.index("# routes:\n") : written.index("default:")]
    rules = RoutingRules.model_validate(yaml.safe_load(example.replace("# ", "").replace("#", "")))
    assert choose_route(rules, text="a zone transfer").route == "dns"
    assert load_mappings(Path("mappings")).routing == RoutingRules()
