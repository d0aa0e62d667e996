"""What a database's own complaints mean in the words of `bot.errors`."""

import sqlite3

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
# SQLSTATE classes (PostgreSQL, appendix A): connection, rollback, resources, intervention, system.
_TRANSIENT_STATES = ("08", "40", "53", "55", "57", "58")


def translate(where: str, fault: BaseException) -> MeldpuntError:
    """Turn a database driver's exception into ours; `where` names the database without its password.

    The driver's own words are kept only for a broken rule of the schema and only on SQLite, where they
    name columns and hold no values.
    """
    if isinstance(fault, sqlite3.IntegrityError):
        return PermanentError(f"database {where} refused what breaks its rules: {fault}")
    if isinstance(fault, sqlite3.Error):
        return _translate_sqlite(where, fault)
    state = str(getattr(fault, "sqlstate", None) or "08000")
    if state.startswith(_TRANSIENT_STATES):
        return StoreAwayError(f"database {where} is away or busy (SQLSTATE {state})")
    return PermanentError(f"database {where} refused a statement (SQLSTATE {state})")


def _translate_sqlite(where: str, fault: sqlite3.Error) -> MeldpuntError:
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
