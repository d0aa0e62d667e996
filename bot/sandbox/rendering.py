"""Hostile Markdown and times made fit for a page."""

import re
from datetime import UTC, date, datetime
from typing import Any

import nh3
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from bot.sandbox.label_colours import colour_of, text_colour_on

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_TAGS = frozenset(
    """
    a blockquote br code del details em h1 h2 h3 h4 h5 h6 hr img li ol p pre s strong summary table tbody
    td th thead tr ul
    """.split()  # noqa: SIM905 - a table of words, not one of quotes
)
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
_DUTCH = re.compile(r"\b(?:de|het|een|en|u|uw|wij|niet|bedankt|melding|ontvangen)\b", re.IGNORECASE)
_ENGLISH = re.compile(r"\b(?:the|a|and|you|your|we|not|thank|report|received)\b", re.IGNORECASE)


def render_markdown(text: str) -> Markup:
    """Return Markdown as safe HTML."""
    return clean_html(_MARKDOWN.render(text))


def clean_html(dirty: str) -> Markup:
    """Return safe HTML: known tags only, and no image that is not one of our own uploads."""
    html = nh3.clean(
        dirty,
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        attribute_filter=_own_images,
        url_schemes={"http", "https", "mailto"},
    )
    return Markup(html)  # noqa: S704 - nh3 has just cleaned it


def _own_images(tag: str, attribute: str, value: str) -> str | None:
    foreign = tag == "img" and attribute == "src" and not value.startswith("/uploads/")
    return None if foreign else value


def guess_language(text: str) -> str:
    """Return `nl` or `en`, whichever has more of its small words; for the lang attribute only."""
    return "nl" if len(_DUTCH.findall(text)) > len(_ENGLISH.findall(text)) else "en"


def write_day(text: str) -> str:
    """Write an ISO date or time as people say it: Wed 25 Nov 2026."""
    day = date.fromisoformat(text[: len("2026-11-25")])
    return f"{day:%a} {day.day} {day:%b %Y}"


def write_time(text: str) -> str:
    """Write an ISO time as a day and a clock time in UTC."""
    return f"{write_day(text)}, {text[11:16]} UTC"


def due_class(due_on: str) -> str:
    """Return how near a due date is: late, today or ahead."""
    today = datetime.now(UTC).date().isoformat()
    return "late" if due_on < today else "today" if due_on == today else "ahead"


def write_size(size: int) -> str:
    """Write a number of bytes in the unit that suits it."""
    kilobyte = 1000
    return f"{size} bytes" if size < kilobyte else f"{size / kilobyte:.0f} kB"


def build_pages() -> Environment:
    """Return the templates; an undefined name is an error."""
    pages = Environment(
        loader=PackageLoader("bot.sandbox", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "markdown": render_markdown,
        "day": write_day,
        "moment": write_time,
        "due_class": due_class,
        "size": write_size,
        "colour": colour_of,
        "ink": lambda name: text_colour_on(colour_of(name)),
        "language": guess_language,
    }
    pages.filters.update(filters)
    return pages
