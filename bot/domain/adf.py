"""Blocks as a document of Atlassian's (ADF), for Jira Cloud, in which no text from outside can act.

A document says by its nodes what is a mention, a link or a card; text is text alone. We write no node that
acts but one: the link to a file of ours, at an address of the Jira that was set. Foreign text stands in a
code block, where nothing is made of an address in it either.
Source: developer.atlassian.com/cloud/jira/platform/apis/document/structure.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from bot.domain.issue import Block, Facts, Foreign, Links, Sentence
from bot.domain.jira_text import break_triggers, plain_marker, utf16_length
from bot.domain.visible import one_line, show

Node = Mapping[str, object]

_LINK = re.compile(
    r"\[(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,200})\]\((?P<base>https?://[^\s()]+)"
    r"(?P<path>/secure/attachment/[0-9]{1,18}/(?P=name))\)"
)


def to_adf(body: Sequence[Block], marker: str, *, site: str) -> Node:
    """Write blocks as a document, with the marker as the last paragraph; `site` is where our files are.

    Law: the only nodes are paragraphs, lists, code blocks and text; only a link to our own file is marked.
    """
    nodes = [node for block in body for node in _write(block, site)]
    return {"type": "doc", "version": 1, "content": [*nodes, _paragraph(_text(plain_marker(marker)))]}


def adf_length(document: Node) -> int:
    """Count a document as its JSON in UTF-16, which is never less than what Jira counts of it."""
    return utf16_length(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def attachment_link(name: str, number: str, *, site: str) -> str:
    """Write the link to a file by its name and number, as `to_adf` reads it."""
    return f"[{name}]({site}/secure/attachment/{number}/{name})"


def has_marker_paragraph(document: object, marker: str) -> bool:
    """Tell whether a document ends with our marker, in a paragraph of its own as we wrote it."""
    try:
        last = document["content"][-1]  # type: ignore[index]  # whatever it is, it is looked at
        return last["type"] == "paragraph" and [part["text"] for part in last["content"]] == [
            plain_marker(marker)
        ]
    except (LookupError, TypeError):
        return False


def _write(block: Block, site: str) -> Iterator[Node]:
    match block:
        case Sentence(text):
            yield _paragraph(_text(_own(text)))
        case Facts(rows):
            yield from _list(_fact(name, fact) for name, fact in rows)
        case Foreign(caption, text):
            yield _paragraph(_text(_own(caption)))
            yield {"type": "codeBlock", "content": _text(show(text))}
        case Links(caption, links):
            yield _paragraph(_text(_own(caption)))
            yield from _list(_paragraph(_checked_link(link, site)) for link in links)


def _fact(name: str, fact: str) -> Node:
    return _paragraph([*_text(f"{_own(name)}:", {"type": "strong"}), *_text(f" {_own(fact)}")])


def _list(paragraphs: Iterator[Node]) -> Iterator[Node]:
    """Write a list; one without items would not be valid."""
    items = [{"type": "listItem", "content": [paragraph]} for paragraph in paragraphs]
    if items:
        yield {"type": "bulletList", "content": items}


def _paragraph(content: Sequence[Node]) -> Node:
    return {"type": "paragraph", "content": content}


def _text(text: str, *marks: Node) -> list[Node]:
    """Write a text node; one without text would not be valid."""
    node = {"type": "text", "text": text}
    return [node | {"marks": list(marks)} if marks else node] if text else []


def _own(text: str) -> str:
    """Write our own words on one line; whatever slipped into them becomes no link or mention."""
    return break_triggers(one_line(text))


def _checked_link(link: str, site: str) -> list[Node]:
    """Let a link through that leads to a file in our own Jira, and nothing else."""
    found = _LINK.fullmatch(link)
    if found is None or found["base"] != site:
        return _text(_own(link))
    return _text(found["name"], {"type": "link", "attrs": {"href": f"{found['base']}{found['path']}"}})
