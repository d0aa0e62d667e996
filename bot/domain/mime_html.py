"""HTML mail to plain text: quotes get their `>`, links keep their address, nothing is fetched."""

import binascii
import re
from collections.abc import Iterator
from html import unescape
from itertools import islice

from inscriptis.css_profiles import STRICT_CSS_PROFILE  # type: ignore[import-untyped]
from inscriptis.html_engine import Inscriptis  # type: ignore[import-untyped]
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]
from lxml import etree, html  # type: ignore[import-untyped]
from lxml.html import HtmlElement  # type: ignore[import-untyped]

DATA_URI = re.compile(r"data:(image/[\w.+-]{1,40});base64,([A-Za-z0-9+/=\s]*)", re.IGNORECASE)
# Sizes in other styles and attributes could ask for endless spaces.
KEPT_STYLES = re.compile(r"display\s*:\s*none|white-space\s*:\s*pre[\w-]*", re.IGNORECASE)
LINK = re.compile(r"(?:https?|ftp)://\S{1,2000}", re.IGNORECASE)
TABLE_LIMIT = 20_000_000
UNREAD_TAGS = {"script", "style", "head", "title", "template"}
TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,20})(?![A-Za-z0-9])[^<>]*>")
BLOCK_TAGS = {"p", "div", "br", "tr", "li", "ul", "ol", "table", "pre", "h1", "h2", "h3", "blockquote"}


def html_to_text(source: str) -> tuple[str, str | None]:
    """Give the text of an HTML document as a reader sees it; the second value is the problem."""
    source = DATA_URI.sub("data:,", source)
    tree = _tree(source)
    if tree is None:
        return "", None
    try:
        _show_links(tree)
        if not _is_too_wide(tree):
            _mark_quotes(tree)
            return _rendered(tree), None
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError, AssertionError):
        pass  # markup that the renderer does not foresee
    return _stripped(source), "an HTML text was read without its layout"


def inline_pictures(source: str) -> Iterator[tuple[str, bytes]]:
    """Yield media type and bytes of each picture that stands in the HTML itself as a data URI."""
    for match in DATA_URI.finditer(source):
        try:
            yield match[1].lower(), binascii.a2b_base64(match[2])
        except binascii.Error:
            continue


def _tree(source: str) -> HtmlElement | None:
    # huge_tree: without it everything below 256 levels is lost without a word.
    parser = html.HTMLParser(huge_tree=True, encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, ValueError):
        return None
    for element in tree.iter():
        if styles := KEPT_STYLES.findall(element.attrib.pop("style", "")):
            element.set("style", "; ".join(styles))
    return tree


def _rendered(tree: HtmlElement) -> str:
    # The relaxed profile puts spaces around each span, which spoils code and addresses.
    return str(Inscriptis(tree, ParserConfig(css=STRICT_CSS_PROFILE)).get_text())


def _is_too_wide(tree: HtmlElement) -> bool:
    """Whether a table would take endless spaces: each cell is padded to the widest line of its column."""
    cells = sum(1 for _ in tree.iter("td", "th"))
    return cells > 0 and cells * max(map(len, tree.itertext()), default=0) > TABLE_LIMIT


def _show_links(tree: HtmlElement) -> None:
    for anchor in tree.iter("a"):
        address = (anchor.get("href") or "").strip()
        shown = "".join(islice(anchor.itertext(), 20))
        if LINK.fullmatch(address) and address.rstrip("/") not in shown:
            anchor.tail = f" <{address}>{anchor.tail or ''}"


def _mark_quotes(tree: HtmlElement) -> None:
    for quote in list(_outermost_quotes(tree)):
        tail, quote.tail = quote.tail, None
        marked = etree.Element("pre")
        marked.text = "".join(f"> {line.rstrip()}\n" for line in _rendered(quote).strip("\n").split("\n"))
        marked.tail = tail
        quote.getparent().replace(quote, marked)


def _outermost_quotes(tree: HtmlElement) -> Iterator[HtmlElement]:
    depth = 0
    for event, quote in etree.iterwalk(tree, events=("start", "end"), tag="blockquote"):
        if event == "start" and depth == 0:
            yield quote
        depth += 1 if event == "start" else -1


def _stripped(source: str) -> str:
    """Give the bare text without a tree; for markup too deep or too wide to be laid out."""
    pieces: list[str] = []
    unread = ""
    text, *tokens = TAG.split(source)
    pieces.append(text)
    for closing, tag, following in zip(tokens[::3], tokens[1::3], tokens[2::3], strict=True):
        name = tag.lower()
        if not unread and not closing and name in UNREAD_TAGS:
            unread = name
        elif unread == name and closing:
            unread = ""
        if name in BLOCK_TAGS:
            pieces.append("\n")
        if not unread:
            pieces.append(following)
    return unescape("".join(pieces))
