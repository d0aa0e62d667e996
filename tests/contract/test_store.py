"""What every store must do with its inbox, reports, events and leases."""

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.store.store import SqlStore
from bot.domain.inbox import Arrival, InboxState, Origin
from bot.domain.submission import Kind
from bot.errors import MeldpuntError, PermanentError, TransientError
from tests.rigs.stores import (
    LEASE,
    NOW,
    Stores,
    arrival,
    create_issue,
    file_report,
    open_report,
    report,
    reporter,
    take,
)


def test_a_mail_that_is_fetched_twice_is_added_once(stores: Stores) -> None:
    store = stores.open()
    with store.begin() as tx:
        assert tx.inbox.add([arrival("1"), arrival("2"), arrival("1")], NOW) == 2
    with store.begin() as tx:
        assert tx.inbox.add([arrival("2"), arrival("3")], NOW) == 1
        assert len(tx.inbox.rows()) == 3


def test_an_origin_is_known_only_with_all_four_of_its_parts(stores: Stores) -> None:
    store = stores.open()
    known = Origin("imap:a", "INBOX", 7, "1")
    others = [
        Origin("imap:b", "INBOX", 7, "1"),
        Origin("imap:a", "Junk", 7, "1"),
        Origin("imap:a", "INBOX", 8, "1"),
        Origin("imap:a", "INBOX", 7, "2"),
    ]
    with store.begin() as tx:
        tx.inbox.add([Arrival(known, b"x", 1, NOW)], NOW)
        assert set(tx.inbox.unknown([known, *others])) == set(others)


def test_a_thousand_known_origins_can_be_asked_for_at_once(stores: Stores) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.inbox.add([arrival(str(uid)) for uid in range(1_000)], NOW)
        wanted = [arrival(str(uid)).origin for uid in range(1_200)]
        assert {origin.uid for origin in tx.inbox.unknown(wanted)} == {
            str(uid) for uid in range(1_000, 1_200)
        }


def test_mail_is_claimed_in_the_order_in_which_it_came_with_its_bytes(stores: Stores) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.inbox.add([arrival("b", b"first\x00\xff"), arrival("a", b"second")], NOW)
    with store.begin() as tx:
        items = tx.inbox.claim(NOW, 10)
    assert [(item.arrival.origin.uid, item.arrival.raw) for item in items] == [
        ("b", b"first\x00\xff"),
        ("a", b"second"),
    ]
    assert [item.attempts for item in items] == [1, 1]


def test_mail_is_claimed_from_either_end_by_the_time_it_was_received(stores: Stores) -> None:
    store = stores.open()
    hours = {"noon": 12, "night": 1, "evening": 20, "morning": 7}
    with store.begin() as tx:
        for uid, hour in hours.items():
            tx.inbox.add([replace(arrival(uid), received_at=NOW.replace(hour=hour))], NOW)

    def claim(limit: int, *, newest: bool = False) -> list[str]:
        with store.begin() as tx:
            return [item.arrival.origin.uid for item in tx.inbox.claim(NOW, limit, newest=newest)]

    assert claim(1, newest=True) == ["evening"]
    assert claim(2) == ["night", "morning"]
    assert claim(9, newest=True) == ["noon"]


def test_a_mail_that_was_fetched_in_part_says_so_when_it_is_claimed(stores: Stores) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.inbox.add([Arrival(arrival().origin, b"only the beginning", 90_000_000, NOW)], NOW)
        [item] = tx.inbox.claim(NOW, 1)
    assert item.arrival.truncated


def test_a_claimed_mail_comes_again_only_when_its_lease_has_ended(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    [first] = take(store, "1")
    with other.begin() as tx:
        assert tx.inbox.claim(NOW + LEASE - timedelta(seconds=1), 1) == []
        [again] = tx.inbox.claim(NOW + LEASE, 1)
    assert (again.id, again.attempts) == (first.id, 2)


def test_a_bot_that_lives_keeps_its_claims(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    take(store, "1")
    store.renew(NOW + LEASE / 2)
    with other.begin() as tx:
        assert tx.inbox.claim(NOW + LEASE, 1) == []
        assert len(tx.inbox.claim(NOW + LEASE * 2, 1)) == 1


def test_work_that_a_living_bot_dropped_comes_free_in_the_end(stores: Stores) -> None:
    store = stores.open()
    take(store, "1")
    now = NOW
    for _ in range(40):
        now += LEASE / 2
        store.renew(now)
    with store.begin() as tx:
        assert len(tx.inbox.claim(now, 1)) == 1


def test_claims_that_are_given_back_are_free_at_once(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    take(store, "1")
    with store.begin() as tx:
        assert tx.inbox.unsettled()
    store.release()
    with other.begin() as tx:
        assert not tx.inbox.unsettled()
        assert len(tx.inbox.claim(NOW, 1)) == 1


def test_an_item_that_another_bot_took_over_cannot_be_finished(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    [stale] = take(store, "1")
    with other.begin() as tx:
        [item] = tx.inbox.claim(NOW + LEASE, 1)
    with pytest.raises(TransientError, match="taken over"), store.begin() as tx:
        tx.inbox.finish(stale, kind=Kind.AUTOMATIC, report_id=None, reason=None, now=NOW)
    with pytest.raises(TransientError, match="taken over"), store.begin() as tx:
        tx.reports.add(report(), reporter(), (), stale, tracker="gitlab")
    with other.begin() as tx:
        file_report(tx, item)
        assert len(tx.reports.rows()) == 1


def test_one_item_becomes_one_report(stores: Stores) -> None:
    store = stores.open()
    [item] = take(store, "1")
    with store.begin() as tx:
        tx.reports.add(report("CVD-2026-0001"), reporter("a@example.org"), (), item, tracker="gitlab")
        with pytest.raises(PermanentError, match="inbox_id"), tx.savepoint():
            tx.reports.add(report("CVD-2026-0002"), reporter("b@example.org"), (), item, tracker="gitlab")
        assert len(tx.reports.rows()) == 1


def test_an_inbox_row_shows_its_outcome_and_the_reference(stores: Stores) -> None:
    store = stores.open()
    items = take(store, "1", "2", "3")
    with store.begin() as tx:
        file_report(tx, items[0], reference="CVD-2026-0042")
        tx.inbox.finish(items[1], kind=Kind.AUTOMATIC, report_id=None, reason="a robot", now=NOW)
        tx.inbox.finish(items[2], kind=Kind.HELD, report_id=None, reason="unreadable", now=NOW)
        rows = tx.inbox.rows()
        assert [(row.state, row.kind, row.reference, row.reason) for row in rows] == [
            (InboxState.DONE, "report", "CVD-2026-0042", None),
            (InboxState.DONE, "automatic", None, "a robot"),
            (InboxState.HELD, "held", None, "unreadable"),
        ]
        assert [row.number for row in tx.inbox.rows(only_open=True)] == [rows[2].number]
        assert (tx.inbox.count_held(), tx.inbox.count_waiting()) == (1, 0)


def test_a_person_may_have_an_item_read_again_as_a_report(stores: Stores) -> None:
    store = stores.open()
    [item] = take(store, "1")
    with store.begin() as tx:
        tx.inbox.finish(item, kind=Kind.AUTOMATIC, report_id=None, reason="a robot", now=NOW)
    with store.begin() as tx:
        tx.inbox.retry(item.number, NOW, as_report=True)
        [again] = tx.inbox.claim(NOW, 1)
    assert (again.id, again.as_report, again.attempts) == (item.id, True, 1)


def test_what_became_a_report_is_not_read_again(stores: Stores) -> None:
    store = stores.open()
    open_report(store)
    with pytest.raises(PermanentError, match="became a report"), store.begin() as tx:
        tx.inbox.retry(1, NOW)


def test_only_a_held_item_can_be_dropped(stores: Stores) -> None:
    store = stores.open()
    [item] = take(store, "1")
    with pytest.raises(PermanentError, match="only a held one"), store.begin() as tx:
        tx.inbox.drop(item.number, NOW)
    with store.begin() as tx:
        tx.inbox.finish(item, kind=Kind.HELD, report_id=None, reason="unreadable", now=NOW)
        tx.inbox.drop(item.number, NOW)
        assert [row.state for row in tx.inbox.rows()] == [InboxState.DROPPED]


def test_what_is_not_there_is_said_plainly(stores: Stores) -> None:
    store = stores.open()
    with store.begin() as tx:
        for ask in (
            lambda: tx.inbox.raw(9),
            lambda: tx.inbox.retry(9, NOW),
            lambda: tx.outbox.drop(9, NOW),
            lambda: tx.reports.get("CVD-2026-0009"),
        ):
            with pytest.raises(PermanentError, match="there is no"):
                ask()


def test_the_original_stays_readable_after_it_became_a_report(stores: Stores) -> None:
    store = stores.open()
    known = reporter()
    open_report(store, "1", by=known)
    open_report(store, "2", by=known)
    stores.close()
    with stores.open().begin() as tx:
        assert tx.inbox.raw(1) == tx.inbox.raw(2) == arrival().raw


def test_a_part_that_fails_is_undone_and_the_rest_stays(stores: Stores) -> None:
    store = stores.open()
    items = take(store, "1", "2")
    with store.begin() as tx:
        first = file_report(tx, items[0])
        with pytest.raises(PermanentError), tx.savepoint():
            file_report(tx, items[1], by=reporter("piet@example.org"), reference=first.reference)
        tx.inbox.finish(items[1], kind=Kind.HELD, report_id=None, reason="refused", now=NOW)
    with store.begin() as tx:
        assert [row.state for row in tx.inbox.rows()] == [InboxState.DONE, InboxState.HELD]
        assert len(tx.reports.rows()) == 1


def test_a_part_that_fails_keeps_the_data_key_of_its_item(stores: Stores) -> None:
    store = stores.open()
    known = reporter()
    open_report(store, "1", by=known)
    [item] = take(store, "2")
    with store.begin() as tx:
        with suppress(ZeroDivisionError), tx.savepoint():
            file_report(tx, item, by=known)
            _ = 1 / 0
        tx.inbox.finish(item, kind=Kind.HELD, report_id=None, reason="failed", now=NOW)
    stores.close()
    with stores.open().begin() as tx:
        assert tx.inbox.raw(item.number) == item.arrival.raw


def test_a_transaction_that_fails_leaves_nothing(stores: Stores) -> None:
    store = stores.open()
    [item] = take(store, "1")
    with suppress(ZeroDivisionError), store.begin() as tx:
        filed = file_report(tx, item)
        tx.outbox.add([create_issue(filed.id)], NOW)
        tx.events.append("report-received", NOW, report_id=filed.id)
        _ = 1 / 0
    with store.begin() as tx:
        assert (tx.reports.rows(), tx.outbox.rows()) == ([], [])
        assert [row.state for row in tx.inbox.rows()] == [InboxState.NEW]


def test_bots_that_claim_at_the_same_time_never_get_the_same_item(stores: Stores) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.inbox.add([arrival(str(uid)) for uid in range(60)], NOW)
    claimed: list[str] = []

    def claim_all(holder: str) -> None:
        mine = stores.open(holder)
        while True:
            with mine.begin() as tx:
                items = tx.inbox.claim(NOW, 3)
            if not items:
                return
            claimed.extend(item.id for item in items)

    workers = [threading.Thread(target=claim_all, args=(f"bot-{n}",)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert len(claimed) == len(set(claimed)) == 60


def test_bots_that_look_first_and_write_later_do_not_get_in_each_others_way(stores: Stores) -> None:
    stores.open().check()

    def look_and_write(store: SqlStore) -> None:
        for _ in range(20):
            with store.begin() as tx:
                seen = len(tx.inbox.rows())
                tx.inbox.add([arrival(str(seen + 1))], NOW)

    workers = [threading.Thread(target=look_and_write, args=(stores.open(f"bot-{n}"),)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    with stores.open().begin() as tx:
        uids = sorted(int(row.origin.uid) for row in tx.inbox.rows())
    # On a database that lets several write at once, two may have seen and added the same.
    assert uids == list(range(1, len(uids) + 1))
    assert 20 <= len(uids) <= 60


def test_a_lease_belongs_to_one_bot_until_it_ends(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    assert store.take_lease("poll", NOW)
    assert not other.take_lease("poll", NOW)
    assert store.take_lease("poll", NOW + LEASE / 2)
    assert not other.take_lease("poll", NOW + LEASE)
    assert other.take_lease("poll", NOW + LEASE * 2)
    assert other.take_lease("another", NOW)
    assert not store.take_lease("poll", NOW + LEASE * 2)


def test_a_lease_that_is_renewed_or_given_back_behaves_so(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    with store.begin():
        pass
    assert store.take_lease("poll", NOW)
    store.renew(NOW + LEASE / 2)
    assert not other.take_lease("poll", NOW + LEASE)
    store.release()
    assert other.take_lease("poll", NOW)


def test_a_store_in_order_has_no_problems(stores: Stores) -> None:
    store = stores.open()
    take(store, "1")
    assert store.check() == []


def test_every_error_is_one_of_ours(stores: Stores) -> None:
    store = stores.open()
    with pytest.raises(MeldpuntError), store.begin() as tx:
        tx.events.append("x", NOW, report_id="no such report")
