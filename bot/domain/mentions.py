"""What a text names: hosts, and words as a whole, read the way an eye does; in time linear in the text."""

import re
from dataclasses import dataclass
from functools import cached_property

from bot.domain.folding import fold

# Possessive, so that each character is looked at once. What follows an `@` belongs to a mail address: those of
# our own domains stand in every mail and name no host.
_HOST = re.compile(r"(?<![@\w.-])[\w-]++(?:\.[\w-]++)+")
_BELOW = "*."


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a few of them, folded; a space stands for any gap, as a hyphen or the end of a line."""

    parts: tuple[str, ...]
    pattern: re.Pattern[str]


def spell_word(word: str) -> Word:
    """Make a word ready to be looked for."""
    parts = tuple(fold(word).text.split())
    gapped = r"[\s_-]{1,3}".join(map(re.escape, parts))
    return Word(parts, re.compile(rf"(?<!\w)(?:{gapped})(?!\w)"))


def is_host(text: str) -> bool:
    """Whether a text is a host name, or `*.` and one: that stands for every host below it, not for itself."""
    return _HOST.fullmatch(fold(text).text.removeprefix(_BELOW)) is not None


class Mentions:
    """What one text names; it is folded once."""

    def __init__(self, text: str) -> None:
        """Take the text."""
        self._text = fold(text).text

    @cached_property
    def _hosts(self) -> frozenset[str]:
        return frozenset(_HOST.findall(self._text))

    def name_host(self, host: str) -> bool:
        """Whether the text names a host, or with `*.` in front any below it."""
        wanted = fold(host).text
        if wanted.startswith(_BELOW):
            return any(each.endswith(wanted[1:]) for each in self._hosts)
        return wanted in self._hosts

    def name_word(self, word: Word) -> bool:
        """Whether the text holds a word as a whole."""
        # To look for each part is far quicker than the pattern, and most texts lack most words.
        return all(part in self._text for part in word.parts) and word.pattern.search(self._text) is not None
