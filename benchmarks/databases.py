"""The same work on SQLite and on PostgreSQL, and two bots on one PostgreSQL beside one, with a tracker far away."""

import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from benchmarks.mails import make_mail
from benchmarks.reports import LEAST_SPEED, SLOW_ANSWER, filled, run_over
from tests.rigs.desk import Desk, Tracker
from tests.rigs.dovecot import Dovecot
from tests.rigs.postgres import Pair, Postgres
from tests.rigs.sandbox import Sandbox

# The limits: how much more two bots do than one, and what PostgreSQL may cost beside SQLite.
LEAST_GAIN = 1.5
LEAST_SHARE = 0.4
TRACKERS: tuple[Tracker, ...] = ("gitlab", "jira-cloud")
DATABASES = ("SQLite", "PostgreSQL")
MOST_NAMES = 48
# Milliseconds that each answer of the tracker takes. The limit holds for the last: there one bot waits, while with
# the first it already keeps two cores busy, with all servers on the same machine.
FAR_AWAY_MS = (100, 300)
PATIENCE = 600


def measure_databases(mails: int) -> bool:
    """Print mails per second of one bot with either tracker on either database; tell whether the limits hold."""
    held = []
    for tracker in TRACKERS:
        quick, slow = (
            [_speed(mails, tracker, name, delay) for name in DATABASES] for delay in (0, SLOW_ANSWER)
        )
        share = quick[1] / quick[0]
        print(f"{tracker}: PostgreSQL beside SQLite: {share:.2f} (at least {LEAST_SHARE})")
        held.append(share >= LEAST_SHARE and min(slow) >= LEAST_SPEED)
    return all(held)


def _speed(mails: int, tracker: Tracker, database: str, delay: int) -> float:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        dovecot = stack.enter_context(filled(mails))
        settings: Mapping[str, str] = {}
        if database == "PostgreSQL":
            settings = stack.enter_context(stack.enter_context(Postgres({})).desk()).settings
        run = run_over(folder, dovecot, mails, settings, tracker=tracker, delay=delay)
    # A Jira is asked for names too, by each thread that does not know them yet.
    assert run.expected_calls <= run.calls <= run.expected_calls + (0 if tracker == "gitlab" else MOST_NAMES)
    late = f", each tracker answer {delay} ms late (at least {LEAST_SPEED} mails/s)" if delay else ""
    print(f"{tracker}, {database}: {run}, {run.calls} tracker calls{late}")
    return run.speed


def measure_two_bots(mails: int) -> bool:
    """Print mails per second of one bot and of two, each tracker answer delayed; tell whether two are worth it."""
    gain = 0.0
    for delay in FAR_AWAY_MS:
        with Postgres({}) as server:
            one, two = (_shared(server, mails, bots, delay) for bots in (1, 2))
        gain = two / one
        limit = f" (at least {LEAST_GAIN})" if delay == FAR_AWAY_MS[-1] else ""
        print(f"{delay} ms to the tracker: two bots do {gain:.2f} times what one does{limit}")
    return gain >= LEAST_GAIN


def _shared(server: Postgres, mails: int, bots: int, delay: int) -> float:
    """Start bots on an empty mailbox, deliver everything at once, and time it until nothing is left to do."""
    with ExitStack() as stack:
        pair = stack.enter_context(server.desk())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        dovecot = stack.enter_context(Dovecot())
        sandbox = stack.enter_context(Sandbox(folder / "sandbox"))
        sandbox.control("POST", "delay", {"milliseconds": delay})
        desk = Desk(
            folder, sandbox, dovecot.settings | {"MAILBOX__POLL_SECONDS": "1"}, database=pair.settings
        )
        stack.enter_context(_running(desk, bots))
        raws = [make_mail(number) for number in range(mails)]
        started = time.perf_counter()
        for raw in raws:
            dovecot.deliver(raw)
        _await(lambda: _is_done(pair, mails))
        seconds = time.perf_counter() - started
    print(f"{bots} bot{'s' if bots > 1 else ''}, {delay} ms to the tracker: {mails / seconds:.0f} mails/s")
    return mails / seconds


@contextmanager
def _running(desk: Desk, bots: int) -> Iterator[None]:
    running = [desk.start() for _ in range(bots)]
    log = desk.folder / "bot.log"
    try:
        _await(lambda: log.exists() and log.read_text().count("bot-started") == bots)
        yield
    finally:
        for bot in running:
            bot.send_signal(signal.SIGTERM)
        for bot in running:
            bot.wait(60)


def _is_done(pair: Pair, mails: int) -> bool:
    with psycopg.connect(pair.main.replace("+psycopg", "")) as connection:
        asked = (
            "SELECT (SELECT count(*) FROM inbox WHERE state = 'done'),"
            " (SELECT count(*) FROM outbox WHERE state = 'waiting')"
        )
        return connection.execute(asked).fetchone() == (mails, 0)


def _await(happened: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.05)
