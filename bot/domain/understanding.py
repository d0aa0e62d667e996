"""One mail or form understood: what it says, and what of it may be shown to the tracker.

Runs in the child process, for both the text and the files in it are hostile.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ParamSpec, Protocol, TypeVar

from bot.domain.form import parse_form
from bot.domain.inbox import Arrival
from bot.domain.mime import parse_mail
from bot.domain.privacy import PrivacyRules, Redactor, SafeFile, safe_file, sealed_file
from bot.domain.routing import Choice, RoutingRules, choose_route
from bot.domain.severity import SeverityRules, Suggestion, suggest_severity
from bot.domain.submission import Attachment, Submission
from bot.errors import UnreadableError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Understanding:
    """A submission with its redacted title and text, a safe copy of each file or None, and a suggestion.

    `route` is None where nobody has chosen one yet.
    """

    submission: Submission
    title: str
    text: str
    files: tuple[SafeFile, ...]
    suggestion: Suggestion | None
    route: Choice | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What understanding needs of the desk's settings and mappings; `language` is the team's."""

    own_hosts: Sequence[str]
    own_domains: Sequence[str]
    privacy: PrivacyRules
    severity: SeverityRules
    routing: RoutingRules = field(default_factory=RoutingRules)
    language: str = "en"


class Run(Protocol):
    """Run a function somewhere; raises UnreadableError when it cannot end there."""

    def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Give its result."""
        ...


def run_here(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function in this process."""
    return function(*args, **kwargs)


def understand(arrival: Arrival, alias: str, reading: Reading, *, run: Run = run_here) -> Understanding:
    """Parse a mail or form and redact what the tracker may see; the reporter appears there as `alias` (promise P8).

    `run` gets the text and then each file as a task of its own: a file that takes its reader down stays
    sealed with those behind it, and the report is whole. UnreadableError when the text cannot be read.
    """
    understanding, redactor = run(read_text_of, arrival, alias, reading)
    copies = _copies(understanding.submission.attachments, redactor, reading.privacy, run)
    return replace(understanding, files=tuple(copies))


def read_text_of(arrival: Arrival, alias: str, reading: Reading) -> tuple[Understanding, Redactor]:
    """Understand all of an arrival but its files, and give the redactor for those."""
    submission = _parse(arrival, reading)
    redactor = Redactor.for_submission(submission, alias, own_domains=reading.own_domains)
    understanding = Understanding(
        submission=submission,
        title=redactor.redact(submission.subject),
        text=redactor.redact(submission.text),
        files=(),
        suggestion=suggest_severity(submission.subject, submission.text, reading.severity),
        route=route_of(submission, reading.routing),
    )
    return understanding, redactor


def route_of(submission: Submission, rules: RoutingRules) -> Choice:
    """Choose the route of a submission by who it went to and what it says."""
    return choose_route(
        rules,
        recipients=submission.recipients,
        asset=submission.asset,
        text=f"{submission.subject}\n{submission.text}",
    )


def _parse(arrival: Arrival, reading: Reading) -> Submission:
    if arrival.origin.is_form:
        return parse_form(arrival.raw, language=reading.language)
    return parse_mail(arrival.raw, own_hosts=reading.own_hosts, own_domains=reading.own_domains)


def _copies(
    attachments: Sequence[Attachment], redactor: Redactor, rules: PrivacyRules, run: Run
) -> Iterator[SafeFile]:
    """Yield a safe copy of each file; after one that failed no other is tried, so that no mail holds up the rest."""
    reason, total = "", 0
    for number, attachment in enumerate(attachments, start=1):
        try:
            copy = (
                sealed_file(number, attachment, reason)
                if reason
                else run(safe_file, number, attachment, rules, redactor)
            )
        except UnreadableError as error:
            copy = sealed_file(number, attachment, f"no safe copy could be made ({error})")
            reason = "no safe copy could be made of a file before it"
        total += len(copy.content or b"")
        if total > rules.max_total_bytes:
            reason = f"the copies of one mail may have {rules.max_total_bytes} bytes in all"
            copy = sealed_file(number, attachment, reason)
        yield copy
