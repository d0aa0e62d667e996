"""mail → issue → receipt on loopback: one bot beside the floor, and its memory over ten times the mails."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.floor import measure_floor
from benchmarks.mails import make_mail
from tests.rigs.desk import Desk, Tracker
from tests.rigs.dovecot import Dovecot
from tests.rigs.sandbox import Sandbox

# The limits: share of the floor, and how much the peak may grow from some mails to ten times as many.
LEAST_SHARE = 0.5
MOST_GROWTH = 1.25
# Mails per second when the tracker takes so many milliseconds for each answer.
SLOW_ANSWER, LEAST_SPEED = 100, 40


@dataclass(frozen=True, slots=True)
class Run:
    """One run of `meldpunt once`, its start included; `peak` is that of its largest process, in MB."""

    mails: int
    speed: float
    peak: float
    calls: int

    @property
    def expected_calls(self) -> int:
        """One for each report, one for each attachment, one comment that links it."""
        return self.mails + 2 * ((self.mails + 4) // 5)

    def __str__(self) -> str:
        """Say the figures in one line."""
        return f"{self.mails} mails: {self.speed:.0f} mails/s, peak {self.peak:.0f} MB"


def measure_speed(mails: int) -> bool:
    """Print mails per second of the bot beside the floor of the same calls made bare; tell whether limits hold."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, filled(mails) as dovecot:
        with Sandbox(Path(folder) / "floor") as sandbox:
            floor = measure_floor(Path(folder), dovecot, sandbox)
        run = run_over(Path(folder), dovecot, mails)
    print(f"{run}, {run.calls} tracker calls (exactly {run.expected_calls})")
    print(f"floor {floor:.0f} mails/s, share {run.speed / floor:.2f} (at least {LEAST_SHARE})")
    return run.speed >= LEAST_SHARE * floor and run.calls == run.expected_calls


def measure_slow_tracker(mails: int) -> bool:
    """Print mails per second while every answer of the tracker takes its time; tell whether the limit holds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, filled(mails) as dovecot:
        run = run_over(Path(folder), dovecot, mails, delay=SLOW_ANSWER)
    print(f"{run}, each tracker answer {SLOW_ANSWER} ms late (at least {LEAST_SPEED} mails/s)")
    return run.speed >= LEAST_SPEED and run.calls == run.expected_calls


def measure_memory(mails: int) -> bool:
    """Print the peak memory over some mails and over ten times as many; tell whether it stays flat."""
    runs = []
    for count in (mails // 10, mails):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, filled(count) as dovecot:
            runs.append(run_over(Path(folder), dovecot, count))
        print(runs[-1])
    growth = runs[1].peak / runs[0].peak
    print(f"peak memory grows by {growth:.2f} (at most {MOST_GROWTH})")
    return growth <= MOST_GROWTH


def filled(mails: int) -> Dovecot:
    """Return a server, not started yet, with mails in its mailbox."""
    dovecot = Dovecot()
    for number in range(mails):
        dovecot.deliver(make_mail(number))
    return dovecot


def run_over(  # noqa: PLR0913 - the dimensions that are measured
    folder: Path,
    dovecot: Dovecot,
    mails: int,
    database: Mapping[str, str] | None = None,
    *,
    tracker: Tracker = "gitlab",
    delay: int = 0,
) -> Run:
    """Run the whole process once over a full mailbox, a new desk and an empty tracker, each answer `delay` ms late."""
    with Sandbox(folder / "sandbox", None if tracker == "gitlab" else "cloud") as sandbox:
        sandbox.control("POST", "delay", {"milliseconds": delay})
        desk = Desk(folder, sandbox, dovecot.settings, tracker, database=database or {})
        command = ["/usr/bin/time", "-f", "%M", sys.executable, "-m", "bot", "once"]
        started = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=desk.env, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        assert done.returncode == 0, done.stdout + done.stderr[-2000:]
        assert re.match(rf"{mails} taken, {mails} filed", done.stdout), done.stdout
        calls = len(sandbox.control("GET", "requests?bodies=0"))
    return Run(mails, mails / seconds, int(done.stderr.split()[-1]) / 1024, calls)
