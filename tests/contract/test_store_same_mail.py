"""What every store must know of a mail that comes again."""

from collections.abc import Sequence

from bot.adapters.store.store import SqlStore
from bot.domain.inbox import Arrival, InboxItem
from bot.domain.submission import Kind
from tests.builders import mail
from tests.rigs.stores import NOW, Stores, arrival, file_report, reporter

IN_JUNK = arrival("1", mail(), "Junk")
IN_INBOX = arrival("1", b"X-Spam: NO\n" + mail().replace(b"\r\n", b"\n"))


def take_these(store: SqlStore, *arrivals: Arrival) -> Sequence[InboxItem]:
    with store.begin() as tx:
        tx.inbox.add(arrivals, NOW)
    with store.begin() as tx:
        return tx.inbox.claim(NOW, len(arrivals))


def test_a_mail_that_comes_again_is_known_with_the_report_of_the_first(stores: Stores) -> None:
    store = stores.open()
    [first] = take_these(store, IN_JUNK)
    with store.begin() as tx:
        filed = file_report(tx, first)
    [again, other] = take_these(store, IN_INBOX, arrival("2", mail(text="Iets anders")))
    with store.begin() as tx:
        assert tx.inbox.same_mail(again) == (first.number, filed.id)
        assert tx.inbox.same_mail(other) is None


def test_two_that_are_the_same_are_told_apart_within_one_transaction(stores: Stores) -> None:
    store = stores.open()
    [first, again] = take_these(store, IN_JUNK, IN_INBOX)
    with store.begin() as tx:
        assert tx.inbox.same_mail(first) is None
        filed = file_report(tx, first)
        assert tx.inbox.same_mail(again) == (first.number, filed.id)
        assert tx.inbox.same_mail(first) is None


def test_a_mail_whose_first_copy_is_no_report_stands_for_itself(stores: Stores) -> None:
    store = stores.open()
    [first] = take_these(store, IN_JUNK)
    with store.begin() as tx:
        tx.inbox.finish(first, kind=Kind.AUTOMATIC, report_id=None, reason="a robot", now=NOW)
    [again] = take_these(store, IN_INBOX)
    with store.begin() as tx:
        assert tx.inbox.same_mail(again) is None


def test_mails_that_nothing_tells_apart_are_not_taken_for_one(stores: Stores) -> None:
    store = stores.open()
    [first, second] = take_these(store, arrival("1", b"hello"), arrival("2", b"hello"))
    with store.begin() as tx:
        file_report(tx, first)
        assert tx.inbox.same_mail(second) is None


def test_a_mail_that_is_added_to_a_report_is_sealed_under_the_key_of_its_reporter(stores: Stores) -> None:
    store = stores.open()
    [first, again] = take_these(store, IN_JUNK, IN_INBOX)
    with store.begin() as tx:
        filed = file_report(tx, first, by=reporter())
        tx.reports.add_mail(filed.id, again)
        tx.inbox.finish(again, kind=Kind.REPORT, report_id=filed.id, reason="again", now=NOW)
    stores.close()
    with stores.open().begin() as tx:
        assert tx.inbox.raw(again.number) == IN_INBOX.raw
        assert [row.reference for row in tx.inbox.rows()] == ["CVD-2026-0001"] * 2
