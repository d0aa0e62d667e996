"""Moving a desk to other databases, as from SQLite to PostgreSQL: every row as it is, sealed values sealed."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, MetaData, Row, Table, func, insert, select, text, union

from bot.adapters.store import schema
from bot.adapters.store.database import Database
from bot.adapters.store.holder import is_dead
from bot.adapters.store.migrate import KEYS, MAIN, History
from bot.adapters.store.on_postgresql import take_time
from bot.errors import PermanentError, SettingsError
from bot.setting_values import check_database, keys_beside, same_database

# Rows in memory at a time; a sealed value may be a whole mail.
_AT_ONCE, _LARGE_AT_ONCE = 500, 8
_MODULUS = 2**256

# Told of each table how many of its rows are copied, of how many.
Tell = Callable[[str, int, int], None]


class Place(NamedTuple):
    """The addresses of one desk's main and key database."""

    main: str
    keys: str

    @classmethod
    def named(cls, main: str, keys: str | None, word: str) -> "Place":
        """Check addresses as a person typed them; without one for the keys they are beside a main file."""
        keys_word = f"--keys-{word.lower()}"
        return cls(_checked(main, word), _checked(keys, keys_word) if keys else _beside(main, keys_word))


def _checked(address: str, word: str) -> str:
    try:
        return check_database(address)
    except ValueError as error:
        mend = "Write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME."
        raise SettingsError("command line", word, str(error), mend) from None


def _beside(main: str, word: str) -> str:
    try:
        return keys_beside(main)
    except ValueError as error:
        raise SettingsError("command line", word, str(error), f"Write {word} and its address.") from None


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """One table that is the same in both places: its rows, and a digest of all that stands in them."""

    database: str
    table: str
    rows: int
    digest: str


def copy_desk(source: Place, target: Place, now: datetime, tell: Tell) -> Sequence[CopiedTable]:
    """Copy both databases of a desk, all or nothing, and read every row again to see that it arrived.

    `now` is aware. The source is brought to the tables of this version first, and nobody can write to it meanwhile.
    Raises PermanentError for a target that is not empty, and for a source that a living bot works on.
    """
    if any(same_database(one, other) for one in source for other in target):
        raise SettingsError("command line", "TO", "names a database of FROM too", "Name new, empty ones.")
    with ExitStack() as stack:
        parts = [
            (name, metadata, *_open(stack, from_url, to_url, history))
            for name, history, metadata, from_url, to_url in (
                ("main", MAIN, schema.MAIN, source.main, target.main),
                ("keys", KEYS, schema.KEYS, source.keys, target.keys),
            )
        ]
        (_, _, main, _), (_, _, keys, _) = parts
        _refuse_living(main, now)
        _refuse_strangers(main, keys)
        # Transactions end in the turned order: the keys are committed before what they open.
        return [
            _copy(name, table, there, here, tell)
            for name, metadata, there, here in parts
            for table in metadata.sorted_tables
        ]


def _open(stack: ExitStack, source: str, target: str, history: History) -> tuple[Connection, Connection]:
    """Begin a transaction in the source, where nobody writes until it ends, and one in the empty target."""
    old, new = (
        Database(url, setting=word, history=history) for url, word in ((source, "FROM"), (target, "TO"))
    )
    stack.callback(old.close)
    stack.callback(new.close)
    metadata = {MAIN: schema.MAIN, KEYS: schema.KEYS}[history]
    if not metadata.tables.keys() & set(old.tables()):
        raise PermanentError(f"database {old.where} holds no {history.name} tables of a desk")
    _refuse_foreign(new)
    reading, writing = stack.enter_context(_quiet(old, metadata)), stack.enter_context(_unhurried(new))
    for table in metadata.sorted_tables:
        if count := _count(writing, table):
            raise PermanentError(
                f"database {new.where} is not empty: {table.name} has {count} rows; name an empty one"
            )
    return reading, writing


def _refuse_foreign(new: Database) -> None:
    there = new.tables()
    if there and "alembic_version" not in there:
        raise PermanentError(f"database {new.where} holds tables of something else; name an empty one")


@contextmanager
def _unhurried(database: Database) -> Iterator[Connection]:
    with database.begin() as connection:
        if database.shared:
            take_time(connection)
        yield connection


@contextmanager
def _quiet(database: Database, metadata: MetaData) -> Iterator[Connection]:
    """Begin a transaction beside which nobody writes."""
    with database.begin() as connection:
        if database.shared:
            named = ", ".join(table.name for table in metadata.sorted_tables)
            connection.execute(text(f"LOCK TABLE {named} IN SHARE MODE"))
            take_time(connection)
        yield connection


def _refuse_living(main: Connection, now: datetime) -> None:
    """Refuse while a bot works here; one that was killed on another machine is known as dead when its lease ends."""
    if main.dialect.name == "postgresql":
        now = main.execute(select(func.clock_timestamp())).scalar_one()
    queues = (schema.leases, schema.inbox, schema.outbox)
    working = [select(queue.c.holder).where(queue.c.lease_until > now) for queue in queues]
    if any(holder is not None and not is_dead(holder) for holder in main.scalars(union(*working))):
        raise PermanentError(
            "a bot still works on this desk: stop it first (if it was killed, its claims end within half a minute)"
        )


def _refuse_strangers(main: Connection, keys: Connection) -> None:
    """Refuse a key database that is not the one of this desk."""
    marks, names = schema.marks, schema.key_marks
    known = main.scalar(select(marks.c.value).where(marks.c.name == "keys"))
    named = keys.scalar(select(names.c.value).where(names.c.name == "name"))
    if known != named:
        raise PermanentError("these keys belong to another desk: name the key database of this one")


def _copy(database: str, table: Table, there: Connection, here: Connection, tell: Tell) -> CopiedTable:
    total, copied = _count(there, table), 0
    read = _Digest()
    tell(table.name, 0, total)
    for rows in _chunks(there, table):
        read.add(rows)
        _insert(here, table, [row._asdict() for row in rows])
        copied += len(rows)
        tell(table.name, copied, total)
    _go_on_counting(here, table)
    written = _Digest()
    for rows in _chunks(here, table):
        written.add(rows)
    if (read.rows, read.value) != (written.rows, written.value) or read.rows != total:
        raise PermanentError(
            f"table {table.name} did not arrive as it was ({total} rows here, {written.rows} there); nothing is kept"
        )
    return CopiedTable(database, table.name, read.rows, f"{read.value:064x}")


def _insert(here: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    try:
        here.execute(insert(table), rows)
    except PermanentError as error:
        raise PermanentError(f"table {table.name} cannot be copied: {error}") from error


def _go_on_counting(here: Connection, table: Table) -> None:
    """Let the next row get the number after the last; SQLite does by itself."""
    column = table.autoincrement_column
    if here.dialect.name == "postgresql" and column is not None:
        counter = func.pg_get_serial_sequence(table.name, column.name)
        last = here.scalar(select(func.max(column)))
        if last is not None:
            here.execute(select(func.setval(counter, last)))


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _chunks(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    size = _LARGE_AT_ONCE if table is schema.sealed else _AT_ONCE
    streamed = {"stream_results": True, "yield_per": size}
    yield from connection.execute(select(table), execution_options=streamed).partitions()


class _Digest:
    """Counts rows and adds up their hashes, so that the order in which a database gives them does not matter."""

    def __init__(self) -> None:
        self.rows = self.value = 0

    def add(self, rows: Iterable[Row[Any]]) -> None:
        for row in rows:
            whole = hashlib.sha256()
            for value in row:
                part = _as_bytes(value)
                whole.update(len(part).to_bytes(8, "big") + part)
            self.rows += 1
            self.value = (self.value + int.from_bytes(whole.digest(), "big")) % _MODULUS


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return b"bytes:" + bytes(value)
    return f"{type(value).__name__}:{value}".encode(errors="surrogatepass")
