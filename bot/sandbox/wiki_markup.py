"""What Jira's wiki renderer would do with a text beyond showing it.

Read as its parser does: macros first, from left to right, a backslash taking the meaning from the character
behind it; inside `{noformat}` and `{code}` nothing acts until the next tag of the same name, and one that is
never closed protects nothing. In what remains, links and images are found by regular expression. Mentions are
the exception: who is to be notified is looked for in the bare text, wherever it stands. Whether the named user
or file exists is left aside. (Atlassian's renderer: WikiMarkupParser, LinkRenderer, MentionFinder.)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.sandbox.jira_catalogue import PROJECTS
from bot.sandbox.markdown_refs import Found

PROTECTING = frozenset({"noformat", "code"})
MACROS = PROTECTING | frozenset(
    """
    color quote panel html include toc jira iframe excerpt anchor mindmap chart viewfile widget youtube
    attachments gallery jiraissues status info note tip warning expand loremipsum
    children contentbylabel rss csv junitreport sql
    """.split()  # noqa: SIM905 - a table of words, not one of quotes
)
_TAG = re.compile(r"\{(?P<name>[A-Za-z]+)(?::(?P<options>[^{}\n]*))?\}")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_MENTION = re.compile(r"\[\s*~[^\]\n]+\]")
_LINK = re.compile(r"\[(?!\s*~)(?:[^\[\]\n|]*\|)?(?P<to>[^\[\]\n|]+)(?:\|[^\[\]\n]*)?\]")
_TARGET = re.compile(r"[#^]|[a-z][a-z0-9+.-]*:|//|www\.|[A-Z][A-Z0-9]+-\d+$", re.IGNORECASE)
_OWN_FILE = re.compile(r"\^[^/\\]+$")
_IMAGE = re.compile(r"(?<![\w\\])!(?=\S)(?P<source>[^!\n]*[^\s!\\])!(?!\w)")
_SOURCE = re.compile(r"[a-z][a-z0-9+.-]*:|//|[^|]*\.\w{2,5}(?:\||$)|\^", re.IGNORECASE)
_URL = re.compile(r"(?:\b(?:https?|ftp|ftps|file|nntp|news|irc)://|\bmailto:)[^\s\]|!{}\"<>]+", re.IGNORECASE)
_KEY = re.compile(rf"(?<![\w-])(?:{'|'.join(PROJECTS)})-\d+\b")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text; `macro` is the protecting macro around it, `tag` means it is a macro's own tag."""

    text: str
    macro: str = ""
    tag: bool = False


def split_wiki(text: str) -> list[Part]:
    """Divide a text into what is rendered, what a macro protects, and the tags of other macros."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    parts: list[Part] = []
    start = at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        tag = _TAG.match(text, at) if text[at] == "{" else None
        if tag is None or tag["name"].lower() not in MACROS:
            at += 1
            continue
        name = tag["name"].lower()
        end = _find_end(text, tag.end(), name) if name in PROTECTING else None
        if name in PROTECTING and end is None:
            at = tag.end()
            continue
        parts.append(Part(text[start:at]))
        if end:
            parts.append(Part(text[tag.end() : end.start()], macro=name))
        else:
            parts.append(Part(tag[0], tag=True))
        start = at = (end or tag).end()
    parts.append(Part(text[start:]))
    return [part for part in parts if part.text]


def _find_end(text: str, at: int, name: str) -> re.Match[str] | None:
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        tag = _TAG.match(text, at) if text[at] == "{" else None
        if tag and tag["name"].lower() == name:
            return tag
        at += 1
    return None


def find_in_wiki(text: str) -> list[Found]:
    """Find everything that acts, in the order of the text."""
    mentions = [Found("mention", match[0]) for match in _MENTION.finditer(text)]
    return [*mentions, *(found for part in split_wiki(text) for found in _found_in(part))]


def _found_in(part: Part) -> Iterator[Found]:
    if part.tag:
        yield Found("macro", part.text)
    elif not part.macro:
        yield from _found_in_text(part.text)


def _found_in_text(text: str) -> Iterator[Found]:
    # An escaped character is only itself; a word character in its place keeps the neighbours apart.
    text = _ESCAPED.sub("\x00", text)
    text = _MENTION.sub(" ", text)
    for match in _LINK.finditer(text):
        target = match["to"].strip()
        if _TARGET.match(target) and not _OWN_FILE.match(target):
            yield Found("link", match[0])
    text = _LINK.sub(" ", text)
    for match in _IMAGE.finditer(text):
        if _SOURCE.match(match["source"]):
            yield Found("embed", match[0])
    text = _IMAGE.sub(" ", text)
    yield from (Found("url", match[0]) for match in _URL.finditer(text))
    yield from (Found("reference", match[0]) for match in _KEY.finditer(_URL.sub(" ", text)))
