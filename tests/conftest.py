"""What several kinds of tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.rigs.command_line import TypeIn, command_line
from tests.rigs.dovecot import Dovecot
from tests.rigs.postgres import Postgres
from tests.rigs.stores import Stores

# No test asserts a time, so none has a deadline. The short look is the same each time, so that what is green
# stays green; `make long` looks for much longer, and elsewhere each time.
settings.register_profile("short", deadline=None, max_examples=150, derandomize=True, database=None)
settings.register_profile("long", deadline=None, max_examples=4000)
settings.load_profile("short")


@pytest.fixture(scope="session")
def shared_dovecot() -> Iterator[Dovecot]:
    """One Dovecot for the whole run; it must be left running as it was found."""
    with Dovecot() as server:
        yield server


@pytest.fixture
def dovecot(shared_dovecot: Dovecot) -> Dovecot:
    """The shared server with a user whose mailbox is empty; skipped or failed without Dovecot."""
    shared_dovecot.new_user()
    return shared_dovecot


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for the whole run; it must be left running as it was found."""
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgres)])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """Return a fresh pair of databases; another kind is one more parameter."""
    if request.param == "sqlite":
        made = Stores(f"sqlite:///{tmp_path}/main.db", f"sqlite:///{tmp_path}/keys.db")
        yield made
        made.close()
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.desk() as pair:
        made = Stores(pair.main, pair.keys)
        yield made
        made.close()


@pytest.fixture
def type_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[TypeIn]:
    """Types a command into this process."""
    with command_line(tmp_path, capsys) as typed:
        yield typed
