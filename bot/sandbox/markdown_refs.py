"""What GitLab would do with a text beyond showing it: notify, cross-reference, load, draw.

Nothing inside code counts, as in GitLab's Markdown pipeline. Whether the named user, issue or label exists
is left aside, and mentions in quotes count: a text that is quiet here is quiet on every server.
Commit hashes are left out, for the sandbox has no repository.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).disable("text_join")
_MENTION = re.compile(r"(?<!\w)@[A-Za-z0-9_][\w.-]*(?:/[\w.-]+)*")
_REFERENCE = re.compile(
    r"""
      (?:[\w.-]+/)*[\w.-]*[#!&]\d+\b        # issue, merge request, epic; with or without their project
    | (?<!\w)GL-\d+\b                       # the other way to write an issue
    | ~(?:"[^"\n]+"|[\w:?.&-]*\w)           # label
    | %(?:"[^"\n]+"|\w[\w.-]*)              # milestone
    | \$\d+\b                               # snippet
    | \^alert\#\d+ | \*iteration:\S+
    | \[(?:issue|work_item|epic|vulnerability|feature_flag|contact|wiki_page|cadence):[^\]\n]+\]
    | \[\[[^\]\n]+\]\]                      # wiki page
    """,
    re.VERBOSE,
)
_URL = re.compile(r"https?://[^\s<>]+")
_OWN_PAGE = re.compile(r"https?://[^/\s]+/[\w./-]+/-/(?:issues|merge_requests|work_items)/\d+")
_OWN_UPLOAD = re.compile(r"/uploads/[0-9a-f]{32}/")
_RAW_LINE = re.compile(r"^(\[\[_TOC_\]\]|\[TOC\]|::include\{[^\n]*)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_DRAWN = frozenset({"mermaid", "math", "plantuml", "json:table", "geojson", "topojson", "stl", "glql"})

# A plain newline in front is found far faster than the start of a line.
_FENCE_LINE = re.compile(r"\n( {0,3})(`{3,}|~{3,})([^\n]*)")
_HTML_LINE = re.compile(r"^[ \t>*+.)\-0-9]*<(?!!--[^\n]*-->[ \t]*$)", re.MULTILINE)
_ANYTHING = re.compile(r"[@#!&~%$<\[*^:]|GL-")


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that GitLab would act on; `kind` is mention, reference, embed, html, diagram or toc."""

    kind: str
    text: str


def find_in_title(title: str) -> list[Found]:
    """Find mentions and references; back-ticks protect nothing, for a title is not Markdown."""
    return list(_found_in_text(title))


def find_in_markdown(text: str) -> list[Found]:
    """Find everything that acts, in the order of the text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    outside, languages = _without_plain_fences(text)
    found = [Found("diagram", language) for language in languages if language.lower() in _DRAWN]
    if not _ANYTHING.search(outside):
        return found
    for token in _MARKDOWN.parse(outside):
        found += _found_in_block(token)
    return found


def _without_plain_fences(text: str) -> tuple[str, list[str]]:
    """Take out the fenced blocks that start in the first column, with their languages.

    Markdown parsers are slow on long texts and most of a report stands in such a block. Where an indented
    fence or raw HTML could change what is a block, the text is returned whole.
    """
    text = f"\n{text}"
    kept: list[str] = []
    languages: list[str] = []
    last, fence = 0, ""
    for match in _FENCE_LINE.finditer(text):
        indent, run, rest = match.groups()
        if fence:
            if run.startswith(fence) and not rest.strip():
                fence, last = "", match.end()
            continue
        if run[0] == "`" and "`" in rest:
            continue
        if indent:
            return text, []
        kept.append(text[last : match.start()])
        languages.append((rest.split() or [""])[0])
        fence = run
    kept.append("" if fence else text[last:])
    outside = "\n\n".join(kept)
    return (text, []) if _HTML_LINE.search(outside) else (outside, languages)


def _found_in_block(token: Token) -> Iterator[Found]:
    if token.type == "fence" and token.info.strip().split(" ")[0].lower() in _DRAWN:
        yield Found("diagram", token.info.strip())
    elif token.type == "html_block":
        yield from _found_in_html(token.content)
    elif token.type == "inline":
        yield from (Found("toc", match[1]) for match in _RAW_LINE.finditer(token.content))
        yield from _found_inline(token.children or [])


def _found_inline(children: list[Token]) -> Iterator[Found]:
    text = ""
    for child in children:
        if child.type == "text_special":
            # An escaped character is only itself; an entity becomes what it stands for.
            text += "\x00" if child.info == "escape" else child.content
        elif child.type == "text":
            text += child.content
        else:
            yield from _found_in_text(text)
            text = ""
            yield from _found_in_inline_token(child)
    yield from _found_in_text(text)


def _found_in_inline_token(token: Token) -> Iterator[Found]:
    if token.type == "image":
        source = str(token.attrGet("src") or "")
        if not _OWN_UPLOAD.match(source):
            yield Found("embed", source)
        yield from _found_inline(token.children or [])
    elif token.type == "html_inline":
        yield from _found_in_html(token.content)
    elif token.type == "link_open" and _OWN_PAGE.match(str(token.attrGet("href") or "")):
        yield Found("reference", str(token.attrGet("href")))


def _found_in_html(html: str) -> Iterator[Found]:
    markup = _COMMENT.sub("", html)
    if "<" in markup:
        yield Found("html", markup.strip()[:200])
    yield from _found_in_text(_TAG.sub("\n", markup))


def _found_in_text(text: str) -> Iterator[Found]:
    for url in _URL.findall(text):
        if _OWN_PAGE.match(url):
            yield Found("reference", url)
    rest = _URL.sub(" ", text)
    yield from (Found("mention", match[0]) for match in _MENTION.finditer(rest))
    yield from (Found("reference", match[0]) for match in _REFERENCE.finditer(rest))
