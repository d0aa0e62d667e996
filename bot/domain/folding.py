"""Reading a text the way an eye does: without case, accents, invisible characters and escapes.

`fold` keeps, for every character of the folded text, where it stands in the original, so that a match in
the one can be replaced in the other. Time and memory are linear in the text.
"""

import codecs
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

_MARK = re.compile(
    r"(?P<percent>(?:%(?:25)*[0-9A-Fa-f]{2})+)"
    r"|(?P<soft>=\r?\n)"
    r"|(?P<code>\\u[0-9A-Fa-f]{4}|&#(?:[xX][0-9A-Fa-f]{1,6}|[0-9]{1,7});)"
    r"|(?P<other>[^\t\n\r\x20-\x7e]+)"
)
_OTHER = re.compile(r"(?P<other>[^\t\n\r\x20-\x7e]+)")
_HEX_DIGITS = 2
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800")


class Folded:
    """A folded text that knows where its pieces come from.

    A plain piece maps character by character, any other as a whole. `parted` says that what folding joins is
    apart in the original, by something invisible or a sign such as `™`; `escaped` that there was an escape.
    """

    def __init__(self) -> None:
        """Begin empty; `fold` fills it."""
        self.text = ""
        self.parted = self.escaped = False
        self._at: list[int] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._plain: list[bool] = []

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give the place in the original of `text[start:end]`, which must not be empty."""
        first, last = bisect_right(self._at, start) - 1, bisect_right(self._at, end - 1) - 1
        begins = self._starts[first] + (start - self._at[first] if self._plain[first] else 0)
        stops = self._starts[last] + end - self._at[last] if self._plain[last] else self._ends[last]
        return begins, stops

    def add(self, at: int, start: int, end: int, *, plain: bool) -> None:
        """Note that from `at` on the folded text stands for `original[start:end]`."""
        self._at.append(at)
        self._starts.append(start)
        self._ends.append(end)
        self._plain.append(plain)

    def extend(self, length: int, end: int) -> None:
        """Let the last of `length` folded characters reach to `end`: an accent belongs to its letter."""
        if self._at and self._plain[-1]:
            self.add(length - 1, self._starts[-1] + length - 1 - self._at[-1], end, plain=False)
        elif self._at:
            self._ends[-1] = end


class Apart(StrEnum):
    """What keeps the words on both sides of it apart instead of being read as part of one."""

    NOTHING = "nothing"
    SIGNS = "accents and signs such as a trade mark"
    ALL = "these, and what is invisible"


def fold(text: str, *, escapes: bool = True, apart: Apart = Apart.NOTHING) -> Folded:
    """Fold case, compatibility forms and accents, leave out what is invisible, and undo escapes.

    Escapes are percent-encoding, soft line breaks (`=` at the end of a line) and character codes such as
    `&#64;`; without `escapes` they stay as they are. What keeps words `apart` stays as it is, or becomes NUL
    when it is an accent or invisible.
    """
    folded, length, at = Folded(), 0, 0
    letters: list[str] = []
    for mark in (_MARK if escapes else _OTHER).finditer(text):
        length += _copy(text[at : mark.start()], at, length, letters, folded)
        at = mark.end()
        folded.escaped |= mark.lastgroup != "other"
        for piece, start, end in _pieces(mark):
            seen = _fold_character(piece)
            folded.parted |= piece != "" and (not seen or seen.isalnum() != piece.isalnum())
            if apart is Apart.NOTHING:
                if seen == "":
                    folded.extend(length, end)
            elif apart is Apart.ALL or seen is not None:
                seen = seen if seen and piece.isalnum() else piece if seen else "\0"
            if seen:
                folded.add(length, start, end, plain=False)
                letters.append(seen)
                length += len(seen)
    _copy(text[at:], at, length, letters, folded)
    folded.text = "".join(letters)
    return folded


def fold_all(text: str) -> list[Folded]:
    """Fold a text in every way in which it can be read, first as the eye reads it."""
    first = fold(text)
    ways = [(escapes, apart) for escapes in (True, False) for apart in Apart][1:]
    return [
        first,
        *(
            fold(text, escapes=escapes, apart=apart)
            for escapes, apart in ways
            if (escapes or first.escaped) and (apart is Apart.NOTHING or first.parted)
        ),
    ]


def _copy(plain: str, start: int, length: int, letters: list[str], folded: Folded) -> int:
    """Take over plain ASCII in lower case; return how long it is."""
    if plain:
        letters.append(plain.lower())
        folded.add(length, start, start + len(plain), plain=True)
    return len(plain)


def _pieces(mark: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    """Yield each character that a mark stands for with its place; a soft break is the empty character."""
    if mark.lastgroup == "other":
        yield from ((sign, at, at + 1) for at, sign in enumerate(mark[0], mark.start()))
    elif mark.lastgroup == "percent":
        yield from _percent(mark)
    elif mark.lastgroup == "code":
        yield _code(mark[0]), mark.start(), mark.end()
    else:
        yield "", mark.start(), mark.end()


def _percent(mark: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    """Decode a run of percent-encoded bytes as UTF-8, also when it was encoded more than once (`%2540`)."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    start = at = mark.start()
    for code in mark[0].split("%")[1:]:
        end = at + 1 + len(code)
        signs = decoder.decode(bytes([int(code[-_HEX_DIGITS:], 16)]))
        for sign in signs:
            yield sign, start, end
        at, start = end, end if signs else start
    for sign in decoder.decode(b"", final=True):
        yield sign, start, at


def _code(code: str) -> str:
    r"""Read one `\u0040`, `&#64;` or `&#x40;`."""
    digits = code.strip("\\u&#;xX")
    number = int(digits, 10 if code[0] == "&" and code[2] not in "xX" else 16)
    surrogate = 0xD800 <= number <= 0xDFFF  # noqa: PLR2004 - the surrogates of Unicode
    return "\ufffd" if surrogate or number > 0x10FFFF else chr(number)  # noqa: PLR2004 - the end of Unicode


@lru_cache(maxsize=4096)
def _fold_character(sign: str) -> str | None:
    """Fold one character: "" for an accent, None for what is invisible."""
    if (
        not sign
        or sign in _INVISIBLE
        or (unicodedata.category(sign) in {"Cf", "Cc", "Cs"} and not sign.isspace())
    ):
        return None
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", sign).casefold())
    return "".join(part for part in plain if not unicodedata.category(part).startswith("M"))
