"""What a person decides about the queues; every decision leaves a record of who took it."""

from datetime import datetime

from bot.store_port import Store


def show_inbox(store: Store, number: int, now: datetime, by: str) -> bytes:
    """Return the original mail of an inbox row and record the look (policy promise P8)."""
    with store.begin() as tx:
        raw = tx.inbox.raw(number)
        tx.events.append("original-shown", now, inbox=number, by=by)
    return raw


def retry_inbox(store: Store, number: int, now: datetime, by: str, *, as_report: bool) -> None:
    """Let a mail without a report be understood again; `as_report` skips recognition."""
    with store.begin() as tx:
        tx.inbox.retry(number, now, as_report=as_report)
        tx.events.append("inbox-retried", now, inbox=number, as_report=int(as_report), by=by)


def drop_inbox(store: Store, number: int, now: datetime, by: str) -> None:
    """End a held mail; its raw bytes stay until retention takes them."""
    with store.begin() as tx:
        tx.inbox.drop(number, now)
        tx.events.append("inbox-dropped", now, inbox=number, by=by)


def retry_outbox(store: Store, number: int, now: datetime, by: str) -> None:
    """Make a held or waiting order due now."""
    with store.begin() as tx:
        report_id = tx.outbox.retry(number, now)
        tx.events.append("outbox-retried", now, report_id=report_id, outbox=number, by=by)


def drop_outbox(store: Store, number: int, now: datetime, by: str) -> None:
    """End a held or waiting order."""
    with store.begin() as tx:
        report_id = tx.outbox.drop(number, now)
        tx.events.append("outbox-dropped", now, report_id=report_id, outbox=number, by=by)
