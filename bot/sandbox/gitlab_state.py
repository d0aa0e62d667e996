"""The sandbox's GitLab data: one SQLite file that survives a kill at any moment.

Rows are values; what they mean and which changes go together stands in `gitlab_actions`.
"""

import json
from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import Any, Self

from bot.sandbox.clock import now
from bot.sandbox.gitlab_rows import (
    REPORTER,
    Effect,
    Event,
    Issue,
    Label,
    Note,
    Project,
    Upload,
    User,
)
from bot.sandbox.row_file import RowFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY, username TEXT UNIQUE, name TEXT, access_level INTEGER);
CREATE TABLE IF NOT EXISTS projects (
    id INTEGER PRIMARY KEY, path TEXT UNIQUE, visibility TEXT, issues_access_level TEXT,
    access_level INTEGER);
CREATE TABLE IF NOT EXISTS labels (
    id INTEGER PRIMARY KEY, project_id INTEGER, name TEXT, color TEXT, description TEXT,
    UNIQUE (project_id, name));
CREATE TABLE IF NOT EXISTS issues (
    id INTEGER PRIMARY KEY, project_id INTEGER, iid INTEGER, title TEXT, state TEXT, created_at TEXT,
    updated_at TEXT, closed_at TEXT, due_date TEXT, confidential INTEGER, issue_type TEXT, author_id INTEGER,
    locked INTEGER, assignee_ids TEXT, labels TEXT, description TEXT, UNIQUE (project_id, iid));
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY, issue_id INTEGER, author_id INTEGER, system INTEGER, internal INTEGER,
    created_at TEXT, updated_at TEXT, body TEXT);
CREATE INDEX IF NOT EXISTS notes_of_issue ON notes (issue_id);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, issue_id INTEGER, user_id INTEGER, created_at TEXT, kind TEXT, action TEXT,
    label TEXT);
CREATE INDEX IF NOT EXISTS events_of_issue ON events (issue_id, kind);
CREATE TABLE IF NOT EXISTS effects (
    id INTEGER PRIMARY KEY, issue_id INTEGER, user_id INTEGER, created_at TEXT, kind TEXT, text TEXT,
    place TEXT, applied INTEGER);
CREATE INDEX IF NOT EXISTS effects_of_issue ON effects (issue_id);
CREATE TABLE IF NOT EXISTS uploads (
    id INTEGER PRIMARY KEY, project_id INTEGER, user_id INTEGER, created_at TEXT, secret TEXT UNIQUE,
    filename TEXT, size INTEGER);
"""


_PEOPLE = (
    User(1, "root", "Administrator", 50),
    User(2, "project_1_bot", "Meldpunt bot", REPORTER),
    User(3, "tess", "Tess Team", 30),
    User(4, "noor", "Noor Lead", 40),
)


class GitLabState(RowFile):
    """Access to the rows; every change goes through `transaction`."""

    schema = _SCHEMA
    tables = {  # noqa: RUF012 - the type is said where it is declared
        Issue: "issues",
        Note: "notes",
        Event: "events",
        Effect: "effects",
        Upload: "uploads",
        Label: "labels",
    }

    def __init__(self, folder: Path) -> None:
        """Open or create the data in `folder`."""
        super().__init__(folder / "gitlab.db")
        self.uploads_folder = folder / "uploads"
        self.uploads_folder.mkdir(exist_ok=True)

    def furnish(self, project: str, token_expires_on: str) -> Self:
        """Add the people, the projects (two private, one public, one internal) and the token's last day."""
        with self.transaction():
            for user in _PEOPLE:
                self._db.execute("INSERT OR IGNORE INTO users VALUES (?, ?, ?, ?)", astuple(user))
            for path, visibility in (
                (project, "private"),
                ("security/public", "public"),
                ("security/internal", "internal"),
                ("security/platform", "private"),
            ):
                self._db.execute(
                    "INSERT OR IGNORE INTO projects (path, visibility, issues_access_level, access_level)"
                    " VALUES (?, ?, 'enabled', ?)",
                    (path, visibility, REPORTER),
                )
            for key, value in (("token_expires_on", token_expires_on), ("started_at", now())):
                self.add_fact(key, value)
        return self

    # People and projects

    def users(self) -> list[User]:
        """Return all accounts."""
        return [User(*row) for row in self._db.execute("SELECT * FROM users ORDER BY id")]

    def user(self, user_id: int) -> User:
        """Return an account that must exist."""
        return User(*self._db.execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone())

    def user_named(self, username: str) -> User | None:
        """Return the account of that name, without its @."""
        row = self._db.execute("SELECT * FROM users WHERE username = ?", (username.lower(),)).fetchone()
        return User(*row) if row else None

    def projects(self) -> list[Project]:
        """Return all projects."""
        return [Project(*row) for row in self._db.execute("SELECT * FROM projects ORDER BY id")]

    def project(self, key: str | int) -> Project | None:
        """Return a project by its number or its path."""
        text = str(key)
        column = "id" if text.isascii() and text.isdigit() else "path"
        row = self._db.execute(f"SELECT * FROM projects WHERE {column} = ?", (text,)).fetchone()  # noqa: S608 - one of two fixed names
        return Project(*row) if row else None

    def change_project(self, project: Project) -> None:
        """Write a project back."""
        self._db.execute(
            "UPDATE projects SET visibility = ?, issues_access_level = ?, access_level = ? WHERE id = ?",
            (project.visibility, project.issues_access_level, project.access_level, project.id),
        )

    # Labels

    def labels(self, project_id: int) -> list[Label]:
        """Return a project's labels by name."""
        rows = self._db.execute("SELECT * FROM labels WHERE project_id = ? ORDER BY name", (project_id,))
        return [Label(*row) for row in rows]

    def label(self, project_id: int, name: str) -> Label | None:
        """Return a label by its exact name."""
        row = self._db.execute(
            "SELECT * FROM labels WHERE project_id = ? AND name = ?", (project_id, name)
        ).fetchone()
        return Label(*row) if row else None

    def add_label(self, project_id: int, name: str, color: str, description: str | None) -> None:
        """Add a label if it is not there yet."""
        self._db.execute(
            "INSERT OR IGNORE INTO labels (project_id, name, color, description) VALUES (?, ?, ?, ?)",
            (project_id, name, color, description),
        )

    # Issues and what hangs on them

    def issue(self, project_id: int, iid: int) -> Issue | None:
        """Return an issue by the number that people see."""
        row = self._db.execute(
            "SELECT * FROM issues WHERE project_id = ? AND iid = ?", (project_id, iid)
        ).fetchone()
        return _issue(row) if row else None

    def issue_by_id(self, issue_id: int) -> Issue:
        """Return an issue that must exist, by its global number."""
        return _issue(self._db.execute("SELECT * FROM issues WHERE id = ?", (issue_id,)).fetchone())

    def find_issues(self, where: str, values: list[object], order: str, page: int, size: int) -> list[Issue]:
        """Return one page; `where` and `order` are written by `gitlab_lists`, never by a caller outside."""
        sql = f"SELECT * FROM issues WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608 - see above
        return [_issue(row) for row in self._db.execute(sql, (*values, size, (page - 1) * size))]

    def count_issues(self, where: str, values: list[object]) -> int:
        """Return how many issues all pages hold."""
        sql = f"SELECT count(*) FROM issues WHERE {where}"  # noqa: S608 - as in find_issues
        return int(self._db.execute(sql, values).fetchone()[0])

    def next_iid(self, project_id: int) -> int:
        """Return the number of the project's next issue."""
        row = self._db.execute("SELECT max(iid) FROM issues WHERE project_id = ?", (project_id,)).fetchone()
        return int(row[0] or 0) + 1

    def notes(self, issue_id: int) -> list[Note]:
        """Return an issue's notes, the oldest first."""
        rows = self._db.execute("SELECT * FROM notes WHERE issue_id = ? ORDER BY id", (issue_id,))
        return [_note(row) for row in rows]

    def count_notes(self, issue_id: int) -> int:
        """Return how many notes people and bots wrote."""
        sql = "SELECT count(*) FROM notes WHERE issue_id = ? AND NOT system"
        return int(self._db.execute(sql, (issue_id,)).fetchone()[0])

    def change_note(self, note: Note) -> None:
        """Write a note's body back."""
        sql = "UPDATE notes SET body = ?, updated_at = ? WHERE id = ?"
        self._db.execute(sql, (note.body, note.updated_at, note.id))

    def events(self, issue_id: int, kind: str) -> list[Event]:
        """Return an issue's events of kind `label` or `state`, the oldest first."""
        sql = "SELECT * FROM events WHERE issue_id = ? AND kind = ? ORDER BY id"
        return [Event(*row) for row in self._db.execute(sql, (issue_id, kind))]

    def effects(self, issue_id: int | None = None) -> list[Effect]:
        """Return the effects of one issue, or all."""
        where, values = ("issue_id = ?", (issue_id,)) if issue_id else ("1", ())
        rows = self._db.execute(f"SELECT * FROM effects WHERE {where} ORDER BY id", values)  # noqa: S608 - fixed words
        return [_effect(row) for row in rows]

    def forget_effects(self) -> None:
        """Empty the list of effects."""
        self._db.execute("DELETE FROM effects")

    # Uploads

    def add_upload(self, upload: Upload, content: bytes) -> Upload:
        """Store the bytes, then the row: a row never points to nothing."""
        (self.uploads_folder / upload.secret).write_bytes(content)
        return self.add(upload)

    def uploads(self, project_id: int) -> list[Upload]:
        """Return a project's uploads, the newest first as GitLab lists them."""
        sql = "SELECT * FROM uploads WHERE project_id = ? ORDER BY id DESC"
        return [Upload(*row) for row in self._db.execute(sql, (project_id,))]

    def upload(self, secret: str) -> tuple[Upload, bytes] | None:
        """Return an upload and its bytes."""
        row = self._db.execute("SELECT * FROM uploads WHERE secret = ?", (secret,)).fetchone()
        if not row:
            return None
        upload = Upload(*row)
        return upload, (self.uploads_folder / upload.secret).read_bytes()


def _issue(row: tuple[Any, ...]) -> Issue:
    values = dict(zip((field.name for field in fields(Issue)), row, strict=True))
    values["confidential"], values["locked"] = bool(values["confidential"]), bool(values["locked"])
    values["assignee_ids"] = tuple(json.loads(values["assignee_ids"]))
    values["labels"] = tuple(json.loads(values["labels"]))
    return Issue(**values)


def _note(row: tuple[Any, ...]) -> Note:
    note = Note(*row)
    return replace(note, system=bool(note.system), internal=bool(note.internal))


def _effect(row: tuple[Any, ...]) -> Effect:
    effect = Effect(*row)
    return replace(effect, applied=bool(effect.applied))
