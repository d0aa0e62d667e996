from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2 import Environment, meta

import bot.render
from bot.domain.notices import NoticeFacts, NoticeKind
from bot.errors import PermanentError
from bot.render import draft_notice

TEMPLATES = Path(bot.render.__file__).parent / "templates" / "notices"
FACTS = NoticeFacts(
    reference="CVD-2026-0001",
    received_at=datetime(2026, 11, 24, 8, 12, tzinfo=UTC),
    answer_due_on=date(2026, 11, 26),
    organisation="Voorbeeld BV",
    team_name="Meldpunt Kwetsbaarheden",
    policy_url="https://example.nl/responsible-disclosure",
    zone=ZoneInfo("Europe/Amsterdam"),
)
WORDS = {
    "nl": {
        "received": "dinsdag 24 november 2026 om 09:12",
        "answered": "uiterlijk op donderdag 26 november 2026",
        "automatic": "automatisch bericht",
        "confidential": "vertrouwelijk te houden",
        "no further": "niet verder te onderzoeken dan nodig",
        "how to add": "Beantwoord dan dit bericht",
        "data": "Zonder uw toestemming verstrekken wij ze niet aan derden, tenzij de wet",
    },
    "en": {
        "received": "Tuesday 24 November 2026 at 09:12",
        "answered": "no later than Thursday 26 November 2026",
        "automatic": "automatic message",
        "confidential": "keep the vulnerability confidential",
        "no further": "not to test any further than is needed",
        "how to add": "Reply to this message",
        "data": "do not give it to third parties without your consent, unless the law",
    },
}


def body(*languages: str, **changes: object) -> str:
    values: dict[str, Any] = changes
    return draft_notice(NoticeKind.RECEIPT, languages, replace(FACTS, **values)).body


def on_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("language", "what"), [(language, what) for language in WORDS for what in WORDS[language]]
)
def test_a_receipt_says_what_the_policy_wants_said(language: str, what: str) -> None:
    assert WORDS[language][what] in on_one_line(body(language))


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("fact", ["reference", "team_name", "organisation", "policy_url"])
def test_a_receipt_holds_the_plain_facts(language: str, fact: str) -> None:
    assert getattr(FACTS, fact) in on_one_line(body(language))


def named_in(path: Path) -> set[str]:
    return meta.find_undeclared_variables(Environment(autoescape=True).parse(path.read_text("utf-8")))


@pytest.mark.parametrize("part", ["subject", "body"])
@pytest.mark.parametrize("kind", NoticeKind)
def test_both_languages_name_the_same_facts(kind: NoticeKind, part: str) -> None:
    dutch, english = (named_in(TEMPLATES / kind / f"{language}.{part}.txt") for language in ("nl", "en"))
    assert dutch == english


@pytest.mark.parametrize("language", WORDS)
def test_a_receipt_uses_every_fact_it_is_given(language: str) -> None:
    facts = {each.name for each in fields(NoticeFacts)} - {"zone"}
    assert named_in(TEMPLATES / "receipt" / f"{language}.body.txt") == facts


@pytest.mark.parametrize(
    ("languages", "subject"),
    [
        (("nl",), "[CVD-2026-0001] Ontvangstbevestiging"),
        (("en",), "[CVD-2026-0001] Acknowledgement of receipt"),
        (("nl", "en"), "[CVD-2026-0001] Ontvangstbevestiging / Acknowledgement of receipt"),
    ],
)
def test_the_subject_is_neutral_and_begins_with_the_reference(
    languages: tuple[str, ...], subject: str
) -> None:
    notice = draft_notice(NoticeKind.RECEIPT, languages, FACTS)
    assert notice.subject == subject
    assert notice.languages == languages


def test_when_unsure_dutch_comes_first_then_a_line_then_english() -> None:
    note, dutch, english = body("nl", "en").partition("Goedendag")[0], body("nl"), body("en")
    assert note == "(English text below the line.)\n\n"
    assert body("nl", "en") == note + dutch + "\n" + "-" * 72 + "\n\n" + english


@pytest.mark.parametrize("language", WORDS)
def test_lines_are_at_most_72_wide_and_a_web_address_stays_whole(language: str) -> None:
    url = "https://www.example.nl/" + "a-very-long-path/" * 6
    lines = body(language, policy_url=url, team_name="Meldpunt Kwetsbaarheden van Voorbeeld BV").splitlines()
    assert url in lines
    assert all(len(line) <= 72 for line in lines if line != url)


@pytest.mark.parametrize("language", WORDS)
def test_a_receipt_promises_no_immunity_and_no_other_deadline(language: str) -> None:
    text = body(language).lower()
    for word in (
        "aangifte",
        "strafrecht",
        "vervolg",
        "prosecut",
        "legal action",
        "immun",
        "werkdag",
        "working day",
    ):
        assert word not in text
    assert text.count(" 2026") == 2  # the day of receipt and the day of the answer


def test_dutch_says_u_and_never_je() -> None:
    words = set(body("nl").lower().replace(",", " ").replace(".", " ").split())
    assert "u" in words
    assert not words & {"je", "jij", "jouw", "jullie"}


@pytest.mark.parametrize("blank", [None, "", "  "])
@pytest.mark.parametrize("fact", [each.name for each in fields(NoticeFacts)])
def test_a_missing_fact_is_an_error_and_never_a_gap(fact: str, blank: str | None) -> None:
    with pytest.raises(PermanentError, match=f"receipt lacks the fact {fact}"):
        body("nl", **{fact: blank})


def test_a_time_of_receipt_without_an_offset_is_an_error() -> None:
    with pytest.raises(PermanentError, match="lacks its offset"):
        body("nl", received_at=datetime(2026, 11, 24))  # noqa: DTZ001 - what is tested


@pytest.mark.parametrize("hostile", ["A\r\nBcc: eve@example.com", "A\nB", "A\x00", "A\u202eB", "A\u2028B"])
@pytest.mark.parametrize("fact", ["reference", "team_name", "organisation", "policy_url"])
def test_a_fact_that_could_break_out_of_its_line_is_refused(fact: str, hostile: str) -> None:
    with pytest.raises(PermanentError, match=f"The fact {fact} .* cannot be printed"):
        body("nl", **{fact: hostile})


def test_a_fact_is_text_and_never_a_template() -> None:
    assert "{{ reference }} & <b>" in body("nl", team_name="{{ reference }} & <b>")


def test_a_day_of_receipt_is_the_desks_own_day() -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert "woensdag 25 november 2026 om 00:30" in on_one_line(body("nl", received_at=late))
