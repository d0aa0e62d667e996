"""Bots that work on one PostgreSQL at the same moment do not get in each other's way, nor do a thing twice."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import Engine, event

from bot.adapters.store.store import SqlStore
from bot.domain.inbox import InboxItem
from bot.domain.outbox import Result
from bot.domain.submission import Kind
from bot.errors import MeldpuntError, StoreAwayError
from tests.builders import mail
from tests.rigs.postgres import Postgres
from tests.rigs.stores import (
    LEASE,
    NOW,
    Stores,
    arrival,
    comment,
    create_issue,
    file_report,
    open_report,
    outcome_of,
    reporter,
    take,
)
from tests.rigs.waiting import wait_for

pytestmark = pytest.mark.needs_postgres


@pytest.fixture
def stores(postgres: Postgres) -> Iterator[Stores]:
    with postgres.desk() as pair:
        made = Stores(pair.main, pair.keys)
        yield made
        made.close()


def test_a_claim_passes_over_what_another_bot_is_just_claiming(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    with store.begin() as tx:
        tx.inbox.add([arrival(str(uid)) for uid in range(6)], NOW)
    with store.begin() as one, other.begin() as two:
        mine = [item.arrival.origin.uid for item in one.inbox.claim(NOW, 3)]
        its = [item.arrival.origin.uid for item in two.inbox.claim(NOW, 3)]
    assert (mine, its) == (["0", "1", "2"], ["3", "4", "5"])


def test_a_lane_whose_first_order_is_just_being_claimed_lets_no_other_go(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    report_id = open_report(store).id
    with store.begin() as tx:
        tx.outbox.add([comment(report_id, lane, mark) for lane in "ab" for mark in "12"], NOW)
    with store.begin() as one, other.begin() as two:
        assert [each.number for each in one.outbox.claim(NOW, 1)] == [1]
        assert [each.number for each in two.outbox.claim(NOW, 5)] == [3]
        assert two.outbox.claim(NOW, 5) == []


def test_bots_that_deliver_at_once_keep_each_lane_in_order_and_do_nothing_twice(stores: Stores) -> None:
    store = stores.open()
    report_id = open_report(store).id
    with store.begin() as tx:
        orders = [comment(report_id, f"lane {number % 7}", str(number)) for number in range(70)]
        tx.outbox.add(orders, NOW)
    carried_out: list[int] = []

    def deliver_all(holder: str) -> None:
        mine = stores.open(holder)
        for _ in range(2000):
            if len(carried_out) == len(orders):
                return
            with mine.begin() as tx:
                deliveries = tx.outbox.claim(NOW, 3)
            carried_out.extend(each.number for each in deliveries)
            with mine.begin() as tx:
                tx.outbox.record([outcome_of(each, Result.DONE) for each in deliveries], NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver_all, ["bot-a", "bot-b", "bot-c", "bot-d"]))
    assert sorted(carried_out) == list(range(1, 71))
    for lane in range(7):
        of_lane = [number for number in carried_out if (number - 1) % 7 == lane]
        assert of_lane == sorted(of_lane)


def test_leases_are_renewed_and_given_back_around_what_is_just_being_written(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    first, second = take(store, "1", "2")
    with store.begin() as tx:
        tx.inbox.finish(second, kind=Kind.AUTOMATIC, report_id=None, reason=None, now=NOW)
        store.renew(NOW + LEASE / 2)
        with other.begin() as beside:
            assert beside.inbox.claim(NOW + LEASE, 1) == []
        store.release()
        with other.begin() as beside:
            [free] = beside.inbox.claim(NOW + LEASE, 5)
    assert free.id == first.id


def test_one_mail_in_two_folders_that_two_bots_file_at_once_is_one_report(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    with store.begin() as tx:
        tx.inbox.add([arrival("1", mail(), "Junk"), arrival("1", mail(), "INBOX")], NOW)
    with store.begin() as tx:
        [first] = tx.inbox.claim(NOW, 1)
    with other.begin() as tx:
        [second] = tx.inbox.claim(NOW, 1)
    looked, outcome = threading.Event(), list[object]()

    def file_second() -> None:
        with other.begin() as tx:
            looked.set()
            outcome.append(tx.inbox.same_mail(second))

    with ThreadPoolExecutor(1) as pool:
        with store.begin() as tx:
            assert tx.inbox.same_mail(first) is None
            filing = pool.submit(file_second)
            looked.wait(10)
            filed = file_report(tx, first)
        filing.result()
    assert outcome == [(first.number, filed.id)]


def test_a_lock_that_was_taken_in_a_part_that_failed_is_taken_again(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    [one], [two] = take(store, "1"), take(other, "2")
    with store.begin() as tx:
        with suppress(ZeroDivisionError), tx.savepoint():
            tx.inbox.same_mail(one)
            _ = 1 / 0
        tx.inbox.same_mail(one)
        with pytest.raises(StoreAwayError, match="locked by another"):
            file_impatiently(other, two)


def file_impatiently(store: SqlStore, item: InboxItem) -> None:
    """Want to file, but wait for a lock for a moment only."""
    with store.begin() as tx:
        connection = tx._scope.connection  # noqa: SLF001 - no other way in
        connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
        tx.inbox.same_mail(item)


def test_references_of_bots_that_file_at_once_have_no_gap_and_none_is_given_twice(stores: Stores) -> None:
    def file_ten(holder: str) -> None:
        store = stores.open(holder)
        for uid in range(10):
            with suppress(ZeroDivisionError), store.begin() as tx:
                tx.inbox.add([arrival(f"{holder}-{uid}")], NOW)
                [item] = tx.inbox.claim(NOW, 1)
                file_report(tx, item, by=reporter(f"{holder}-{uid}@example.org"))
                _ = 1 / (uid % 3)  # every third is undone

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(file_ten, ["bot-a", "bot-b", "bot-c"]))
    with stores.open().begin() as tx:
        references = sorted(view.report.reference for view in tx.reports.rows())
    assert references == [f"CVD-2026-{number:04}" for number in range(1, 19)]


def test_a_new_reporter_whom_two_bots_meet_at_once_is_one_reporter(stores: Stores) -> None:
    store, other = stores.open(), stores.open("bot-2")
    [one], [two] = take(store, "1"), take(other, "2")
    outcome = list[str]()

    def file_second() -> None:
        try:
            with other.begin() as tx:
                file_report(tx, two, reference="CVD-2026-0099")
        except MeldpuntError as error:
            outcome.append(str(error))

    with ThreadPoolExecutor(1) as pool:
        with store.begin() as tx:
            file_report(tx, one, reference="CVD-2026-0001")
            filing = pool.submit(file_second)
            assert wait_for(filing.running)
        filing.result()
    [said] = outcome
    assert "the same reporter" in said


def statements(store: SqlStore, items: list[InboxItem]) -> int:
    """Return how many statements it takes to file some new reports with a receipt and an issue each."""
    seen: list[str] = []

    def count(*args: object) -> None:
        seen.append(str(args[2]))

    event.listen(Engine, "before_cursor_execute", count)
    with store.begin() as tx:
        for item in items:
            with tx.savepoint():
                assert tx.inbox.same_mail(item) is None
                filed = file_report(tx, item, by=reporter(f"{item.number}@example.org"))
                tx.events.append("report-received", NOW, report_id=filed.id)
                tx.outbox.add([create_issue(filed.id, f"issue:{filed.id}")], NOW)
    event.remove(Engine, "before_cursor_execute", count)
    return len(seen)


def test_a_report_costs_few_trips_to_the_server(stores: Stores) -> None:
    store = stores.open()
    items = take(store, *(str(uid) for uid in range(16)))
    assert statements(store, items) <= 14 * len(items) + 1  # the lock for filing is taken once
