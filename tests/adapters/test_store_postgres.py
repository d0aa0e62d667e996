"""What is true of the store on PostgreSQL: its tables, and its faults."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import sql
from sqlalchemy import Engine, MetaData, create_engine, event

from bot.adapters.store import schema
from bot.adapters.store.faults import translate
from bot.domain.outbox import Result
from bot.domain.submission import Kind
from bot.errors import MeldpuntError, PermanentError, StoreAwayError, StoreBrokenError
from tests.rigs.postgres import Postgres
from tests.rigs.stores import (
    NOW,
    Stores,
    arrival,
    comment,
    create_issue,
    file_report,
    open_report,
    outcome_of,
    report,
    reporter,
    take,
)

pytestmark = pytest.mark.needs_postgres


@pytest.fixture
def stores(postgres: Postgres) -> Iterator[Stores]:
    with postgres.desk() as pair:
        made = Stores(pair.main, pair.keys)
        yield made
        made.close()


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def query(postgres: Postgres, stores: Stores, statement: str) -> list[tuple[object, ...]]:
    """Run one statement past the store and return its rows."""
    return postgres.execute(statement.encode(), name_of(stores.main_url))


def turn_out(postgres: Postgres, stores: Stores) -> None:
    """End every connection to the main database, as a restart does."""
    query(
        postgres,
        stores,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def test_nothing_that_is_sealed_stands_readable_in_any_table(postgres: Postgres, stores: Stores) -> None:
    store = stores.open()
    filed = replace(report(), title="needle title", text="needle text", problems=("needle problem",))
    with store.begin() as tx:
        tx.inbox.add([arrival("1", b"needle raw")], NOW)
        [item] = tx.inbox.claim(NOW, 1)
        tx.reports.add(filed, reporter("needle@example.org"), [], item, tracker="gitlab")
        tx.outbox.add([comment(filed.id, "needles stand in lanes only")], NOW)
        tx.inbox.finish(
            item, kind=Kind.REPORT, report_id=filed.id, reason=None, now=NOW, message_id="<needle@x>"
        )
    found = {
        table
        for table in schema.MAIN.tables
        if query(postgres, stores, f"SELECT 1 FROM {table} t WHERE t::text LIKE '%needle%'")  # noqa: S608 - our own tables
        or query(postgres, stores, f"SELECT 1 FROM {table} t WHERE t::text LIKE '%6e6565646c65%'")  # noqa: S608 - the same
    }
    assert found == {"outbox"}


@pytest.mark.parametrize(
    "change", ["UPDATE events SET kind = 'other'", "DELETE FROM events", "TRUNCATE events"]
)
def test_an_event_can_neither_be_changed_nor_removed(postgres: Postgres, stores: Stores, change: str) -> None:
    with stores.open().begin() as tx:
        tx.events.append("report-received", NOW)
    with pytest.raises(psycopg.errors.RaiseException, match="events only grow"):
        query(postgres, stores, change)


@pytest.mark.parametrize(("which", "metadata"), [("main", schema.MAIN), ("keys", schema.KEYS)])
def test_the_steps_make_exactly_the_tables_that_queries_see(
    stores: Stores, which: str, metadata: MetaData
) -> None:
    engine = create_engine(stores.main_url if which == "main" else stores.keys_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_what_is_committed_is_on_disk_even_where_the_server_is_careless(
    postgres: Postgres, stores: Stores
) -> None:
    name = sql.Identifier(name_of(stores.main_url))
    postgres.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
    said: list[object] = []

    def ask(raw: psycopg.Connection, _record: object, _proxy: object) -> None:
        said.append(raw.execute("SHOW synchronous_commit").fetchone())

    event.listen(Engine, "checkout", ask)
    with stores.open().begin():
        pass
    event.remove(Engine, "checkout", ask)
    postgres.execute(sql.SQL("ALTER DATABASE {} RESET synchronous_commit").format(name))
    assert set(said) == {("on",)}


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("08006", StoreAwayError, "is away or busy"),
        ("25006", StoreBrokenError, "is read-only"),
        ("25P03", StoreAwayError, "nothing happened for long"),
        ("28P01", StoreBrokenError, "refuses the password"),
        ("3D000", StoreBrokenError, "does not exist"),
        ("40001", StoreAwayError, "got in each other's way"),
        ("40P01", StoreAwayError, "got in each other's way"),
        ("42501", StoreBrokenError, "does not allow this user"),
        ("42P01", StoreBrokenError, "lacks a table"),
        ("53100", StoreAwayError, "the disk is full"),
        ("53300", StoreAwayError, "has no connection left"),
        ("55P03", StoreAwayError, "is locked by another process"),
        ("57014", StoreAwayError, "took too long"),
        ("57P01", StoreAwayError, "is being shut down"),
        ("58030", StoreAwayError, "its disk reports an error"),
        ("XX001", StoreBrokenError, "is damaged"),
        ("22021", PermanentError, "refused a statement"),
    ],
)
def test_each_complaint_of_the_server_has_its_meaning(
    state: str, kind: type[MeldpuntError], words: str
) -> None:
    error = translate("postgresql+psycopg://desk@db/desk", psycopg.errors.lookup(state)("geheim"))
    assert type(error) is kind
    assert words in str(error)
    assert state in str(error)
    assert "geheim" not in str(error)


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ("open-sesame", "geheim", "refuses the password"),
        (":open-sesame%2F9@", "@", "refuses the password"),
        ("desk:", "nobody:", "refuses the password"),
        ("/desk_", "/nosuch_", "does not exist"),
        ("127.0.0.1:", "127.0.0.1:1", "cannot be reached"),
        ("127.0.0.1:", "nosuch.invalid:", "cannot be reached"),
        ("?", "?sslmode=require", "speaks no TLS"),
        ("?", "?sslmode=geheim", "has an sslmode in its address"),
        ("?", "?ssl=geheim", "has an option in its address"),
    ],
)
def test_a_database_that_cannot_be_had_is_said_without_the_password(
    stores: Stores, wrong: str, right: str, words: str
) -> None:
    stores.main_url = f"{stores.main_url}?".replace(wrong, right, 1).rstrip("?")
    if "127.0.0.1:1" in stores.main_url and words == "cannot be reached":
        stores.main_url = "postgresql+psycopg://desk:geheim@127.0.0.1:1/desk"
    store = stores.open()
    [problem] = store.check()
    assert words in problem
    assert not any(secret in problem for secret in ("geheim", "sesame"))
    with pytest.raises(MeldpuntError, match="database postgresql"):
        store.take_lease("poll", NOW)


@pytest.mark.parametrize(
    ("spoil", "mend", "words"),
    [
        (
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            "ALTER DATABASE {} RESET default_transaction_read_only",
            "is read-only",
        ),
        (
            "ALTER DATABASE {} CONNECTION LIMIT 0",
            "ALTER DATABASE {} CONNECTION LIMIT -1",
            "has no connection left",
        ),
        (
            "REVOKE CONNECT ON DATABASE {} FROM PUBLIC, desk",
            "GRANT CONNECT ON DATABASE {} TO PUBLIC",
            "allow",
        ),
    ],
)
def test_a_database_that_lets_nothing_be_written_is_said(
    postgres: Postgres, stores: Stores, spoil: str, mend: str, words: str
) -> None:
    name = sql.Identifier(name_of(stores.main_url))
    postgres.execute(sql.SQL(spoil).format(name))
    [problem] = stores.open().check()
    stores.close()
    postgres.execute(sql.SQL(mend).format(name))
    assert words in problem
    assert stores.open().check() == []


def test_a_text_that_it_cannot_hold_is_held_against_that_text_alone(stores: Stores) -> None:
    store = stores.open()
    items = take(store, "1", "2")
    with store.begin() as tx:
        with pytest.raises(PermanentError, match="cannot hold a value"), tx.savepoint():
            tx.inbox.finish(items[0], kind=Kind.HELD, report_id=None, reason="a\0b", now=NOW)
        tx.inbox.finish(items[0], kind=Kind.HELD, report_id=None, reason="odd", now=NOW)
        file_report(tx, items[1])
    with store.begin() as tx:
        assert [row.reason for row in tx.inbox.rows()] == ["odd", None]


def test_a_restart_between_two_transactions_is_not_noticed(postgres: Postgres, stores: Stores) -> None:
    store = stores.open()
    take(store, "1")
    turn_out(postgres, stores)
    waited = threading.Event()
    waited.wait(1.1)  # a line that lay idle for a second is looked at before it is used
    with store.begin() as tx:
        assert len(tx.inbox.rows()) == 1


def test_a_restart_within_a_transaction_undoes_it_and_the_next_goes_on(
    postgres: Postgres, stores: Stores
) -> None:
    store = stores.open()
    [item] = take(store, "1")

    def file_while_it_restarts() -> None:
        with store.begin() as tx:
            file_report(tx, item)
            turn_out(postgres, stores)
            tx.reports.rows()

    with pytest.raises(StoreAwayError):
        file_while_it_restarts()
    with store.begin() as tx:
        assert tx.reports.rows() == []
        assert file_report(tx, item).reference == "CVD-2026-0001"


def test_a_connection_that_breaks_during_the_commit_leaves_it_open_and_all_can_be_said_again(
    postgres: Postgres, stores: Stores
) -> None:
    store = stores.open()

    def add_while_it_restarts() -> None:
        with store.begin() as tx:
            tx.inbox.add([arrival("1")], NOW)
            turn_out(postgres, stores)

    with pytest.raises(StoreAwayError, match="whether that was written is not known"):
        add_while_it_restarts()
    with store.begin() as tx:
        tx.inbox.add([arrival("1")], NOW)
        assert len(tx.inbox.rows()) == 1


def test_an_outcome_that_is_written_twice_counts_once(stores: Stores) -> None:
    store = stores.open()
    report_id = open_report(store).id
    with store.begin() as tx:
        tx.outbox.add([create_issue(report_id), comment(report_id, "other")], NOW)
        done, held = tx.outbox.claim(NOW, 2)
    outcomes = [outcome_of(done, Result.DONE), outcome_of(held, Result.HELD, reason="refused")]
    for counted in ({done.id, held.id}, set()):
        with store.begin() as tx:
            assert set(tx.outbox.record(outcomes, NOW)) == counted
