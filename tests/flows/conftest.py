"""The two desks that stories are told on: one reads a Maildir, one a real IMAP server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.desk import Desk
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def maildir(tmp_path: Path) -> Maildir:
    return Maildir(tmp_path / "Maildir")


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox, maildir: Maildir) -> Desk:
    return Desk(tmp_path, sandbox, maildir.settings)
