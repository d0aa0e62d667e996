"""What a poll tells when it fails: whose fault it is."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from bot.errors import StoreError
from bot.services.intake import poll_mailbox
from bot.settings import MailboxSettings
from tests.builders import mail
from tests.rigs.bots import Clock, idle_bot
from tests.rigs.maildir import Maildir


def test_a_full_disk_is_not_told_as_a_mailbox_that_is_shut_and_no_mail_is_marked(tmp_path: Path) -> None:
    maildir = Maildir(tmp_path / "Maildir")
    mailbox = MailboxSettings(kind="maildir", path=maildir.path, folders=("INBOX",))
    maildir.deliver(mail(text="x" * 2_000_000))

    def fill(raw: object, _: object) -> None:
        raw.execute("PRAGMA max_page_count = 150")  # type: ignore[attr-defined]  # sqlite3's own connection

    event.listen(Engine, "connect", fill)
    try:
        with idle_bot(tmp_path, Clock(), mailbox=mailbox) as bot:
            with pytest.raises(StoreError, match="the disk is full"):
                poll_mailbox(bot)
            assert bot.doors.shut() == {}
    finally:
        event.remove(Engine, "connect", fill)
    assert len(list((maildir.path / "new").iterdir())) == 1
