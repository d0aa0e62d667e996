"""A report as a form or another program hands it in: the JSON it is written in, and the submission it makes."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import from_json

from bot.domain.language import language_of
from bot.domain.outgoing import is_address
from bot.domain.quotes import find_signature
from bot.domain.severity import read_vector
from bot.domain.submission import Attachment, Submission
from bot.domain.visible import one_line

MOST_FILES = 100
# A body with fewer colons cannot have so many names that they matter.
_MOST_NAMES, _MANY_COLONS = 100, 1000
_TITLE = 120

# What stands above each part of the text in the issue; none of these words states a severity by itself.
CAPTIONS = {
    "nl": {"steps": "Stappen", "asset": "Systeem", "category": "Categorie", "cvss": "CVSS-vector"},
    "en": {"steps": "Steps", "asset": "Asset", "category": "Category", "cvss": "CVSS vector"},
}


def _says_something(text: str) -> str:
    if not text.strip():
        raise ValueError("says nothing")
    return text


def _is_an_address(text: str) -> str:
    if not is_address(text):
        raise ValueError("is not a mail address alone, as in jan@example.org")
    return text


def _is_a_vector(text: str) -> str:
    vector = read_vector(text)
    if vector is None:
        raise ValueError("is not a CVSS vector of version 3.0, 3.1 or 4.0")
    return vector


def _is_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64 (RFC 4648, section 4)") from None
    return text


class _Part(BaseModel):
    """A part of the JSON: names that it does not know are refused, so that a slip of the pen is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FormFile(_Part):
    """One file of the report."""

    name: str = Field(default="", max_length=255, description="As the reporter calls it.")
    media_type: str = Field(default="", max_length=100, description="As the reporter's side calls it.")
    content: Annotated[str, AfterValidator(_is_base64)] = Field(
        description="The bytes in base64, without line ends.", json_schema_extra={"contentEncoding": "base64"}
    )


class FormReporter(_Part):
    """Who reports it; all of it may be left out."""

    name: str | None = Field(default=None, max_length=200)
    address: Annotated[str, AfterValidator(_is_an_address)] | None = Field(
        default=None,
        max_length=254,
        description="Where the receipt and all further notices go; without one nothing can be answered.",
    )
    language: str | None = Field(
        default=None,
        pattern=r"^[a-z]{2}$",
        description="ISO 639-1, such as `nl` or `en`; when left out, the language of the description.",
    )


class FormReport(_Part):
    """A report of a vulnerability. Only the description is required."""

    description: Annotated[str, AfterValidator(_says_something)] = Field(
        max_length=200_000, description="What was found, in the reporter's own words."
    )
    title: str | None = Field(
        default=None, max_length=300, description="In one line; when left out, the description's first."
    )
    steps: str | None = Field(default=None, max_length=200_000, description="How it is seen again.")
    asset: str | None = Field(
        default=None, max_length=500, description="The system: a URL, a host, a product."
    )
    category: str | None = Field(default=None, max_length=200, description="The kind of vulnerability.")
    cvss: Annotated[str, AfterValidator(_is_a_vector)] | None = Field(
        default=None,
        max_length=400,
        description="A vector, version 3.0, 3.1 or 4.0. It suggests a severity; a person decides.",
    )
    reporter: FormReporter | None = Field(
        default=None, description="Who reports it; never shown to the tracker."
    )
    attachments: tuple[FormFile, ...] | None = Field(
        default=None,
        max_length=MOST_FILES,
        fail_fast=True,
        description="Files; the tracker gets a safe copy where one can be made.",
    )


class TooManyNamesError(ValueError):
    """The JSON has so many names that to complain about each would take the memory of the machine."""


def read_form(body: bytes) -> FormReport:
    """Read and check the JSON of a report; pydantic's ValidationError says what is wrong and where.

    TooManyNamesError for an object with more names than any that is meant as a report.
    """
    if body.count(b":") > _MANY_COLONS and any(len(each) > _MOST_NAMES for each in _objects(body)):
        raise TooManyNamesError
    return FormReport.model_validate_json(body)


def _objects(body: bytes) -> Iterator[dict[str, object]]:
    """Yield the objects in which a report has names; what is no JSON has none."""
    try:
        whole = from_json(body)
    except ValueError:
        return
    if isinstance(whole, dict):
        files = whole.get("attachments")
        parts = [whole, whole.get("reporter"), *(files[:MOST_FILES] if isinstance(files, list) else ())]
        yield from (part for part in parts if isinstance(part, dict))


def parse_form(body: bytes, *, language: str = "en") -> Submission:
    """Understand the JSON of a report; never raises: what cannot be read is in `problems`. MemoryError passes.

    `language` is the one that the captions in the text are written in.
    """
    submission = parse_form_briefly(body, language=language)
    return replace(
        submission,
        language=submission.language or language_of(submission.new_text),
        signature=find_signature(submission.new_text),
    )


def parse_form_briefly(body: bytes, *, language: str = "en") -> Submission:
    """Do the same without anything that takes long, for a form that its reader died of."""
    try:
        form = read_form(body)
    except ValueError:
        return Submission(problems=("what the form sent is not the JSON of a report",))
    files = (
        Attachment(file.name, file.media_type, base64.b64decode(file.content))
        for file in form.attachments or ()
    )
    return replace(submission_of(form, language=language), attachments=tuple(files))


def submission_of(form: FormReport, *, language: str) -> Submission:
    """Lay out what a form says, without its files; the captions in the text are in `language`."""
    reporter = form.reporter or FormReporter()
    return Submission(
        from_address=reporter.address,
        from_name=reporter.name,
        subject=_title(form),
        text="\n\n".join(_text(form, language)),
        new_text=form.description,
        language=reporter.language,
        asset=form.asset,
        category=form.category,
        steps=form.steps,
        cvss=form.cvss,
    )


def _title(form: FormReport) -> str:
    """Give the title, else as much of the description's first line as fits, cut between words."""
    if form.title and form.title.strip():
        return one_line(form.title)
    first = next(filter(None, map(one_line, form.description.splitlines())), "")
    if len(first) <= _TITLE:
        return first
    begun = first[:_TITLE]
    return f"{begun.rpartition(' ')[0] or begun} …"


def _text(form: FormReport, language: str) -> Iterator[str]:
    """Yield the description, and what else was asked for under our own captions."""
    yield form.description
    captions = CAPTIONS[language]
    if form.steps and form.steps.strip():
        yield f"{captions['steps']}:\n{form.steps}"
    facts = (("asset", form.asset), ("category", form.category), ("cvss", form.cvss))
    if lines := [f"{captions[name]}: {one_line(value)}" for name, value in facts if value]:
        yield "\n".join(lines)
