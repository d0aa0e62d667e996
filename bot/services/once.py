"""One whole round: poll, understand and deliver until nothing more is due."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta

from bot.ports import Bot
from bot.services.delivery import deliver_issues, deliver_mail
from bot.services.intake import may_poll, poll_mailbox, process_inbox

# Seconds between looks for work that an earlier, killed bot held: it comes free within a lease.
NAP = 0.5
# How much longer than a lease or a tracker's settling is waited for them to end.
GRACE = timedelta(seconds=5)
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
    _await_turn(bot)
    with ThreadPoolExecutor(3, "once") as pool:
        taking = pool.submit(poll_mailbox, bot)
        filing = pool.submit(_repeat, bot, process_inbox, taking)
        mailing = pool.submit(_repeat, bot, deliver_mail, filing)
        # The team is told in the issue of what the mail server refused.
        attempts = _repeat(bot, deliver_issues, mailing) + mailing.result()
    taken, filed = taking.result(), filing.result()
    patience = bot.now() + bot.lease + _settling(bot) + GRACE
    while _unsettled(bot) and bot.now() < patience and not bot.stopping.is_set():
        time.sleep(NAP)
        filed += process_inbox(bot)
        attempts += deliver_mail(bot) + deliver_issues(bot)
    with bot.store.begin() as tx:
        held = tx.inbox.count_held() + tx.outbox.count_held()
        waiting = tx.inbox.count_waiting() + tx.outbox.count_waiting()
    return Round(taken, filed, attempts, held, waiting, bot.doors.shut())


def _await_turn(bot: Bot) -> None:
    """Wait for the mailbox that a killed bot was polling; a living one keeps it, and that is said."""
    patience = bot.now() + bot.lease + GRACE
    while not may_poll(bot):
        if bot.now() >= patience:
            bot.doors.saw("mailbox", bot.now(), "another bot polls this mailbox; it was not asked here")
            return
        time.sleep(NAP)


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
    """Whether work is left that an earlier bot held, or that the tracker may still be at work on."""
    with bot.store.begin() as tx:
        return tx.inbox.unsettled() or tx.outbox.unsettled(bot.now() - _settling(bot) - GRACE)


def _settling(bot: Bot) -> timedelta:
    """How long the slowest tracker may be at work on a call that was cut short."""
    return timedelta(seconds=max((each.settle_seconds for each in bot.settings.trackers.values()), default=0))
