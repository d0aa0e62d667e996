"""A mailbox that is watched from a thread of its own, and a count of how often it said `look`."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.rigs.waiting import wait_for

Watch = Callable[[Callable[[], None], Callable[[], bool]], None]


@dataclass
class Looks:
    """How often a watch said that somebody should look."""

    count: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        self.count += 1

    def after(self, act: Callable[[], object]) -> bool:
        """Whether a look followed, sooner or later, upon this."""
        before = self.count
        act()
        return wait_for(lambda: self.count > before)


@contextmanager
def watched(watch: Watch) -> Iterator[Looks]:
    """Watch while the block runs, and see that the watch ends with it; begins after the first look."""
    looks = Looks()
    thread = threading.Thread(target=watch, args=(looks.look, lambda: not looks.over.is_set()))
    thread.start()
    try:
        assert wait_for(lambda: looks.count)
        yield looks
    finally:
        looks.over.set()
        thread.join(60)
        assert not thread.is_alive()
