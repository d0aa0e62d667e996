"""The law of the lanes, held against every order of events that hypothesis can think of."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.adapters.store.claims import LONGEST
from bot.adapters.vault import new_secret_key
from bot.domain.outbox import Delivery, OutboxState, Result
from bot.errors import PermanentError
from tests.rigs.stores import LEASE, NOW, Stores, comment, open_report, outcome_of

BOTS = ("bot-1", "bot-2")
KEY = new_secret_key()


@cache
def prepared() -> tuple[Path, str]:
    """Return a folder with migrated databases that hold one report, and its id; made once."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    stores = stores_in(folder)
    report_id = open_report(stores.open()).id
    stores.close()
    return folder, report_id


def stores_in(folder: Path) -> Stores:
    return Stores(f"sqlite:///{folder}/main.db", f"sqlite:///{folder}/keys.db", secret_keys=KEY)


@dataclass
class Expected:
    """What the model knows about one order; `leased_until` while a claim has no outcome."""

    lane: str
    state: OutboxState = OutboxState.WAITING
    # The report came in at NOW: so long its orders have been due.
    due_at: datetime = NOW
    claims: int = 0
    tried: bool = False
    uncertain: bool = False
    leased_until: datetime | None = None
    holder: str = ""
    claimed_at: datetime = NOW

    def is_free(self, bot: str, now: datetime) -> bool:
        """Whether a bot may claim it: its own it takes back only when it must have dropped it long ago."""
        if self.leased_until is None:
            return True
        dropped = self.claimed_at <= now - (LONGEST + 1) * LEASE
        return self.leased_until <= now and (self.holder != bot or dropped)


class Lanes(RuleBasedStateMachine):
    """Two bots that may forget what they claimed at any time, and a person."""

    def __init__(self) -> None:
        super().__init__()
        template, self.report_id = prepared()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copytree(template, self.folder, dirs_exist_ok=True)
        self.stores = stores_in(self.folder)
        self.bots = {name: self.stores.open(name) for name in BOTS}
        self.now = NOW
        self.expected: dict[int, Expected] = {}
        self.flying: list[tuple[int, Delivery]] = []

    def teardown(self) -> None:
        self.stores.close()
        shutil.rmtree(self.folder)

    @rule(lane=st.sampled_from("abc"))
    def add(self, lane: str) -> None:
        with self.bots["bot-1"].begin() as tx:
            tx.outbox.add([comment(self.report_id, lane)], self.now)
        self.expected[len(self.expected) + 1] = Expected(lane)

    @rule(bot=st.sampled_from(BOTS), limit=st.integers(1, 3), newest=st.booleans())
    def claim(self, bot: str, limit: int, *, newest: bool) -> None:
        with self.bots[bot].begin() as tx:
            deliveries = tx.outbox.claim(self.now, limit, newest=newest)
        free = self.claimable(bot)
        untried = [number for number in free if self.expected[number].claims == 0]
        chosen = untried[-limit:] if newest and untried else free[:limit]
        assert [each.number for each in deliveries] == chosen
        for delivery in deliveries:
            order = self.expected[delivery.number]
            order.uncertain, order.tried = order.tried, True
            order.leased_until, order.holder, order.claimed_at = self.now + LEASE, bot, self.now
            order.claims += 1
            assert delivery.uncertain == order.uncertain
            self.flying.append((order.claims, delivery))

    def claimable(self, bot: str) -> list[int]:
        """Return the orders that are due, free and the first of their lanes, as they are to be claimed."""
        first: dict[str, int] = {}
        for number, order in self.expected.items():
            if order.state is OutboxState.WAITING:
                first.setdefault(order.lane, number)
        free = [
            number
            for number in first.values()
            if self.expected[number].due_at <= self.now and self.expected[number].is_free(bot, self.now)
        ]
        return sorted(free, key=lambda number: (self.expected[number].due_at, number))

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), result=st.sampled_from(Result), pause=st.integers(0, 30))
    def record(self, data: st.DataObject, result: Result, pause: int) -> None:
        claims, delivery = data.draw(st.sampled_from(self.flying))
        self.flying.remove((claims, delivery))
        again_at = self.now + timedelta(seconds=pause)
        with self.bots["bot-1"].begin() as tx:
            tx.outbox.record([outcome_of(delivery, result, again_at=again_at)], self.now)
        order = self.expected[delivery.number]
        if result is Result.DONE:
            order.state = OutboxState.DONE
        elif order.claims == claims and order.state is OutboxState.WAITING:
            order.leased_until = None
            if result is Result.HELD:
                order.state, order.tried = OutboxState.HELD, order.uncertain
            else:
                order.due_at, order.tried = again_at, result is Result.UNCERTAIN

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        """Lose a claim, as a bot does that is killed."""
        self.flying.remove(data.draw(st.sampled_from(self.flying)))

    @rule(seconds=st.sampled_from([1, 8, 21]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.expected)))
        order = self.expected[number]
        ended = order.state in {OutboxState.DONE, OutboxState.DROPPED}
        try:
            with self.bots["bot-1"].begin() as tx:
                tx.outbox.drop(number, self.now)
        except PermanentError:
            assert ended
        else:
            assert not ended
            order.state, order.leased_until = OutboxState.DROPPED, None

    @invariant()
    def every_order_stands_where_it_should(self) -> None:
        with self.bots["bot-2"].begin() as tx:
            rows = tx.outbox.rows()
            waiting = tx.outbox.next_due_at()
        assert {row.number: row.state for row in rows} == {
            number: order.state for number, order in self.expected.items()
        }
        assert (waiting is None) == (
            OutboxState.WAITING not in {order.state for order in self.expected.values()}
        )


TestLanes = Lanes.TestCase
TestLanes.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
