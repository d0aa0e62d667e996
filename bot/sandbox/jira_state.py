"""The sandbox's Jira data; what the rows mean and which changes go together stands in `jira_actions`."""

import json
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from bot.sandbox.jira_rows import Attachment, Comment, Effect, Indexed, Issue
from bot.sandbox.row_file import RowFile

FIRST_ID = 10_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS issues (
    id INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT, number INTEGER, created_at TEXT, updated_at TEXT,
    resolved_at TEXT, type_id TEXT, status_id TEXT, resolution_id TEXT, priority_id TEXT, security_id TEXT,
    reporter_id INTEGER, assignee_id INTEGER, due_date TEXT, labels TEXT, summary TEXT, description TEXT,
    custom TEXT, UNIQUE (project, number));
CREATE TABLE IF NOT EXISTS counters (project TEXT PRIMARY KEY, number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS old_keys (key TEXT PRIMARY KEY, issue_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS comments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, issue_id INTEGER, author_id INTEGER, created_at TEXT,
    updated_at TEXT, body TEXT, visibility TEXT, internal INTEGER, properties TEXT);
CREATE INDEX IF NOT EXISTS comments_of_issue ON comments (issue_id);
CREATE TABLE IF NOT EXISTS attachments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, issue_id INTEGER, author_id INTEGER, created_at TEXT,
    secret TEXT UNIQUE, filename TEXT, mime_type TEXT, size INTEGER);
CREATE INDEX IF NOT EXISTS attachments_of_issue ON attachments (issue_id);
CREATE TABLE IF NOT EXISTS properties (
    issue_id INTEGER, key TEXT, value TEXT, PRIMARY KEY (issue_id, key));
CREATE TABLE IF NOT EXISTS effects (
    id INTEGER PRIMARY KEY, issue_id INTEGER, user_id INTEGER, created_at TEXT, kind TEXT, text TEXT,
    place TEXT, applied INTEGER);
CREATE INDEX IF NOT EXISTS effects_of_issue ON effects (issue_id);
CREATE TABLE IF NOT EXISTS search_index (
    id INTEGER PRIMARY KEY, issue_id INTEGER, from_at REAL, project TEXT, number INTEGER, status_id TEXT,
    security_id TEXT, labels TEXT, summary TEXT, created_at TEXT, updated_at TEXT);
CREATE INDEX IF NOT EXISTS index_of_issue ON search_index (issue_id, from_at);
"""


@dataclass(frozen=True, slots=True)
class Manners:
    """How this Jira was set up; changed by `POST /sandbox/jira`.

    `denied` are the bot's missing permissions, `browsers` the holders of Browse Projects (`type` and
    perhaps `parameter`), `hidden_transitions` the ids that the workflow does not offer.
    """

    index_lag_seconds: float = 0
    required_fields: tuple[str, ...] = ()
    off_screen: tuple[str, ...] = ()
    service_desk: bool = False
    denied: tuple[str, ...] = ("MODIFY_REPORTER", "ADMINISTER")
    browsers: tuple[dict[str, str], ...] = ({"type": "projectRole", "parameter": "10100"},)
    hidden_transitions: tuple[str, ...] = ()
    upload_limit: int = 10 * 1024 * 1024


class JiraState(RowFile):
    """Access to the rows; every change goes through `transaction`."""

    schema = _SCHEMA
    tables = {  # noqa: RUF012 - the type is said where it is declared
        Issue: "issues",
        Comment: "comments",
        Attachment: "attachments",
        Effect: "effects",
        Indexed: "search_index",
    }

    def __init__(self, folder: Path, deployment: str) -> None:
        """Open or create the data of a deployment (`cloud` or `datacenter`) in `folder`."""
        super().__init__(folder / f"jira-{deployment}.db")
        self.cloud = deployment == "cloud"
        # Where people open this Jira; known once it listens.
        self.site = ""
        self._files = folder / f"jira-{deployment}-files"
        self._files.mkdir(exist_ok=True)

    def furnish(self) -> Self:
        """Set what a new Jira has; ids begin where a Jira's do."""
        with self.transaction():
            self.add_fact("manners", "{}")
            for table in ("issues", "comments", "attachments"):
                self._db.execute(
                    "INSERT INTO sqlite_sequence (name, seq) SELECT ?, ?"
                    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)",
                    (table, FIRST_ID, table),
                )
        return self

    @property
    def manners(self) -> Manners:
        """How it is set up now."""
        return _manners(json.loads(self.fact("manners")))

    def set_up(self, changes: dict[str, object]) -> dict[str, Any]:
        """Change what is named and return how all stand; raises TypeError for an unknown name."""
        changed = asdict(_manners({**asdict(self.manners), **changes}))
        self.set_fact("manners", json.dumps(changed))
        return changed

    # Issues

    def issue(self, id_or_key: str) -> Issue | None:
        """Return an issue by its id, its key, or a key that it had before it moved."""
        if id_or_key.isascii() and id_or_key.isdigit():
            row = self._db.execute("SELECT * FROM issues WHERE id = ?", (id_or_key,)).fetchone()
            return _issue(row) if row else None
        project, _, number = id_or_key.upper().rpartition("-")
        row = self._db.execute(
            "SELECT * FROM issues WHERE project = ? AND number = ?", (project, number)
        ).fetchone()
        if row:
            return _issue(row)
        old = self._db.execute("SELECT issue_id FROM old_keys WHERE key = ?", (id_or_key.upper(),)).fetchone()
        return self.issue(str(old[0])) if old else None

    def issues(self, project: str) -> list[Issue]:
        """Return a project's issues, the oldest first."""
        return [
            _issue(row)
            for row in self._db.execute("SELECT * FROM issues WHERE project = ? ORDER BY id", (project,))
        ]

    def count_open(self) -> int:
        """Return how many issues of all projects are not done."""
        sql = "SELECT count(*) FROM issues WHERE resolved_at IS NULL"
        return int(self._db.execute(sql).fetchone()[0])

    def next_number(self, project: str) -> int:
        """Take the project's next number; none is ever used twice."""
        self._db.execute("INSERT OR IGNORE INTO counters VALUES (?, 0)", (project,))
        sql = "UPDATE counters SET number = number + 1 WHERE project = ? RETURNING number"
        return int(self._db.execute(sql, (project,)).fetchone()[0])

    def keep_key(self, issue: Issue) -> None:
        """Let an issue's present key lead to it for ever."""
        self._db.execute("INSERT OR REPLACE INTO old_keys VALUES (?, ?)", (issue.key, issue.id))

    # The search index

    def index(self, issue: Issue) -> None:
        """Let the search know an issue as it stands, from the end of the lag on."""
        now = time.time()
        # What a newer row that counts already has replaced is of no use.
        sql = """
            DELETE FROM search_index WHERE issue_id = ? AND from_at < (
                SELECT max(from_at) FROM search_index WHERE issue_id = ? AND from_at <= ?)
        """
        self._db.execute(sql, (issue.id, issue.id, now))
        names = {field.name for field in fields(Indexed)} - {"id", "issue_id", "from_at"}
        known = {name: getattr(issue, name) for name in names}
        self.add(Indexed(id=0, issue_id=issue.id, from_at=now + self.manners.index_lag_seconds, **known))

    def search(self, where: str, values: list[object], order: str) -> list[Issue]:
        """Return the issues whose newest row in the index fits; `where` and `order` are written by `jql`."""
        sql = f"""
            SELECT issues.* FROM search_index AS found JOIN issues ON issues.id = found.issue_id
            WHERE found.id = (
                SELECT id FROM search_index AS newest
                WHERE newest.issue_id = issues.id AND newest.from_at <= ? ORDER BY from_at DESC, id DESC LIMIT 1)
            AND ({where}) ORDER BY {order}
        """  # noqa: S608 - see above
        return [_issue(row) for row in self._db.execute(sql, (time.time(), *values))]

    # What hangs on an issue

    def comments(self, issue_id: int) -> list[Comment]:
        """Return an issue's comments, the oldest first."""
        rows = self._db.execute("SELECT * FROM comments WHERE issue_id = ? ORDER BY id", (issue_id,))
        return [_comment(row) for row in rows]

    def comment(self, comment_id: str) -> Comment | None:
        """Return a comment by its id."""
        row = self._db.execute("SELECT * FROM comments WHERE id = ?", (comment_id,)).fetchone()
        return _comment(row) if row else None

    def delete_comment(self, comment: Comment) -> None:
        """Remove a comment."""
        self._db.execute("DELETE FROM comments WHERE id = ?", (comment.id,))

    def properties(self, issue_id: int) -> dict[str, Any]:
        """Return an issue's properties."""
        rows = self._db.execute(
            "SELECT key, value FROM properties WHERE issue_id = ? ORDER BY key", (issue_id,)
        )
        return {key: json.loads(value) for key, value in rows}

    def set_property(self, issue_id: int, key: str, value: object) -> None:
        """Write a property."""
        self._db.execute(
            "INSERT OR REPLACE INTO properties VALUES (?, ?, ?)", (issue_id, key, json.dumps(value))
        )

    def delete_property(self, issue_id: int, key: str) -> None:
        """Remove a property."""
        self._db.execute("DELETE FROM properties WHERE issue_id = ? AND key = ?", (issue_id, key))

    def add_attachment(self, attachment: Attachment, content: bytes) -> Attachment:
        """Store the bytes, then the row: a row never points to nothing."""
        (self._files / attachment.secret).write_bytes(content)
        return self.add(attachment)

    def attachments(self, issue_id: int) -> list[Attachment]:
        """Return an issue's files, the oldest first."""
        rows = self._db.execute("SELECT * FROM attachments WHERE issue_id = ? ORDER BY id", (issue_id,))
        return [Attachment(*row) for row in rows]

    def attachment(self, attachment_id: str) -> Attachment | None:
        """Return a file's row."""
        row = self._db.execute("SELECT * FROM attachments WHERE id = ?", (attachment_id,)).fetchone()
        return Attachment(*row) if row else None

    def content(self, attachment: Attachment) -> bytes:
        """Return a file's bytes."""
        return (self._files / attachment.secret).read_bytes()

    def effects(self, issue_id: int | None = None) -> list[Effect]:
        """Return the effects of one issue, or all."""
        where, values = ("issue_id = ?", (issue_id,)) if issue_id else ("1", ())
        rows = self._db.execute(f"SELECT * FROM effects WHERE {where} ORDER BY id", values)  # noqa: S608 - fixed words
        return [replace(effect, applied=bool(effect.applied)) for effect in (Effect(*row) for row in rows)]

    def forget_effects(self) -> None:
        """Empty the list of effects."""
        self._db.execute("DELETE FROM effects")


def _manners(values: dict[str, Any]) -> Manners:
    frozen: dict[str, Any] = {
        key: tuple(each) if isinstance(each, list) else each for key, each in values.items()
    }
    return Manners(**frozen)


def _issue(row: tuple[Any, ...]) -> Issue:
    values = dict(zip((field.name for field in fields(Issue)), row, strict=True))
    return Issue(
        **{**values, "labels": tuple(json.loads(values["labels"])), "custom": json.loads(values["custom"])}
    )


def _comment(row: tuple[Any, ...]) -> Comment:
    comment = Comment(*row)
    return replace(comment, internal=bool(comment.internal), properties=json.loads(str(comment.properties)))
