"""A desk that is copied to other databases is there whole, and works on; what would lose something is refused."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.store.copying import CopiedTable, Place, copy_desk
from bot.adapters.store.holder import own_holder
from bot.domain.inbox import InboxState
from bot.domain.outbox import Result
from bot.domain.reporter import Reporter
from bot.domain.submission import Kind
from bot.errors import PermanentError, SettingsError
from tests.rigs.command_line import TypeIn
from tests.rigs.postgres import Postgres
from tests.rigs.stores import (
    LEASE,
    NOW,
    Stores,
    arrival,
    comment,
    create_issue,
    file_report,
    outcome_of,
    receipt,
    reporter,
    safe_file,
    take,
)

MUCH_LATER = NOW + timedelta(hours=1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgres)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Two databases with nothing in them."""
    if request.param == "sqlite":
        yield Place(f"sqlite:///{tmp_path}/new.db", f"sqlite:///{tmp_path}/new-keys.db")
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.empty() as pair:
        yield Place(pair.main, pair.keys)


def fill(stores: Stores) -> None:
    """Put something of everything into a desk: all states, large and odd values, and a claim of a dead bot."""
    store = stores.open()
    with store.begin() as tx:
        tx.inbox.add([arrival("big", b"\0\xff" * 300_000), arrival("2"), arrival("3"), arrival("4")], NOW)
        first, second, third = tx.inbox.claim(NOW, 3)
    with store.begin() as tx:
        filed = file_report(
            tx, first, by=Reporter("r1", "jan@example.org", "Ján ☃ Jansen", None), files=(safe_file(),)
        )
        file_report(tx, second, by=reporter(None))
        tx.inbox.finish(third, kind=Kind.HELD, report_id=None, reason="unreadable ☃", now=NOW)
        tx.events.append("report-received", NOW + timedelta(microseconds=1), report_id=filed.id, inbox=1)
        tx.outbox.add([create_issue(filed.id), comment(filed.id), receipt(filed.id)], NOW)
        created, mailed = tx.outbox.claim(NOW, 2)
        tx.outbox.record(
            [outcome_of(created, Result.DONE), outcome_of(mailed, Result.HELD, reason="550")], NOW
        )
    with stores.open("died").begin() as tx:
        assert len(tx.outbox.claim(NOW, 1)) == len(tx.inbox.claim(NOW, 1)) == 1
    stores.close()


def copy(source: Stores, target: Place, now: datetime = MUCH_LATER) -> list[CopiedTable]:
    return list(copy_desk(Place(source.main_url, source.keys_url), target, now, lambda *_: None))


def at(target: Place, source: Stores) -> Stores:
    """Return the copied desk, with the same secrets."""
    return replace(source, main_url=target.main, keys_url=target.keys, opened=[])


def test_a_copied_desk_is_there_whole_and_works_on(stores: Stores, target: Place) -> None:
    fill(stores)
    tables = {(each.database, each.table): each.rows for each in copy(stores, target)}
    assert tables["main", "inbox"] == 4
    assert tables["main", "outbox"] == 3
    assert tables["keys", "data_keys"] == 4
    moved = at(target, stores)
    store = moved.open()
    assert store.check() == []
    with store.begin() as tx:
        assert tx.inbox.raw(1) == b"\0\xff" * 300_000
        assert [row.state for row in tx.inbox.rows()] == [
            InboxState.DONE,
            InboxState.DONE,
            InboxState.HELD,
            "new",
        ]
        assert tx.reports.find_reporter("jan@example.org") == Reporter(
            "r1", "jan@example.org", "Ján ☃ Jansen", None
        )
        view = tx.reports.get("CVD-2026-0001")
        assert view.events[0].at == NOW + timedelta(microseconds=1)
        assert tx.reports.file(view.report.id, 1) == safe_file()
    now = MUCH_LATER
    with store.begin() as tx:
        assert [each.uncertain for each in tx.outbox.claim(now, 5)] == [True]
        assert tx.inbox.add([arrival("5")], now) == 1
        assert [item.number for item in tx.inbox.claim(now, 5)] == [4, 5]
        assert tx.reports.next_reference("CVD", 2026) == "CVD-2026-0003"
        tx.outbox.add([comment(view.report.id, "new")], now)
        assert [row.number for row in tx.outbox.rows()] == [1, 2, 3, 4]
    moved.close()


def test_a_copy_of_a_copy_is_the_same(stores: Stores, target: Place, tmp_path: Path) -> None:
    fill(stores)
    first = copy(stores, target)
    back = Place(f"sqlite:///{tmp_path}/back.db", f"sqlite:///{tmp_path}/back-keys.db")
    assert copy(at(target, stores), back) == first


def test_a_target_that_is_not_empty_is_refused(stores: Stores, target: Place) -> None:
    fill(stores)
    copy(stores, target)
    with pytest.raises(PermanentError, match="is not empty"):
        copy(stores, target)


def test_a_desk_on_which_a_bot_works_is_refused(stores: Stores, target: Place) -> None:
    now = datetime.now(NOW.tzinfo)
    fill(stores)
    idle = stores.open(own_holder())
    idle.check()
    idle.renew(now)
    with pytest.raises(PermanentError, match="a bot still works on this desk"):
        copy(stores, target, now)
    idle.release()
    stores.close()
    assert copy(stores, target, now + LEASE)


def test_keys_of_another_desk_are_refused(stores: Stores, target: Place, tmp_path: Path) -> None:
    fill(stores)
    other = Stores(f"sqlite:///{tmp_path}/other.db", f"sqlite:///{tmp_path}/other-keys.db")
    take(other.open(), "1")
    other.close()
    with pytest.raises(PermanentError, match="belong to another desk"):
        copy(replace(stores, keys_url=other.keys_url), target)


def test_where_there_is_no_desk_none_is_made(target: Place, tmp_path: Path) -> None:
    nowhere = Stores(f"sqlite:///{tmp_path}/none.db", f"sqlite:///{tmp_path}/none-keys.db")
    with pytest.raises(PermanentError, match="holds no main tables"):
        copy(nowhere, target)
    assert not (tmp_path / "none.db").exists()


def test_a_database_is_not_copied_onto_itself(stores: Stores) -> None:
    fill(stores)
    with pytest.raises(SettingsError, match="names a database of FROM too"):
        copy(stores, Place(stores.main_url, stores.keys_url))


@pytest.mark.needs_postgres
def test_a_database_of_something_else_is_refused(tmp_path: Path, postgres: Postgres) -> None:
    stores = Stores(f"sqlite:///{tmp_path}/main.db", f"sqlite:///{tmp_path}/keys.db")
    fill(stores)
    with postgres.empty() as pair:
        postgres.execute("CREATE TABLE invoices ()", pair.main.rpartition("/")[2])
        with pytest.raises(PermanentError, match="tables of something else"):
            copy(stores, Place(pair.main, pair.keys))


@pytest.mark.needs_postgres
def test_a_failed_copy_leaves_the_target_empty(tmp_path: Path, postgres: Postgres) -> None:
    stores = Stores(f"sqlite:///{tmp_path}/main.db", f"sqlite:///{tmp_path}/keys.db")
    [item] = take(stores.open(), "1")
    with stores.open().begin() as tx:
        tx.inbox.finish(item, kind=Kind.HELD, report_id=None, reason="a text with \0 in it", now=NOW)
    stores.close()
    with postgres.empty() as pair:
        target = Place(pair.main, pair.keys)
        with pytest.raises(PermanentError, match="table inbox cannot be copied"):
            copy(stores, target)
        with stores.open().begin() as tx:
            tx.inbox.retry(1, NOW)
        stores.close()
        assert copy(stores, target)


def test_the_command_prints_what_it_copied(tmp_path: Path, type_in: TypeIn) -> None:
    stores = Stores(f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/a-keys.db")
    fill(stores)
    done = type_in("database", "copy", "sqlite:///a.db", "sqlite:///b.db")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["database", "table", "rows", "digest"]
    assert "are the same in both places" in done.stdout
    assert (tmp_path / "b-keys.db").exists()
    again = type_in("database", "copy", "sqlite:///a.db", "sqlite:///b.db", "--json")
    assert (again.returncode, again.stdout) == (1, "")
    assert "is not empty" in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense", "sqlite:///b.db"), "FROM: is not the address of a database"),
        (("sqlite:///a.db", "postgresql+psycopg://desk:geheim@h/d"), "--keys-to: is needed beside"),
        (("sqlite:///a.db", "mysql://desk:geheim@h/d"), "TO: is not the address"),
        (("sqlite:///a.db", "sqlite:///b.db", "--keys-from", "geheim"), "--keys-from: is not the address"),
    ],
)
def test_a_wrong_address_on_the_command_line_is_said(
    type_in: TypeIn, words: tuple[str, ...], said: str
) -> None:
    done = type_in("database", "copy", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "geheim" not in done.stderr
