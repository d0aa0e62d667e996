"""Bots on machines whose clocks differ by seconds keep their leases, and know how long ago something was."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.store.store import SqlStore
from bot.domain.outbox import Result
from tests.rigs.postgres import Postgres
from tests.rigs.stores import (
    LEASE,
    Stores,
    arrival,
    create_issue,
    open_report,
    outcome_of,
)

pytestmark = pytest.mark.needs_postgres


@pytest.fixture
def stores(postgres: Postgres) -> Iterator[Stores]:
    with postgres.desk() as pair:
        made = Stores(pair.main, pair.keys)
        yield made
        made.close()


AHEAD, BEHIND = timedelta(seconds=8), timedelta(seconds=-8)


def now(wrong_by: timedelta = timedelta(0)) -> datetime:
    return datetime.now(UTC) + wrong_by


@pytest.fixture
def pair(stores: Stores) -> tuple[SqlStore, SqlStore]:
    """Two bots on machines of which one is ahead and one behind; both have looked at the database's clock."""
    return stores.open("behind", wrong_by=BEHIND), stores.open("ahead", wrong_by=AHEAD)


def test_a_lease_of_a_bot_that_is_behind_holds_against_one_that_is_ahead(
    pair: tuple[SqlStore, SqlStore],
) -> None:
    behind, ahead = pair
    assert behind.take_lease("poll", now(BEHIND))
    almost = LEASE - timedelta(seconds=3)
    assert not ahead.take_lease("poll", now(AHEAD) + almost)
    assert ahead.take_lease("poll", now(AHEAD) + LEASE + timedelta(seconds=3))


def test_claims_of_a_bot_that_is_behind_hold_against_one_that_is_ahead(
    pair: tuple[SqlStore, SqlStore],
) -> None:
    behind, ahead = pair
    report_id = open_report(behind).id
    almost, over = LEASE - timedelta(seconds=3), LEASE + timedelta(seconds=3)
    with behind.begin() as tx:
        tx.inbox.add([arrival("2")], now(BEHIND))
        tx.outbox.add([create_issue(report_id)], now(BEHIND))
    with behind.begin() as tx:
        assert (len(tx.inbox.claim(now(BEHIND), 1)), len(tx.outbox.claim(now(BEHIND), 1))) == (1, 1)
    with ahead.begin() as tx:
        later = now(AHEAD) + almost
        assert (tx.inbox.claim(later, 1), tx.outbox.claim(later, 1)) == ([], [])
    with ahead.begin() as tx:
        later = now(AHEAD) + over
        assert (len(tx.inbox.claim(later, 1)), len(tx.outbox.claim(later, 1))) == (1, 1)


def test_how_long_ago_an_attempt_was_is_told_in_the_time_of_the_bot_that_asks(
    pair: tuple[SqlStore, SqlStore],
) -> None:
    behind, ahead = pair
    report_id = open_report(behind).id
    with behind.begin() as tx:
        tx.outbox.add([create_issue(report_id)], now(BEHIND))
    with behind.begin() as tx:
        [first] = tx.outbox.claim(now(BEHIND), 1)
    with behind.begin() as tx:
        tx.outbox.record([replace(outcome_of(first, Result.UNCERTAIN), tried_at=now(BEHIND))], now(BEHIND))
    with ahead.begin() as tx:
        assert tx.outbox.unsettled(now(AHEAD) - timedelta(seconds=30))
        assert not tx.outbox.unsettled(now(AHEAD) + timedelta(seconds=3))
        [again] = tx.outbox.claim(now(AHEAD) + timedelta(seconds=1), 1)
    assert again.uncertain_since is not None
    assert abs(again.uncertain_since - now(AHEAD)) < timedelta(seconds=5)


def test_what_a_bot_that_is_ahead_queues_is_due_at_once_for_one_that_is_behind(
    pair: tuple[SqlStore, SqlStore],
) -> None:
    behind, ahead = pair
    report_id = open_report(behind).id
    with ahead.begin() as tx:
        tx.outbox.add([create_issue(report_id)], now(AHEAD))
    with behind.begin() as tx:
        due_at = tx.outbox.next_due_at()
        assert due_at is not None
        assert due_at <= now(BEHIND) + timedelta(seconds=1)
        assert len(tx.outbox.claim(now(BEHIND) + timedelta(seconds=1), 1)) == 1


def test_a_clock_that_is_set_while_the_bot_runs_is_seen_when_it_renews_its_leases(stores: Stores) -> None:
    wrong_by = [timedelta(0)]
    store = stores.open()
    store._clock = lambda: datetime.now(UTC) + wrong_by[0]  # noqa: SLF001 - the machine's clock is set
    other = stores.open("bot-2")
    assert store.take_lease("poll", now())
    wrong_by[0] = timedelta(hours=-1)
    store.renew(now(wrong_by[0]))
    assert not other.take_lease("poll", now() + LEASE - timedelta(seconds=3))
    assert other.take_lease("poll", now() + LEASE + timedelta(seconds=3))


@pytest.mark.parametrize("step", [timedelta(minutes=4), timedelta(minutes=-4)])
def test_a_clock_that_is_set_between_two_renewals_takes_nothing_and_loses_nothing(
    stores: Stores, step: timedelta
) -> None:
    wrong_by = [timedelta(0)]
    set_bot, other = stores.open("set"), stores.open("other")
    set_bot._clock = lambda: datetime.now(UTC) + wrong_by[0]  # noqa: SLF001 - the machine's clock is set
    assert other.take_lease("theirs", now())
    assert not set_bot.take_lease("theirs", now())
    wrong_by[0] = step
    assert not set_bot.take_lease("theirs", now(step))
    assert set_bot.take_lease("its own", now(step))
    assert not other.take_lease("its own", now() + LEASE - timedelta(seconds=3))
    assert other.take_lease("its own", now() + LEASE + timedelta(seconds=3))
