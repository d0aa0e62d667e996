"""A mail that is seen again under another name is one report, one issue and one receipt."""

from dataclasses import replace
from pathlib import Path

from tests.builders import mail
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.imap_relay import ImapRelay
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import Sandbox


def assert_one_report(desk: Desk) -> None:
    """Look at everything that two reports would have two of."""
    (report,) = desk.listing("report", "list")
    assert len(desk.sandbox.issues()) == len(desk.sandbox.mails()) == 1
    first, again = desk.listing("inbox", "list")
    assert (first["kind"], first["reason"], first["ref"]) == ("report", None, report["ref"])
    assert (again["state"], again["kind"], again["ref"]) == ("done", "report", report["ref"])
    assert again["reason"] == "the same mail again, as inbox 1"
    events = desk.listing("report", "show", report["ref"])["events"]
    assert [(event["inbox"], event["first"]) for event in events if event["event"] == "mail-again"] == [
        (2, 1)
    ]


def test_a_mail_that_a_person_moves_from_junk_to_the_inbox(desk: Desk, maildir: Maildir) -> None:
    junk = Maildir(maildir.path / ".Junk")
    junk.deliver(mail())
    assert desk.once()["filed"] == 1
    (path,) = (junk.path / "cur").iterdir()
    path.unlink()
    maildir.deliver(b"X-Spam-Status: No\n" + mail().replace(b"\r\n", b"\n"))
    assert desk.once()["exit"] == 0
    assert_one_report(desk)


def test_a_folder_that_is_numbered_anew_on_a_server_without_keywords(
    tmp_path: Path, sandbox: Sandbox, dovecot: Dovecot
) -> None:
    dovecot.deliver(mail())
    desk = Desk(tmp_path, sandbox, dovecot.settings)
    for validity in (b"7001", b"7002"):
        numbered = (rb"UIDVALIDITY \d+", b"UIDVALIDITY " + validity)
        with ImapRelay(dovecot.port, hidden=[r"\*"], rewrites=[numbered]) as relay:
            result = replace(desk, mailbox={**desk.mailbox, "MAILBOX__PORT": str(relay.port)}).once()
        assert (result["taken"], result["exit"]) == (1, 0), result
    assert_one_report(desk)


def test_a_mail_that_lies_there_twice_at_once(desk: Desk, maildir: Maildir) -> None:
    maildir.deliver(mail())
    maildir.deliver(mail())
    assert desk.once()["filed"] == 2
    assert_one_report(desk)


def test_another_mail_under_the_same_message_id_is_another_report(desk: Desk, maildir: Maildir) -> None:
    maildir.deliver(mail(Date="Mon, 23 Nov 2026 09:00:00 +0100"))
    maildir.deliver(mail(Date="Mon, 23 Nov 2026 09:00:00 +0100", text="En nog een lek, in het formulier.\n"))
    assert desk.once()["exit"] == 0
    assert len(desk.listing("report", "list")) == len(desk.sandbox.issues()) == 2
