"""What a service may ask of the desk's durable memory: the two queues, the reports, and the record.

Every method here raises only what `bot.errors` names. Times are aware and in UTC.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from bot.domain.inbox import MOST_BYTES, Arrival, InboxItem, InboxRow, Origin
from bot.domain.issue import IssueLink
from bot.domain.outbox import Delivery, DeliveryRow, Order, Outcome
from bot.domain.privacy import SafeFile
from bot.domain.repeats import Accepted
from bot.domain.report import Report, Status
from bot.domain.reporter import Reporter


class Inbox(Protocol):
    """The durable queue of what came in."""

    def unknown(self, origins: Sequence[Origin]) -> Collection[Origin]:
        """Those origins that have no row yet."""

    def add(self, arrivals: Sequence[Arrival], now: datetime) -> int:
        """Store raw mails sealed, each under a data key of its own; a known origin is a no-op. Count added."""

    def claim(
        self, now: datetime, limit: int, *, newest: bool = False, most_bytes: int = MOST_BYTES
    ) -> Sequence[InboxItem]:
        """Lease up to `limit` new items, oldest first, raw opened; expired leases are claimed again.

        Old and new go by the time of receipt; `newest` takes those that came last. Their sizes add up to at
        most `most_bytes`, but the first is always given. An item whose raw cannot be opened is held with the
        reason.
        """

    def put_back(self, items: Sequence[InboxItem]) -> None:
        """Free claimed items that got no outcome, as if they had not been claimed: it was no fault of theirs."""

    def same_mail(self, item: InboxItem) -> tuple[int, str] | None:
        """Number and report id of the first other item that is this same mail and belongs to a report.

        It sees what was filed before in this transaction, and no other bot files while this one goes on. The same
        is what `domain.fingerprint` calls so.
        """

    def finish(  # noqa: PLR0913 - each is one fact of the outcome
        self,
        item: InboxItem,
        *,
        kind: str,
        report_id: str | None,
        reason: str | None,
        now: datetime,
        message_id: str | None = None,
    ) -> None:
        """Record the one outcome of an item; kind is a `submission.Kind`. `held` waits for a person.

        The mail's Message-ID is kept as a keyed hash only. TransientError when another bot has taken the
        item over: then nothing of this transaction may stay.
        """

    def rows(self, *, only_open: bool = False) -> Sequence[InboxRow]:
        """What `meldpunt inbox list` prints; no personal data, nothing sealed is opened."""

    def count_held(self) -> int:
        """How many items wait for a person."""

    def count_waiting(self) -> int:
        """How many items have no outcome yet."""

    def unsettled(self) -> bool:
        """Whether a bot holds items, or died holding them."""

    def raw(self, number: int) -> bytes:
        """The opened raw mail of one row; PermanentError when there is no such row."""

    def retry(self, number: int, now: datetime, *, as_report: bool = False) -> None:
        """Make a finished or held item that has no report new again; `as_report` skips recognition."""

    def drop(self, number: int, now: datetime) -> None:
        """End a held item by a person's decision; the caller records it."""


class Outbox(Protocol):
    """The durable queue of what must go out; order is kept within a lane."""

    def add(self, orders: Sequence[Order], now: datetime) -> None:
        """Queue orders in the order given, sealed under the data key of their report's reporter."""

    def claim(
        self, now: datetime, limit: int, *, mail: bool | None = None, newest: bool = False
    ) -> Sequence[Delivery]:
        """Lease the first waiting order of up to `limit` lanes that are due, with their payloads opened.

        What has been due longest goes first, and an order is due since its report came in. `newest` takes those of
        the newest reports that were never tried, or where there are none what has been due longest.
        `mail` chooses notices or everything else, None takes both. A delivery whose earlier attempt left no
        outcome (the process died) comes as uncertain since when that was last known to be under way. An order
        whose payload cannot be opened is held with the reason and does not stop the others.
        """

    def record(self, outcomes: Sequence[Outcome], now: datetime) -> Collection[str]:
        """Write what became of deliveries: done, again later, uncertain or held (steps out of its lane).

        Returns the ids of the deliveries whose outcome counted: done counts once, whoever says so, and erases
        the payload; anything else counts only while nobody has claimed
        the order since. The next attempt is uncertain when the outcome names a `tried_at`.
        """

    def waits_in(self, lane: str) -> bool:
        """Whether an order waits in this lane."""

    def next_due_at(self) -> datetime | None:
        """When the next waiting order is due or its lease ends; None when nothing waits."""

    def rows(self, *, only_open: bool = False) -> Sequence[DeliveryRow]:
        """What `meldpunt outbox list` prints; no personal data, nothing sealed is opened."""

    def count_held(self) -> int:
        """How many orders wait for a person."""

    def count_waiting(self) -> int:
        """How many orders are still to be carried out."""

    def unsettled(self, since: datetime) -> bool:
        """Whether somebody works on an order, or an attempt without an outcome was under way after `since`."""

    def retry(self, number: int, now: datetime) -> str:
        """Make a held or waiting order due now; an attempt that is under way goes on; return the id of its report."""

    def drop(self, number: int, now: datetime) -> str:
        """End a held or waiting order by a person's decision and erase its payload.

        Returns the id of its report; the caller records it.
        """


class Reports(Protocol):
    """Reports, their reporters and their files."""

    def next_reference(self, prefix: str, year: int) -> str:
        """Allot the next `PREFIX-YEAR-0001`; gapless and unique, safe between processes."""

    def find_reporter(self, address: str) -> Reporter | None:
        """Look an address up by its keyed hash."""

    def add(  # noqa: PLR0913 - a report has this many parts
        self,
        report: Report,
        reporter: Reporter,
        files: Sequence[SafeFile],
        item: InboxItem,
        *,
        tracker: str,
        route: str | None = None,
    ) -> None:
        """Store report, reporter (new: takes over the item's data key) and safe copies, sealed."""

    def add_mail(self, report_id: str, item: InboxItem) -> None:
        """Bring one more mail of a report under its reporter's data key, so that it is erased with the rest."""

    def set_status(self, report_id: str, status: Status) -> None:
        """Write the main status."""

    def set_issue(self, report_id: str, link: IssueLink) -> None:
        """Write where the issue stands."""

    def issue(self, report_id: str) -> IssueLink | None:
        """Where the issue stands, None before it exists."""

    def files(self, report_id: str) -> Sequence[SafeFile]:
        """The safe copies that are not uploaded yet, by number; their contents stay sealed (None)."""

    def file(self, report_id: str, number: int) -> SafeFile:
        """Open one safe copy; `content` is None when there was none or it is uploaded."""

    def set_uploaded(self, report_id: str, number: int, link: str) -> None:
        """Keep the tracker's link and forget the bytes of the safe copy."""

    def unlinked(self, report_id: str) -> Mapping[int, str]:
        """Links of the files that are up and stand in no comment yet, by number."""

    def set_linked(self, report_id: str, numbers: Collection[int]) -> None:
        """Note that a comment links these files."""

    def get(self, reference: str) -> "ReportView":
        """One report with its events; PermanentError when there is none by that reference."""

    def rows(self) -> Sequence["ReportView"]:
        """All reports, newest first, with nothing opened: no title, text, problems, files or events."""


class Events(Protocol):
    """The append-only record; facts never hold personal data or report text."""

    def append(
        self, kind: str, at: datetime, /, *, report_id: str | None = None, **facts: str | int | None
    ) -> None:
        """Add one event; nothing changes or removes one (held by triggers)."""


class Logins(Protocol):
    """Logins at providers of tokens that a person began and that outlive a restart, for all bots of a desk."""

    def get(self, account: str, first: SecretStr | None) -> SecretStr | None:
        """Return the refresh token kept for an account; None when there is none.

        None too when it grew from another `first`, the one in the settings: then that was changed since.
        """

    def keep(self, account: str, token: SecretStr, first: SecretStr | None, now: datetime) -> None:
        """Keep a refresh token, sealed, in the place of the one before, which can be opened nowhere any more."""


class Requests(Protocol):
    """What the form's door remembers, so that a repeat gets the answer of the first and a replay gets none.

    Names, bodies and signatures are kept as keyed hashes only.
    """

    def hashed(self, purpose: str, value: bytes) -> str:
        """Return the keyed hash by which a value is found again without being kept."""

    def used_for(self, signature: str) -> str | None:
        """Name of the request that this signature served for, None when it is new."""

    def note_use(self, signature: str, name: str, signed_at: datetime) -> bool:
        """Keep what a signature serves for; False when another bot has just done so."""

    def find(self, name: str) -> Accepted | None:
        """Return the request that was accepted under this name."""

    def add(self, request: Accepted) -> bool:
        """Keep an accepted request; False when another bot has just accepted one of this name."""

    def forget_signatures(self, before: datetime) -> int:
        """Forget signatures that were made before this time; count them."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the append-only record."""

    at: datetime
    kind: str
    facts: Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report as the team's commands show it."""

    report: Report
    tracker: str
    issue: IssueLink | None
    events: Sequence[Event]
    route: str | None = None


class Transaction(Protocol):
    """One open database transaction; all or nothing."""

    @property
    def inbox(self) -> Inbox:
        """The inbox."""

    @property
    def outbox(self) -> Outbox:
        """The outbox."""

    @property
    def reports(self) -> Reports:
        """Reports and reporters."""

    @property
    def events(self) -> Events:
        """The record."""

    @property
    def logins(self) -> Logins:
        """Logins at providers of tokens."""

    @property
    def requests(self) -> Requests:
        """What the form's door remembers."""

    def savepoint(self) -> AbstractContextManager[None]:
        """A part that may fail alone: what was written inside is undone, the rest stays."""


class Store(Protocol):
    """The durable memory of the desk; may be used from several threads and processes."""

    def begin(self) -> AbstractContextManager[Transaction]:
        """Open a transaction; commits at the end of the block, rolls back on any error.

        StoreError when the database cannot be used: locked, full or away (also a TransientError), or
        damaged or not allowed (also a PermanentError).
        """

    def take_lease(self, name: str, now: datetime) -> bool:
        """Take or renew a named lease for this bot; False while another living bot holds it."""

    def renew(self, now: datetime) -> None:
        """Extend every lease and claim that this bot holds (called every few seconds while it works).

        A claim that lasts 15 leases is not extended any more: it was dropped on an error.
        """

    def release(self) -> None:
        """Give back every lease and claim of this bot, so that a restart does not wait for them."""

    def check(self) -> Sequence[str]:
        """Whether the database and the key database answer and fit; problems as sentences."""

    def close(self) -> None:
        """Let connections go."""
