"""Jira's rich texts made fit for a page: the little of wiki markup and of documents that a desk uses."""

import json
import re
from collections.abc import Callable
from html import escape
from typing import Any

from markupsafe import Markup

from bot.sandbox.rendering import clean_html
from bot.sandbox.wiki_markup import Part, split_wiki

_FILE = re.compile(r"https?://[^/\s]+/secure/attachment/(\d+)/")
_BULLET = re.compile(r"[*-] (.+)")
_HEADING = re.compile(r"h([1-6])\. (.+)")
_ESCAPED = re.compile(r"\\([^\w\s])")
_MARKS = {"strong": "strong", "em": "em", "code": "code", "strike": "del"}
_BLOCKS = {
    "doc": "div",
    "paragraph": "p",
    "bulletList": "ul",
    "orderedList": "ol",
    "listItem": "li",
    "blockquote": "blockquote",
    "panel": "blockquote",
    "table": "table",
    "tableRow": "tr",
    "tableCell": "td",
    "tableHeader": "th",
    "codeBlock": "code",
    "heading": "h3",
}


def render_rich_text(kept: str, files: dict[str, int]) -> Markup:
    """Return a kept rich text as safe HTML; `files` are the numbers of the issue's files by name."""
    value = json.loads(kept)
    return clean_html(_wiki(value, files) if isinstance(value, str) else _node(value))


def _node(node: dict[str, Any]) -> str:
    kind, attrs = str(node.get("type")), node.get("attrs") or {}
    if kind in {"hardBreak", "rule"}:
        return "<br>" if kind == "hardBreak" else "<hr>"
    if kind == "mention":
        return f"<strong>@{escape(str(attrs.get('text') or attrs.get('id')))}</strong>"
    if kind in {"inlineCard", "blockCard", "embedCard"}:
        return _link(str(attrs.get("url")), escape(str(attrs.get("url"))))
    inside = _text(node) if kind == "text" else "".join(_node(each) for each in node.get("content", []))
    tag = _BLOCKS.get(kind)
    html = f"<{tag}>{inside}</{tag}>" if tag else inside
    return f"<pre>{html}</pre>" if kind == "codeBlock" else html


def _text(node: dict[str, Any]) -> str:
    html = escape(node["text"])
    for mark in node.get("marks", []):
        tag = _MARKS.get(mark["type"])
        html = f"<{tag}>{html}</{tag}>" if tag else html
        if mark["type"] == "link":
            html = _link(str((mark.get("attrs") or {}).get("href")), html)
    return html


def _link(url: str, html: str) -> str:
    own = _FILE.match(url)
    return f'<a href="{escape(f"/jira/files/{own[1]}" if own else url)}">{html}</a>'


def _wiki(text: str, files: dict[str, int]) -> str:
    return "".join(_part(part, files) for part in split_wiki(text))


def _part(part: Part, files: dict[str, int]) -> str:
    if part.macro:
        # The line ends beside the tags are not shown, as in Jira.
        return f"<pre><code>{escape(part.text.strip(chr(10)))}</code></pre>"
    if part.tag:
        return f"<code>{escape(part.text)}</code>"
    blocks = (block.strip("\n") for block in re.split(r"\n{2,}", part.text))
    return "".join(_block(block.split("\n"), files) for block in blocks if block.strip())


def _block(lines: list[str], files: dict[str, int]) -> str:
    bullets = [_BULLET.fullmatch(line) for line in lines]
    if all(bullets):
        return f"<ul>{''.join(f'<li>{_line(match[1], files)}</li>' for match in bullets if match)}</ul>"
    heading = _HEADING.fullmatch(lines[0])
    if heading and len(lines) == 1:
        return f"<h3>{_line(heading[2], files)}</h3>"
    return f"<p>{'<br>'.join(_line(line, files) for line in lines)}</p>"


def _line(text: str, files: dict[str, int]) -> str:
    kept: list[str] = []

    def keep(html: str) -> str:
        kept.append(html)
        return f"\x00{len(kept) - 1}\x00"

    # What is escaped or already HTML is put aside until the rest has been read.
    rest = _ESCAPED.sub(lambda match: keep(escape(match[1])), text.replace("\x00", ""))
    for pattern, write in _writers(files):
        rest = pattern.sub(lambda match, write=write: keep(write(match)), rest)  # type: ignore[misc]  # the loop's own
    html = re.sub(r"(?<!\w)\*([^*]+)\*(?!\w)", r"<strong>\1</strong>", escape(rest))
    for _ in range(2):
        html = re.sub(r"\x00(\d+)\x00", lambda match: kept[int(match[1])], html)
    return html


def _writers(files: dict[str, int]) -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    return [
        (re.compile(r"\[\^([^\]\n]+)\]"), lambda match: _file(match[1], files)),
        (re.compile(r"\[([^\[\]|\n]+)\|([^\[\]|\n]+)\]"), lambda match: _link(match[2], escape(match[1]))),
        (re.compile(r"\{\{(.+?)\}\}"), lambda match: f"<code>{escape(match[1])}</code>"),
        (re.compile(r"\bhttps?://[^\s\x00\"<>\]|]+"), lambda match: _link(match[0], escape(match[0]))),
    ]


def _file(name: str, files: dict[str, int]) -> str:
    return (
        f'<a href="/jira/files/{files[name]}">{escape(name)}</a>' if name in files else escape(f"[^{name}]")
    )
