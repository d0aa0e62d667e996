"""The store between processes: killed in the middle, started together, started again."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, text

from bot.adapters.store import schema
from bot.adapters.store.migrate import KEYS, MAIN
from tests.rigs.stores import Stores, take

ROOT = Path(__file__).parent.parent.parent
OPEN = "import sys; from tests.rigs.stores import *; store = Stores(*sys.argv[1:4]).open()\n"


def start(stores: Stores, script: str) -> subprocess.Popen[str]:
    """Run a script in a process of its own, with `store` open on the same databases."""
    return subprocess.Popen(
        [sys.executable, "-c", OPEN + script, stores.main_url, stores.keys_url, stores.secret_keys],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_when_it_says(process: subprocess.Popen[str], word: str) -> None:
    """Send SIGKILL once the process has printed this word."""
    assert process.stdin
    assert process.stdout
    while process.stdout.readline().strip() != word:
        process.stdin.write("go on\n")
        process.stdin.flush()
    process.kill()
    process.communicate()


WRITER = """
items = take(store, "1", "2", "3")
with store.begin() as tx:
    for item in items:
        filed = file_report(tx, item, by=reporter(item.arrival.origin.uid + "@example.org"))
        tx.outbox.add([create_issue(filed.id)], NOW)
        tx.events.append("report-received", NOW, report_id=filed.id)
    print("inside", flush=True)
    input()
print("committed", flush=True)
input()
"""


@pytest.mark.parametrize(("word", "expected"), [("inside", 0), ("committed", 3)])
def test_a_bot_killed_around_a_commit_leaves_all_of_it_or_nothing(
    stores: Stores, word: str, expected: int
) -> None:
    kill_when_it_says(start(stores, WRITER), word)
    engine = create_engine(stores.main_url)
    with engine.connect() as connection:
        for table in ("reports", "reporters", "outbox", "events"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == expected  # noqa: S608 - our own tables
        claimed = connection.execute(text("SELECT count(*) FROM inbox WHERE state = 'new'")).scalar()
        assert claimed == 3 - expected
    engine.dispose()
    with stores.open().begin() as tx:
        assert len(tx.reports.rows()) == expected
        assert tx.reports.next_reference("CVD", 2026) == f"CVD-2026-{expected + 1:04d}"


def test_several_bots_may_start_on_an_empty_desk_at_once(stores: Stores) -> None:
    script = 'assert store.check() == []\ntake(store, "1")\nprint("ok")'
    bots = [start(stores, script) for _ in range(4)]
    assert [bot.communicate(timeout=60)[0].strip() for bot in bots] == ["ok"] * 4


def test_a_second_start_does_not_load_alembic(stores: Stores) -> None:
    take(stores.open(), "1")
    stores.close()
    script = 'assert store.check() == []\nprint("alembic" in sys.modules)'
    assert start(stores, script).communicate(timeout=60)[0].strip() == "False"


def test_a_database_of_a_newer_version_is_refused(stores: Stores) -> None:
    take(stores.open(), "1")
    stores.close()
    engine = create_engine(stores.main_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    [problem] = stores.open().check()
    assert "newer version" in problem


@pytest.mark.parametrize(
    ("which", "metadata", "head"),
    [("main", schema.MAIN, MAIN.head), ("keys", schema.KEYS, KEYS.head)],
)
def test_the_steps_make_exactly_the_tables_that_queries_see(
    tmp_path: Path, which: str, metadata: MetaData, head: str
) -> None:
    stores = Stores(f"sqlite:///{tmp_path}/main.db", f"sqlite:///{tmp_path}/keys.db")
    stores.open().check()
    stores.close()
    migrated = create_engine(f"sqlite:///{tmp_path}/{which}.db")
    plain = create_engine(f"sqlite:///{tmp_path}/plain.db")
    metadata.create_all(plain)
    found = []
    for engine in (migrated, plain):
        with engine.connect() as connection:
            statement = "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index')"
            tables = {name: " ".join(str(sql).split()) for name, sql in connection.execute(text(statement))}
            found.append({name: sql for name, sql in tables.items() if "alembic" not in name})
    with migrated.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [head]
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    migrated.dispose()
    plain.dispose()
    assert found[0] == found[1]
