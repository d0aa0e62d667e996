"""One whole round: poll, understand and deliver until nothing more is due."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass

from bot.ports import Bot
from bot.services.delivery import deliver_outbox
from bot.services.intake import may_poll, poll_mailbox, process_inbox

# Seconds between looks for work that an earlier, killed bot held: it comes free within a lease.
NAP = 0.5
# Seconds between looks for work that is about to come from the step before.
BREATH = 0.02


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did, and what is left for a person or for a later round."""

    taken: int
    filed: int
    attempts: int
    held: int
    waiting: int
    doors_shut: Mapping[str, str]

    @property
    def clean(self) -> bool:
        """Whether nothing is held, postponed or shut out."""
        return not (self.held or self.waiting or self.doors_shut)

    def as_json(self) -> Mapping[str, object]:
        """Return plain values."""
        return asdict(self)


def run_once(bot: Bot) -> Round:
    """Poll, understand and deliver side by side until nothing more is due now, and say what is left."""
    patience = bot.now() + 2 * bot.lease
    while not may_poll(bot) and bot.now() < patience:
        time.sleep(NAP)
    with ThreadPoolExecutor(2, "once") as pool:
        taking = pool.submit(poll_mailbox, bot)
        filing = pool.submit(_repeat, bot, process_inbox, taking)
        attempts = _repeat(bot, deliver_outbox, filing)
    taken, filed = taking.result(), filing.result()
    while _unsettled(bot) and bot.now() < patience and not bot.stopping.is_set():
        time.sleep(NAP)
        filed, attempts = filed + process_inbox(bot), attempts + deliver_outbox(bot)
    with bot.store.begin() as tx:
        held = tx.inbox.count_held() + tx.outbox.count_held()
        waiting = tx.inbox.count_waiting() + tx.outbox.count_waiting()
    return Round(taken, filed, attempts, held, waiting, bot.doors.shut())


def _repeat(bot: Bot, work: Callable[[Bot], int], until: Future[int]) -> int:
    """Work again and again until what feeds it has ended and nothing is left; return how much was done."""
    total = 0
    while True:
        fed = until.done()
        done = work(bot)
        total += done
        if fed and not done:
            return total
        if not done:
            time.sleep(BREATH)


def _unsettled(bot: Bot) -> bool:
    """Whether work waits that an earlier bot left leased or whose last attempt has an unknown outcome."""
    with bot.store.begin() as tx:
        return tx.inbox.unsettled() or tx.outbox.unsettled()
