"""What is IMAP's own, told on a real Dovecot; what it shares with a Maildir is in contract/test_mailbox.py."""

import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from imapclient import IMAPClient
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.adapters.imap import ImapMailbox
from bot.adapters.mail_server import MailServer
from bot.domain.inbox import Arrival, Origin
from bot.errors import SettingsError, TransientError
from bot.settings import Security
from tests.rigs.dovecot import Dovecot
from tests.rigs.imap_relay import ImapRelay

pytestmark = pytest.mark.needs_dovecot

Open = Callable[..., ImapMailbox]


@pytest.fixture
def open_mailbox(dovecot: Dovecot) -> Iterator[Open]:
    """Open mailboxes that are closed at the end; on Dovecot itself unless another `port` is given."""
    opened: list[ImapMailbox] = []

    def open_one(
        *,
        server: Dovecot | ImapRelay = dovecot,
        port: int | None = None,
        security: Security = "none",
        password: str = dovecot.password,
        timeout: float = 5.0,
        tls: ssl.SSLContext | None = None,
        folders: Sequence[str] = ("INBOX",),
        taken: Literal["flag", "move"] = "flag",
    ) -> ImapMailbox:
        door = MailServer(
            server.host,
            port or server.port,
            security,
            dovecot.username,
            SecretStr(password),
            timeout,
            tls or ssl.create_default_context(),
        )
        opened.append(ImapMailbox(door, folders=folders, taken=taken))
        return opened[-1]

    yield open_one
    for mailbox in opened:
        mailbox.close()


@contextmanager
def colleague(server: Dovecot) -> Iterator[Any]:
    """A person's mail program, logged in to the same mailbox."""
    with IMAPClient(server.host, server.port, ssl=False, timeout=5) as client:
        client.login(server.username, server.password)
        yield client


def mail(subject: str) -> bytes:
    return f"From: Robin Voorbeeld <robin@example.org>\r\nSubject: {subject}\r\n\r\nHello\r\n".encode()


def take_all(mailbox: ImapMailbox) -> list[Arrival]:
    """Fetch and mark everything, as a bot with an empty store does."""
    arrivals: list[Arrival] = []
    for batch in mailbox.fetch(lambda origins: origins):
        mailbox.mark_taken([arrival.origin for arrival in batch])
        arrivals += batch
    return arrivals


def take_what_can_be_had(mailbox: ImapMailbox) -> tuple[list[Arrival], str]:
    """Fetch and mark everything that can be read, and return what is told of the rest."""
    arrivals: list[Arrival] = []
    try:
        for batch in mailbox.fetch(lambda origins: origins):
            mailbox.mark_taken([arrival.origin for arrival in batch])
            arrivals += batch
    except TransientError as error:
        return arrivals, str(error)
    return arrivals, "nothing"


def subjects(arrivals: Sequence[Arrival]) -> list[str]:
    return sorted(arrival.raw.split(b"Subject: ")[1].split(b"\r\n")[0].decode() for arrival in arrivals)


def test_the_mark_is_a_keyword_and_the_mail_stays_unread(dovecot: Dovecot, open_mailbox: Open) -> None:
    dovecot.deliver(mail("one"))

    take_all(open_mailbox())

    with colleague(dovecot) as client:
        client.select_folder("INBOX", readonly=True)
        assert [flag for flag in client.get_flags([1])[1] if flag != rb"\Recent"] == [b"$MeldpuntTaken"]


def test_a_mark_that_somebody_removed_is_set_again_without_a_second_fetch(
    dovecot: Dovecot, open_mailbox: Open
) -> None:
    dovecot.deliver(mail("one"))
    mailbox = open_mailbox()
    take_all(mailbox)
    with colleague(dovecot) as client:
        client.select_folder("INBOX")
        client.remove_flags([1], [b"$MeldpuntTaken"])

    assert list(mailbox.fetch(lambda _: [])) == []

    with colleague(dovecot) as client:
        client.select_folder("INBOX", readonly=True)
        assert b"$MeldpuntTaken" in client.get_flags([1])[1]


def test_a_folder_made_anew_gives_new_origins(dovecot: Dovecot, open_mailbox: Open) -> None:
    mailbox = open_mailbox(folders=["Reports"])
    validities = []
    for validity in (1001, 1002):
        with colleague(dovecot) as client:
            client.create_folder("Reports")
            client.append("Reports", mail("one"))
        (arrival,) = take_all(mailbox)
        validities.append((arrival.origin.uid, arrival.origin.uidvalidity))
        with colleague(dovecot) as client:
            client.delete_folder("Reports")
        time.sleep(1.1 if validity == 1001 else 0)

    assert validities[0][0] == validities[1][0] == "1"
    assert validities[0][1] != validities[1][1]


def test_junk_is_found_by_its_special_use_when_no_folder_has_that_name(
    dovecot: Dovecot, open_mailbox: Open
) -> None:
    dovecot.deliver(mail("taken for spam"), "Spam")
    mailbox = open_mailbox(folders=["INBOX", "Junk"])

    (arrival,) = take_all(mailbox)

    assert arrival.origin.folder == "Spam"
    assert mailbox.check() == []


def test_a_folder_called_junk_goes_before_the_one_with_the_special_use(
    dovecot: Dovecot, open_mailbox: Open
) -> None:
    dovecot.deliver(mail("in spam"), "Spam")
    dovecot.deliver(mail("in junk"), "Junk")

    assert subjects(take_all(open_mailbox(folders=["Junk"]))) == ["in junk"]


def test_a_folder_that_two_settings_mean_is_read_once(dovecot: Dovecot, open_mailbox: Open) -> None:
    dovecot.deliver(mail("one"), "Spam")

    assert len(list(open_mailbox(folders=["Junk", "Spam"]).fetch(lambda origins: origins))) == 1


def test_a_folder_name_outside_ascii_is_found(dovecot: Dovecot, open_mailbox: Open) -> None:
    with colleague(dovecot) as client:
        client.create_folder("Geïnfecteerd & co")
        client.append("Geïnfecteerd & co", mail("one"))

    (arrival,) = take_all(open_mailbox(folders=["Geïnfecteerd & co"]))

    assert arrival.origin.folder == "Geïnfecteerd & co"


def test_the_time_is_that_of_the_server_and_not_of_the_date_header(
    dovecot: Dovecot, open_mailbox: Open
) -> None:
    with colleague(dovecot) as client:
        at = datetime.fromisoformat("2026-03-29T03:30:00+02:00")
        client.append("INBOX", b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n" + mail("one"), msg_time=at)

    (arrival,) = take_all(open_mailbox())

    assert arrival.received_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_kept_connection_that_the_server_closed_is_opened_again(
    dovecot: Dovecot, open_mailbox: Open
) -> None:
    with ImapRelay(dovecot.port) as relay:
        mailbox = open_mailbox(server=relay)
        take_all(mailbox)
        take_all(mailbox)
        assert relay.connections == 1
        relay.hang_up()
        dovecot.deliver(mail("one"))

        assert subjects(take_all(mailbox)) == ["one"]
        assert relay.connections == 2


def test_a_mark_is_set_on_a_new_connection_when_the_kept_one_was_closed(
    dovecot: Dovecot, open_mailbox: Open
) -> None:
    dovecot.deliver(mail("one"))
    with ImapRelay(dovecot.port) as relay:
        mailbox = open_mailbox(server=relay)
        ((arrival,),) = mailbox.fetch(lambda origins: origins)
        relay.hang_up()

        mailbox.mark_taken([arrival.origin])

    assert take_all(open_mailbox()) == []


@pytest.mark.parametrize("deed", ["refuse", "drop"])
def test_a_message_that_the_server_cannot_give_is_named_and_the_rest_comes(
    dovecot: Dovecot, open_mailbox: Open, deed: Literal["refuse", "drop"]
) -> None:
    for number in range(1, 9):
        dovecot.deliver(mail(f"number {number}"))
    poison = r"FETCH (\d+,)*5(,\d+)* \(BODY"
    with ImapRelay(dovecot.port, rules=[(poison, deed)]) as relay, capture_logs() as logs:
        arrivals, told = take_what_can_be_had(open_mailbox(server=relay))

    assert subjects(arrivals) == [f"number {number}" for number in (1, 2, 3, 4, 6, 7, 8)]
    assert told == "1 mail in INBOX cannot be read (UID 5); open it in a mail program or move it away"
    assert [(line["event"], line["uid"]) for line in logs] == [("mail-unreadable", "5")]


@pytest.mark.parametrize(
    "rewrite",
    [
        (rb"(UID 2 )RFC822.SIZE \d+ ", rb"\1"),
        (rb"(UID 2 )BODY\[\] \{\d+\}\r\n.*?Hello\r\n", rb"\1BODY[] NIL"),
        (rb"(UID 2 )BODY\[\] \{\d+\}\r\n.*?Hello\r\n", rb'\1BODY[] ""'),
        (rb"(UID 2 )BODY\[\] \{\d+\}\r\n.*?Hello\r\n", rb"\1FLAGS ()"),
        (rb"\* \d+ FETCH \(UID 2 .*?Hello\r\n\)\r\n", b""),
    ],
    ids=["no size", "nil", "nothing in it", "no body", "no answer"],
)
def test_a_message_that_comes_without_its_content_is_not_taken_and_is_told_until_it_comes(
    dovecot: Dovecot, open_mailbox: Open, rewrite: tuple[bytes, bytes]
) -> None:
    for number in range(1, 4):
        dovecot.deliver(mail(f"number {number}"))
    with ImapRelay(dovecot.port, rewrites=[rewrite]) as relay, capture_logs() as logs:
        mailbox = open_mailbox(server=relay)
        first, again = take_what_can_be_had(mailbox), take_what_can_be_had(mailbox)

    assert subjects(first[0]) == ["number 1", "number 3"]
    assert again[0] == []
    assert (
        first[1]
        == again[1]
        == ("1 mail in INBOX cannot be read (UID 2); open it in a mail program or move it away")
    )
    assert [line["event"] for line in logs] == ["mail-unreadable"]
    assert subjects(take_all(open_mailbox())) == ["number 2"]


def test_a_server_that_breaks_on_everything_is_a_shut_door(dovecot: Dovecot, open_mailbox: Open) -> None:
    for number in range(40):
        dovecot.deliver(mail(f"number {number}"))
    with ImapRelay(dovecot.port, rules=[("FETCH", "drop")]) as relay:
        with pytest.raises(TransientError, match="closed the connection"):
            take_all(open_mailbox(server=relay))

        assert relay.connections < 30


def test_a_batch_is_one_fetch_that_leaves_no_trace(dovecot: Dovecot, open_mailbox: Open) -> None:
    for number in range(20):
        dovecot.deliver(mail(f"number {number}"))
    with ImapRelay(dovecot.port) as relay:
        take_all(open_mailbox(server=relay))

    bodies = [line for line in relay.heard.splitlines() if b"BODY" in line]
    assert len(bodies) == 1
    assert b"(BODY.PEEK[])" in bodies[0]


def test_where_the_server_keeps_no_keywords_the_store_decides_and_is_asked_once(
    dovecot: Dovecot, open_mailbox: Open
) -> None:
    dovecot.deliver(mail("one"))
    with ImapRelay(dovecot.port, hidden=[r"\*"]) as relay:
        mailbox = open_mailbox(server=relay)
        assert subjects(take_all(mailbox)) == ["one"]
        assert b"STORE" not in relay.heard
        dovecot.deliver(mail("two"))
        asked: list[Origin] = []

        def unknown(origins: Sequence[Origin]) -> Sequence[Origin]:
            asked.extend(origins)
            return origins

        assert subjects([arrival for batch in mailbox.fetch(unknown) for arrival in batch]) == ["two"]
        assert [origin.uid for origin in asked] == ["2"]


def test_a_mark_that_the_server_refuses_is_told_and_does_not_stop_the_mail(
    dovecot: Dovecot, open_mailbox: Open
) -> None:
    for number in range(40):
        dovecot.deliver(mail(f"number {number}"))
    with ImapRelay(dovecot.port, rules=[("STORE", "refuse")]) as relay, capture_logs() as logs:
        mailbox = open_mailbox(server=relay)

        assert len(take_all(mailbox)) == 40
        assert take_all(mailbox) == []
    assert {line["event"] for line in logs} == {"mark-refused"}
    assert "SERVERBUG" in logs[0]["reason"]


@pytest.mark.parametrize("hidden", [[], ["MOVE"], ["MOVE", "UIDPLUS"]])
def test_mail_is_moved_by_whatever_the_server_knows(
    dovecot: Dovecot, open_mailbox: Open, hidden: list[str]
) -> None:
    dovecot.deliver(mail("one"))
    dovecot.deliver(mail("two"))
    with ImapRelay(dovecot.port, hidden=hidden) as relay:
        mailbox = open_mailbox(server=relay, taken="move")
        origins = [arrival.origin for arrival in take_all(mailbox)]
        mailbox.mark_taken(origins)
        assert take_all(mailbox) == []
        assert (b"UID MOVE" in relay.heard) == (not hidden)

    assert len(dovecot.messages("Taken")) == 2
    with colleague(dovecot) as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search("UNDELETED") == []


def test_moving_expunges_only_what_was_taken(dovecot: Dovecot, open_mailbox: Open) -> None:
    dovecot.deliver(mail("one"))
    with ImapRelay(dovecot.port, hidden=["MOVE"]) as relay:
        mailbox = open_mailbox(server=relay, taken="move")
        batches = mailbox.fetch(lambda origins: origins)
        (arrival,) = next(batches)
        dovecot.deliver(mail("deleted by a colleague"))
        with colleague(dovecot) as client:
            client.select_folder("INBOX")
            client.delete_messages([2])
        mailbox.mark_taken([arrival.origin])

    assert len(dovecot.messages("Taken")) == 1
    assert len(dovecot.messages("INBOX")) == 1


def test_a_wrong_password_is_said_with_user_and_host_and_without_the_password(
    dovecot: Dovecot, open_mailbox: Open
) -> None:
    mailbox = open_mailbox(password="guess-7731")

    (problem,) = mailbox.check()

    assert problem == (
        f"user name or password refused for {dovecot.username} at 127.0.0.1 [AUTHENTICATIONFAILED]"
    )
    with pytest.raises(TransientError, match="user name or password refused"):
        take_all(mailbox)


def test_a_password_outside_ascii_can_be_sent(open_mailbox: Open) -> None:
    (problem,) = open_mailbox(password="sésame").check()

    assert "AUTHENTICATIONFAILED" in problem


def test_a_password_outside_ascii_is_a_plain_problem_where_the_server_cannot_take_it(
    dovecot: Dovecot, open_mailbox: Open
) -> None:
    with ImapRelay(dovecot.port, hidden=["AUTH=PLAIN"]) as relay:
        (problem,) = open_mailbox(server=relay, password="sésame").check()
        assert open_mailbox(server=relay).check() == []

    assert "ASCII only" in problem


def test_a_server_that_is_not_there_is_said_plainly(dovecot: Dovecot, open_mailbox: Open) -> None:
    with ImapRelay(dovecot.port) as relay:
        port = relay.port

    (problem,) = open_mailbox(port=port).check()

    assert problem == f"IMAP server 127.0.0.1, port {port}: nothing listens on that port"


def test_a_server_that_falls_silent_is_given_up_after_the_timeout() -> None:
    with Dovecot() as server:
        door = MailServer(server.host, server.port, "none", server.username, SecretStr(server.password), 0.4)
        mailbox = ImapMailbox(door, folders=["INBOX"])
        for number in range(40):
            server.deliver(mail(f"number {number}"))
        batches = mailbox.fetch(lambda origins: origins)
        next(batches)
        server.freeze()
        with pytest.raises(TransientError, match=r"gave no answer within 0\.4 s"):
            next(batches)
        with pytest.raises(TransientError, match=r"gave no answer within 0\.4 s"):
            take_all(mailbox)
        server.thaw()

        assert len(take_all(mailbox)) == 40
        mailbox.close()


def test_a_server_that_dies_amid_a_poll_is_a_shut_door_and_nothing_is_lost() -> None:
    with Dovecot() as server:
        door = MailServer(server.host, server.port, "none", server.username, SecretStr(server.password), 5)
        mailbox = ImapMailbox(door, folders=["INBOX"])
        for number in range(40):
            server.deliver(mail(f"number {number}"))
        batches = mailbox.fetch(lambda origins: origins)
        first = next(batches)
        server.kill()
        with pytest.raises(TransientError):
            next(batches)
        server.start()

        assert len(first) + len(take_all(mailbox)) == 32 + 40
        mailbox.close()


def test_tls_is_checked(dovecot: Dovecot, open_mailbox: Open) -> None:
    stranger = open_mailbox(port=dovecot.tls_port, security="tls")
    friend = open_mailbox(port=dovecot.tls_port, security="tls", tls=dovecot.certificate.trusting())

    assert stranger.check() == [
        f"IMAP server 127.0.0.1, port {dovecot.tls_port}: its certificate is not trusted (self-signed certificate)"
    ]
    assert friend.check() == []


def test_tls_on_a_clear_port_is_said_plainly(open_mailbox: Open) -> None:
    (problem,) = open_mailbox(security="tls").check()

    assert "does not speak TLS here" in problem


def test_starttls_is_checked(dovecot: Dovecot, open_mailbox: Open) -> None:
    (problem,) = open_mailbox(security="starttls").check()
    friend = open_mailbox(security="starttls", tls=dovecot.certificate.trusting())
    dovecot.deliver(mail("one"))

    assert "certificate is not trusted" in problem
    assert subjects(take_all(friend)) == ["one"]


@pytest.mark.parametrize("how", ["hidden", "refused"])
def test_without_starttls_no_login_goes_out_in_clear(dovecot: Dovecot, open_mailbox: Open, how: str) -> None:
    hidden, rules = (["STARTTLS"], ()) if how == "hidden" else ((), [("STARTTLS", "refuse")])
    with ImapRelay(dovecot.port, hidden=hidden, rules=rules) as relay:  # type: ignore[arg-type]  # see Deed
        (problem,) = open_mailbox(server=relay, security="starttls").check()
        heard = relay.heard

    assert "STARTTLS" in problem
    assert b"LOGIN" not in heard
    assert b"AUTHENTICATE" not in heard


def test_clear_text_is_refused_for_any_host_but_this_machine() -> None:
    for host in ("mail.example.nl", "192.0.2.7", "localhost.example.nl"):
        with pytest.raises(SettingsError, match="in clear over the network"):
            MailServer(host, security="none")
    for host in ("localhost", "127.0.0.1", "127.8.0.1", "::1"):
        MailServer(host, security="none")


def test_a_large_folder_is_asked_about_in_pieces(dovecot: Dovecot, open_mailbox: Open) -> None:
    for number in range(620):
        dovecot.deliver(mail(f"number {number:03}"))
    asked: list[int] = []

    def unknown(origins: Sequence[Origin]) -> Sequence[Origin]:
        asked.append(len(origins))
        return []

    assert list(open_mailbox().fetch(unknown)) == []
    assert asked == [500, 120]
    assert take_all(open_mailbox()) == []
