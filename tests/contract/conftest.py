"""What the contract suites run against."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rigs.stores import Stores

if TYPE_CHECKING:
    from tests.rigs.postgres import Postgres


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgres)])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """Return a fresh pair of databases; another kind is one more parameter."""
    if request.param == "sqlite":
        made = Stores(f"sqlite:///{tmp_path}/main.db", f"sqlite:///{tmp_path}/keys.db")
        yield made
        made.close()
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.desk() as pair:
        made = Stores(pair.main, pair.keys)
        yield made
        made.close()
