"""What a notice to the reporter needs to know, and in which languages it goes out."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

DUTCH, ENGLISH = "nl", "en"


class NoticeKind(StrEnum):
    """The kinds of notice; each has a folder in bot/templates/notices."""

    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """Everything a template may name; no text of the report and no name of the reporter among it.

    `received_at` carries an offset; `zone` is the desk's own, in which it is written out.
    `answer_due_on` is the last day on which a person's first response is in time (policy promise P3).
    """

    reference: str
    received_at: datetime
    answer_due_on: date
    organisation: str
    team_name: str
    policy_url: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice in words, in one language or in several after each other."""

    subject: str
    body: str
    languages: tuple[str, ...]


def languages_for(language: str | None) -> tuple[str, ...]:
    """Return the languages of a notice for a report in `language` (ISO 639-1, None when unsure).

    Dutch gets Dutch, any other language English; unsure gets both in one mail.
    """
    if language is None:
        return (DUTCH, ENGLISH)
    return (DUTCH,) if language.lower().split("-")[0] == DUTCH else (ENGLISH,)
