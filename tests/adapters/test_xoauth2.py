"""Logging in with a token: at a Dovecot that takes nothing else, and at an SMTP server that does not either."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.adapters.imap import ImapMailbox
from bot.adapters.imap_line import knock
from bot.adapters.mail_server import MailServer
from bot.adapters.smtp import SmtpMailer
from bot.adapters.xoauth2 import TokenRefusedError, Xoauth2
from bot.errors import TransientError
from tests.rigs.certificates import make_certificate
from tests.rigs.dovecot import Dovecot
from tests.rigs.smtp import SmtpServer
from tests.rigs.tokens import Provider

GOOD, BAD = "good-token-" + "x" * 1800, "bad-token-" + "y" * 1800
MESSAGE = b"From: security@example.nl\r\nSubject: Received\r\n\r\nThank you.\r\n"


@dataclass
class Tokens:
    """Hands out what a test put in, the last one over and over."""

    stock: list[str]
    others: bool = True
    refused: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)

    def token(self) -> SecretStr:
        return SecretStr(self.stock[0])

    def accept(self, token: SecretStr) -> None:
        self.accepted.append(token.get_secret_value())

    def refuse(self, token: SecretStr) -> bool:
        self.refused.append(token.get_secret_value())
        if len(self.stock) > 1:
            self.stock.pop(0)
        return self.others


def server(at: Dovecot | SmtpServer, tokens: Tokens, username: str = "security") -> MailServer:
    return MailServer(at.host, at.port, "none", username, None, 5.0, tokens=tokens)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with Provider(make_certificate(tmp_path_factory.mktemp("tokens")), tokens={GOOD}) as running:
        yield running


@pytest.fixture(scope="module")
def dovecot(provider: Provider) -> Iterator[Dovecot]:
    with Dovecot(introspection_url=provider.introspection_url) as running:
        yield running


def send(at: SmtpServer, tokens: Tokens) -> None:
    mailer = SmtpMailer(server(at, tokens))
    try:
        mailer.send(MESSAGE, sender="security@example.nl", recipient="robin@example.org")
    finally:
        mailer.close()


def test_the_exchange_is_the_one_that_google_describes() -> None:
    client = Xoauth2("someuser@example.com", SecretStr("vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"))
    assert client(b"") == (
        "user=someuser@example.com\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"
    )
    assert (client(b'{"status":"401"}'), client(b"again")) == ("", "")


@pytest.mark.needs_dovecot
def test_imap_logs_in_with_a_token_where_no_password_is_taken(dovecot: Dovecot) -> None:
    dovecot.deliver(MESSAGE)
    mailbox = ImapMailbox(server(dovecot, Tokens([GOOD])), folders=["INBOX"])
    assert mailbox.check() == []
    ((arrival,),) = mailbox.fetch(lambda origins: origins)
    assert arrival.raw == MESSAGE
    mailbox.close()
    with_password = MailServer(dovecot.host, dovecot.port, "none", "security", SecretStr("x"), 5.0)
    assert len(knock(with_password)) == 1


@pytest.mark.needs_dovecot
def test_imap_renews_a_token_that_was_refused_once_and_not_for_ever(dovecot: Dovecot) -> None:
    tokens = Tokens([BAD, GOOD])
    assert knock(server(dovecot, tokens)) == []
    assert (tokens.refused, tokens.accepted) == ([BAD], [GOOD])
    both_bad = Tokens([BAD, BAD])
    (problem,) = knock(server(dovecot, both_bad))
    assert (both_bad.refused, both_bad.accepted) == ([BAD, BAD], [])
    assert "refuses the token for security [AUTHENTICATIONFAILED]. See that IMAP is on" in problem
    assert "bad-token" not in problem


@pytest.mark.needs_dovecot
def test_a_new_token_that_imap_refuses_is_refused(dovecot: Dovecot) -> None:
    tokens = Tokens([BAD, GOOD], others=False)
    assert len(knock(server(dovecot, tokens))) == 1
    assert tokens.refused == [BAD]


@pytest.mark.needs_dovecot
def test_an_imap_server_without_xoauth2_is_told_apart(shared_dovecot: Dovecot) -> None:
    (problem,) = knock(server(shared_dovecot, Tokens([GOOD])))
    assert "takes no tokens (no XOAUTH2)" in problem


@pytest.mark.parametrize(("token", "way"), [("short", "at once"), (GOOD, "when asked")])
def test_smtp_logs_in_with_a_token_on_one_line_where_it_fits(token: str, way: str) -> None:
    with SmtpServer(login=True, tokens={token}) as smtp:
        send(smtp, Tokens([token]))
        assert (len(smtp.messages), smtp.ways) == (1, [way])


@pytest.mark.parametrize("bad", [BAD, "bad-token"])
def test_smtp_renews_a_token_that_was_refused_once_and_not_for_ever(bad: str) -> None:
    with SmtpServer(login=True, tokens={GOOD}) as smtp:
        tokens = Tokens([bad, GOOD])
        send(smtp, tokens)
        assert (len(smtp.messages), tokens.refused) == (1, [bad])
        with pytest.raises(
            TokenRefusedError, match=r"refuses the token for security \(535 5.7.8\)"
        ) as caught:
            send(smtp, Tokens([bad, bad]))
        assert "bad-token" not in str(caught.value)


def test_an_smtp_server_without_xoauth2_is_told_apart() -> None:
    with (
        SmtpServer(login=True) as smtp,
        pytest.raises(TransientError, match=r"takes no tokens \(no XOAUTH2\)"),
    ):
        send(smtp, Tokens([GOOD]))


def test_a_user_name_outside_ascii_is_a_sentence_too(tmp_path: Path) -> None:
    del tmp_path
    with SmtpServer(login=True, tokens={GOOD}) as smtp:
        (problem,) = SmtpMailer(server(smtp, Tokens([GOOD]), "café")).check()
    assert "ASCII only" in problem
