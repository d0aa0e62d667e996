"""Who holds a lease, named so that a bot on the same machine can tell when that one is dead.

A lease ends by itself; this only spares a restarted bot the wait. Where a process cannot be looked at
(another machine, another container, no /proc) nothing is said and the lease has to end.
"""

import os
import secrets
from pathlib import Path

_PROC = Path("/proc")
_GONE = frozenset({"Z", "X"})


def own_holder() -> str:
    """Name this process: machine since its start, process namespace, process and its start, and a random word."""
    here = _place()
    process = os.getpid()
    began = _began(process) if here else None
    return "/".join((here or "-", str(process), began or "-", secrets.token_hex(4)))


def is_dead(holder: str) -> bool:
    """Tell whether the process that a holder names is gone for certain; unsure is False."""
    place, *rest = holder.split("/")
    if place != _place() or len(rest) != 3 or not rest[0].isdigit():  # noqa: PLR2004 - process, its start, a word
        return False
    return _began(int(rest[0])) != rest[1]


def _place() -> str | None:
    """Name this machine since it was started and the namespace in which process numbers mean something."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return None


def _began(process: int) -> str | None:
    """When a living process was started, in the kernel's ticks; None when there is none such."""
    try:
        # The name of a program may hold spaces and brackets: what counts comes behind the last bracket.
        fields = (
            (_PROC / str(process) / "stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()
        )
    except OSError:
        return None
    return None if fields[0] in _GONE else fields[19]
