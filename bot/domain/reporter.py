"""The reporter: every personal fact the desk holds, apart from the report itself (policy promise P8)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who sent a report; `address` is where notices go, None when there is no way to reach him.

    `language` is the ISO 639-1 code of his first mail, None when unsure.
    """

    id: str
    address: str | None
    name: str | None
    language: str | None
