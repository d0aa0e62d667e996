"""A new mail comes while thousands wait: it is not kept waiting until they are done."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.latency import running, until
from benchmarks.mails import make_mail
from tests.builders import mail
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.sandbox import Sandbox

# The limit: the share of the backlog's whole time that a new mail may wait.
MOST_SHARE = 0.1
# When new mails come: so much of the backlog has its issue by then.
MOMENTS = (0.02, 0.25, 0.5, 0.75)


def measure_backlog(mails: int) -> bool:
    """Print how long new mails waited for issue and receipt amid a backlog; tell whether the limit holds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Dovecot() as dovecot:
        for number in range(mails):
            dovecot.deliver(make_mail(number))
        with Sandbox(Path(folder) / "sandbox") as sandbox:
            desk = Desk(Path(folder), sandbox, dovecot.settings)
            begun = time.perf_counter()
            with running(desk):
                waits = [_deliver_amid(dovecot, sandbox, int(mails * share)) for share in MOMENTS]
                _until(lambda: _issues(sandbox) >= mails + len(MOMENTS))
                whole = time.perf_counter() - begun
    print(f"backlog of {mails} mails: done in {whole:.0f} s; new mails waited", end=" ")
    print(", ".join(f"{wait:.1f} s" for wait in waits), end=", ")
    print(f"at most a share of {max(waits) / whole:.3f} (limit {MOST_SHARE})")
    return max(waits) <= MOST_SHARE * whole


def _deliver_amid(dovecot: Dovecot, sandbox: Sandbox, done: int) -> float:
    """Wait until so many have their issue, deliver one more, and return the seconds to its issue and receipt."""
    _until(lambda: _issues(sandbox) > done)
    sender, subject = f"nieuw{done}@example.org", f"Nieuw lek na {done}"
    seen = _Receipts(sandbox)
    seen.has(sender)
    begun = time.perf_counter()
    dovecot.deliver(mail(sender=sender, subject=subject, message_id=f"<nieuw-{done}@example.org>"))
    _until(lambda: seen.has(sender) and bool(sandbox.page(f"per_page=1&in=title&search={subject}")))
    return time.perf_counter() - begun


class _Receipts:
    """Who got one, asked for in small steps, so that looking costs little."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox, self._last, self._recipients = sandbox, 0, set[str]()

    def has(self, recipient: str) -> bool:
        for each in self._sandbox.control("GET", f"mails?after={self._last}"):
            self._last = each["number"]
            self._recipients |= set(each["recipients"])
        return recipient in self._recipients


def _issues(sandbox: Sandbox) -> int:
    newest = sandbox.page("per_page=1&order_by=created_at&sort=desc")
    return int(newest[0]["iid"]) if newest else 0


def _until(happened: Callable[[], bool]) -> None:
    until(happened, glance=0.05, patience=3600)
