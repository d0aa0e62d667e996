"""What is true of the store on SQLite: its files, its faults, and what a claim costs."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from bot.adapters.store.faults import translate
from bot.adapters.store.store import SqlStore
from bot.domain.inbox import InboxState
from bot.domain.outbox import Order, OutboxState, Outcome, Result, SendMail
from bot.domain.reporter import Reporter
from bot.domain.submission import Kind
from bot.errors import MeldpuntError, PermanentError, SettingsError, StoreAwayError, StoreBrokenError
from tests.rigs.stores import (
    NOW,
    Stores,
    arrival,
    comment,
    file_report,
    on_connect,
    open_report,
    report,
    reporter,
    safe_file,
    take,
)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores(f"sqlite:///{tmp_path}/main.db", f"sqlite:///{tmp_path}/keys.db")
    yield made
    made.close()


def query(file: Path, statement: str) -> list[Any]:
    """Run one statement past the store and return its rows."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_nothing_that_is_sealed_stands_readable_in_any_file(stores: Stores, tmp_path: Path) -> None:
    store = stores.open()
    filed = replace(report(), title="needle title", text="needle text", problems=("needle problem",))
    sender = Reporter("r1", "needle@example.org", "needle name", "nl")
    notice = SendMail(
        "receipt", "desk@example.nl", "needle@example.org", "<1@desk.example.nl>", b"needle body"
    )
    with store.begin() as tx:
        tx.inbox.add([arrival("1", b"needle raw" * 20_000)], NOW)
        [item] = tx.inbox.claim(NOW, 1)
        tx.reports.add(filed, sender, [safe_file(1, b"needle copy")], item, tracker="gitlab")
        tx.outbox.add([Order(filed.id, "mail", notice)], NOW)
        message_id = "<needle@example.org>"
        tx.inbox.finish(
            item, kind=Kind.REPORT, report_id=filed.id, reason=None, now=NOW, message_id=message_id
        )
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert b"CVD-2026-0001" in written["main.db-wal"]
    assert [name for name, content in written.items() if b"needle" in content] == []


def test_a_mail_that_comes_again_leaves_no_key_of_its_own(stores: Stores, tmp_path: Path) -> None:
    store = stores.open()
    first, again = take(store, "1", "2")
    with store.begin() as tx:
        filed = file_report(tx, first)
        tx.reports.add_mail(filed.id, again)
        tx.inbox.finish(again, kind=Kind.REPORT, report_id=filed.id, reason="again", now=NOW)
    assert query(tmp_path / "keys.db", "SELECT count(*) FROM data_keys") == [(1,)]


@pytest.mark.parametrize("change", ["UPDATE events SET kind = 'other'", "DELETE FROM events"])
def test_an_event_can_neither_be_changed_nor_removed(stores: Stores, tmp_path: Path, change: str) -> None:
    with stores.open().begin() as tx:
        tx.events.append("report-received", NOW)
    with pytest.raises(sqlite3.IntegrityError, match="events only grow"):
        query(tmp_path / "main.db", change)


def test_a_full_disk_is_said_and_leaves_nothing_half_written(stores: Stores, tmp_path: Path) -> None:
    with stores.open().begin() as tx:
        tx.inbox.add([arrival("1")], NOW)
    stores.close()
    [[pages]] = query(tmp_path / "main.db", "PRAGMA page_count")
    with on_connect(f"PRAGMA max_page_count = {pages + 10}"):
        store = stores.open()
        with pytest.raises(StoreAwayError, match="the disk is full"), store.begin() as tx:
            tx.inbox.add([arrival("2"), arrival("3", b"x" * 1_000_000)], NOW)
        with store.begin() as tx:
            assert [row.origin.uid for row in tx.inbox.rows()] == ["1"]
            assert tx.inbox.add([arrival("4")], NOW) == 1
    [[raws]] = query(tmp_path / "main.db", "SELECT count(*) FROM sealed")
    assert raws == 2


def go_on_regardless(store: SqlStore) -> None:
    """Catch the failure of a part that needs more room than there is, and write something else."""
    with store.begin() as tx:
        tx.events.append("before", NOW)
        with suppress(MeldpuntError), tx.savepoint():
            tx.inbox.add([arrival("1", b"x" * 1_000_000)], NOW)
        tx.events.append("after", NOW)


def test_who_catches_a_full_disk_cannot_go_on_in_the_same_transaction(stores: Stores, tmp_path: Path) -> None:
    stores.open().check()
    stores.close()
    [[pages]] = query(tmp_path / "main.db", "PRAGMA page_count")
    with on_connect(f"PRAGMA max_page_count = {pages + 10}"):
        store = stores.open()
        with pytest.raises(MeldpuntError):
            go_on_regardless(store)
        assert query(tmp_path / "main.db", "SELECT kind FROM events") == []
        with store.begin() as tx:
            tx.events.append("next", NOW)
    assert query(tmp_path / "main.db", "SELECT kind FROM events") == [("next",)]


def test_a_locked_database_is_worth_another_try(stores: Stores, tmp_path: Path) -> None:
    stores.open().check()
    holding = sqlite3.connect(tmp_path / "main.db", isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    waiting = sqlite3.connect(tmp_path / "main.db", isolation_level=None, timeout=0)
    with pytest.raises(sqlite3.OperationalError) as raised:
        waiting.execute("BEGIN IMMEDIATE")
    error = translate("sqlite:///main.db", raised.value)
    assert isinstance(error, StoreAwayError)
    assert "locked by another process" in str(error)
    holding.close()
    waiting.close()


def test_a_read_only_database_is_said(stores: Stores, tmp_path: Path) -> None:
    stores.open().check()
    reading = sqlite3.connect(f"file:{tmp_path}/main.db?mode=ro", uri=True, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError) as raised:
        reading.execute("DELETE FROM leases")
    reading.close()
    assert "is read-only" in str(translate("sqlite:///main.db", raised.value))


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    stores = Stores(f"sqlite:///{tmp_path}/none/main.db", f"sqlite:///{tmp_path}/keys.db")
    store = stores.open()
    with pytest.raises(StoreBrokenError, match="its folder must exist"), store.begin():
        pass
    [problem] = store.check()
    assert "none/main.db" in problem
    stores.close()


def test_a_file_that_is_no_database_is_said(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "main.db").write_bytes(b"this is a letter, not a database" * 100)
    [problem] = stores.open().check()
    assert "is not a database" in problem


@pytest.mark.parametrize("url", ["nonsense", "", "nosuch://somebody:geheim@db.example.nl/desk"])
def test_an_address_that_is_wrong_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    stores = Stores(url, f"sqlite:///{tmp_path}/keys.db")
    with pytest.raises(SettingsError, match="MELDPUNT_DATABASE_URL") as raised:
        stores.open()
    assert "geheim" not in str(raised.value)


def test_another_key_database_is_noticed(stores: Stores, tmp_path: Path) -> None:
    take(stores.open(), "1")
    stores.close()
    stores.keys_url = f"sqlite:///{tmp_path}/other.db"
    assert stores.open().check() == [
        "MELDPUNT_KEYS_URL names another key database than this one was sealed with; put the old value back"
    ]


def test_another_index_secret_is_noticed(stores: Stores) -> None:
    take(stores.open(), "1")
    stores.close()
    stores.index_secret = "another secret of the index"
    with pytest.raises(PermanentError, match="MELDPUNT_INDEX_SECRET has changed"), stores.open().begin():
        pass


def test_another_master_key_is_noticed(stores: Stores) -> None:
    take(stores.open(), "1")
    stores.close()
    stores.secret_keys = Stores("", "").secret_keys
    [problem] = stores.open().check()
    assert "MELDPUNT_SECRET_KEYS" in problem


def test_a_mail_that_was_tampered_with_is_held_and_the_next_goes_on(stores: Stores, tmp_path: Path) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.inbox.add([arrival("1"), arrival("2")], NOW)
    query(
        tmp_path / "main.db",
        "UPDATE sealed SET value = zeroblob(60) WHERE row_id = (SELECT id FROM inbox WHERE uid = '1')",
    )
    with store.begin() as tx:
        assert [item.arrival.origin.uid for item in tx.inbox.claim(NOW, 5)] == ["2"]
    with store.begin() as tx:
        [row] = [row for row in tx.inbox.rows() if row.state is InboxState.HELD]
    assert row.origin.uid == "1"
    assert "was changed" in str(row.reason)


def test_values_that_were_swapped_between_rows_do_not_open(stores: Stores, tmp_path: Path) -> None:
    store = stores.open()
    with store.begin() as tx:
        tx.inbox.add([arrival("1"), arrival("2")], NOW)
    query(tmp_path / "main.db", "UPDATE sealed SET row_id = 'x' || row_id")
    query(
        tmp_path / "main.db",
        "UPDATE sealed SET row_id = (SELECT id FROM inbox WHERE 'x' || id != sealed.row_id)",
    )
    with store.begin() as tx:
        assert tx.inbox.claim(NOW, 5) == []
        assert tx.inbox.count_held() == 2


def test_an_order_that_was_tampered_with_is_held_and_the_next_goes_on(stores: Stores, tmp_path: Path) -> None:
    store = stores.open()
    report_id = open_report(store).id
    with store.begin() as tx:
        tx.outbox.add([comment(report_id, "a"), comment(report_id, "b")], NOW)
    query(
        tmp_path / "main.db",
        "UPDATE sealed SET value = zeroblob(60) WHERE row_id = (SELECT id FROM outbox WHERE lane = 'a')",
    )
    with store.begin() as tx:
        assert [each.number for each in tx.outbox.claim(NOW, 5)] == [2]
        assert [row.state for row in tx.outbox.rows()] == [OutboxState.HELD, OutboxState.WAITING]


def test_the_payload_of_an_order_goes_when_nobody_needs_it_any_more(stores: Stores, tmp_path: Path) -> None:
    store = stores.open()
    report_id = open_report(store).id
    with store.begin() as tx:
        tx.outbox.add([comment(report_id, lane) for lane in "abcd"], NOW)
        done, held, _, _ = tx.outbox.claim(NOW, 4)
        tx.outbox.record([Outcome(done, Result.DONE), Outcome(held, Result.HELD, "refused")], NOW)
        tx.outbox.drop(3, NOW)
    left = query(
        tmp_path / "main.db",
        "SELECT number FROM outbox JOIN sealed ON row_id = id AND what = 'outbox.payload' ORDER BY number",
    )
    assert left == [(2,), (4,)]


def test_a_mail_of_a_known_reporter_needs_no_data_key_of_its_own(stores: Stores, tmp_path: Path) -> None:
    store = stores.open()
    known = reporter()
    items = take(store, "1", "2", "3")
    with store.begin() as tx:
        for item in items:
            file_report(tx, item, by=known)
    [[key]] = query(tmp_path / "keys.db", "SELECT id FROM data_keys")
    assert query(tmp_path / "main.db", "SELECT DISTINCT key_id FROM sealed") == [(key,)]


def test_a_transaction_that_fails_keeps_all_data_keys(stores: Stores, tmp_path: Path) -> None:
    store = stores.open()
    known = reporter()
    open_report(store, "1", by=known)
    [item] = take(store, "2")
    with suppress(ZeroDivisionError), store.begin() as tx:
        file_report(tx, item, by=known)
        _ = 1 / 0
    assert query(tmp_path / "keys.db", "SELECT count(*) FROM data_keys") == [(2,)]
    with store.begin() as tx:
        assert tx.inbox.raw(2) == item.arrival.raw


def test_what_is_committed_has_not_failed_when_a_spent_key_cannot_be_deleted(
    stores: Stores, tmp_path: Path
) -> None:
    store = stores.open()
    known = reporter()
    open_report(store, "1", by=known)
    [item] = take(store, "2")
    query(tmp_path / "keys.db", "ALTER TABLE data_keys RENAME TO moved")
    with store.begin() as tx:
        file_report(tx, item, by=known)
    assert query(tmp_path / "main.db", "SELECT count(*) FROM reports") == [(2,)]


def test_a_batch_of_mails_is_one_commit_in_each_database(stores: Stores) -> None:
    store = stores.open()
    store.check()
    commits: list[str] = []

    def note(connection: Any) -> None:
        commits.append(Path(str(connection.engine.url.database)).name)

    event.listen(Engine, "commit", note)
    with store.begin() as tx:
        tx.inbox.add([arrival(str(uid)) for uid in range(50)], NOW)
    event.remove(Engine, "commit", note)
    assert commits == ["keys.db", "main.db"]


def steps(store: SqlStore, counted: list[int]) -> int:
    """Return how many steps SQLite takes for a round of all that is asked over and over."""
    counted.clear()
    with store.begin() as tx:
        tx.inbox.claim(NOW, 5)
        tx.outbox.claim(NOW, 5)
        tx.outbox.next_due_at()
        _ = (tx.inbox.unsettled(), tx.outbox.unsettled(NOW), tx.inbox.count_held(), tx.outbox.count_held())
        _ = (tx.inbox.count_waiting(), tx.outbox.count_waiting())
    store.renew(NOW)
    store.release()
    return len(counted)


def test_what_is_done_costs_nothing_any_more(stores: Stores, tmp_path: Path) -> None:
    counted: list[int] = []

    def count(raw: sqlite3.Connection, _: object) -> None:
        raw.set_progress_handler(lambda: counted.append(1), 10)

    event.listen(Engine, "connect", count)
    store = stores.open()
    report_id = open_report(store).id
    with store.begin() as tx:
        tx.outbox.add([comment(report_id, str(lane)) for lane in range(20)], NOW)
        tx.inbox.add([arrival(f"new-{uid}") for uid in range(20)], NOW)
    steps(store, counted)
    before = steps(store, counted)
    for table, unique in (("inbox", "uid"), ("outbox", "lane")):
        columns = [row[1] for row in query(tmp_path / "main.db", f"PRAGMA table_info({table})")]
        changed = {"number": "n + 1000", "id": "'done-' || n", unique: "'done-' || n", "state": "'done'"}
        copied = ", ".join(changed.get(column, column) for column in columns)
        query(
            tmp_path / "main.db",
            f"WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 20000)"  # noqa: S608 - our own tables
            f" INSERT INTO {table} SELECT {copied} FROM counter, (SELECT * FROM {table} WHERE number = 2)",
        )
    after = steps(store, counted)
    event.remove(Engine, "connect", count)
    assert before > 50
    assert after <= before * 1.1
