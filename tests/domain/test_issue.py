from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from bot.domain.issue import (
    CommentDraft,
    Facts,
    Foreign,
    Links,
    Sentence,
    draft_file_links,
    draft_issue,
    file_name,
)
from bot.domain.markdown import to_markdown
from bot.domain.report import Report, ReportFile, Status
from bot.domain.routing import Choice, Destination, Routed
from bot.domain.severity import Severity, SeverityRules, Suggestion

RULES = SeverityRules.model_validate(yaml.safe_load(Path("mappings/severity.yaml").read_text("utf-8")))
REPORT = Report(
    id="1",
    reference="CVD-2026-0001",
    alias="reporter-7f3a",
    status=Status.RECEIVED,
    severity=Severity.UNRATED,
    suggestion=Suggestion(Severity.HIGH, 'the reporter states "high"'),
    language="nl",
    received_at=datetime(2026, 11, 23, 23, 30, tzinfo=UTC),
    due_on=date(2026, 11, 26),
    due_at=datetime(2026, 11, 26, 23, tzinfo=UTC),
    title="XSS in zoekveld",
    text="Stap 1\nStap 2",
    files=(
        ReportFile(1, "image/png", 12_345, uploadable=True),
        ReportFile(2, "application/x-elf", 99, uploadable=False),
    ),
    problems=("the mail was cut after 1,000 parts",),
)
GLYPH = "\u202e"


def test_the_issue_has_everything_the_team_needs_at_a_glance() -> None:
    draft = draft_issue(REPORT, marker="meldpunt-0f", rules=RULES, language="en")
    facts = draft.body[0]
    assert isinstance(facts, Facts)
    assert facts.rows == (
        ("Reference", "CVD-2026-0001"),
        ("Reporter (alias)", "reporter-7f3a"),
        ("Received", "Tuesday 24 November 2026 at 00:30"),
        ("First response due by the end of", "Thursday 26 November 2026"),
        ("Severity", "severity::unrated"),
        ("Suggested severity", 'high (the reporter states "high")'),
        ("Language of the report", "Dutch"),
    )
    assert (draft.reference, draft.title, draft.due_on) == (
        "CVD-2026-0001",
        "XSS in zoekveld",
        date(2026, 11, 26),
    )
    assert draft.labels == ("severity::unrated", "suggested::high")
    assert Foreign("The report, word for word but for personal data:", "Stap 1\nStap 2") in draft.body


@pytest.mark.parametrize(
    ("language", "rows"),
    [
        ("en", (("Owner group", "dns-team"), ("Route", 'dns (keyword "zone transfer")'))),
        ("nl", (("Behandelende groep", "dns-team"), ("Route", 'dns (trefwoord "zone transfer")'))),
    ],
)
def test_a_route_is_told_with_its_reason_and_brings_owner_labels_fields_and_the_priority_of_unrated(
    language: str, rows: tuple[tuple[str, str], ...]
) -> None:
    destination = Destination(
        labels=("dns", "suggested::high"),
        fields={"weight": 5},
        priorities={Severity.UNRATED: "Medium", Severity.HIGH: "High"},
        owner="dns-team",
    )
    routed = Routed(Choice("dns", "keyword", "zone transfer"), destination, "platform")
    draft = draft_issue(REPORT, marker="m", rules=RULES, language=language, routed=routed)
    facts = draft.body[0]
    assert isinstance(facts, Facts)
    assert facts.rows[-2:] == rows
    assert draft.labels == ("severity::unrated", "suggested::high", "dns")
    assert (draft.priority, draft.fields) == ("Medium", (("weight", "5"),))


def test_files_stand_by_number_type_and_size_with_what_becomes_of_them() -> None:
    draft = draft_issue(REPORT, marker="m", rules=RULES, language="nl")
    assert (
        Facts(
            (
                ("1", "image/png, 12 kB: een veilige kopie volgt in een reactie"),
                ("2", "application/x-elf, 99 bytes: blijft verzegeld in de eigen opslag van het meldpunt"),
            )
        )
        in draft.body
    )
    assert Sentence("Opmerking: the mail was cut after 1,000 parts") in draft.body


def test_without_suggestion_subject_or_files_the_issue_says_so_and_is_no_longer() -> None:
    bare = replace(REPORT, suggestion=None, title=" ", files=(), problems=(), language=None)
    draft = draft_issue(bare, marker="m", rules=RULES, language="en")
    assert draft.title == "Report without a subject"
    assert draft.labels == ("severity::unrated",)
    assert len(draft.body) == 3
    facts = draft.body[0]
    assert isinstance(facts, Facts)
    assert facts.rows[-2:] == (("Suggested severity", "none"), ("Language of the report", "unsure"))


def test_a_long_list_of_files_is_cut_with_their_number() -> None:
    many = replace(
        REPORT, files=tuple(ReportFile(number, "x/y", 1, uploadable=False) for number in range(1, 61))
    )
    facts = draft_issue(many, marker="m", rules=RULES, language="en").body[3]
    assert isinstance(facts, Facts)
    assert facts.rows[-1] == ("…", "10 more files")


@pytest.mark.parametrize(
    "text", ["a" * 2_000_000, "\n" * 1_000_000, GLYPH * 200_000, "\U000e0001" * 200_000, "`" * 950_000]
)
def test_a_text_over_the_trackers_limit_is_cut_and_the_issue_says_so(text: str) -> None:
    draft = draft_issue(replace(REPORT, text=text), marker="m", rules=RULES, language="en")
    assert isinstance(draft.body[-1], Sentence)
    assert "cut here" in draft.body[-1].text
    assert 400_000 < len(to_markdown(draft.body, draft.marker).encode()) < 1_048_576


@pytest.mark.parametrize("text", ["a" * 800_000, "kort", "regel\n" * 50_000])
def test_a_text_within_the_limit_is_whole(text: str) -> None:
    draft = draft_issue(replace(REPORT, text=text), marker="m", rules=RULES, language="en")
    assert draft.body[-1] == Foreign("The report, word for word but for personal data:", text)


def test_one_comment_links_the_files_in_their_order() -> None:
    draft = draft_file_links({10: "tien", 2: "twee"}, marker="m", language="en")
    assert draft == CommentDraft("m", (Links("Safe copies of the files:", ("twee", "tien")),))


def test_a_file_is_named_neutrally() -> None:
    assert file_name("CVD-2026-0001", 3, ".png") == "CVD-2026-0001-3.png"
