"""The inbox: raw messages as they arrived, stored before anything looks inside them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# What one claim may bring into memory: a few large mails, or many small ones.
MOST_BYTES = 64 * 1024 * 1024

# What the form's door is called where a mailbox has its name.
FORM = "form"


class InboxState(StrEnum):
    """Where an inbox row stands; leases say whether somebody works on a new one."""

    NEW = "new"
    DONE = "done"
    HELD = "held"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message was found; the four together are unique for ever.

    `uidvalidity` is IMAP's (RFC 3501, 2.3.1.1), 0 for a Maildir, whose unique file name is the `uid`.
    """

    mailbox: str
    folder: str
    uidvalidity: int
    uid: str

    @property
    def is_form(self) -> bool:
        """Whether it came by the form's door and not by mail; `folder` is then the id of the signing key."""
        return self.mailbox == FORM


@dataclass(frozen=True, slots=True)
class Arrival:
    """One raw message as fetched; `size` is its true size in bytes, `raw` may be only its beginning.

    `received_at` is when our side received it (INTERNALDATE, file time), aware UTC. `reference` is one that was
    allotted on arrival, `no_receipt` why its sender gets none whatever it turns out to be, `problem` what its
    report has to tell about how it came in.
    """

    origin: Origin
    raw: bytes
    size: int
    received_at: datetime
    reference: str | None = None
    no_receipt: str | None = None
    problem: str | None = None

    @property
    def truncated(self) -> bool:
        """Whether only the beginning was fetched, because the whole is over the size limit."""
        return len(self.raw) < self.size


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One claimed message with its raw bytes opened; `attempts` counts this claim."""

    id: str
    number: int
    arrival: Arrival
    attempts: int
    as_report: bool


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One inbox row as a person's list shows it."""

    number: int
    state: InboxState
    kind: str | None
    origin: Origin
    size: int
    received_at: datetime
    reference: str | None
    reason: str | None
