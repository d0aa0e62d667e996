"""A real PostgreSQL on a loopback port, run from a private folder; each test has databases of its own."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import pytest
from psycopg import sql

from bot.adapters.store import schema
from bot.adapters.store.database import Database
from bot.adapters.store.migrate import KEYS, MAIN, History

NOBODY = 65534
DEADLINE = 30.0
USER, PASSWORD = "desk", "open-sesame/9"
IN_ADDRESS = f"{USER}:open-sesame%2F9"
MAIN_TABLES, KEY_TABLES = schema.MAIN.tables.keys(), schema.KEYS.tables.keys()
# A test needs no durability: nobody pulls the plug. What is asked for in `settings` counts instead.
QUICK = {"fsync": "off", "full_page_writes": "off"}
STANDING = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "jit": "off",
    "log_min_messages": "warning",
}


def _programs() -> Path | None:
    """Return the folder of initdb: Debian keeps it out of the PATH, the newest version last."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = shutil.which("initdb")
    return debian[-1].parent if debian else Path(found).resolve().parent if found else None


PROGRAMS = _programs()


def need_postgres() -> None:
    """Skip where PostgreSQL is not installed, but fail under CI, which promises that nothing is skipped."""
    if PROGRAMS is None:
        missing = "PostgreSQL is not installed (Debian: postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)


@dataclass(frozen=True)
class Pair:
    """The addresses of one desk's two databases."""

    main: str
    keys: str

    @property
    def settings(self) -> dict[str, str]:
        """How a bot finds them."""
        return {"DATABASE_URL": self.main, "KEYS_URL": self.keys}


class Postgres:
    """A server for the time of a `with`; `settings` are lines of its configuration.

    It refuses to run as root: then it runs as `nobody`. People log in with a password, as `desk`, who owns
    every database that is made here.
    """

    host = "127.0.0.1"

    def __init__(self, settings: Mapping[str, str] = QUICK) -> None:
        need_postgres()
        # A Unix socket stands in it: its path must be short, which those of pytest are not.
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        self.port = 0
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._spare: list[Pair] = []

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        access = ["-U", "postgres", "--auth=trust", "--auth-host=scram-sha-256", "--no-sync"]
        made = [str(_folder() / "initdb"), "-D", str(self._data), *access, "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(_as_nobody(made), check=True, capture_output=True, cwd="/")
        self.start()
        role = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(
            sql.Identifier(USER), sql.Literal(PASSWORD)
        )
        self.execute(role)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start and wait until it answers; a port that somebody else took meanwhile is changed for another."""
        for _ in range(3):
            self.port = self.port or _free_port()
            lines = {**STANDING, **self._settings, "port": str(self.port)}
            lines["unix_socket_directories"] = str(self.folder)
            options = [f"--{name}={value}" for name, value in lines.items()]
            command = [str(_folder() / "postgres"), "-D", str(self._data), *options]
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    _as_nobody(command), start_new_session=True, cwd="/", stdout=log, stderr=log
                )
            if self._answers():
                return
            self._process.wait()
            self.port = 0
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop at once but in an orderly way: who is connected is told."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End all its processes, as a power cut would."""
        if self._process is not None and self._process.poll() is None:
            processes = self._processes()
            self._signal_all(signal.SIGKILL)
            self._process.wait(DEADLINE)
            for process in processes:
                _await_end(process)

    def freeze(self) -> None:
        """Make it silent: connections stay open and get no answer until `thaw`."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    @contextmanager
    def desk(self) -> Iterator[Pair]:
        """Give a pair of databases with all tables and nothing in them; emptied at the end, for the next test."""
        pair = self._spare.pop() if self._spare else self._migrated()
        yield pair
        for url, tables, history in ((pair.main, MAIN_TABLES, MAIN), (pair.keys, KEY_TABLES, KEYS)):
            self._clear(url.rpartition("/")[2], tables, history)
        self._spare.append(pair)

    @contextmanager
    def empty(self) -> Iterator[Pair]:
        """Give a pair of databases with nothing in them, and drop them at the end."""
        names = [self._create(), self._create()]
        yield Pair(*(self.url(name) for name in names))
        for name in names:
            self.drop(name)

    def url(self, name: str) -> str:
        """Return a database's address as the settings want it."""
        return f"postgresql+psycopg://{IN_ADDRESS}@{self.host}:{self.port}/{name}"

    def execute(self, statement: Any, name: str = "postgres") -> list[Any]:
        """Say one statement as the superuser, past everything of ours, and return its rows."""
        with self.superuser(name) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def superuser(self, name: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """Connect by the Unix socket, where nobody is asked for a password."""
        with psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname=name, autocommit=True
        ) as connection:
            yield connection

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _create(self) -> str:
        name = f"desk_{next(self._numbers)}"
        self.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (name, USER))))
        return name

    def _clear(self, name: str, tables: Iterable[str], history: History) -> None:
        """Turn everybody out and empty the tables, those too whose rows must never go."""
        with self.superuser(name) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute("SET session_replication_role = replica")
            named = sql.SQL(", ").join(map(sql.Identifier, tables))
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(named))
            connection.execute("UPDATE alembic_version SET version_num = %s", [history.head])

    def _migrated(self) -> Pair:
        pair = Pair(self.url(self._create()), self.url(self._create()))
        for url, history in ((pair.main, MAIN), (pair.keys, KEYS)):
            database = Database(url, setting="TEST", history=history)
            with database.begin():
                pass
            database.close()
        return pair

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _answers(self) -> bool:
        """Wait until somebody can log in; False when it ended instead."""
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends and self._process is not None and self._process.poll() is None:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(DEADLINE)

    def _processes(self) -> list[int]:
        """The server and its children, each of which is a session of its own; the server comes first."""
        assert self._process is not None
        server = self._process.pid
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return [server, *map(int, children)]

    def _signal_all(self, which: signal.Signals) -> None:
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, which)


def _await_end(process: int) -> None:
    ends = time.monotonic() + DEADLINE
    while _lives(process):
        if time.monotonic() > ends:
            raise RuntimeError("PostgreSQL did not stop")
        time.sleep(0.01)


def _lives(process: int) -> bool:
    """Whether a process is there and has not ended; whoever should reap it may never do so."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _folder() -> Path:
    assert PROGRAMS is not None
    return PROGRAMS


def _as_nobody(command: list[str]) -> list[str]:
    """Run as `nobody` where we are root, and never longer than the tests, however those end."""
    other = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", "--pdeathsig=INT", *other, *command]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
