"""The outbox: what must go out, in lanes that keep their order."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.issue import CommentDraft, IssueDraft


class OutboxState(StrEnum):
    """Where an order stands; leases say whether somebody carries it out."""

    WAITING = "waiting"
    DONE = "done"
    HELD = "held"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class CreateIssue:
    """Create the report's issue in the tracker of this name."""

    tracker: str
    draft: IssueDraft


@dataclass(frozen=True, slots=True)
class UploadFile:
    """Upload the safe copy of one file under a neutral name."""

    tracker: str
    number: int
    name: str


@dataclass(frozen=True, slots=True)
class LinkFiles:
    """Add the one comment that links the uploaded files."""

    tracker: str
    marker: str


@dataclass(frozen=True, slots=True)
class AddComment:
    """Add an internal comment for the team."""

    tracker: str
    draft: CommentDraft


@dataclass(frozen=True, slots=True)
class SendMail:
    """Send one notice as it was rendered; `message_id` stands in `message` and never changes."""

    kind: str
    sender: str
    recipient: str
    message_id: str
    message: bytes


Payload = CreateIssue | UploadFile | LinkFiles | AddComment | SendMail


@dataclass(frozen=True, slots=True)
class Order:
    """One thing to carry out for a report; orders of one lane go out one after another."""

    report_id: str
    lane: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Delivery:
    """One claimed order; `uncertain_since` is when an earlier attempt without an outcome was still under way."""

    id: str
    number: int
    report_id: str
    reference: str
    payload: Payload
    attempts: int
    uncertain_since: datetime | None

    @property
    def uncertain(self) -> bool:
        """Whether an earlier attempt may have had its effect."""
        return self.uncertain_since is not None


class Result(StrEnum):
    """What became of one attempt."""

    DONE = "done"
    AGAIN = "again"
    UNCERTAIN = "uncertain"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery; `reason` is a sentence without personal data, times are aware UTC.

    `tried_at` is when an attempt without a known outcome was under way, None when there is none such.
    """

    delivery: Delivery
    result: Result
    reason: str | None = None
    again_at: datetime | None = None
    tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One outbox row as a person's list shows it."""

    number: int
    state: OutboxState
    kind: str
    reference: str
    attempts: int
    due_at: datetime
    reason: str | None


def pause_after(attempts: int, asked: timedelta | None = None) -> timedelta:
    """Grow the pause from 2 s, doubling to 15 minutes, unless the other side asked for a longer one (to 1 h)."""
    grown = min(timedelta(seconds=2 ** min(attempts, 12)), timedelta(minutes=15))
    return max(grown, min(asked or timedelta(0), timedelta(hours=1)))
