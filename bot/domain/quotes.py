"""Which lines of a mail are new and which are quoted; a quote is folded, never deleted.

The patterns are what Gmail, Outlook, Thunderbird and Apple Mail write in Dutch and English. Each looks
at a few short lines only, so the whole is linear.
"""

import re
from dataclasses import dataclass

FOLD_LINES = 2000
BLANK_RUN = 3
LONGEST_ATTRIBUTION = 300
MARK = re.compile(r" ?>")

CLOCK = r"\d{1,2}[:.]\d{2}"
# "On 24 Nov 2026, at 10:00, Jan <jan@example.org> wrote:" and its Dutch kin
ATTRIBUTION = re.compile(
    rf"(?:on|op)\s(?=.*{CLOCK}).*\b(?:wrote|schreef|geschreven)\b[^:]*(?:<mailto:[^>]*>[^:]*)?:"
    rf"|.+\b(?:wrote|schreef)\s(?:on|op)\s.*{CLOCK}.*:",
    re.IGNORECASE,
)
# Before a line with a ">" any line with a time and a colon at its end will do, in every language.
BEFORE_MARK = re.compile(rf".*(?:{CLOCK}|@|\d{{4}}).*:|.*\b(?:wrote|schreef)\b.*:", re.IGNORECASE)
SEPARATOR = re.compile(
    r"[-_ ]{2,}+\s*+"
    r"(?:original message|oorspronkelijk bericht|forwarded message|doorgestuurd bericht)\s*[-_ ]{2,}"
    r"|(?:begin forwarded message|begin doorgestuurd bericht):",
    re.IGNORECASE,
)
OUTLOOK_FIRST = re.compile(r"\*?(?:from|van)\s?:", re.IGNORECASE)
OUTLOOK_OTHER = re.compile(
    r"\*?(?:(sent|verzonden|date|datum)|(to|aan)|(subject|onderwerp)|cc)\s?:", re.IGNORECASE
)
OUTLOOK_LINES = 8
RULE = re.compile(r"[_-]{20,}")

# The words that close a mail; names are looked for behind them, too.
CLOSING_WORDS = r"""(?ix:
      (?:met\s+)?(?:(?:vriendelijke|hartelijke|beste|veel|fijne|collegiale)\s+)?groet(?:en|jes)?
    | m\.?v\.?g\.? | hoogachtend | (?:alvast\s+)?(?:hartelijk\s+)?(?:bedankt|dank(?:\s+[uj]e?)?)
    | (?:with\s+)?(?:(?:kind|kindest|best|warm|warmest|many)\s+)?regards | respectfully | cheers
    | (?:yours\s+)?(?:sincerely|faithfully|truly)(?:\s+yours)? | greetings
    | best(?:\s+wishes)? | all\s+the\s+best
    | (?:many\s+)?thanks(?:\s+in\s+advance)? | thank\s+you(?:\s+in\s+advance)?
    )"""
CLOSING = re.compile(
    rf"\s*{CLOSING_WORDS}(?:[\s,.!/-]+[A-Z][\w.'-]{{0,40}}(?:\s+[\w.'-]{{1,40}}){{0,3}})?[\s,.!]*"
)
SIGNATURE_LINES = 15
LONGEST_CLOSING = 100


@dataclass(frozen=True, slots=True)
class FoldedQuotes:
    """The two halves of a text, each in its own order, and the cuts that were made."""

    new_text: str
    quoted_text: str
    problems: tuple[str, ...] = ()


def fold_quotes(text: str) -> FoldedQuotes:
    """Tell new lines from quoted ones; what is in doubt counts as new, as evidence must stay in sight."""
    lines, problems = _within_cuts(text.split("\n"))
    looked_at, rest = lines[:FOLD_LINES], lines[FOLD_LINES:]
    quoted = _quoted_lines(looked_at)
    new = [line for number, line in enumerate(looked_at) if number not in quoted] + rest
    old = [line for number, line in enumerate(looked_at) if number in quoted]
    return FoldedQuotes(_block(new), _block(old), problems)


def find_signature(new_text: str) -> str:
    """The signature block: from "-- " or the closing words to the end, or an empty string.

    It stays part of the new text; the redaction looks here for names and telephone numbers.
    """
    lines = new_text.split("\n")
    near_the_end = range(_end_of_text(lines), len(lines))
    closings = [n for n in near_the_end if _closes(lines[n])]
    delimiters = [n for n in near_the_end if lines[n].rstrip() == "--"]
    first = min([*closings[-1:], *delimiters[:1]], default=len(lines))
    return "\n".join(lines[first:]).strip()


def _end_of_text(lines: list[str]) -> int:
    """The number of the first line with at most as many filled lines behind it as a signature has."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return filled[-SIGNATURE_LINES - 1] if len(filled) > SIGNATURE_LINES else 0


def _closes(line: str) -> bool:
    return len(line) <= LONGEST_CLOSING and CLOSING.fullmatch(line) is not None


def _within_cuts(lines: list[str]) -> tuple[list[str], tuple[str, ...]]:
    if len(lines) <= FOLD_LINES:
        return lines, ()
    shorter: list[str] = []
    blanks = 0
    for line in lines:
        blanks = 0 if line.strip() else blanks + 1
        if blanks <= BLANK_RUN:
            shorter.append(line)
    problems = ["long runs of blank lines were shortened"] if len(shorter) < len(lines) else []
    if len(shorter) > FOLD_LINES:
        problems.append(f"quotes were looked for in the first {FOLD_LINES} lines only")
    return shorter, tuple(problems)


def _quoted_lines(lines: list[str]) -> set[int]:
    """The numbers of all quoted lines; a ">" alone quotes nothing, it may be a shell or a Python prompt."""
    quoted: set[int] = set()
    number, attributed = 0, False
    while number < len(lines):
        height = _attribution_height(lines, number)
        behind = range(number, number + height + 1) if height else ()
        if _starts_tail(lines, number) or (height and not any(_is_marked(lines, n) for n in behind)):
            return quoted | set(range(number, len(lines)))
        attributed = attributed or height > 0
        if height or (attributed and MARK.match(lines[number])):
            quoted.update(range(number, number + max(height, 1)))
        number += max(height, 1)
    return quoted


def _starts_tail(lines: list[str], number: int) -> bool:
    """Whether all from this line on is an older mail, as Outlook and forwards write it."""
    line = lines[number].strip()
    if SEPARATOR.fullmatch(line[:200]):
        return True
    if RULE.fullmatch(line[:200]):
        following = _next_filled(lines, number + 1)
        return following is not None and _is_outlook_header(lines, following)
    return _is_outlook_header(lines, number)


def _is_outlook_header(lines: list[str], number: int) -> bool:
    if not OUTLOOK_FIRST.match(lines[number].strip()):
        return False
    matches = (OUTLOOK_OTHER.match(line.strip()) for line in lines[number + 1 : number + OUTLOOK_LINES])
    kinds = {match.lastindex for match in matches if match}
    return {1, 2, 3} <= kinds


def _attribution_height(lines: list[str], number: int) -> int:
    """How many lines (0 to 3) from here on are an attribution like "Op ... schreef Jan:"."""
    marked = MARK.match(lines[number]) is not None
    joined = ""
    for height, line in enumerate(lines[number : number + 3], start=1):
        bare = line.lstrip(" >").rstrip()
        joined = f"{joined} {bare}".strip()
        if not bare or len(joined) > LONGEST_ATTRIBUTION or (MARK.match(line) is not None) != marked:
            return 0
        if joined.endswith(":"):
            loose = not marked and _is_marked(lines, number + height)
            return height if (BEFORE_MARK if loose else ATTRIBUTION).fullmatch(joined) else 0
    return 0


def _is_marked(lines: list[str], number: int) -> bool:
    """Whether the line, or the first filled one after it, begins with a ">"."""
    filled = _next_filled(lines, number)
    return filled is not None and MARK.match(lines[filled]) is not None


def _next_filled(lines: list[str], number: int) -> int | None:
    return next((n for n in range(number, min(len(lines), number + 3)) if lines[n].strip()), None)


def _block(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n")
