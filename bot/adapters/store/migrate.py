"""Bringing a database to the tables that this version of the bot wants."""

import threading
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from bot.adapters.store.on_postgresql import take_time
from bot.errors import PermanentError

_FOLDER = Path(__file__).parent / "migrations"
# Any number will do, if all processes of the bot ask for the same.
_LOCK = 6354_2026
# Alembic keeps its context in the module: two threads with two databases would undo each other's.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class History:
    """A folder of steps under `migrations`, and the last of them."""

    name: str
    head: str


MAIN = History("main", "0006")
KEYS = History("keys", "0001")


def migrate(connection: Connection, history: History, where: str) -> None:
    """Take the steps that are missing, all or none, in the caller's transaction.

    Several processes may do this at once: the transaction holds the lock. Raises PermanentError for a
    database that a newer version has changed.
    """
    if connection.dialect.name == "postgresql":
        take_time(connection)
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if _version(connection) != history.head:
        _upgrade(connection, history, where)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection, history: History, where: str) -> None:
    # Alembic is slow to load and seldom needed.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above
    from alembic.util import CommandError  # noqa: PLC0415 - see above

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(_FOLDER / history.name).replace("%", "%%"))
    try:
        with _ONE_AT_A_TIME:
            command.upgrade(config, "head")
    except CommandError as error:
        raise PermanentError(
            f"database {where} was made by a newer version of the bot; install that version"
        ) from error
