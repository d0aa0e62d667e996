"""Opening a report: from what a mail says to what the desk keeps and promises."""

from datetime import datetime

from bot.domain.report import Report, ReportFile, Status
from bot.domain.severity import Severity
from bot.domain.sla import Deadline
from bot.domain.submission import Submission
from bot.domain.understanding import Understanding


def received_at(arrived_at: datetime, submission: Submission) -> datetime:
    """Return when our side received a mail: the earlier of the mailbox's time and our own `Received` stamp.

    The `Date` header never counts: it is the sender's word. Aware UTC.
    """
    return min(arrived_at, submission.own_received_at or arrived_at)


def open_report(  # noqa: PLR0913 - each is one fact of the report
    understanding: Understanding,
    *,
    id: str,  # noqa: A002 - the field's own name
    reference: str,
    alias: str,
    received_at: datetime,
    deadline: Deadline,
    problems: tuple[str, ...] = (),
) -> Report:
    """Open a report as received and unrated; no disposition is ever taken here (policy promise P2)."""
    return Report(
        id=id,
        reference=reference,
        alias=alias,
        status=Status.RECEIVED,
        severity=Severity.UNRATED,
        suggestion=understanding.suggestion,
        language=understanding.submission.language,
        received_at=received_at,
        due_on=deadline.due_on,
        due_at=deadline.due_at,
        title=understanding.title,
        text=understanding.text,
        files=tuple(
            ReportFile(file.number, file.media_type, file.size, uploadable=file.content is not None)
            for file in understanding.files
        ),
        problems=(*problems, *understanding.submission.problems),
    )
