"""One mail understood: what it says, and what of it may be shown to the tracker.

Runs in the child process, for both the mail and the pictures in it are hostile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.mime import parse_mail
from bot.domain.privacy import PrivacyRules, Redactor, SafeFile, safe_file
from bot.domain.severity import SeverityRules, Suggestion, suggest_severity
from bot.domain.submission import Submission


@dataclass(frozen=True, slots=True)
class Understanding:
    """A submission with its redacted title and text, a safe copy of each file or None, and a suggestion."""

    submission: Submission
    title: str
    text: str
    files: tuple[SafeFile, ...]
    suggestion: Suggestion | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the understanding of a mail needs of the desk's settings and mappings."""

    own_hosts: Sequence[str]
    own_domains: Sequence[str]
    privacy: PrivacyRules
    severity: SeverityRules


def understand(raw: bytes, alias: str, reading: Reading) -> Understanding:
    """Parse a mail and redact what the tracker may see; the reporter appears there as `alias` (promise P8)."""
    submission = parse_mail(raw, own_hosts=reading.own_hosts, own_domains=reading.own_domains)
    redactor = Redactor.for_submission(submission, alias, own_domains=reading.own_domains)
    return Understanding(
        submission=submission,
        title=redactor.redact(submission.subject),
        text=redactor.redact(submission.text),
        files=tuple(
            safe_file(number, attachment, reading.privacy, redactor)
            for number, attachment in enumerate(submission.attachments, start=1)
        ),
        suggestion=suggest_severity(submission.subject, submission.text, reading.severity),
    )
