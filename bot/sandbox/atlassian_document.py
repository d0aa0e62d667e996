"""Atlassian documents (ADF): what Jira refuses, what their nodes set in motion, and their plain text.

developer.atlassian.com/cloud/jira/platform/apis/document/structure
"""

import re
from collections.abc import Iterator
from typing import Any

from bot.sandbox.markdown_refs import Found

# A block costs the store a few characters more than its text, for the document is kept as marked-up text.
_BLOCK_COST = 20
_BLOCKS = frozenset(
    """
    blockquote bulletList codeBlock decisionItem decisionList expand heading listItem mediaGroup mediaSingle
    nestedExpand orderedList panel paragraph rule table tableCell tableHeader tableRow taskItem taskList
    blockCard embedCard bodiedExtension extension layoutSection layoutColumn media
    """.split()  # noqa: SIM905 - a table of words, not one of quotes
)
_INLINE = frozenset(
    {"date", "emoji", "hardBreak", "inlineCard", "inlineExtension", "mention", "status", "text"}
)
_MARKS = frozenset(
    "alignment backgroundColor border code em indentation link strike strong subsup textColor underline".split()  # noqa: SIM905 - as above
)
_CARDS = frozenset({"inlineCard", "blockCard", "embedCard"})
_EXTENSIONS = frozenset({"extension", "inlineExtension", "bodiedExtension"})
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_URL = re.compile(r"\b(?:https?|ftp)://[^\s<>\"]+|\bwww\.[^\s<>\"]+\.\w{2,}[^\s<>\"]*", re.IGNORECASE)
_DEPTH = 40


def is_document(value: object) -> bool:
    """Say whether a value is a document at all; what is inside is `check_document`'s."""
    return isinstance(value, dict) and value.get("type") == "doc" and value.get("version") == 1


def check_document(node: Any, depth: int = 0) -> bool:  # noqa: ANN401 - it is JSON
    """Say whether every node below is one that Jira takes."""
    if not isinstance(node, dict) or depth > _DEPTH:
        return False
    kind, content = node.get("type"), node.get("content", [])
    if kind == "text":
        return _is_text(node) and "content" not in node
    if not isinstance(content, list) or (kind not in _BLOCKS | _INLINE and (kind, depth) != ("doc", 0)):
        return False
    if kind == "codeBlock" and any(each.get("type") != "text" or each.get("marks") for each in content):
        return False
    if kind in _INLINE and content:
        return False
    return all(_fits(str(kind), each) and check_document(each, depth + 1) for each in content)


def _is_text(node: dict[str, Any]) -> bool:
    text, marks = node.get("text"), node.get("marks", [])
    if not isinstance(text, str) or not text or not isinstance(marks, list):
        return False
    return all(isinstance(mark, dict) and mark.get("type") in _MARKS for mark in marks)


def _fits(parent: str, child: object) -> bool:
    kind = child.get("type") if isinstance(child, dict) else None
    if parent in {"paragraph", "heading", "codeBlock", "taskItem", "decisionItem"}:
        return kind in _INLINE
    if parent in {"bulletList", "orderedList"}:
        return kind == "listItem"
    return kind not in _INLINE


def is_storable(text: str) -> bool:
    """Say whether Jira can keep a text: no control characters, no halves of a character."""
    return not _FORBIDDEN.search(text)


def utf16_length(text: str) -> int:
    """Count a text as Java does."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def document_size(document: dict[str, Any]) -> int:
    """Return how many characters of the limit a document takes."""
    return sum(
        utf16_length(node.get("text", "")) if node.get("type") == "text" else _BLOCK_COST
        for node in _nodes(document)
    )


def find_in_document(document: dict[str, Any], site: str) -> list[Found]:
    """Find everything that acts, in the order of the document; a link to a file of this site does not."""
    own = re.compile(rf"{re.escape(site)}/secure/attachment/\d+/[\w.-]+")
    return [
        found
        for node in _acting_nodes(document)
        for found in _found_in(node)
        if found.kind != "link" or not own.fullmatch(found.text)
    ]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("content", []):
        yield from _nodes(child)


def _acting_nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all but what stands in a code block."""
    yield node
    if node.get("type") != "codeBlock":
        for child in node.get("content", []):
            yield from _acting_nodes(child)


def _found_in(node: dict[str, Any]) -> Iterator[Found]:
    kind, attrs = str(node.get("type")), node.get("attrs") or {}
    if kind == "mention":
        yield Found("mention", str(attrs.get("id")))
    elif kind in _CARDS:
        yield Found("card", str(attrs.get("url") or attrs.get("data")))
    elif kind == "media" and attrs.get("type") in {"external", "link"}:
        yield Found("embed", str(attrs.get("url")))
    elif kind in _EXTENSIONS:
        yield Found("macro", str(attrs.get("extensionKey")))
    elif kind == "text":
        yield from _found_in_text(node)


def _found_in_text(node: dict[str, Any]) -> Iterator[Found]:
    marks = {mark["type"]: mark for mark in node.get("marks", [])}
    if "link" in marks:
        yield Found("link", str((marks["link"].get("attrs") or {}).get("href")))
    elif "code" not in marks:
        yield from (Found("url", match[0]) for match in _URL.finditer(node["text"]))


def document_text(document: dict[str, Any]) -> str:
    """Return a document as plain text, a line for each block."""
    lines: list[str] = []
    for node in _nodes(document):
        if node.get("type") == "text":
            lines[-1:] = [(lines[-1] if lines else "") + node["text"]]
        elif node.get("type") == "hardBreak" or node.get("type") in _BLOCKS:
            lines.append("")
    return "\n".join(line for line in lines if line)


def document_of(text: str) -> dict[str, Any]:
    """Return plain text as a document, a paragraph for each line."""
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}]} if line else {"type": "paragraph"}
        for line in text.split("\n")
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}
