"""mail → issue → receipt on loopback: one bot beside the floor, and its memory over more mails."""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.floor import measure_floor
from benchmarks.mails import make_mail
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.sandbox import Sandbox

# The limits of this benchmark: share of the floor, and tracker calls for each report.
LEAST_SHARE = 0.5


def measure_reports(mails: int, *, with_floor: bool = True) -> bool:
    """Print mails per second of the bot, of the floor, and the peak memory; return whether the limits hold."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, Dovecot() as dovecot:
        folder = Path(name)
        for number in range(mails):
            dovecot.deliver(make_mail(number))
        floor = _floor(folder, dovecot) if with_floor else None
        with Sandbox(folder / "sandbox") as sandbox:
            speed, peak = _bot(folder, dovecot, sandbox, mails)
            calls = len([call for call in sandbox.requests() if "/api/v4/" in call["path"]])
    files = (mails + 4) // 5
    expected = mails + 2 * files
    print(
        f"{mails} mails: {speed:.0f} mails/s, peak {peak / 1024:.0f} MB in one process, {calls} tracker calls",
        end="",
    )
    print(f" ({expected} expected)", end="")
    if floor is None:
        print()
        return True
    print(f"; floor {floor:.0f} mails/s, share {speed / floor:.2f} (limit {LEAST_SHARE})")
    return speed / floor >= LEAST_SHARE


def _floor(folder: Path, dovecot: Dovecot) -> float:
    with Sandbox(folder / "floor-sandbox") as sandbox:
        return measure_floor(folder, dovecot, sandbox)


def _bot(folder: Path, dovecot: Dovecot, sandbox: Sandbox, mails: int) -> tuple[float, int]:
    """Return mails per second over the whole process, its start included, and its peak memory in kB."""
    settings = {
        "MAILBOX__KIND": "imap",
        "MAILBOX__HOST": dovecot.host,
        "MAILBOX__PORT": str(dovecot.port),
        "MAILBOX__SECURITY": "none",
        "MAILBOX__USERNAME": dovecot.username,
        "MAILBOX__PASSWORD": dovecot.password,
    }
    desk = Desk(folder, sandbox, settings)
    command = ["/usr/bin/time", "-f", "%M", sys.executable, "-m", "bot", "once"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=desk.env, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert re.match(rf"{mails} taken, {mails} filed", done.stdout), done.stdout
    return mails / seconds, int(done.stderr.split()[-1])
