"""One mail, an idle bot: from the Maildir of the mail server to the issue and the receipt, beside IDLE's own delay."""

import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import imapclient

from benchmarks.mails import make_mail
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.sandbox import Sandbox

# The limits, in seconds.
MOST_MEDIAN, MOST_P99 = 1.5, 3.0
PATIENCE = 60.0


def measure_latency(samples: int) -> bool:
    """Print median and 99th percentile from delivery to issue and receipt; tell whether the limits hold."""
    dice, floor, taken = random.Random(7), list[float](), list[float]()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Dovecot() as dovecot:
        dovecot.add_folder("INBOX")
        with (
            Sandbox(Path(folder) / "sandbox") as sandbox,
            running(Desk(Path(folder), sandbox, _rare(dovecot))),
            _bare_idle(dovecot) as told,
        ):
            for number in range(samples):
                time.sleep(0.5 + dice.random())
                told.clear()
                begun = time.perf_counter()
                dovecot.deliver(make_mail(5 * number + 1))
                seen = threading.Thread(target=_note, args=(told.wait, begun, floor))
                seen.start()
                until(lambda number=number: _arrived(sandbox, number + 1))  # type: ignore[misc]  # bound now
                taken.append(time.perf_counter() - begun)
                seen.join()
    median, worst = _quantile(taken, 0.5), _quantile(taken, 0.99)
    print(
        f"one mail, idle bot: median {median:.2f} s (limit {MOST_MEDIAN}), p99 {worst:.2f} s (limit {MOST_P99})"
    )
    print(f"of that Dovecot's IDLE: median {_quantile(floor, 0.5):.2f} s, p99 {_quantile(floor, 0.99):.2f} s")
    return median < MOST_MEDIAN and worst < MOST_P99


def _arrived(sandbox: Sandbox, count: int) -> bool:
    """Whether so many receipts were accepted and so many issues made."""
    return bool(sandbox.control("GET", f"mails?after={count - 1}")) and len(sandbox.issues()) >= count


def _quantile(seconds: list[float], share: float) -> float:
    """Return the smallest value that this share of all does not exceed."""
    return sorted(seconds)[max(0, -int(-share * len(seconds) // 1) - 1)]


def until(happened: Callable[[], bool], *, glance: float = 0.01, patience: float = PATIENCE) -> None:
    """Look every `glance` seconds until it happened; fail after `patience` seconds."""
    ends = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(glance)


@contextmanager
def running(desk: Desk) -> Iterator[None]:
    """Run the bot for the time of the block; it has begun when it has asked its mailbox."""
    bot = desk.start()
    try:
        until(lambda: "bot-started" in (desk.folder / "bot.log").read_text())
        yield
        bot.terminate()
        assert bot.wait(PATIENCE) == 0
    finally:
        bot.kill()
        bot.wait()


def _rare(dovecot: Dovecot) -> dict[str, str]:
    """Poll so seldom that only IDLE can be quick."""
    return {**dovecot.settings, "MAILBOX__POLL_SECONDS": "600"}


@contextmanager
def _bare_idle(dovecot: Dovecot) -> Iterator[threading.Event]:
    """Give an event that a bare client sets when the server tells it of mail."""
    told, over = threading.Event(), threading.Event()
    client = imapclient.IMAPClient(dovecot.host, dovecot.port, ssl=False)
    client.login(dovecot.username, dovecot.password)
    client.select_folder("INBOX", readonly=True)
    client.idle()

    def listen() -> None:
        while not over.is_set():
            if any(b"EXISTS" in each for each in client.idle_check(0.25)):
                told.set()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield told
    finally:
        over.set()
        thread.join()
        client.idle_done()
        client.logout()


def _note(wait: Callable[[float], bool], begun: float, seconds: list[float]) -> None:
    if wait(PATIENCE):
        seconds.append(time.perf_counter() - begun)
