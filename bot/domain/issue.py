"""What goes into the issue: the words for the team, as blocks that each tracker writes in its own dialect.

A block says whether its text is ours (`Sentence`, `Facts`) or came from outside (`Foreign`), so that an
adapter can never mistake hostile text for its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime

from bot.domain.issue_words import WORDS
from bot.domain.report import Report, ReportFile
from bot.domain.routing import Choice, Destination, Routed
from bot.domain.severity import SeverityRules
from bot.domain.visible import show

_ZONE = ZoneInfo("Europe/Amsterdam")
# How many files and problems are listed: the first number where the tracker's limit leaves room.
_LISTED = (50, 10, 3, 0)
# GitLab takes 1,048,576 bytes.
_MOST_BYTES = 900_000
_LINE_BYTES = 8
_CLOSE_ENOUGH = 32
_UNROUTED = Routed(Choice(), Destination(), "")
_KILO = 1000


@dataclass(frozen=True, slots=True)
class Sentence:
    """A paragraph of our own words."""

    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A short table of our own words: label and value."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Foreign:
    """Text from outside, redacted but hostile; to be shown as it stands and never to act."""

    caption: str
    text: str


@dataclass(frozen=True, slots=True)
class Links:
    """Files that were uploaded to the tracker, each as the tracker itself wrote the link."""

    caption: str
    links: tuple[str, ...]


Block = Sentence | Facts | Foreign | Links
# Whether a tracker takes a text of these blocks.
Fits = Callable[[Sequence[Block]], bool]


@dataclass(frozen=True, slots=True)
class IssueDraft:
    """One issue to be created in ONE call, confidential from its first moment.

    `title` is hostile text without the reference; `marker` is a random word kept in the issue by which
    it is found again after an attempt whose outcome is unknown. `priority` is the tracker's own name of one;
    `fields` are further fields of the tracker as the route says: its own name of each, and the value as JSON.
    """

    reference: str
    marker: str
    title: str
    body: tuple[Block, ...]
    labels: tuple[str, ...]
    due_on: date
    priority: str | None = None
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CommentDraft:
    """One internal comment; `marker` as in `IssueDraft`."""

    marker: str
    body: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class IssueLink:
    """Where an issue stands: the tracker's own stable id and the address a person opens."""

    id: str
    url: str


def file_name(reference: str, number: int, suffix: str) -> str:
    """Name an uploaded file neutrally, as in `CVD-2026-0001-1.png`; the sender's name never leaves the store."""
    return f"{reference}-{number}{suffix}"


def draft_issue(  # noqa: PLR0913 - what is known of the report, and how the team wants to read it
    report: Report,
    *,
    marker: str,
    rules: SeverityRules,
    language: str,
    zone: tzinfo = _ZONE,
    fits: Fits = lambda _: True,
    routed: Routed = _UNROUTED,
    whole_follows: bool = False,
) -> IssueDraft:
    """Draft the issue of a report for the team: facts, files, problems, the text, and how to act now.

    `language` is the team's (`nl` or `en`), `zone` the one its clock shows, `routed` where the report
    goes by mappings/routing.yaml. A text that would be longer than 900,000 bytes of UTF-8 once shown, or than the
    tracker takes as `fits` tells, is cut, and the issue says so; `whole_follows` says that the last of the files
    is the whole of it.
    """
    words, destination = WORDS[language], routed.destination
    text, cut = _cut(report.text, _MOST_BYTES)
    severity = rules.labels[report.severity]
    suggested = (rules.suggested_labels[report.suggestion.severity],) if report.suggestion else ()

    def body(listed: int, text: str, *, cut: bool) -> tuple[Block, ...]:
        return (
            Facts((*_facts(report, severity, language, zone), *_route_facts(routed, words))),
            Sentence(words["act"]),
            *_files(report, language, listed),
            *(Sentence(f"{words['problem']}: {problem}") for problem in report.problems[:listed]),
            Foreign(words["text"], text),
            *([Sentence(words["cut_follows" if whole_follows else "cut"])] if cut else []),
        )

    listed = next((most for most in _LISTED if fits(body(most, "", cut=True))), _LISTED[-1])
    whole = body(listed, text, cut=cut)
    if not fits(whole):
        length = _longest(len(text), lambda length: fits(body(listed, text[:length], cut=True)))
        whole = body(listed, text[:length], cut=True)
    title = report.title if report.title.strip() else words["untitled"]
    return IssueDraft(
        report.reference,
        marker,
        title,
        whole,
        tuple(dict.fromkeys((severity, *suggested, *destination.labels))),
        report.due_on,
        priority=destination.priorities.get(report.severity),
        fields=destination.json_fields,
    )


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """Find about the largest length below `most` that fits, where a shorter one always does if a longer one does."""
    least = 0
    while most - least > _CLOSE_ENOUGH:
        middle = (least + most) // 2
        least, most = (middle, most) if fits(middle) else (least, middle)
    return least


def draft_file_links(links: Mapping[int, str], *, marker: str, language: str) -> CommentDraft:
    """Draft the one comment that links the uploaded files, in the order of their numbers."""
    words = WORDS[language]
    return CommentDraft(marker, (Links(words["links"], tuple(links[number] for number in sorted(links))),))


def _facts(report: Report, severity: str, language: str, zone: tzinfo) -> tuple[tuple[str, str], ...]:
    words = WORDS[language]
    received = format_datetime(report.received_at.astimezone(zone), words["time"], locale=language)
    suggestion = report.suggestion
    return (
        (words["reference"], report.reference),
        (words["reporter"], report.alias),
        (words["received"], received),
        (words["due"], format_date(report.due_on, "EEEE d MMMM y", locale=language)),
        (words["severity"], severity),
        (
            words["suggestion"],
            f"{suggestion.severity} ({suggestion.reason})" if suggestion else words["no_suggestion"],
        ),
        (words["language"], _language_name(report.language, language)),
    )


def _route_facts(routed: Routed, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Say which group the report is for, and what led to its route; nothing where nothing was set."""
    choice, owner = routed.choice, routed.destination.owner
    if owner is not None:
        yield words["owner"], owner
    if choice.kind is not None:
        yield words["route"], f'{choice.route} ({words[choice.kind]} "{choice.word}")'


def _files(report: Report, language: str, listed: int) -> tuple[Block, ...]:
    """List the files, if there are any, and say how many were left off a long list."""
    words = WORDS[language]
    rows = [(str(file.number), _file(file, words)) for file in report.files[:listed]]
    if more := len(report.files) - len(rows):
        rows.append(("…", f"{more} {words['more']}"))
    return (Sentence(words["files"]), Facts(tuple(rows))) if rows else ()


def _file(file: ReportFile, words: Mapping[str, str]) -> str:
    return (
        f"{file.media_type}, {_size(file.size)}: {words['uploaded'] if file.uploadable else words['sealed']}"
    )


def _size(size: int) -> str:
    """Write a size as people do: bytes, kB or MB of a thousand each."""
    if size < _KILO:
        return f"{size} bytes"
    return f"{size // _KILO} kB" if size < _KILO**2 else f"{size / _KILO**2:.1f} MB"


def _language_name(code: str | None, language: str) -> str:
    return str(Locale(language).languages.get(code or "", code or WORDS[language]["unsure"]))


def _cut(text: str, most_bytes: int) -> tuple[str, bool]:
    """Keep as much of a text as fits once it is shown, with room for a sign before each line."""
    kept: list[str] = []
    room = most_bytes
    for line in show(text).split("\n"):
        size = len(line.encode())
        room -= size + _LINE_BYTES
        if room < 0:
            kept.append(line.encode()[: max(0, size + room)].decode("utf-8", "ignore"))
            return "\n".join(kept), True
        kept.append(line)
    return text, False
