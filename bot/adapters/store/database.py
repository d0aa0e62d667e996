"""One database: how it is opened, how a transaction begins, and the few things in which databases differ."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Table, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from bot.adapters.store.faults import give_up_broken_transaction, translate
from bot.adapters.store.migrate import History, migrate
from bot.errors import SettingsError, StoreAwayError

# How long a transaction waits for another one to end.
PATIENCE = 10.0


class Database:
    """One database and its history; made without touching it, migrated at first use, safe between threads."""

    def __init__(self, url: str, *, setting: str, history: History, forgetful: bool = False) -> None:
        """Take the address; `setting` names it in errors, `forgetful` overwrites what is deleted."""
        self.engine = _make_engine(url, setting)
        self.where = self.engine.url.render_as_string(hide_password=True)
        self._history = history
        self._migrated = False
        # SQLite lets one transaction write at a time. Threads queue here, where one is woken the moment its
        # turn comes; between processes SQLite can only sleep and look again.
        self._turn = threading.Lock()
        event.listen(self.engine, "handle_error", self._translate)
        if self.engine.dialect.name == "sqlite":
            _prepare_sqlite(self.engine, forgetful=forgetful)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction that may write; commit at the end of the block, roll back on any error."""
        with self._in_turn():
            if not self._migrated:
                self._migrate()
            with self._translated(), self.engine.begin() as connection:
                yield connection

    def close(self) -> None:
        """Let connections go."""
        self.engine.dispose()

    def _migrate(self) -> None:
        with self._translated(), self.engine.begin() as connection:
            migrate(connection, self._history, self.where)
        self._migrated = True

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self.engine.dialect.name != "sqlite":
            yield
            return
        if not self._turn.acquire(timeout=PATIENCE):
            raise StoreAwayError(f"database {self.where} is locked by another thread")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise StoreAwayError(
                f"database {self.where} could not be used ({type(error).__name__})"
            ) from error

    def _translate(self, context: ExceptionContext) -> None:
        give_up_broken_transaction(context)
        if context.sqlalchemy_exception is not None:
            context.chained_exception = translate(self.where, context.original_exception)
            raise context.chained_exception


def insert_if_new(connection: Connection, table: Table) -> Insert:
    """Return an INSERT that passes over rows which a unique index forbids."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - only the dialect in use is loaded

        return insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.postgresql import insert as insert_there  # noqa: PLC0415 - the same

    return insert_there(table).on_conflict_do_nothing()


def _make_engine(url: str, setting: str) -> Engine:
    try:
        # Parameters hold sealed values and hashes; they have no place in an error message.
        return create_engine(make_url(url), hide_parameters=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise SettingsError(
            "environment", setting, "this is not the address of a database", "Write sqlite:///FILE"
        ) from error


def _prepare_sqlite(engine: Engine, *, forgetful: bool) -> None:
    pragmas = (
        f"busy_timeout = {PATIENCE * 1000:.0f}",
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
