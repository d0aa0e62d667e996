"""What the bot remembers about itself while it runs: which doors are open and when each job last ticked."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Door:
    """Last result at one door to the outside; `problem` is None while it is open, `since` is aware UTC."""

    problem: str | None
    since: datetime


class Doors:
    """The last result of each door and the last beat of each job; safe between threads."""

    def __init__(self) -> None:
        """Begin with no door tried and no job seen."""
        self._lock = threading.Lock()
        self._doors: dict[str, Door] = {}
        self._beats: dict[str, datetime] = {}
        self._running: set[str] = set()

    @contextmanager
    def job(self, name: str) -> Iterator[None]:
        """Note that a job is at work while the block runs."""
        with self._lock:
            self._running.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(name)

    def running(self) -> frozenset[str]:
        """The jobs at work now."""
        with self._lock:
            return frozenset(self._running)

    def saw(self, name: str, at: datetime, problem: str | None = None) -> bool:
        """Note the result of a call at a door; True when this changes what was known."""
        with self._lock:
            known = self._doors.get(name)
            if known is not None and known.problem == problem:
                return False
            self._doors[name] = Door(problem, at)
            return known is not None or problem is not None

    def all(self) -> Mapping[str, Door]:
        """Every door tried so far."""
        with self._lock:
            return dict(self._doors)

    def shut(self) -> Mapping[str, str]:
        """The doors that are shut now, with the reason of each."""
        return {name: door.problem for name, door in self.all().items() if door.problem is not None}

    def beat(self, job: str, at: datetime) -> None:
        """Note that a job is alive."""
        with self._lock:
            self._beats[job] = at

    def late(self, allowed: Mapping[str, timedelta], now: datetime) -> Mapping[str, timedelta]:
        """Jobs that have been silent for longer than allowed, with how long."""
        with self._lock:
            silent = {job: now - self._beats[job] for job in allowed if job in self._beats}
        return {job: gap for job, gap in silent.items() if gap > allowed[job]}


class Tally:
    """How often each thing happened since the bot began; safe between threads."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, what: str) -> None:
        """Count one."""
        with self._lock:
            self._counts[what] += 1

    def all(self) -> Mapping[str, int]:
        """Every count, by name."""
        with self._lock:
            return dict(sorted(self._counts.items()))
