"""Stores over real databases, and the rows that tests put into them."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy import Engine, event

from bot.adapters.store.store import SqlStore
from bot.adapters.vault import Vault, new_secret_key
from bot.domain.inbox import Arrival, InboxItem, Origin
from bot.domain.issue import CommentDraft, Foreign, IssueDraft, Sentence
from bot.domain.outbox import AddComment, CreateIssue, Delivery, Order, Outcome, Result, SendMail
from bot.domain.privacy import SafeFile
from bot.domain.report import Report, ReportFile, Status
from bot.domain.reporter import Reporter
from bot.domain.severity import Severity, Suggestion
from bot.domain.submission import Kind
from bot.store_port import Transaction

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LEASE = timedelta(seconds=20)


@dataclass
class Stores:
    """Opens as many stores as a test wants on one pair of databases, each as another bot."""

    main_url: str
    keys_url: str
    secret_keys: str = field(default_factory=new_secret_key)
    index_secret: str = "an invented index secret"
    opened: list[SqlStore] = field(default_factory=list)

    def open(self, holder: str = "bot-1", *, wrong_by: timedelta = timedelta(0)) -> SqlStore:
        """Open one more store; the clock of its machine may be wrong."""
        vault = Vault(
            self.keys_url,
            secret_keys=SecretStr(self.secret_keys),
            index_secret=SecretStr(self.index_secret),
        )
        clock = lambda: datetime.now(UTC) + wrong_by  # noqa: E731 - a clock is a function
        store = SqlStore(self.main_url, vault=vault, holder=holder, lease=LEASE, clock=clock)
        self.opened.append(store)
        return store

    def close(self) -> None:
        """Close all."""
        while self.opened:
            self.opened.pop().close()


@contextmanager
def on_connect(setting: str) -> Iterator[None]:
    """Say a PRAGMA on every connection that is opened within the block."""

    def say(raw: sqlite3.Connection, _: object) -> None:
        raw.execute(setting)

    event.listen(Engine, "connect", say)
    try:
        yield
    finally:
        event.remove(Engine, "connect", say)


def arrival(
    uid: str = "1", raw: bytes = b"From: jan@example.org\r\n\r\nhello", folder: str = "INBOX"
) -> Arrival:
    """Return one mail as fetched."""
    return Arrival(Origin("imap:desk@example.nl", folder, 7, uid), raw, len(raw), NOW)


def reporter(address: str | None = "jan@example.org") -> Reporter:
    """Return a reporter that nobody knows yet."""
    return Reporter(uuid4().hex, address, "Jan Jansen", "nl")


def report(reference: str = "CVD-2026-0001", files: Sequence[SafeFile] = ()) -> Report:
    """Return a report with a suggestion and two problems."""
    return Report(
        id=uuid4().hex,
        reference=reference,
        alias="reporter-1f2e",
        status=Status.RECEIVED,
        severity=Severity.UNRATED,
        suggestion=Suggestion(Severity.HIGH, "the reporter states high"),
        language="nl",
        received_at=NOW,
        due_on=date(2026, 11, 25),
        due_at=datetime(2026, 11, 25, 23, 0, tzinfo=UTC),
        title="XSS in the search page",
        text="Open the page and look.",
        files=tuple(
            ReportFile(each.number, each.media_type, each.size, uploadable=each.content is not None)
            for each in files
        ),
        problems=("a header was cut", "a part was unreadable"),
    )


def safe_file(number: int = 1, content: bytes | None = b"a safe copy") -> SafeFile:
    """Return one attachment, with a safe copy or without."""
    reason = "this type is not on the safe list" if content is None else None
    return SafeFile(
        number=number, media_type="image/png", size=2000, suffix=".png", content=content, reason=reason
    )


def take(store: SqlStore, *uids: str, now: datetime = NOW) -> list[InboxItem]:
    """Put mails into the inbox and claim them."""
    with store.begin() as tx:
        tx.inbox.add([arrival(uid) for uid in uids], now)
    with store.begin() as tx:
        return list(tx.inbox.claim(now, len(uids)))


def file_report(
    tx: Transaction,
    item: InboxItem,
    *,
    by: Reporter | None = None,
    files: Sequence[SafeFile] = (),
    reference: str = "",
) -> Report:
    """File one claimed item as a report and return that."""
    reference = reference or tx.reports.next_reference("CVD", 2026)
    filed = report(reference, files)
    tx.reports.add(filed, by or reporter(), files, item, tracker="gitlab")
    tx.inbox.finish(item, kind=Kind.REPORT, report_id=filed.id, reason=None, now=NOW)
    return filed


def outcome_of(
    delivery: Delivery, result: Result, *, reason: str | None = None, again_at: datetime | None = None
) -> Outcome:
    """What a service makes of an attempt: one of unknown outcome was under way until now."""
    tried_at = {Result.UNCERTAIN: NOW, Result.HELD: delivery.uncertain_since}.get(result)
    return Outcome(delivery, result, reason, again_at, tried_at)


def open_report(store: SqlStore, uid: str = "1", *, by: Reporter | None = None) -> Report:
    """Take one mail and file it."""
    [item] = take(store, uid)
    with store.begin() as tx:
        return file_report(tx, item, by=by)


def create_issue(report_id: str, lane: str = "issue", reference: str = "CVD-2026-0001") -> Order:
    """Return the order that creates an issue."""
    body = (Sentence("New."), Foreign("The report", "Open the page and look."))
    draft = IssueDraft(reference, "meldpunt-1f2e", "XSS", body, ("severity::unrated",), date(2026, 11, 25))
    return Order(report_id, lane, CreateIssue("gitlab", draft))


def comment(report_id: str, lane: str = "issue", marker: str = "meldpunt-1") -> Order:
    """Return an order that adds a comment."""
    return Order(report_id, lane, AddComment("gitlab", CommentDraft(marker, (Sentence("Look."),))))


def receipt(report_id: str, lane: str = "mail", message_id: str = "<1@desk.example.nl>") -> Order:
    """Return the order that sends a receipt."""
    notice = SendMail("receipt", "desk@example.nl", "jan@example.org", message_id, b"Subject: x\r\n\r\n\xff")
    return Order(report_id, lane, notice)
