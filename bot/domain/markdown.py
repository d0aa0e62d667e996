"""Blocks as GitLab Markdown in which no text from outside can act (docs.gitlab.com/user/markdown).

A fence alone is not enough: GitLab takes quick actions out of a text by regular expressions before Markdown
is read. So each line of foreign text also begins with a visible bar, and no line that we write begins
with anything that GitLab, of any version, would obey.
"""

import re
from collections.abc import Sequence

from bot.domain.issue import Block, Facts, Foreign, Links, Sentence
from bot.domain.visible import one_line, show

TITLE_LENGTH = 255
BAR = "\u2502"

_JOINER = "\u2060"
_LONGEST_RUN = 64
# What begins a mention, reference, emoji, include or link, with what must follow it.
_TRIGGER = re.compile(r"[@#!~%$&^\[*](?=\S)|GL-(?=\d)|:(?=//|[\w+-]+:)", re.IGNORECASE)
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|~$]")
_UPLOAD = re.compile(r"!?\[[A-Za-z0-9._ -]+\]\(/uploads/[0-9a-f]{32}/[A-Za-z0-9._-]+\)")


def to_markdown(body: Sequence[Block], marker: str) -> str:
    """Write blocks one under another, with the marker as a comment on the last line.

    Law: no line begins, after white space, with a slash, a fence of the text's own, or other markup of it.
    """
    return "\n\n".join([*(_write(block) for block in body), marker_line(marker)])


def marker_line(marker: str) -> str:
    """Write the line by which an issue or comment of ours is found again."""
    return f"<!-- {re.sub(r'[^A-Za-z0-9-]', '', marker)} -->"


def neutral_title(reference: str, title: str) -> str:
    """Write a title of at most 255 characters that begins with the reference and cannot act.

    GitLab reads mentions and references in titles too; a word joiner, which nobody sees, breaks each.
    """
    whole = f"[{reference}] {_break_triggers(one_line(title))}".rstrip()
    return whole if len(whole) <= TITLE_LENGTH else f"{whole[: TITLE_LENGTH - 1].rstrip()}\u2026"


def _write(block: Block) -> str:
    match block:
        case Sentence(text):
            return _paragraph(text)
        case Facts(rows):
            return "\n".join(f"- **{_escape(name)}:** {_escape(fact)}" for name, fact in rows)
        case Foreign(caption, text):
            return f"{_paragraph(caption)}\n\n{_fenced(text)}"
        case Links(caption, links):
            return "\n".join([f"{_paragraph(caption)}\n", *(f"- {_checked_link(link)}" for link in links)])


def _fenced(text: str) -> str:
    """Fence a text, longer than any run of back-ticks in it, with a bar before each line."""
    text = re.sub(f"`{{{_LONGEST_RUN}}}", lambda run: run[0] + _JOINER, show(text))
    fence = "`" * (max((len(run) for run in re.findall("`{3,}", text)), default=2) + 1)
    lines = [f"{BAR} {line}".rstrip() for line in text.split("\n")]
    return "\n".join([f"{fence}text", *lines, fence])


def _paragraph(text: str) -> str:
    """Write our own words as a paragraph, which begins with a letter or with nothing that has a meaning."""
    words = _escape(text)
    return words if words[:1].isalpha() else f"{_JOINER}{words}"


def _escape(text: str) -> str:
    """Write our own words on one line, as words alone: whatever slipped into them does not act either."""
    return _MARKUP.sub(lambda match: f"\\{match[0]}", _break_triggers(one_line(text)))


def _break_triggers(text: str) -> str:
    return _TRIGGER.sub(lambda match: match[0] + _JOINER, text)


def _checked_link(link: str) -> str:
    """Let a link through that is one of GitLab's own uploads under our own name, and nothing else."""
    return link if _UPLOAD.fullmatch(link) else _escape(link)
