"""What a service may use: the `Bot`, and the Protocols that adapters fulfil.

Every method here raises only what `bot.errors` names. Times are aware and in UTC.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import SecretStr

from bot.bells import Bells
from bot.domain.imported import FoundMail, NotImported
from bot.domain.inbox import Arrival, Origin
from bot.domain.issue import Block, CommentDraft, IssueDraft, IssueLink
from bot.domain.understanding import Understanding
from bot.domain.workdays import Calendar
from bot.health import Doors, Tally
from bot.mappings import Mappings
from bot.settings import Settings
from bot.store_port import Store, Transaction


class Mailbox(Protocol):
    """One mailbox with one or more folders that is asked for new mail."""

    @property
    def name(self) -> str:
        """Stable name in every `Origin`, such as `imap:security@mail.example.nl`; no secret in it."""

    def fetch(self, unknown: Callable[[Sequence[Origin]], Collection[Origin]]) -> Iterator[Sequence[Arrival]]:
        """Yield mails that were not taken yet, in small batches (bounded in number and bytes).

        `unknown` is asked which origins the store has not seen; only those are fetched, by BODY.PEEK and
        after a look at their size, the newest and the oldest in turns (`domain.turns`). Known ones that still
        lack the mark get it again. Nothing is marked here for a batch: the caller commits it first. Mail that is
        there and cannot be read stops no other: a TransientError names it once everything else was yielded.
        """

    def mark_taken(self, origins: Sequence[Origin]) -> None:
        """Mark mails that are committed: flag or move them, as set. Doing it twice is harmless."""

    def watch(self, look: Callable[[], None], going_on: Callable[[], bool]) -> None:
        """Call `look` at once, soon after mail may have come, and when the door shut or opened again.

        Lasts until `going_on`, which is asked several times a second from this thread, says no or raises; `look`
        may be called from others. It is meant for a thread of its own, beside `fetch`, and never raises by itself:
        a mailbox that cannot tell calls `look` no more, for polling goes on beneath.
        """

    def check(self) -> Sequence[str]:
        """Log in and look at each folder; return what is wrong as sentences with the mend, [] when all is well."""

    def close(self) -> None:
        """Let the connection go."""


class MailFiles(Protocol):
    """Mail in files of this machine, for an import."""

    def measure(self) -> int:
        """Count the bytes of all files."""

    def fetch(self) -> Iterator[FoundMail | NotImported]:
        """Yield every mail, and what cannot be read, one after another; may be asked again."""


class Mailer(Protocol):
    """The way out for notices; keeps one connection open and may be used from several threads."""

    def send(self, message: bytes, *, sender: str, recipient: str) -> str:
        """Hand over one message (CRLF bytes) and return the server's reply as evidence.

        TransientError: not accepted, may be later (4xx, no connection). PermanentError: refused (5xx).
        OutcomeUnknownError: the line broke after the data was sent.
        """

    def check(self) -> Sequence[str]:
        """Connect and log in; return problems as sentences."""

    def close(self) -> None:
        """Say QUIT."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a provider of tokens gave: a token, how long it lasts, and by what the login goes on, if it does."""

    token: SecretStr
    lasts: timedelta
    refresh_token: SecretStr | None = None


class LoginDesk(Protocol):
    """Where a person logs in to a mail account once, so that the bot can go on by itself."""

    @property
    def account(self) -> str:
        """The user name at the mail server."""

    def ask(self, say: Callable[[str], None]) -> Grant:
        """Lead a person through the login and wait for its end; `say` gets the sentences to show."""

    def knock(self, grant: Grant) -> Sequence[str]:
        """Log in at the mail server with what was given; return problems as sentences."""

    def keep(self, grant: Grant) -> None:
        """Keep the refresh token sealed in the store."""


class IssueTracker(Protocol):
    """The team's tracker; safe to use from several threads. No method knows who the reporter is."""

    def fits(self, body: Sequence[Block]) -> bool:
        """Whether the tracker takes a text of these blocks; it is not asked."""

    def create_issue(self, draft: IssueDraft) -> IssueLink:
        """Create the issue with everything in one call; never tries twice itself."""

    def find_issue(self, reference: str, marker: str) -> IssueLink | None:
        """Find an issue that an earlier attempt may have made; only exact marker matches count."""

    def upload(self, issue_id: str, name: str, media_type: str, content: bytes) -> str:
        """Store one file beside the issue and return the link as this tracker writes it."""

    def find_upload(self, issue_id: str, name: str) -> str | None:
        """Find a file that an earlier attempt may have stored and that people would see; None where they do not."""

    def add_comment(self, issue_id: str, draft: CommentDraft) -> None:
        """Add an internal comment."""

    def find_comment(self, issue_id: str, marker: str) -> bool:
        """Whether a comment with this marker stands in the issue."""

    def check(self) -> Sequence[str]:
        """Look at token, project, visibility and rights; return problems as sentences with the mend."""

    def who_can_read(self) -> Sequence[str]:
        """Ask who can read an issue, as far as the tracker tells; sentences for a person to judge, no problems."""

    def close(self) -> None:
        """Let connections go."""


# What else is written in the commit that records a delivery as done.
Consequence = Callable[[Transaction], None]


@dataclass(frozen=True)
class Bot:
    """What a service may use; made in one place, `bot.app.build_bot`."""

    settings: Settings
    mappings: Mappings
    store: Store
    mailbox: Mailbox | None
    mailer: Mailer | None
    trackers: Mapping[str, IssueTracker]
    understand: Callable[[Arrival, str], Understanding]
    now: Callable[[], datetime]
    doors: Doors
    calendar: Calendar
    workers: Executor
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    bells: Bells = field(default_factory=Bells)
    refused: Tally = field(default_factory=Tally)
    stopping: threading.Event = field(default_factory=threading.Event)
    lease: timedelta = timedelta(seconds=20)

    def calendar_named(self, name: str | None) -> Calendar:
        """The calendar of mappings/workdays.yaml that a route names; the default one when it names none."""
        return self.calendar if name is None else self.calendars[name]
