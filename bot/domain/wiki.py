"""Blocks as Jira's wiki markup, for Data Center, in which no text from outside can act.

Foreign text stands in `{noformat}`, which means everything in it literally but its own end. Jira looks for
mentions (`[~name]`) in the bare text without reading the markup, so these are broken inside it too. What else
has a meaning outside of it (images, links, other macros) stays as it was, so that evidence can be copied.
Sources: confluence.atlassian.com/adminjiraserver, "Text formatting notation" and "Mentioning users".
"""

import re
from collections.abc import Sequence

from bot.domain.issue import Block, Facts, Foreign, Links, Sentence
from bot.domain.jira_text import JOINER, break_triggers, plain_marker, utf16_length
from bot.domain.visible import one_line, show

FENCE = "{noformat}"

# A dash inside a word strikes nothing through; everywhere else the signs of the markup are escaped.
_MARKUP = re.compile(r"[{}\[\]()*_+^~?!|#%]|(?<!\w)-|-(?!\w)")
_LINE_BEGINNING = re.compile(r"^(?:h[1-6]|bq)\.", re.IGNORECASE)
# The end of the fence, the macro that does the same, in any writing of it, and mentions.
_ACTS_INSIDE = re.compile(r"\{(?=[\s/]*(?:noformat|code))|\[(?=\s*~)", re.IGNORECASE)
_ATTACHMENT = re.compile(r"\[\^[A-Za-z0-9][A-Za-z0-9._-]{0,200}\]")


def to_wiki(body: Sequence[Block], marker: str) -> str:
    """Write blocks one under another, with the marker as the last line.

    Law: no line or run of signs of a foreign text is markup, and none of our own words is.
    """
    return "\n\n".join([*(_write(block) for block in body), plain_marker(marker)])


def wiki_length(text: str) -> int:
    """Count a text as Jira stores it: in UTF-16, a line end as two."""
    return utf16_length(text) + text.count("\n")


def attachment_link(name: str) -> str:
    """Write the link to a file of the same issue."""
    return f"[^{name}]"


def has_marker_line(text: object, marker: str) -> bool:
    """Tell whether a text ends with our marker, on a line of its own as we wrote it."""
    return isinstance(text, str) and text.rstrip().splitlines()[-1:] == [plain_marker(marker)]


def _write(block: Block) -> str:
    match block:
        case Sentence(text):
            return _paragraph(text)
        case Facts(rows):
            return "\n".join(f"* *{_escape(name)}:* {_escape(fact)}" for name, fact in rows)
        case Foreign(caption, text):
            return f"{_paragraph(caption)}\n\n{FENCE}\n{_literal(text)}\n{FENCE}"
        case Links(caption, links):
            return "\n".join([f"{_paragraph(caption)}\n", *(f"* {_checked_link(link)}" for link in links)])


def _literal(text: str) -> str:
    """Write a text so that nothing ends the fence around it or mentions anybody."""
    return _ACTS_INSIDE.sub(lambda match: match[0] + JOINER, show(text))


def _paragraph(text: str) -> str:
    """Write our own words as a paragraph that begins with nothing that has a meaning."""
    words = _escape(text)
    plain = words[:1].isalpha() and not _LINE_BEGINNING.match(words)
    return words if plain else f"{JOINER}{words}"


def _escape(text: str) -> str:
    """Write our own words on one line, as words alone: whatever slipped into them does not act either.

    A backslash would escape the sign behind it, or break the line before another; behind it goes a joiner.
    """
    words = break_triggers(one_line(text)).replace("\\", f"\\{JOINER}")
    return _MARKUP.sub(lambda match: f"\\{match[0]}", words)


def _checked_link(link: str) -> str:
    """Let a link through that names a file of the same issue, and nothing else."""
    return link if _ATTACHMENT.fullmatch(link) else _paragraph(link)
