"""A mail is taken as it comes, though the mailbox is polled but every ten minutes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.builders import mail
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import Sandbox
from tests.rigs.waiting import wait_for

SELDOM = {"MAILBOX__POLL_SECONDS": "600"}


def log(desk: Desk) -> str:
    path = desk.folder / "bot.log"
    return path.read_text() if path.exists() else ""


@contextmanager
def running(desk: Desk) -> Iterator[None]:
    """Run a bot for the time of the block; it must end well and in time."""
    before = log(desk).count("bot-started")
    bot = desk.start()
    try:
        assert wait_for(lambda: log(desk).count("bot-started") > before)
        yield
        bot.terminate()
        assert bot.wait(60) == 0
    finally:
        bot.kill()
        bot.wait()
    assert "Traceback" not in log(desk)
    assert "job-left-behind" not in log(desk)


def becomes_an_issue(sandbox: Sandbox, subject: str) -> bool:
    """Whether a mail of this subject has its issue and its receipt, sooner or later."""
    return wait_for(
        lambda: (
            any(subject in issue["title"] for issue in sandbox.issues())
            and len(sandbox.mails()) == len(sandbox.issues())
        )
    )


def report(number: int) -> bytes:
    return mail(
        subject=f"Lek nummer {number}",
        sender=f"melder{number}@example.org",
        message_id=f"<{number}@example.org>",
    )


@pytest.mark.needs_dovecot
def test_mail_in_the_inbox_and_in_the_junk_becomes_an_issue_while_the_bot_idles(
    tmp_path: Path, sandbox: Sandbox, dovecot: Dovecot
) -> None:
    desk = Desk(tmp_path, sandbox, {**dovecot.settings, **SELDOM})
    with running(desk):
        for number, folder in enumerate(["INBOX", "Spam", "INBOX"]):
            dovecot.deliver(report(number), folder)
            assert becomes_an_issue(sandbox, f"Lek nummer {number}")
    assert len(sandbox.issues()) == 3


def test_mail_in_a_maildir_becomes_an_issue_as_soon(
    tmp_path: Path, sandbox: Sandbox, maildir: Maildir
) -> None:
    desk = Desk(tmp_path, sandbox, {**maildir.settings, **SELDOM})
    with running(desk):
        for number in range(3):
            maildir.deliver(report(number))
            assert becomes_an_issue(sandbox, f"Lek nummer {number}")


@pytest.mark.needs_dovecot
def test_a_server_that_was_away_while_the_bot_idled_is_found_again(tmp_path: Path, sandbox: Sandbox) -> None:
    with Dovecot() as dovecot:
        desk = Desk(tmp_path, sandbox, {**dovecot.settings, **SELDOM})
        with running(desk):
            dovecot.deliver(report(1))
            assert becomes_an_issue(sandbox, "Lek nummer 1")
            dovecot.stop()
            assert wait_for(lambda: "mailbox-shut" in log(desk))
            dovecot.start()
            dovecot.deliver(report(2))
            assert becomes_an_issue(sandbox, "Lek nummer 2")
    assert "watch-lost" in log(desk)


@pytest.mark.needs_dovecot
def test_another_bot_watches_on_when_the_one_that_did_stops(
    tmp_path: Path, sandbox: Sandbox, dovecot: Dovecot
) -> None:
    desk = Desk(tmp_path, sandbox, {**dovecot.settings, **SELDOM})
    with ExitStack() as first:
        first.enter_context(running(desk))
        dovecot.deliver(report(1))
        assert becomes_an_issue(sandbox, "Lek nummer 1")
        with running(desk):
            first.close()
            dovecot.deliver(report(2))
            assert becomes_an_issue(sandbox, "Lek nummer 2")


def test_a_new_mail_does_not_wait_for_the_end_of_a_backlog(
    tmp_path: Path, sandbox: Sandbox, maildir: Maildir
) -> None:
    desk = Desk(tmp_path, sandbox, {**maildir.settings, **SELDOM, "WORKERS": "1"})
    for number in range(300):
        maildir.deliver(report(number))
    with running(desk):
        assert wait_for(lambda: sandbox.page("per_page=1"))
        maildir.deliver(report(1000))
        assert wait_for(lambda: sandbox.page("per_page=1&in=title&search=Lek nummer 1000"))
        assert len(sandbox.issues()) < 250
