import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cvss import CVSS3, CVSS4  # type: ignore[import-untyped]  # the package has no types
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.severity import Severity, SeverityRules, Suggestion, band, suggest_severity
from bot.mappings import load_mappings

RULES = load_mappings(Path(__file__).parents[2] / "mappings").severity
V3 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
V3_MEDIUM = "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"
V4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N"


def suggestion(text: str, title: str = "") -> Suggestion | None:
    return suggest_severity(title, text, RULES)


def suggested(text: str, title: str = "") -> str | None:
    found = suggestion(text, title)
    return found.severity if found else None


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        ("10", "critical"),
        ("9.0", "critical"),
        ("8.9", "high"),
        ("7.0", "high"),
        ("6.9", "medium"),
        ("4.0", "medium"),
        ("3.9", "low"),
        ("0.1", "low"),
        ("0.0", "none"),
    ],
)
def test_a_score_falls_in_its_band(score: str, severity: str) -> None:
    assert band(Decimal(score), RULES) == severity


@pytest.mark.parametrize("score", ["-0.1", "10.1"])
def test_a_score_off_the_scale_is_refused(score: str) -> None:
    with pytest.raises(ValueError, match="between 0 and 10"):
        band(Decimal(score), RULES)


@pytest.mark.parametrize(
    ("text", "severity", "reason"),
    [
        (f"Vector: {V3}.", "critical", f"CVSS vector {V3} scores 9.8"),
        (f"({V3_MEDIUM})", "medium", f"CVSS vector {V3_MEDIUM} scores 6.1"),
        (V3.replace("3.1", "3.0"), "critical", f"CVSS vector {V3.replace('3.1', '3.0')} scores 9.8"),
        (V3.lower(), "critical", f"CVSS vector {V3} scores 9.8"),
        (V3.removeprefix("CVSS:3.1/"), "critical", f"CVSS vector {V3} scores 9.8"),
        (f"{V4}/U:Amber", "medium", f"CVSS vector {V4}/U:Amber scores 6.9"),
        (V4.removeprefix("CVSS:4.0/"), "medium", f"CVSS vector {V4} scores 6.9"),
        (f"{V3_MEDIUM} and {V3}", "critical", f"CVSS vector {V3} scores 9.8"),
        (V3.replace("H/I:H/A:H", "N/I:N/A:N"), "none", f"CVSS vector {V3[:-11]}C:N/I:N/A:N scores 0.0"),
    ],
)
def test_a_cvss_vector_is_scored_and_named_in_its_normal_form(text: str, severity: str, reason: str) -> None:
    assert suggestion(text) == Suggestion(Severity(severity), reason)


@pytest.mark.parametrize(
    "text",
    [
        V3.replace("AV:N", "AV:Q"),
        V3.replace("/A:H", ""),
        V3 + "/AV:N",
        V4 + "/E:Z",
        V3.replace("3.1", "3.7"),
        "AV:N/AC:L/Au:N/C:P/I:P/A:P",
    ],
)
def test_a_vector_that_is_not_valid_suggests_nothing(text: str) -> None:
    assert suggestion(text) is None


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("Severity: High", "high"),
        ("**Severity:** Critical", "critical"),
        ("## Severity\n\nMedium\n", "medium"),
        ("Severity level - low", "low"),
        ("SEVERITY=HIGH", "high"),
        ("a high-severity issue", "high"),
        ("ernst: hoog", "high"),
        ("Ernst van het lek\nErnst:\tkritiek", "critical"),
        ("Risico: laag", "low"),
        ("Severity: informational", "none"),
        ("Severity: Low / Medium / High", "low"),
        ("Severity: Low\n...\nSeverity: High", "high"),
        ("CVSS 9.8", "critical"),
        ("CVSS: 9,8", "critical"),
        ("CVSS v3.1 base score: 7.5 (High)", "high"),
        ("CVSSv3 5.3", "medium"),
        ("CVSS score 8.1/10.", "high"),
        ("CVSS-score van 3.1", "low"),
        ("CVSS 4.0 score: 10", "critical"),
        ("Severity: 6.5", "medium"),
        ("P1", "critical"),
        ("Priority P3.", "medium"),
        ("VRT: P5", "none"),
    ],
)
def test_a_stated_severity_is_taken_over(text: str, severity: str) -> None:
    assert suggested(text) == severity


@pytest.mark.parametrize(
    "text",
    [
        "we follow CVSS 3.1",
        "CVSS v4.0",
        "CVSS 11.5",
        "the severity is for you to judge",
        "https://example.org/?P1=3",
        "HTTP1 and P10",
        "p1 = 4",
        "version P1.5",
        "highseverity",
        "",
    ],
)
def test_what_only_looks_like_a_severity_suggests_nothing(text: str) -> None:
    assert suggestion(text) is None


@pytest.mark.parametrize(
    ("text", "severity", "keyword"),
    [
        ("I have RCE on your host", "critical", "rce"),
        ("SQL-injection in the search box", "critical", "sql injection"),
        ("via een SQL-injectie", "critical", "sql injectie"),
        ("IDOR in /orders", "high", "idor"),
        ("stored\nXSS", "high", "stored xss"),
        ("a reflected XSS", "medium", "xss"),
        ("two open redirects", "low", "open redirect"),
        ("there is a missing security header", "none", "missing security header"),
        ("first a missing header, then an open redirect, then ssrf", "high", "ssrf"),
    ],
)
def test_a_keyword_suggests_its_severity(text: str, severity: str, keyword: str) -> None:
    assert suggestion(text) == Suggestion(Severity(severity), f'keyword "{keyword}"')


@pytest.mark.parametrize("text", ["source", "farce", "sourced rcef", "an ordinary question"])
def test_a_keyword_inside_another_word_does_not_count(text: str) -> None:
    assert suggestion(text) is None


def test_the_title_counts_as_much_as_the_text() -> None:
    assert suggested("see the attachment", title="Open redirect on example.nl") == "low"


def test_a_vector_is_stronger_than_a_statement_and_that_than_a_keyword() -> None:
    assert suggested(f"RCE! Severity: High. {V3_MEDIUM}") == "medium"
    assert suggested("RCE! Severity: High.") == "high"


def test_the_reason_of_a_statement_holds_only_words_of_the_mapping() -> None:
    found = suggestion("Severity: High because jan@example.org has root")
    assert found == Suggestion(Severity.HIGH, 'the reporter states "high"')


@given(
    score=st.decimals(0, 10, places=1),
    template=st.sampled_from(["CVSS score: {}", "cvss={}", "Severity: {}"]),
)
def test_every_stated_score_is_read_as_it_stands(score: Decimal, template: str) -> None:
    assert suggested(template.format(score)) == band(score, RULES)


METRICS = ["AV", "AC", "PR", "UI", "S", "C", "I", "A", "AT", "VC", "VI", "VA", "SC", "SI", "SA"]


@given(
    version=st.sampled_from(["3.0", "3.1", "4.0"]),
    values=st.fixed_dictionaries({name: st.sampled_from("NALPHRUCXS") for name in METRICS}),
    dropped=st.sets(st.sampled_from(METRICS), max_size=8),
)
def test_a_vector_like_text_never_raises_and_a_scored_one_scores_as_named(
    version: str, values: dict[str, str], dropped: set[str]
) -> None:
    pairs = [f"{name}:{value}" for name, value in values.items() if name not in dropped]
    found = suggestion(f"CVSS:{version}/" + "/".join(pairs))
    if found:
        vector, score = found.reason.removeprefix("CVSS vector ").split(" scores ")
        assert (CVSS4 if version == "4.0" else CVSS3)(vector).base_score == pytest.approx(Decimal(score))


@given(text=st.text(max_size=400))
def test_no_text_makes_it_raise_or_repeats_itself_in_the_reason(text: str) -> None:
    found = suggestion("Severity: high " + text)
    assert found is not None
    assert re.fullmatch(r"CVSS vector \S+ scores [\d.]+|the reporter states .{1,40}", found.reason)


@pytest.mark.parametrize(
    "piece",
    [
        "\n",
        "cvss ",
        "cvss 3.1 base score ",
        "severity ::::::::::: ",
        "AV:N/",
        "CVSS:3.1/AV:N/AC:L/",
        "sql - ",
        "P1.5 ",
    ],
)
def test_a_megabyte_of_almost_matches_ends_with_nothing(piece: str) -> None:
    assert suggestion(piece * (1_000_000 // len(piece))) is None


SHIPPED = RULES.model_dump(mode="json")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"labels": {"high": "severity::high"}}, "has no line for critical, medium"),
        ({"bands": SHIPPED["bands"] | {"low": "5.0"}}, "must fall from critical to none"),
        ({"bands": SHIPPED["bands"] | {"critical": "11"}}, "less than or equal to 10"),
        ({"bands": SHIPPED["bands"] | {"unrated": "1"}}, "unrated cannot stand here"),
        (
            {"labels": SHIPPED["labels"] | {"low": "suggested::low"}},
            'two severities have the label "suggested::low"',
        ),
        ({"keywords": {"high": ["rce"], "low": ["RCE"]}}, '"rce" stands twice'),
        ({"vrt": {"P1": "critical"}}, "at least 5 items"),
    ],
)
def test_wrong_rules_are_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        SeverityRules.model_validate(SHIPPED | change)


def test_rules_without_words_suggest_from_vectors_alone() -> None:
    rules = SeverityRules.model_validate(SHIPPED | {"stated": {}, "keywords": {}})
    assert suggest_severity("", "Severity: high, RCE", rules) is None
    assert suggest_severity("", V3, rules) == suggestion(V3)
