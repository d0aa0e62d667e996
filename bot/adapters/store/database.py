"""One database: how it is opened, how a transaction begins, and the few things in which databases differ."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, inspect, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from bot.adapters.store import on_postgresql, on_sqlite
from bot.adapters.store.faults import translate
from bot.adapters.store.migrate import History, migrate
from bot.errors import SettingsError, StoreAwayError

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

# How long a transaction waits for another one to end.
PATIENCE = 10.0


class Database:
    """One database and its history; made without touching it, migrated at first use, safe between threads."""

    def __init__(self, url: str, *, setting: str, history: History, forgetful: bool = False) -> None:
        """Take the address; `setting` names it in errors, `forgetful` overwrites what is deleted."""
        self.engine = _make_engine(url, setting)
        self.where = _without_secrets(self.engine.url)
        self.shared = self.engine.dialect.name == "postgresql"
        self._history = history
        self._migrated = False
        # SQLite lets one transaction write at a time. Threads queue here, where one is woken the moment its
        # turn comes; between processes SQLite can only sleep and look again.
        self._turn = threading.Lock()
        event.listen(self.engine, "handle_error", self._translate)
        if self.shared:
            on_postgresql.prepare(self.engine, patience=PATIENCE)
        else:
            on_sqlite.prepare(self.engine, patience=PATIENCE, forgetful=forgetful)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction that may write; commit at the end of the block, roll back on any error."""
        with self._in_turn():
            if not self._migrated:
                self._migrate()
            with self._translated(), self.engine.begin() as connection:
                yield connection

    def tables(self) -> Sequence[str]:
        """Name the tables that are there; nothing is made, not even an empty file."""
        if not self.shared and not Path(self.engine.url.database or "").exists():
            return ()
        with self._in_turn(), self._translated(), self.engine.begin() as connection:
            return inspect(connection).get_table_names()

    def close(self) -> None:
        """Let connections go."""
        self.engine.dispose()

    def _migrate(self) -> None:
        with self._translated(), self.engine.begin() as connection:
            migrate(connection, self._history, self.where)
        self._migrated = True

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self.shared:
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
        on_sqlite.give_up_broken_transaction(context)
        if context.sqlalchemy_exception is not None and not context.is_pre_ping:
            committing = context.connection is not None and context.statement is None
            fault = translate(self.where, context.original_exception, committing=committing)
            context.chained_exception = fault
            raise fault


def insert_if_new(connection: Connection, table: Table) -> Insert:
    """Return an INSERT that passes over rows which a unique index forbids."""
    return insert_here(connection, table).on_conflict_do_nothing()


def insert_once(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Insert one row unless a unique index forbids it, and tell whether it is there now by this.

    The row count does not tell: PostgreSQL's driver leaves it open for an INSERT.
    """
    fresh = insert_if_new(connection, table).returning(*table.primary_key.columns)
    return connection.execute(fresh, row).first() is not None


def insert_here(connection: Connection, table: Table) -> "SqliteInsert | PostgresqlInsert":
    """Return an INSERT that may say what becomes of a conflict, in the words of this database."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - only the dialect in use is loaded

        return insert(table)
    from sqlalchemy.dialects.postgresql import insert as insert_there  # noqa: PLC0415 - the same

    return insert_there(table)


def _make_engine(url: str, setting: str) -> Engine:
    try:
        parsed = make_url(url)
        # Parameters hold sealed values and hashes; they have no place in an error message.
        if parsed.get_backend_name() != "postgresql":
            return create_engine(parsed, hide_parameters=True)
        return create_engine(
            parsed,
            hide_parameters=True,
            isolation_level=on_postgresql.ISOLATION,
            pool_timeout=PATIENCE,
            connect_args=on_postgresql.connect_args(parsed),
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        mend = "Write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        raise SettingsError("environment", setting, "this is not the address of a database", mend) from error


def _without_secrets(url: URL) -> str:
    """Name a database in messages; what stands behind the question mark may be a password too."""
    if url.get_backend_name() == "sqlite":
        return url.render_as_string(hide_password=True)
    return url.set(password=None, query={}).render_as_string()
