"""What is particular about SQLite: how its files are opened, and what its complaints mean."""

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from bot.errors import MeldpuntError, PermanentError, StoreAwayError, StoreBrokenError

_TRANSIENT = {
    "BUSY": "is locked by another process",
    "LOCKED": "is locked by another process",
    "FULL": "cannot grow: the disk is full",
    "IOERR": "cannot be read or written: the disk reports an error or is full",
    "PROTOCOL": "is locked by another process",
    "NOMEM": "had no memory left for this",
    "SCHEMA": "was changed by another process",
}
_PERMANENT = {
    "CANTOPEN": "cannot be opened: its folder must exist and belong to this user",
    "READONLY": "is read-only: this user must be allowed to write the file and its folder",
    "PERM": "may not be opened by this user",
    "NOTADB": "is not a database of this bot, or it is damaged",
    "CORRUPT": "is damaged: stop the bot and restore the last backup",
}


def prepare(engine: Engine, *, patience: float, forgetful: bool) -> None:
    """Set up each connection, and let each transaction take the lock for writing when it begins."""
    pragmas = (
        f"busy_timeout = {patience * 1000:.0f}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "journal_size_limit = 67108864",
        f"secure_delete = {'ON' if forgetful else 'OFF'}",
    )

    def set_up(raw: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's own connection
        raw.isolation_level = None
        for pragma in pragmas:
            raw.execute(f"PRAGMA {pragma}").close()

    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later could find the lock taken in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)


def translate(where: str, fault: sqlite3.Error) -> MeldpuntError:
    """Turn SQLite's exception into ours; its own words are kept for a broken rule, where they name columns only."""
    if isinstance(fault, sqlite3.IntegrityError):
        return PermanentError(f"database {where} refused what breaks its rules: {fault}")
    name = getattr(fault, "sqlite_errorname", None) or "SQLITE_ERROR"
    primary = name.split("_")[1]
    if primary in _TRANSIENT:
        return StoreAwayError(f"database {where} {_TRANSIENT[primary]} ({name})")
    if primary in _PERMANENT:
        return StoreBrokenError(f"database {where} {_PERMANENT[primary]} ({name})")
    return PermanentError(f"database {where} refused a statement ({name})")


def give_up_broken_transaction(context: ExceptionContext) -> None:
    """Drop a connection whose transaction the database itself undid.

    SQLite rolls back on its own when the disk is full or fails. Statements after that would be committed
    one by one, so whoever caught the error must not be able to go on.
    """
    connection = context.connection
    if connection is None or connection.invalidated or not connection.in_transaction():
        return
    raw: object = connection.connection.dbapi_connection
    if isinstance(raw, sqlite3.Connection) and not raw.in_transaction:
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False
