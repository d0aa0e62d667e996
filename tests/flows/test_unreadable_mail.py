"""A mail that the mail server cannot give stops no other, is not lost, and is told until it can be read."""

from dataclasses import replace
from pathlib import Path

from tests.builders import mail
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.imap_relay import ImapRelay
from tests.rigs.sandbox import Sandbox

NIL = (rb"(UID 1 )BODY\[\] \{\d+\}\r\n.*?(?=\)\r\n)", rb"\1BODY[] NIL")


def test_a_mail_whose_body_is_missing_makes_a_round_unclean_and_comes_when_it_can_be_read(
    tmp_path: Path, sandbox: Sandbox, dovecot: Dovecot
) -> None:
    dovecot.deliver(mail(subject="Kapot", text="Kapot\n"))
    dovecot.deliver(mail(message_id="<2@example.org>", subject="Heel"))
    desk = Desk(tmp_path, sandbox, dovecot.settings)
    with ImapRelay(dovecot.port, rewrites=[NIL]) as relay:
        first = replace(desk, mailbox={**desk.mailbox, "MAILBOX__PORT": str(relay.port)}).once()
    assert (first["exit"], first["taken"], first["filed"]) == (1, 1, 1)
    told = "1 mail in INBOX cannot be read (UID 1); open it in a mail program or move it away"
    assert first["doors_shut"] == {"mailbox": told}
    second = desk.once()
    assert (second["exit"], second["taken"]) == (0, 1)
    assert sorted(issue["title"][16:] for issue in sandbox.issues()) == ["Heel", "Kapot"]
