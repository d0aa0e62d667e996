"""Showing hostile text so that nothing in it is hidden: one kind of line end, no invisible characters."""

import re
import unicodedata
from functools import lru_cache

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_UNUSUAL = re.compile("[^\\t\\n\\x20-\\x7e\xa1-\xac\xae-\u024f]")
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")


def show(text: str) -> str:
    """Make every line end a newline and every control or format character visible, as in `⟨202E⟩`.

    No character becomes more than 11 bytes of UTF-8; tabs and newlines stay.
    """
    return _UNUSUAL.sub(lambda match: _shown(match[0]), _LINE_ENDS.sub("\n", text))


def one_line(text: str) -> str:
    """Put a text on one line: line ends and runs of spaces become one space, what cannot be seen goes."""
    return " ".join(_UNUSUAL.sub(lambda match: _plain(match[0]), _LINE_ENDS.sub(" ", text)).split())


@lru_cache(maxsize=4096)
def _shown(sign: str) -> str:
    if not _is_hidden(sign):
        return sign
    if unicodedata.category(sign) in {"Cs", "Cn"}:
        return "\ufffd"
    return chr(0x2400 + ord(sign)) if sign < " " else f"\u27e8{ord(sign):04X}\u27e9"


def _plain(sign: str) -> str:
    return "" if _is_hidden(sign) else sign


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"} or sign in _INVISIBLE
