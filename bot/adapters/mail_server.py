"""A mail server to talk to and how its door is kept: checked TLS, and no fall-back to clear text."""

import socket
import ssl
from dataclasses import dataclass, field

from pydantic import SecretStr

from bot.adapters.xoauth2 import TokenSource
from bot.errors import SettingsError
from bot.setting_values import is_loopback
from bot.settings import Security

CLOSED = "it closed the connection"
WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLEOFError, CLOSED),
    (ssl.SSLError, "it does not speak TLS here; look at port and security"),
    (socket.gaierror, "the host name is not known"),
    (ConnectionRefusedError, "nothing listens on that port"),
    (ConnectionError, CLOSED),
)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where a mail server is and how to log in there; `timeout` is in seconds, for connecting and each read.

    Without a `port` the protocol's own for this `security` is used. `none` is refused for every host that is
    not this machine itself (RFC 8314, 3): raises SettingsError. Certificates are checked against the system's
    authorities (`SSL_CERT_FILE` adds one of your own). Where there are `tokens`, they are the password.
    """

    host: str
    port: int | None = None
    security: Security = "tls"
    username: str | None = None
    password: SecretStr | None = None
    timeout: float = 30.0
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False, compare=False)
    tokens: TokenSource | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse clear text over a network."""
        if self.security == "none" and not is_loopback(self.host):
            problem = "security `none` would send password and mail in clear over the network"
            raise SettingsError("mail server", self.host, problem, "Write `tls` or `starttls`.")

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User name and password in clear, None when no log-in is set."""
        if self.username is None or self.password is None:
            return None
        return self.username, self.password.get_secret_value()

    def why_shut(self, error: BaseException) -> str:
        """Say in plain words why the server could not be reached or went away; nothing of a mail is in it."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({error.verify_message.rstrip('.')})"
        if isinstance(error, TimeoutError):
            return f"it gave no answer within {self.timeout:g} s"
        for kind, words in WORDS:
            if isinstance(error, kind):
                return words
        reason = error.strerror if isinstance(error, OSError) else None
        return f"it cannot be reached ({reason})" if reason else CLOSED
