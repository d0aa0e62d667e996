"""The table of jobs: what runs how often. APScheduler only ticks; leases in the database keep bots apart.

A tick is a ring like any other: each job has a thread of its own that sleeps until it is rung for.
"""

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from bot.errors import MeldpuntError, StoreError
from bot.log import get_log
from bot.ports import Bot
from bot.services.delivery import deliver_issues, deliver_mail
from bot.services.form import forget_signatures
from bot.services.intake import poll_mailbox, process_inbox
from bot.services.watching import watch_mailbox

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Job:
    """One thing that the bot does again and again; `silence` is how long it may give no sign of life."""

    name: str
    run: Callable[[Bot], object]
    every: timedelta
    silence: timedelta = timedelta(minutes=3)


def jobs(bot: Bot) -> tuple[Job, ...]:
    """Return every job with its interval; how often the mailbox is asked is `MELDPUNT_MAILBOX__POLL_SECONDS`."""
    poll = timedelta(seconds=bot.settings.mailbox.poll_seconds)
    forgetting = Job("forget_signatures", forget_signatures, every=HOUR, silence=3 * HOUR)
    return (
        Job("poll_mailbox", poll_mailbox, every=poll, silence=3 * poll + timedelta(minutes=3)),
        Job("watch_mailbox", watch_mailbox, every=timedelta(seconds=5)),
        Job("process_inbox", process_inbox, every=timedelta(seconds=1)),
        Job("deliver_mail", deliver_mail, every=timedelta(seconds=1)),
        Job("deliver_issues", deliver_issues, every=timedelta(seconds=1)),
        renewal(bot),
        *((forgetting,) if bot.settings.form.keys else ()),
    )


def renewal(bot: Bot) -> Job:
    """Return the job that keeps this bot's leases and claims alive while it works."""
    return Job(
        "renew_leases",
        lambda bot: bot.store.renew(bot.now()),
        every=bot.lease / 4,
        silence=timedelta(minutes=1),
    )


class _Worker(threading.Thread):
    """Runs one job each time it was rung for, never twice at once; many rings before a run begins are one run."""

    def __init__(self, bot: Bot, job: Job) -> None:
        super().__init__(name=job.name)
        self.job, self.rung = job, threading.Event()
        self._bot = bot

    def run(self) -> None:
        """Work until the bot stops; a ring that comes during a run is answered by another run."""
        while self.rung.wait() and not self._bot.stopping.is_set():
            self.rung.clear()
            _tick(self._bot, self.job)


@contextmanager
def ticking(bot: Bot, table: Sequence[Job]) -> Iterator[None]:
    """Run the jobs at their ticks and when they are rung for, then ask each to stop and wait until the deadline.

    `misfire_grace_time=None` because the default of one second skips late ticks for ever.
    """
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    workers = {job.name: _Worker(bot, job) for job in table}
    for name, worker in workers.items():
        # The scheduler goes by the machine's time, whatever time the bot is told.
        first, seconds = datetime.now(UTC), worker.job.every.total_seconds()
        scheduler.add_job(worker.rung.set, "interval", seconds=seconds, id=name, next_run_time=first)
        bot.doors.beat(name, bot.now())
        worker.start()
    bot.bells.answer(lambda name: workers[name].rung.set() if name in workers else None)
    scheduler.start()
    try:
        yield
    finally:
        bot.stopping.set()
        scheduler.shutdown(wait=False)
        _end(workers.values(), time.monotonic() + bot.settings.stop_seconds)


def _end(workers: Iterable[_Worker], deadline: float) -> None:
    """Wait for running jobs, but not for ever: what they leave is taken up again when its lease ends."""
    for worker in workers:
        worker.rung.set()
    for worker in workers:
        worker.join(max(deadline - time.monotonic(), 0))
        if worker.is_alive():
            get_log().warning("job-left-behind", job=worker.name)


def _tick(bot: Bot, job: Job) -> None:
    """Run a job once. A failure that was foreseen, as a locked database, is a door that is shut; the bot is alive.

    Of any other only kind and place are told: its words may hold what somebody wrote.
    """
    with bot.doors.job(job.name):
        try:
            job.run(bot)
        except MeldpuntError as error:
            door = "store" if isinstance(error, StoreError) else job.name
            if bot.doors.saw(door, bot.now(), str(error)):
                get_log().warning("job-hindered", job=job.name, reason=str(error))
        except Exception as error:  # noqa: BLE001 - the next tick tries again
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
            get_log().error("job-failed", job=job.name, fault=type(error).__name__, where=where)
            return
        else:
            for door in {"store", job.name} & bot.doors.shut().keys():
                bot.doors.saw(door, bot.now())
    bot.doors.beat(job.name, bot.now())
