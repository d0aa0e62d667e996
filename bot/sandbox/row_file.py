"""One SQLite file that holds a stand-in's rows and survives a kill at any moment."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

_Row = TypeVar("_Row", bound=Any)
_FACTS = "CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);"


def column(value: object) -> object:
    """Return what stands in the column for a value of a row: tuples and tables as JSON."""
    return json.dumps(value) if isinstance(value, tuple | dict) else value


class RowFile:
    """Access to the rows; every change goes through `transaction`.

    A kind of row is a frozen dataclass with an `id`; `tables` says where each kind is kept.
    """

    schema: ClassVar[str]
    tables: ClassVar[Mapping[type, str]]

    def __init__(self, path: Path) -> None:
        """Open or create the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing this way; only a power cut could.
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(_FACTS + self.schema)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen together or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def fact(self, key: str) -> str:
        """Return one of the single values."""
        return str(self._db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()[0])

    def set_fact(self, key: str, value: str) -> None:
        """Change one of the single values."""
        self._db.execute("UPDATE facts SET value = ? WHERE key = ?", (value, key))

    def add_fact(self, key: str, value: str) -> None:
        """Set a single value that is not there yet."""
        self._db.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (key, value))

    def add(self, row: _Row) -> _Row:
        """Insert a row, whatever its `id` says, and return it with its real one."""
        names = [field.name for field in fields(row) if field.name != "id"]
        marks = ", ".join("?" * len(names))
        sql = f"INSERT INTO {self.tables[type(row)]} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
        cursor = self._db.execute(sql, [column(getattr(row, name)) for name in names])
        added: _Row = replace(row, id=cursor.lastrowid or 0)
        return added

    def change(self, row: _Row) -> None:
        """Write a row back."""
        names = [field.name for field in fields(row) if field.name != "id"]
        changes = ", ".join(f"{name} = ?" for name in names)
        values = [column(getattr(row, name)) for name in names]
        sql = f"UPDATE {self.tables[type(row)]} SET {changes} WHERE id = ?"  # noqa: S608 - our own names
        self._db.execute(sql, (*values, row.id))
