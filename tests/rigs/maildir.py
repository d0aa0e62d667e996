"""A Maildir that mail is put into as a mail server does."""

import time
from pathlib import Path


class Maildir:
    """A Maildir in a folder; deliveries are whole or not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("new", "cur", "tmp"):
            (path / name).mkdir(parents=True)
        self._count = 0

    @property
    def settings(self) -> dict[str, str]:
        """How a bot finds it."""
        return {"MAILBOX__KIND": "maildir", "MAILBOX__PATH": str(self.path)}

    def deliver(self, raw: bytes) -> None:
        """Put one mail into `new/`."""
        self._count += 1
        name = f"{time.time_ns()}.{self._count}.example"
        (self.path / "tmp" / name).write_bytes(raw)
        (self.path / "tmp" / name).rename(self.path / "new" / name)
