"""The report: what the desk knows about a finding, without a single fact about who found it.

Policy promise P8: whatever writes to a tracker takes a `Report` and cannot import `Reporter`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bot.domain.severity import Severity, Suggestion


class Status(StrEnum):
    """Main status of a report; dispositions and further states come with the work that needs them."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One attachment as the tracker may know it: a number, never the sender's file name.

    `media_type` is what the content proved to be; `size` is that of the original in bytes;
    `uploadable` says whether a safe copy exists that may leave the desk's own store.
    """

    number: int
    media_type: str
    size: int
    uploadable: bool


@dataclass(frozen=True, slots=True)
class Report:
    """One report; `title` and `text` are redacted but still hostile, times are aware UTC.

    `due_on` and `due_at` are those of the first response; `due_at` is the exclusive end.
    `problems` are our own sentences about what could not be read.
    """

    id: str
    reference: str
    alias: str
    status: Status
    severity: Severity
    suggestion: Suggestion | None
    language: str | None
    received_at: datetime
    due_on: date
    due_at: datetime
    title: str
    text: str
    files: tuple[ReportFile, ...]
    problems: tuple[str, ...]
