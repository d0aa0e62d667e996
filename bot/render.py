"""Words for people: notices from the templates in bot/templates, strict about every fact.

A template holds one paragraph a line; lines are wrapped here, after the facts are filled in.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from functools import cache
from pathlib import Path
from textwrap import fill

from babel.dates import format_date, format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from bot.domain.notices import DUTCH, ENGLISH, Notice, NoticeFacts, NoticeKind
from bot.errors import PermanentError

_WIDTH = 72
_LOCALES = {DUTCH: "nl_NL", ENGLISH: "en_GB"}
_DAY = "EEEE d MMMM y"
_MOMENTS = {DUTCH: f"{_DAY} 'om' HH:mm (OOOO)", ENGLISH: f"{_DAY} 'at' HH:mm (OOOO)"}
_BOTH = "(English text below the line.)\n\n"
_LINE = "\n" + "-" * _WIDTH + "\n\n"
# Control characters, and those that reverse or hide text.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def draft_notice(kind: NoticeKind, languages: Sequence[str], facts: NoticeFacts) -> Notice:
    """Return the notice in `languages`, the second below a line under the first.

    Every subject begins with the reference and says nothing of the finding. A fact that is absent, blank
    or unprintable is a PermanentError, never a gap in the text.
    """
    known = _check_facts(kind, facts)
    subjects = [_fill_in(kind, language, "subject", known) for language in languages]
    bodies = [_wrap(_fill_in(kind, language, "body", known)) for language in languages]
    return Notice(
        subject=f"[{facts.reference}] " + " / ".join(" ".join(subject.split()) for subject in subjects),
        body=(_BOTH if len(bodies) > 1 else "") + _LINE.join(bodies),
        languages=tuple(languages),
    )


def _check_facts(kind: NoticeKind, facts: NoticeFacts) -> dict[str, object]:
    """Return the facts by name, the time of receipt in the desk's own zone."""
    known = {each.name: getattr(facts, each.name) for each in fields(facts)}
    for name, value in known.items():
        if value is None or not str(value).strip():
            raise PermanentError(f"The notice {kind} lacks the fact {name}")
        if _UNPRINTABLE.search(str(value)):
            raise PermanentError(
                f"The fact {name} of the notice {kind} holds characters that cannot be printed"
            )
    if facts.received_at.utcoffset() is None:
        raise PermanentError(f"The fact received_at of the notice {kind} lacks its offset")
    return known | {"received_at": facts.received_at.astimezone(facts.zone)}


def _fill_in(kind: NoticeKind, language: str, part: str, known: Mapping[str, object]) -> str:
    name = f"notices/{kind}/{language}.{part}.txt"
    spelled = {fact: _spell(value, language) for fact, value in known.items()}
    try:
        return _templates().get_template(name).render(spelled)
    except TemplateError as error:
        raise PermanentError(f"The template {name} cannot be filled in: {error.message}") from error


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        auto_reload=False,
        autoescape=False,  # noqa: S701 - plain text, in which `&amp;` would be wrong
    )


def _spell(value: object, language: str) -> str:
    """Return `dinsdag 24 november 2026 om 09:12 (GMT+01:00)`, `woensdag 25 november 2026`, or the text."""
    if isinstance(value, datetime):
        return format_datetime(value, _MOMENTS[language], locale=_LOCALES[language])
    if isinstance(value, date):
        return format_date(value, _DAY, locale=_LOCALES[language])
    return str(value)


def _wrap(text: str) -> str:
    """Return `text` with each paragraph wrapped, list items hanging, web addresses whole."""
    return (
        "\n".join(
            fill(
                line,
                _WIDTH,
                subsequent_indent="  " if line.startswith("- ") else "",
                break_long_words=False,
                break_on_hyphens=False,
            )
            for line in text.strip().splitlines()
        )
        + "\n"
    )
