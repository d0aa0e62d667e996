"""Who holds a lease, named so that a bot on the same machine can tell when that one is dead.

A lease ends by itself; this only spares a restarted bot the wait. Where a process cannot be looked at
(another machine, another container, no /proc) nothing is said and the lease has to end.

Containers may share a host name and all be process 1, and machines restored from one snapshot the identity of
their start: a process is looked at only where start, host name and process namespace are all the same.
"""

import os
import platform
import secrets
from pathlib import Path

_PROC = Path("/proc")
_GONE = frozenset({"Z", "X"})


def own_holder() -> str:
    """Name this process: its machine, itself and when it began, and a random word; at most 200 characters."""
    here = _place()
    process = os.getpid()
    began = _began(process) if here else None
    return "/".join((here or "-", str(process), began or "-", secrets.token_hex(4)))


def is_dead(holder: str) -> bool:
    """Tell whether the process that a holder names is gone for certain; unsure is False."""
    place, *rest = holder.split("/")
    if place != _place() or len(rest) != 3 or not rest[0].isdigit():  # noqa: PLR2004 - process, its start, a word
        return False
    process = int(rest[0])
    began = _began(process)
    # What has no entry in /proc may only be hidden from this user.
    return _is_gone(process) if began is None else began != rest[1]


def _place() -> str | None:
    """Name this machine, since it was started, and the namespace in which process numbers mean something."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{(_PROC / 'self/ns/pid').stat().st_ino}:{_host()}"
    except OSError:
        return None


def _host() -> str:
    return platform.node()[:64].replace("/", "-")


def _is_gone(process: int) -> bool:
    """Whether there is no such process, or one that has ended and was not waited for."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return _state(process) in _GONE


def _began(process: int) -> str | None:
    """When a living process was started, in the kernel's ticks; None when there is none such to be seen."""
    fields = _fields(process)
    return None if not fields or fields[0] in _GONE else fields[19]


def _state(process: int) -> str | None:
    fields = _fields(process)
    return fields[0] if fields else None


def _fields(process: int) -> list[str]:
    """What the kernel tells about a process, from its state on; nothing when it is not to be seen."""
    try:
        # The name of a program may hold spaces and brackets: what counts comes behind the last bracket.
        stat = (_PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
