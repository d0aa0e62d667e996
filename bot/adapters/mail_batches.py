"""What all mailboxes share: how much mail is in memory at once, and what junk is called."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

# One batch is one commit: enough to share its cost, little enough to keep memory flat.
MOST_MAILS = 32
MOST_BYTES = 8 * 1024 * 1024
# What is read of a mail over the size limit: headers and the first text are in it.
BEGINNING = 1024 * 1024
# Messages that are listed, sized or marked by one question.
CHUNK = 500
# Names in the settings that mean the folder of junk, whatever the mailbox itself calls it.
JUNK_NAMES = frozenset({"junk", "spam", "junk e-mail", "junk email", "ongewenste e-mail"})


def cut_chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def rotate(items: Sequence[T], by: int) -> Sequence[T]:
    """Begin with another one each time: what is cut short must not always pass over the same."""
    start = by % max(len(items), 1)
    return [*items[start:], *items[:start]]


def cut_batches(sized: Iterable[tuple[T, int]]) -> Iterator[list[T]]:
    """Cut items with their sizes in bytes into batches within both limits; one item alone may be larger."""
    batch: list[T] = []
    total = 0
    for item, size in sized:
        if batch and (len(batch) == MOST_MAILS or total + size > MOST_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += size
    if batch:
        yield batch
