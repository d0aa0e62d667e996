"""What a database's own complaints mean in the words of `bot.errors`."""

import sqlite3

from bot.adapters.store import on_postgresql, on_sqlite
from bot.errors import MeldpuntError, PermanentError


def translate(where: str, fault: BaseException, *, committing: bool = False) -> MeldpuntError:
    """Turn a database driver's exception into ours; `where` names the database without its password."""
    if isinstance(fault, sqlite3.Error):
        return on_sqlite.translate(where, fault)
    if on_postgresql.is_its(fault):
        return on_postgresql.translate(where, fault, committing=committing)
    return PermanentError(f"database {where} cannot hold a value ({type(fault).__name__})")
