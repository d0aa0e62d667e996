"""What the contract suites run against."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.stores import Stores


@pytest.fixture(params=["sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """Return a fresh pair of databases; another kind is one more parameter."""
    assert request.param == "sqlite"
    made = Stores(f"sqlite:///{tmp_path}/main.db", f"sqlite:///{tmp_path}/keys.db")
    yield made
    made.close()
