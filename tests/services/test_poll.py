"""What a poll tells when it fails: whose fault it is."""

from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.services.intake import poll_mailbox
from bot.settings import MailboxSettings
from tests.builders import mail
from tests.rigs.bots import Clock, idle_bot
from tests.rigs.maildir import Maildir
from tests.rigs.stores import on_connect


def test_a_full_disk_is_not_told_as_a_mailbox_that_is_shut_and_no_mail_is_marked(tmp_path: Path) -> None:
    maildir = Maildir(tmp_path / "Maildir")
    mailbox = MailboxSettings(kind="maildir", path=maildir.path, folders=("INBOX",))
    maildir.deliver(mail(text="x" * 2_000_000))

    full = "PRAGMA max_page_count = 150"
    with on_connect(full), idle_bot(tmp_path, Clock(), mailbox=mailbox) as bot:
        with pytest.raises(StoreError, match="the disk is full"):
            poll_mailbox(bot)
        assert bot.doors.shut() == {}
    assert len(list((maildir.path / "new").iterdir())) == 1
