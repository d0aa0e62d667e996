"""Fair turns in a backlog: one half for what has waited longest, the other half for what came last.

So the oldest waits at most twice as long as in a plain queue, and something new does not wait for the end of the
backlog. Where there is no backlog both halves together are everything, and nobody sees a difference.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def turns() -> Iterator[bool]:
    """Say for one claim after another whether it is the newest' turn; the first is the oldest's."""
    return itertools.cycle((False, True))


def in_turns(oldest_first: Sequence[T]) -> list[T]:
    """Return each once: newest, oldest, second newest, second oldest, and so on."""
    pairs = zip(reversed(oldest_first), oldest_first, strict=True)
    return [each for pair in pairs for each in pair][: len(oldest_first)]
