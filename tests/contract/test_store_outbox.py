"""What every store must do with its outbox: lanes, claims and attempts whose outcome is unknown."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.adapters.store.store import SqlStore
from bot.domain.outbox import Delivery, Order, OutboxState, Result, SendMail
from bot.domain.submission import Kind
from bot.errors import PermanentError
from tests.rigs.stores import (
    LEASE,
    NOW,
    Stores,
    comment,
    create_issue,
    open_report,
    outcome_of,
    receipt,
    report,
    reporter,
    take,
)

LATER = NOW + timedelta(minutes=5)


def claim(store: SqlStore, now: datetime = NOW, limit: int = 10) -> Sequence[Delivery]:
    with store.begin() as tx:
        return tx.outbox.claim(now, limit)


def record(
    store: SqlStore,
    delivery: Delivery,
    result: Result,
    again_at: datetime | None = None,
    reason: str | None = None,
) -> None:
    with store.begin() as tx:
        tx.outbox.record([outcome_of(delivery, result, reason=reason, again_at=again_at)], NOW)


@pytest.fixture
def report_id(stores: Stores) -> str:
    return open_report(stores.open("filing")).id


def test_an_order_comes_back_as_it_was_queued(stores: Stores, report_id: str) -> None:
    store = stores.open()
    orders = [create_issue(report_id), comment(report_id, "other"), receipt(report_id)]
    with store.begin() as tx:
        tx.outbox.add(orders, NOW)
    deliveries = claim(store)
    assert [each.payload for each in deliveries] == [order.payload for order in orders]
    assert {(each.report_id, each.reference) for each in deliveries} == {(report_id, "CVD-2026-0001")}
    assert {(each.attempts, each.uncertain) for each in deliveries} == {(1, False)}


def test_orders_of_one_lane_go_out_one_after_another(stores: Stores, report_id: str) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.outbox.add([comment(report_id, "a", "1"), comment(report_id, "b", "2")], NOW)
        tx.outbox.add([comment(report_id, "a", "3")], NOW)
    first, second = claim(store)
    assert [each.number for each in (first, second)] == [1, 2]
    assert claim(store) == []
    record(store, first, Result.DONE)
    assert [each.number for each in claim(store)] == [3]


def test_an_order_that_waits_for_later_keeps_its_lane_waiting(stores: Stores, report_id: str) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.outbox.add([comment(report_id, "a", "1"), comment(report_id, "a", "2")], NOW)
    [first] = claim(store)
    record(store, first, Result.AGAIN, LATER, "the tracker is away")
    assert claim(store) == []
    with store.begin() as tx:
        assert tx.outbox.next_due_at() == LATER
        assert [row.reason for row in tx.outbox.rows()] == ["the tracker is away", None]
    [again] = claim(store, LATER)
    assert (again.number, again.attempts, again.uncertain) == (1, 2, False)


def test_a_held_order_steps_out_of_its_lane_and_can_come_back(stores: Stores, report_id: str) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.outbox.add([comment(report_id, "a", "1"), comment(report_id, "a", "2")], NOW)
    [first] = claim(store)
    record(store, first, Result.HELD, reason="the project is gone")
    [second] = claim(store)
    assert second.number == 2
    with store.begin() as tx:
        assert (tx.outbox.count_held(), tx.outbox.count_waiting()) == (1, 1)
        tx.outbox.retry(1, NOW)
    [again] = claim(store)
    assert (again.number, again.payload, again.attempts) == (1, first.payload, 1)


def test_an_attempt_that_left_no_outcome_makes_the_next_uncertain(stores: Stores, report_id: str) -> None:
    died, store = stores.open("died"), stores.open()
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    [lost] = claim(died)
    assert claim(store, NOW + LEASE - timedelta(seconds=1)) == []
    [again] = claim(store, NOW + LEASE)
    assert (again.id, again.attempts, again.uncertain) == (lost.id, 2, True)
    record(store, again, Result.AGAIN, LATER)
    assert [each.uncertain for each in claim(store, LATER)] == [False]


def test_an_unknown_outcome_makes_the_next_attempt_uncertain(stores: Stores, report_id: str) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    [first] = claim(store)
    record(store, first, Result.UNCERTAIN, LATER)
    with store.begin() as tx:
        assert tx.outbox.unsettled(NOW - timedelta(seconds=1))
        assert not tx.outbox.unsettled(NOW)
    assert [each.uncertain for each in claim(store, LATER)] == [True]


def test_an_order_that_was_given_back_without_an_outcome_is_uncertain_since_it_was_last_under_way(
    stores: Stores, report_id: str
) -> None:
    store, other = stores.open(), stores.open("bot-2")
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    claim(store)
    renewed_at = NOW + timedelta(seconds=7)
    store.renew(renewed_at)
    store.release()
    assert [each.uncertain_since for each in claim(other, LATER)] == [renewed_at]


def test_a_held_order_stays_uncertain_when_it_was(stores: Stores, report_id: str) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    [first] = claim(store)
    record(store, first, Result.UNCERTAIN)
    [second] = claim(store)
    record(store, second, Result.HELD, reason="the look-up is refused")
    with store.begin() as tx:
        tx.outbox.retry(1, NOW)
    assert [each.uncertain for each in claim(store)] == [True]


@pytest.mark.parametrize("result", [Result.AGAIN, Result.UNCERTAIN, Result.HELD])
def test_the_outcome_of_a_claim_that_was_taken_over_is_not_written(
    stores: Stores, report_id: str, result: Result
) -> None:
    slow, store = stores.open("slow"), stores.open()
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    [stale] = claim(slow)
    [newer] = claim(store, NOW + LEASE)
    record(slow, stale, result, NOW, "too late")
    with store.begin() as tx:
        [row] = tx.outbox.rows()
        assert (row.state, row.reason) == (OutboxState.WAITING, None)
    assert claim(slow, NOW + LEASE) == []
    record(store, newer, Result.DONE)


def test_done_is_true_whoever_says_it(stores: Stores, report_id: str) -> None:
    slow, store = stores.open("slow"), stores.open()
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    [stale] = claim(slow)
    [newer] = claim(store, NOW + LEASE)
    record(slow, stale, Result.DONE)
    record(store, newer, Result.AGAIN, LATER)
    with store.begin() as tx:
        assert [row.state for row in tx.outbox.rows()] == [OutboxState.DONE]
        assert tx.outbox.next_due_at() is None
    assert claim(store, LATER) == []


def test_a_living_bot_keeps_the_orders_it_works_on(stores: Stores, report_id: str) -> None:
    store, other = stores.open(), stores.open("bot-2")
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    claim(store)
    store.renew(NOW + LEASE / 2)
    assert claim(other, NOW + LEASE) == []
    with other.begin() as tx:
        assert tx.outbox.next_due_at() == NOW + LEASE * 3 / 2


@pytest.mark.parametrize("order", [create_issue, receipt])
def test_a_report_has_one_issue_and_one_receipt(
    stores: Stores, report_id: str, order: Callable[..., Order]
) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.outbox.add([order(report_id)], NOW)
    for delivery in claim(store):
        record(store, delivery, Result.DONE)
    with pytest.raises(PermanentError, match="outbox"), store.begin() as tx:
        tx.outbox.add([order(report_id, "another lane")], NOW)


def test_a_message_id_is_used_once(stores: Stores, report_id: str) -> None:
    store = stores.open()
    again = SendMail("reply", "desk@example.nl", "jan@example.org", "<1@desk.example.nl>", b"x")
    with pytest.raises(PermanentError, match=r"outbox.*message"), store.begin() as tx:
        tx.outbox.add([receipt(report_id), Order(report_id, "other", again)], NOW)


def test_an_order_needs_a_report(stores: Stores) -> None:
    store = stores.open()
    with pytest.raises(PermanentError, match="does not exist"), store.begin() as tx:
        tx.outbox.add([create_issue("no such report")], NOW)


def test_a_person_may_have_a_waiting_order_tried_now(stores: Stores, report_id: str) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    [first] = claim(store)
    record(store, first, Result.AGAIN, LATER)
    with store.begin() as tx:
        tx.outbox.retry(1, NOW)
    assert len(claim(store)) == 1


def test_a_retry_does_not_take_an_order_from_the_bot_that_carries_it_out(
    stores: Stores, report_id: str
) -> None:
    store, other = stores.open(), stores.open("bot-2")
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    [first] = claim(store)
    with other.begin() as tx:
        tx.outbox.retry(1, NOW)
    assert claim(other) == []
    record(store, first, Result.DONE)
    with store.begin() as tx:
        assert [row.state for row in tx.outbox.rows()] == [OutboxState.DONE]


def test_a_dropped_order_lets_its_lane_go_on_and_stays_on_the_list(stores: Stores, report_id: str) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.outbox.add([comment(report_id, "a", "1"), comment(report_id, "a", "2")], NOW)
        tx.outbox.drop(1, NOW)
        assert [row.state for row in tx.outbox.rows()] == [OutboxState.DROPPED, OutboxState.WAITING]
        assert [row.number for row in tx.outbox.rows(only_open=True)] == [2]
    assert [each.number for each in claim(store)] == [2]
    with pytest.raises(PermanentError, match="dropped"), store.begin() as tx:
        tx.outbox.retry(1, NOW)


def test_a_batch_of_outcomes_is_written_at_once(stores: Stores, report_id: str) -> None:
    store = stores.open()
    results = [Result.DONE, Result.AGAIN, Result.HELD, Result.UNCERTAIN]
    with store.begin() as tx:
        tx.outbox.add([comment(report_id, lane, lane) for lane in results], NOW)
    deliveries = claim(store)
    with store.begin() as tx:
        outcomes = [
            outcome_of(each, result, again_at=LATER) for each, result in zip(deliveries, results, strict=True)
        ]
        tx.outbox.record(outcomes, NOW)
        assert [row.state for row in tx.outbox.rows()] == [
            OutboxState.DONE,
            OutboxState.WAITING,
            OutboxState.HELD,
            OutboxState.WAITING,
        ]
    assert [(each.number, each.uncertain) for each in claim(store, LATER)] == [(2, False), (4, True)]


def test_nothing_is_due_when_nothing_waits(stores: Stores, report_id: str) -> None:
    with stores.open().begin() as tx:
        assert report_id
        assert tx.outbox.next_due_at() is None
        assert not tx.outbox.unsettled(NOW - timedelta(days=9))


def test_a_bot_does_not_take_over_from_itself_when_the_clock_jumps(stores: Stores, report_id: str) -> None:
    store, other = stores.open(), stores.open("bot-2")
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    assert len(claim(store)) == 1
    jumped = NOW + LEASE + timedelta(minutes=2)
    assert claim(store, jumped) == []
    assert len(claim(other, jumped)) == 1


def test_an_outcome_counts_once(stores: Stores, report_id: str) -> None:
    store, other = stores.open(), stores.open("bot-2")
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id)], NOW)
    [first], [second] = claim(store), claim(other, NOW + LEASE)
    with store.begin() as tx:
        assert tx.outbox.record([outcome_of(first, Result.HELD)], NOW) == set()
        assert tx.outbox.record([outcome_of(second, Result.DONE)], NOW) == {second.id}
        assert tx.outbox.record([outcome_of(first, Result.DONE)], NOW) == set()


def test_orders_are_claimed_from_either_end_by_the_time_their_report_came_in(stores: Stores) -> None:
    store = stores.open()
    for number, hour in enumerate([3, 5, 1], 1):
        [item] = take(store, str(number))
        with store.begin() as tx:
            filed = replace(report(f"CVD-2026-000{number}"), received_at=NOW.replace(hour=hour))
            tx.reports.add(filed, reporter(f"melder{number}@example.org"), (), item, tracker="gitlab")
            tx.inbox.finish(item, kind=Kind.REPORT, report_id=filed.id, reason=None, now=NOW)
            tx.outbox.add([create_issue(filed.id, f"issue:{number}")], NOW)

    def claim(limit: int, *, newest: bool) -> list[Delivery]:
        with store.begin() as tx:
            return list(tx.outbox.claim(NOW, limit, mail=False, newest=newest))

    [newest] = claim(1, newest=True)
    [oldest] = claim(1, newest=False)
    assert [each.reference for each in (newest, oldest)] == ["CVD-2026-0002", "CVD-2026-0003"]
    record(store, newest, Result.AGAIN, NOW)
    record(store, oldest, Result.AGAIN, NOW - timedelta(minutes=1))
    assert [each.reference for each in claim(9, newest=True)] == ["CVD-2026-0001"]
    assert [each.reference for each in claim(1, newest=True)] == ["CVD-2026-0003"]
