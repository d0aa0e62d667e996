"""An issue of any tracker as a board shows it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """`closed_to` says in a word who alone may look; without it `open_words` warn."""

    url: str
    ref: str
    title: str
    closed_to: str
    open_words: str
    due_on: str | None
    done: bool
    people: tuple[str, ...]
    comments: int
    labels: tuple[str, ...]


PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
