"""What becomes of a message that is handed over: accepted, refused, or nobody knows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from bot.adapters.mail_server import MailServer
from bot.adapters.smtp import SmtpMailer
from bot.errors import MeldpuntError, OutcomeUnknownError, PermanentError, TransientError
from bot.settings import Security
from tests.rigs.certificates import Certificate, make_certificate
from tests.rigs.smtp import Moment, SmtpServer

DESK = "security@example.nl"
ROBIN = "robin@example.org"
MESSAGE = b"From: security@example.nl\r\nTo: robin@example.org\r\nSubject: Received\r\n\r\nThank you.\r\n"
LARGE = MESSAGE + b"x" * 78 + b"\r\n" + (b"y" * 998 + b"\r\n") * 16_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@contextmanager
def mailer_for(
    server: SmtpServer,
    *,
    security: Security = "none",
    password: str | None = None,
    trusted: Certificate | None = None,
    timeout: float = 5.0,
) -> Iterator[SmtpMailer]:
    username = server.username if password else None
    secret = SecretStr(password) if password else None
    door = MailServer(server.host, server.port, security, username, secret, timeout)
    if trusted:
        door = MailServer(server.host, server.port, security, username, secret, timeout, trusted.trusting())
    mailer = SmtpMailer(door)
    yield mailer
    mailer.close()


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


@pytest.fixture
def mailer(server: SmtpServer) -> Iterator[SmtpMailer]:
    with mailer_for(server) as ready:
        yield ready


def send(mailer: SmtpMailer, message: bytes = MESSAGE, *, sender: str = DESK, recipient: str = ROBIN) -> str:
    return mailer.send(message, sender=sender, recipient=recipient)


def test_a_message_arrives_with_its_envelope_and_the_reply_is_the_evidence(
    server: SmtpServer, mailer: SmtpMailer
) -> None:
    assert send(mailer) == "250 2.0.0 Ok: queued as 00000001"

    (caught,) = server.messages
    assert (caught.sender, caught.recipients, caught.raw) == (DESK, (ROBIN,), MESSAGE)


@pytest.mark.parametrize(
    "body",
    [
        b".\r\n",
        b"..\r\n.hidden\r\n",
        b"a\r\n.\r\nb\r\n",
        b"",
        "ë€\r\n".encode(),
        b"\x00\xff\r\n",
        b"\r\n\r\n",
    ],
)
def test_the_bytes_arrive_unchanged(server: SmtpServer, mailer: SmtpMailer, body: bytes) -> None:
    send(mailer, MESSAGE + body)
    send(mailer)

    assert [caught.raw for caught in server.messages] == [MESSAGE + body, MESSAGE]


def test_the_null_sender_goes_out_as_such(server: SmtpServer, mailer: SmtpMailer) -> None:
    send(mailer, sender="")

    assert server.messages[0].sender == ""


def test_many_messages_share_one_connection(server: SmtpServer, mailer: SmtpMailer) -> None:
    for _ in range(20):
        send(mailer)

    assert len(server.messages) == 20
    assert server.connections == 1


def test_several_threads_may_send_at_once(server: SmtpServer, mailer: SmtpMailer) -> None:
    bodies = [MESSAGE + f"{number}\r\n".encode() * 500 for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda body: send(mailer, body), bodies))

    assert sorted(caught.raw for caught in server.messages) == sorted(bodies)
    assert server.connections == 1


def test_a_kept_connection_that_the_server_closed_is_opened_again(
    server: SmtpServer, mailer: SmtpMailer
) -> None:
    send(mailer)
    server.hang_up()
    send(mailer)

    assert len(server.messages) == 2
    assert server.connections == 2


def test_a_kept_connection_that_says_good_bye_is_opened_again(server: SmtpServer, mailer: SmtpMailer) -> None:
    send(mailer)
    server.answers["MAIL"].append("421 4.4.2 Idle for too long")
    send(mailer)

    assert len(server.messages) == 2


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA", "REPLY"])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("451 4.7.1 Greylisted", TransientError),
        ("421 4.3.2 Going down", TransientError),
        ("550 5.1.1 No such user", PermanentError),
        ("552 5.3.4 Too large", PermanentError),
        ("530 5.7.0 Log in first", TransientError),
        ("503 5.5.1 Out of order", TransientError),
    ],
)
def test_a_refusal_is_judged_by_its_code(
    server: SmtpServer, mailer: SmtpMailer, moment: Moment, answer: str, error: type[MeldpuntError]
) -> None:
    server.answers[moment] += [answer, answer] if answer.startswith("421") else [answer]
    with pytest.raises(error) as caught:
        send(mailer)

    assert type(caught.value) is error
    assert server.messages == []
    server.answers.clear()
    send(mailer)
    assert len(server.messages) == 1


def test_a_refusal_quotes_codes_and_no_address(server: SmtpServer, mailer: SmtpMailer) -> None:
    server.answers["RCPT"].append("550 5.1.1 <robin@example.org> unknown, says Robin")

    with pytest.raises(PermanentError) as caught:
        send(mailer)

    assert str(caught.value) == "SMTP server 127.0.0.1 refused the recipient (550 5.1.1)"


def test_the_evidence_names_no_recipient_and_is_cut(server: SmtpServer, mailer: SmtpMailer) -> None:
    server.answers["REPLY"].append("250 2.0.0 queued for Robin@Example.ORG " + "x" * 400)

    reply = send(mailer)

    assert reply.startswith("250 2.0.0 queued for the recipient xxx")
    assert len(reply) == 200


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA"])
def test_a_line_that_breaks_before_the_message_leaves_it_unsent(
    server: SmtpServer, mailer: SmtpMailer, moment: Moment
) -> None:
    server.drops.append(moment)
    with pytest.raises(TransientError):
        send(mailer)

    assert server.messages == []
    send(mailer)
    assert len(server.messages) == 1


def test_a_line_that_breaks_amid_the_message_leaves_it_unsent(server: SmtpServer, mailer: SmtpMailer) -> None:
    server.drops.append("BODY")
    with pytest.raises(TransientError, match="before the message was whole"):
        send(mailer, LARGE)

    send(mailer)
    assert [caught.raw for caught in server.messages] == [MESSAGE]


def test_a_line_that_breaks_after_the_message_leaves_its_outcome_unknown(
    server: SmtpServer, mailer: SmtpMailer
) -> None:
    server.drops.append("REPLY")
    with pytest.raises(OutcomeUnknownError, match="after the message, before its answer"):
        send(mailer)

    send(mailer)
    assert len(server.messages) == 1


def test_silence_after_the_message_leaves_its_outcome_unknown(server: SmtpServer) -> None:
    server.silences.append("REPLY")
    with mailer_for(server, timeout=0.2) as mailer, pytest.raises(OutcomeUnknownError):
        send(mailer)


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA"])
def test_silence_before_the_message_leaves_it_unsent(server: SmtpServer, moment: Moment) -> None:
    server.silences.append(moment)
    with (
        mailer_for(server, timeout=0.2) as mailer,
        pytest.raises(TransientError, match=r"no answer within 0\.2 s"),
    ):
        send(mailer)


def test_an_answer_that_makes_no_sense_leaves_the_outcome_unknown(
    server: SmtpServer, mailer: SmtpMailer
) -> None:
    server.answers["REPLY"].append("well then")

    with pytest.raises(OutcomeUnknownError, match="makes no sense"):
        send(mailer)


def test_a_server_that_is_not_there_is_said_plainly(server: SmtpServer) -> None:
    with SmtpServer() as gone:
        pass
    with mailer_for(gone) as mailer:
        expected = f"SMTP server 127.0.0.1, port {gone.port}: nothing listens on that port"
        assert mailer.check() == [expected]
        with pytest.raises(TransientError, match="nothing listens"):
            send(mailer)
    assert server.messages == []


def test_a_server_that_wants_a_log_in_gets_it() -> None:
    with SmtpServer(login=True) as server, mailer_for(server, password=server.password) as mailer:
        assert mailer.check() == []
        send(mailer)

        assert len(server.messages) == 1


def test_a_wrong_password_is_a_shut_door_and_is_not_shown() -> None:
    with SmtpServer(login=True) as server, mailer_for(server, password="guess-7731") as mailer:
        (problem,) = mailer.check()
        with pytest.raises(TransientError, match="user name or password refused"):
            send(mailer)

    assert "user name or password refused" in problem
    assert "guess" not in problem


def test_a_missing_log_in_is_a_shut_door() -> None:
    with (
        SmtpServer(login=True) as server,
        mailer_for(server) as mailer,
        pytest.raises(TransientError, match="530"),
    ):
        send(mailer)


def test_a_log_in_that_the_server_does_not_offer_is_said_plainly(server: SmtpServer) -> None:
    with mailer_for(server, password="open-sesame-9") as mailer:
        (problem,) = mailer.check()

    assert "offers no log-in" in problem


def test_a_password_outside_ascii_is_said_plainly() -> None:
    with SmtpServer(login=True) as server, mailer_for(server, password="sésame") as mailer:
        (problem,) = mailer.check()

    assert "ASCII only" in problem


def test_tls_is_checked(certificate: Certificate) -> None:
    with SmtpServer(tls=certificate) as server:
        with mailer_for(server, security="tls") as stranger:
            (problem,) = stranger.check()
        with mailer_for(server, security="tls", trusted=certificate) as friend:
            send(friend)

        assert "certificate is not trusted" in problem
        assert len(server.messages) == 1


def test_starttls_is_checked_and_carries_the_log_in(certificate: Certificate) -> None:
    with SmtpServer(starttls=certificate, login=True) as server:
        with mailer_for(server, security="starttls", password=server.password) as stranger:
            (problem,) = stranger.check()
        assert server.logins == []
        with mailer_for(server, security="starttls", password=server.password, trusted=certificate) as friend:
            send(friend)

        assert "certificate is not trusted" in problem
        assert len(server.messages) == 1


def test_without_starttls_no_login_goes_out_in_clear() -> None:
    with (
        SmtpServer(login=True) as server,
        mailer_for(server, security="starttls", password=server.password) as mailer,
    ):
        (problem,) = mailer.check()
        with pytest.raises(TransientError, match="does not offer STARTTLS"):
            send(mailer)

    assert "does not offer STARTTLS" in problem
    assert server.logins == []
    assert server.messages == []


def test_an_address_outside_ascii_goes_where_it_is_understood() -> None:
    with SmtpServer(utf8=True) as server, mailer_for(server) as mailer:
        send(mailer, recipient="zoë@example.org")
        send(mailer)

        assert server.messages[0].recipients == ("zoë@example.org",)
        assert "SMTPUTF8" in server.messages[0].options
        assert "SMTPUTF8" not in server.messages[1].options


def test_an_address_outside_ascii_is_held_where_it_is_not_understood(
    server: SmtpServer, mailer: SmtpMailer
) -> None:
    with pytest.raises(PermanentError, match="no SMTPUTF8") as caught:
        send(mailer, recipient="zoë@example.org")

    assert "zoë" not in str(caught.value)
    assert server.messages == []


def test_eight_bit_text_is_announced(server: SmtpServer, mailer: SmtpMailer) -> None:
    send(mailer, MESSAGE + "ë\r\n".encode())

    assert "BODY=8BITMIME" in server.messages[0].options


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "robin",
        "robin@example.org>\r\nRCPT TO:<eve@example.org",
        "robin@example.org\nDATA",
        "robin@example.org> NOTIFY=SUCCESS",
        "<robin@example.org>",
        "robin@example.org, eve@example.org",
        "robin@example.org\udcff",
        "robin@exam\x00ple.org",
    ],
)
def test_an_address_that_could_say_more_than_an_address_is_not_sent_to(
    server: SmtpServer, mailer: SmtpMailer, recipient: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        send(mailer, recipient=recipient)

    assert str(caught.value) == "an address of the envelope is not of the form name@domain"
    assert server.messages == []
