"""One round ends when nothing more is due, and does not end before."""

from datetime import timedelta
from pathlib import Path

import structlog

from bot.ports import Bot
from bot.services.once import Round, run_once
from bot.settings import MailboxSettings
from tests.builders import mail
from tests.rigs.bots import Clock, idle_bot
from tests.rigs.maildir import Maildir
from tests.rigs.stores import Stores


def other_bot_polls(folder: Path, bot: Bot, clock: Clock) -> None:
    """Let another living bot have taken the lease of the mailbox: it ends in two seconds and is not renewed."""
    stores = Stores(
        f"sqlite:///{folder}/meldpunt.db",
        f"sqlite:///{folder}/meldpunt-keys.db",
        bot.settings.secret_keys.get_secret_value(),
        bot.settings.index_secret.get_secret_value(),
    )
    assert bot.mailbox is not None
    assert stores.open("another-bot").take_lease(
        f"poll:{bot.mailbox.name}", clock() - bot.lease + timedelta(seconds=2)
    )
    stores.close()


def test_a_round_waits_for_the_mailbox_that_a_bot_which_died_elsewhere_was_polling(tmp_path: Path) -> None:
    maildir, clock = Maildir(tmp_path / "Maildir"), Clock(each_look=timedelta(seconds=0.4))
    maildir.deliver(mail())
    mailbox = MailboxSettings(kind="maildir", path=maildir.path, folders=("INBOX",))
    with structlog.testing.capture_logs(), idle_bot(tmp_path, clock, mailbox=mailbox) as bot:
        other_bot_polls(tmp_path, bot, clock)
        result = run_once(bot)
    assert (result.taken, result.filed) == (1, 1)


def test_a_round_of_a_desk_without_mail_is_clean(tmp_path: Path) -> None:
    with idle_bot(tmp_path, Clock()) as bot:
        assert run_once(bot) == Round(0, 0, 0, 0, 0, {})


def test_a_tracker_that_is_away_leaves_a_round_unclean_with_the_reason(tmp_path: Path) -> None:
    maildir = Maildir(tmp_path / "Maildir")
    maildir.deliver(mail())
    mailbox = MailboxSettings(kind="maildir", path=maildir.path, folders=("INBOX",))
    with structlog.testing.capture_logs(), idle_bot(tmp_path, Clock(), mailbox=mailbox) as bot:
        result = run_once(bot)
    assert (result.clean, result.held, result.waiting) == (False, 0, 1)
    assert result.doors_shut == {"tracker main": "tracker main cannot be reached (connection refused)"}
