"""The values that the sandbox's Jira keeps; times are ISO 8601 in UTC, dates are plain dates.

A rich text is kept as JSON: a string is wiki markup, an object is an Atlassian document (ADF).
"""

from dataclasses import dataclass

# The accounts that the sandbox itself speaks of: the bot, and the person on the pages.
BOT, TESS = 1, 2


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as it stands; `number` is the part of its key after the project's."""

    id: int
    project: str
    number: int
    created_at: str
    updated_at: str
    resolved_at: str | None
    type_id: str
    status_id: str
    resolution_id: str | None
    priority_id: str
    security_id: str | None
    reporter_id: int
    assignee_id: int | None
    due_date: str | None
    labels: tuple[str, ...]
    summary: str
    description: str | None
    custom: dict[str, object]

    @property
    def key(self) -> str:
        """The name that people use; it changes when the issue moves."""
        return f"{self.project}-{self.number}"


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; `visibility` is a JSON object or None, `internal` is what the service desk makes of it."""

    id: int
    issue_id: int
    author_id: int
    created_at: str
    updated_at: str
    body: str
    visibility: str | None
    internal: bool
    properties: dict[str, object]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of an issue; its bytes lie under its secret."""

    id: int
    issue_id: int
    author_id: int
    created_at: str
    secret: str
    filename: str
    mime_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Effect:
    """Something a text or a change set in motion; `place` is description, `comment N`, summary or issue."""

    id: int
    issue_id: int
    user_id: int
    created_at: str
    kind: str
    text: str
    place: str
    applied: bool


@dataclass(frozen=True, slots=True)
class Indexed:
    """What the search index knows of an issue from a time on (seconds since 1970)."""

    id: int
    issue_id: int
    from_at: float
    project: str
    number: int
    status_id: str
    security_id: str | None
    labels: tuple[str, ...]
    summary: str
    created_at: str
    updated_at: str
