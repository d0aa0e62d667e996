"""The values that the sandbox's GitLab keeps; times are ISO 8601 in UTC, dates are plain dates."""

from dataclasses import dataclass

# GitLab's own numbers (docs.gitlab.com, "Roles and permissions").
NO_ACCESS, REPORTER = 0, 20
# The accounts that the sandbox itself speaks of: the bot, and the person on the pages.
BOT, TESS = 2, 3


@dataclass(frozen=True, slots=True)
class User:
    """An account; `access_level` is the role in every project, save where a project says less for the bot."""

    id: int
    username: str
    name: str
    access_level: int


@dataclass(frozen=True, slots=True)
class Project:
    """A project; `access_level` is the bot's role there."""

    id: int
    path: str
    visibility: str
    issues_access_level: str
    access_level: int


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a project."""

    id: int
    project_id: int
    name: str
    color: str
    description: str | None


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as it stands; times are ISO 8601 in UTC, `due_date` is a plain date."""

    id: int
    project_id: int
    iid: int
    title: str
    state: str
    created_at: str
    updated_at: str
    closed_at: str | None
    due_date: str | None
    confidential: bool
    issue_type: str
    author_id: int
    locked: bool
    assignee_ids: tuple[int, ...]
    labels: tuple[str, ...]
    description: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """A comment, or what GitLab itself wrote (`system`)."""

    id: int
    issue_id: int
    author_id: int
    system: bool
    internal: bool
    created_at: str
    updated_at: str
    body: str


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a label (`action` add or remove) or of the state (`action` closed or reopened)."""

    id: int
    issue_id: int
    user_id: int
    created_at: str
    kind: str
    action: str
    label: str | None


@dataclass(frozen=True, slots=True)
class Effect:
    """Something a text set in motion; `place` is title, description or `note N`."""

    id: int
    issue_id: int
    user_id: int
    created_at: str
    kind: str
    text: str
    place: str
    applied: bool


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was uploaded; its bytes lie under its secret."""

    id: int
    project_id: int
    user_id: int
    created_at: str
    secret: str
    filename: str
    size: int
