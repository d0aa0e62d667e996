"""The way out for notices: SMTP over one kept-open connection, with plain words for what went wrong."""

import contextlib
import re
import smtplib
import threading
from collections.abc import Sequence

from pydantic import SecretStr

from bot.adapters.mail_server import MailServer
from bot.adapters.xoauth2 import TokenRefusedError, Xoauth2, connect_with_token
from bot.errors import MeldpuntError, OutcomeUnknownError, PermanentError, TransientError

# RFC 5321, 4.5.3.2.6: the answer to a whole message takes longest; giving up on it means a second copy.
LAST_REPLY_TIMES = 4
# An address that stands between < and > as it is, and can hold no second command.
ADDRESS = re.compile(r"[^\s<>\x00-\x1f\x7f\ud800-\udfff]+@[^\s<>@\x00-\x1f\x7f\ud800-\udfff]+")
ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)")
# 5yz replies that speak of our log-in and not of the message (RFC 4954, 6; RFC 3207, 4).
DOOR_SHUT = frozenset({530, 534, 535, 538})
# RFC 5321, 4.5.3.1.4: octets of a command line.
LONGEST_LINE = 512
# RFC 5321, 3.8: the server closes the connection.
GOOD_BYE = 421
# Seconds that an answer to QUIT is waited for: nothing depends on it.
PATIENCE = 2.0
# 503 says that our conversation got out of step: nothing about the message either.
OUT_OF_STEP = frozenset({503})


WORDS: tuple[tuple[type[Exception], str], ...] = (
    (smtplib.SMTPAuthenticationError, "user name or password refused; look at MELDPUNT_MAILER__USERNAME"),
    (smtplib.SMTPNotSupportedError, "it offers no log-in; unset MELDPUNT_MAILER__USERNAME if it needs none"),
    (smtplib.SMTPResponseException, "it does not let us in now"),
    (UnicodeEncodeError, "user name and password can be in ASCII only; choose another password"),
)


class _ClosedError(Exception):
    """The server closed the connection before it was given anything."""


class SmtpMailer:
    """A `Mailer` on one server; from several threads one message goes at a time."""

    def __init__(self, server: MailServer) -> None:
        """Take the server; nothing is opened yet."""
        self._server = server
        self._lock = threading.Lock()
        self._smtp: smtplib.SMTP | None = None

    def send(self, message: bytes, *, sender: str, recipient: str) -> str:
        """Hand over one message and return the server's reply, at most 200 characters, as evidence.

        The bytes go out as they are (but for dot-stuffing); an empty `sender` is the null address of
        RFC 5321, 4.5.5. A kept connection that the server closed meanwhile is opened anew, once.
        No error names an address; see `Mailer.send` for which is which.
        """
        if not ADDRESS.fullmatch(recipient) or (sender and not ADDRESS.fullmatch(sender)):
            raise PermanentError("an address of the envelope is not of the form name@domain")
        with self._lock:
            if self._smtp is not None:
                with contextlib.suppress(_ClosedError):
                    return self._hand_over(self._smtp, message, sender, recipient)
            try:
                return self._hand_over(_connect(self._server), message, sender, recipient)
            except _ClosedError:
                raise TransientError(f"{self._where} closed the connection before it took anything") from None

    def check(self) -> Sequence[str]:
        """Connect and log in, on a connection of its own; return problems as sentences."""
        try:
            _quit(_connect(self._server))
        except MeldpuntError as error:
            return [str(error)]
        return []

    def close(self) -> None:
        """Say QUIT."""
        with self._lock:
            smtp, self._smtp = self._smtp, None
            if smtp is not None:
                _quit(smtp)

    @property
    def _where(self) -> str:
        return f"SMTP server {self._server.host}"

    def _hand_over(self, smtp: smtplib.SMTP, message: bytes, sender: str, recipient: str) -> str:
        """Do one mail transaction; after any failure the connection is let go, a new one starts clean."""
        self._smtp = None
        try:
            self._announce(smtp, message, sender, recipient)
            reply = self._transmit(smtp, message)
        except BaseException:
            _quit(smtp)
            raise
        self._smtp = smtp
        return re.sub(re.escape(recipient), "the recipient", reply, flags=re.IGNORECASE)[:200]

    def _announce(self, smtp: smtplib.SMTP, message: bytes, sender: str, recipient: str) -> None:
        options = self._options(smtp, message, sender + recipient)
        try:
            code, words = smtp.docmd("MAIL", f"FROM:<{sender}>{options}")
        except OSError as error:
            if isinstance(_cause(error), TimeoutError):
                raise TransientError(f"{self._where}: {self._server.why_shut(_cause(error))}") from None
            raise _ClosedError from None
        if code == GOOD_BYE:
            raise _ClosedError
        self._judge(code, words, 250, "the sender")
        self._step(smtp, "RCPT", f"TO:<{recipient}>", 250, "the recipient")
        self._step(smtp, "DATA", "", 354, "the message")

    def _step(self, smtp: smtplib.SMTP, verb: str, argument: str, good: int, what: str) -> None:
        try:
            code, words = smtp.docmd(verb, argument)
        except OSError as error:
            why = self._server.why_shut(_cause(error))
            raise TransientError(f"{self._where}: {why}, before the message") from None
        self._judge(code, words, good, what)

    def _options(self, smtp: smtplib.SMTP, message: bytes, addresses: str) -> str:
        """Return the parameters of MAIL that this message needs and this server knows."""
        options = f" SIZE={len(message)}" if smtp.has_extn("size") else ""
        smtp.command_encoding = "ascii" if addresses.isascii() else "utf-8"
        if not addresses.isascii():
            if not smtp.has_extn("smtputf8"):
                raise PermanentError(f"{self._where} takes no addresses outside ASCII (no SMTPUTF8)")
            return f"{options} BODY=8BITMIME SMTPUTF8"
        if not message.isascii() and smtp.has_extn("8bitmime"):
            options += " BODY=8BITMIME"
        return options

    def _transmit(self, smtp: smtplib.SMTP, message: bytes) -> str:
        """Send the bytes up to the final dot and wait for the verdict."""
        end = b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n"
        try:
            smtp.send(re.sub(rb"(?m)^\.", b"..", message) + end)
        except OSError as error:
            why = self._server.why_shut(_cause(error))
            raise TransientError(f"{self._where}: {why}, before the message was whole") from None
        try:
            code, words = self._last_reply(smtp)
        except OSError:
            raise OutcomeUnknownError(
                f"{self._where} went away after the message, before its answer"
            ) from None
        if not 200 <= code < 600:  # noqa: PLR2004 - not a reply of RFC 5321
            raise OutcomeUnknownError(f"{self._where} gave an answer to the message that makes no sense")
        self._judge(code, words, 250, "the message")
        return f"{code} {words.decode('utf-8', 'replace')}"

    def _last_reply(self, smtp: smtplib.SMTP) -> tuple[int, bytes]:
        sock = smtp.sock
        if sock is None:
            raise smtplib.SMTPServerDisconnected
        sock.settimeout(self._server.timeout * LAST_REPLY_TIMES)
        reply = smtp.getreply()
        sock.settimeout(self._server.timeout)
        return reply

    def _judge(self, code: int, words: bytes, good: int, what: str) -> None:
        """Raise what a reply means when it is not of the good kind; only its codes are quoted."""
        if code // 100 == good // 100:
            return
        enhanced = ENHANCED.match(words.decode("ascii", "replace"))
        sentence = f"{self._where} refused {what} ({code}{f' {enhanced[0]}' if enhanced else ''})"
        if code in DOOR_SHUT:
            raise TransientError(f"{sentence}: it wants a log-in; look at MELDPUNT_MAILER__USERNAME")
        if code // 100 == 5 and code not in OUT_OF_STEP:  # noqa: PLR2004 - RFC 5321, 4.2.1: permanent
            raise PermanentError(sentence)
        raise TransientError(sentence)


def _connect(server: MailServer) -> smtplib.SMTP:
    """Connect, secure and log in; whatever keeps the door shut is a TransientError (nothing is lost)."""
    if server.tokens is None:
        return _connect_once(server, None)
    return connect_with_token(server.tokens, lambda token: _connect_once(server, token))


def _connect_once(server: MailServer, token: SecretStr | None) -> smtplib.SMTP:
    tls = server.security == "tls"
    port = server.port or {"tls": 465, "starttls": 587, "none": 25}[server.security]
    where = f"SMTP server {server.host}, port {port}"
    # An address literal is well formed for all (RFC 5321, 4.1.3) and does not tell this machine's name.
    me = "[127.0.0.1]"
    smtp: smtplib.SMTP | None = None
    try:
        if tls:
            smtp = smtplib.SMTP_SSL(server.host, port, me, timeout=server.timeout, context=server.tls)
        else:
            smtp = smtplib.SMTP(server.host, port, me, timeout=server.timeout)
        _secure(smtp, server)
        _log_in(smtp, server, token)
    except TransientError:
        _let_go(smtp)
        raise
    except (OSError, ValueError) as error:
        _let_go(smtp)
        raise TransientError(f"{where}: {_why_shut(error, server)}") from None
    return smtp


def _secure(smtp: smtplib.SMTP, server: MailServer) -> None:
    """Turn a clear line into TLS when so set, or raise: nothing goes out in clear instead."""
    smtp.ehlo_or_helo_if_needed()
    if server.security == "starttls":
        if not smtp.has_extn("starttls"):
            mend = "Ask its administrator, or use `tls` with port 465"
            raise TransientError(f"SMTP server {server.host} does not offer STARTTLS. {mend}")
        smtp.starttls(context=server.tls)
        smtp.ehlo_or_helo_if_needed()


def _log_in(smtp: smtplib.SMTP, server: MailServer, token: SecretStr | None) -> None:
    if token is not None:
        _give_token(smtp, server, token)
    elif server.credentials is not None:
        smtp.login(*server.credentials)


def _give_token(smtp: smtplib.SMTP, server: MailServer, token: SecretStr) -> None:
    """AUTH XOAUTH2, the token on the same line only where it fits (RFC 4954, 4)."""
    where, name = f"SMTP server {server.host}", server.username or ""
    if "XOAUTH2" not in smtp.esmtp_features.get("auth", "").upper().split():
        mend = "Use a password there, or look at host and port"
        raise TransientError(f"{where} takes no tokens (no XOAUTH2). {mend}")
    short = len(Xoauth2(name, token)()) * 4 / 3 < LONGEST_LINE - len("AUTH XOAUTH2 ==\r\n")
    try:
        smtp.auth("XOAUTH2", Xoauth2(name, token), initial_response_ok=short)
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code // 100 != 5:  # noqa: PLR2004 - RFC 4954, 6: 454 is no verdict on the token
            raise TransientError(f"{where} does not let us in now{_codes(error)}") from None
        mend = "See that the account or application may send by SMTP and that this is on for the mailbox"
        raise TokenRefusedError(f"{where} refuses the token for {name}{_codes(error)}. {mend}") from None


def _codes(error: smtplib.SMTPAuthenticationError) -> str:
    words = error.smtp_error if isinstance(error.smtp_error, bytes) else error.smtp_error.encode()
    enhanced = ENHANCED.match(words.decode("ascii", "replace"))
    return f" ({error.smtp_code}{f' {enhanced[0]}' if enhanced else ''})"


def _why_shut(error: Exception, server: MailServer) -> str:
    """Say why there is no connection, in plain words."""
    for kind, words in WORDS:
        if isinstance(error, kind):
            code = f" ({error.smtp_code})" if isinstance(error, smtplib.SMTPResponseException) else ""
            return words + code
    if type(error) is smtplib.SMTPException:
        return "it offers no log-in that we know (PLAIN, LOGIN, CRAM-MD5)"
    return server.why_shut(_cause(error))


def _cause(error: BaseException) -> BaseException:
    """Return what smtplib wraps in its own error: a time-out, a reset."""
    wrapped = isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(error.__context__, OSError)
    return error.__context__ if wrapped and error.__context__ else error


def _let_go(smtp: smtplib.SMTP | None) -> None:
    if smtp is not None:
        smtp.close()


def _quit(smtp: smtplib.SMTP) -> None:
    """Say good-bye when the line still stands; let it go in any case."""
    try:
        with contextlib.suppress(OSError, ValueError):
            if smtp.sock is not None:
                smtp.sock.settimeout(PATIENCE)
                smtp.quit()
    finally:
        smtp.close()
