"""One kept-open, logged-in IMAP connection; what goes wrong on it becomes one of three plain errors."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import (
    IMAPClientAbortError,
    IMAPClientError,
    IMAPClientReadOnlyError,
    LoginError,
    ProtocolError,
)
from pydantic import SecretStr

from bot.adapters.mail_server import MailServer
from bot.adapters.xoauth2 import TokenRefusedError, Xoauth2, connect_with_token
from bot.errors import TransientError

# Our mark on mail that is committed, an IMAP keyword (RFC 3501, 2.3.2).
KEYWORD = b"$MeldpuntTaken"
# Seconds that an answer to LOGOUT is waited for: nothing depends on it.
PATIENCE = 2.0


class LineDroppedError(TransientError):
    """The connection broke or made no sense; a new one may work at once."""


class RefusedError(TransientError):
    """The server said NO or BAD to one command; the connection is still good."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as SELECT found it; `exists` counts its messages at that moment."""

    name: str
    uidvalidity: int
    exists: int
    keeps_keyword: bool
    read_only: bool


class ImapLine:
    """The connection to one account, opened when it is first needed; for one thread at a time."""

    def __init__(self, server: MailServer) -> None:
        """Take the server; nothing is opened yet."""
        self._server = server
        self._client: IMAPClient | None = None
        self._selected: Folder | None = None

    def wake(self) -> None:
        """Make sure of a live connection: one that the server dropped meanwhile is opened anew, once."""
        with contextlib.suppress(LineDroppedError):
            if self._client is not None:
                with self.asking("a sign of life") as client:
                    client.noop()
        self._open()

    def close(self) -> None:
        """Log out when the server still listens; let the connection go in any case."""
        client, self._client, self._selected = self._client, None, None
        if client is not None:
            try:
                client.socket().settimeout(PATIENCE)
                client.logout()
            except (IMAPClientError, OSError, ValueError):
                _cut(client)

    def select(self, name: str) -> Folder:
        """Select a folder anew and say what it is like; RefusedError when the server does not let us."""
        self._selected = None
        with self.asking(f"opening folder {name}") as client:
            try:
                answer, read_only = client.select_folder(name), False
            except IMAPClientReadOnlyError:
                answer, read_only = client.select_folder(name, readonly=True), True
            flags = answer.get(b"PERMANENTFLAGS", ())
            self._selected = Folder(
                name=name,
                uidvalidity=answer[b"UIDVALIDITY"],
                exists=answer[b"EXISTS"],
                keeps_keyword=not read_only and (rb"\*" in flags or KEYWORD in flags),
                read_only=read_only,
            )
        return self._selected

    def enter(self, name: str, uidvalidity: int) -> Folder:
        """Return the folder, selected; TransientError when it was replaced (another UIDVALIDITY)."""
        folder = self._selected
        if folder is None or folder.name != name:
            folder = self.select(name)
        if folder.uidvalidity != uidvalidity:
            raise TransientError(f"IMAP server {self._server.host} replaced folder {name} meanwhile")
        return folder

    @contextlib.contextmanager
    def asking(self, act: str, folder: Folder | None = None) -> Iterator[IMAPClient]:
        """Lend the client for one command, with `folder` selected when given, and translate its failures.

        Raises RefusedError (NO, BAD), LineDroppedError, or plain TransientError when the server stays silent,
        cannot be reached or replaced the folder. None carries what the server said beyond its response code
        (RFC 5530): that may quote the mail.
        """
        if folder is not None:
            self.enter(folder.name, folder.uidvalidity)
        client, host = self._open(), self._server.host
        try:
            yield client
        except TimeoutError as error:
            self.cut()
            raise TransientError(f"IMAP server {host}: {self._server.why_shut(error)} ({act})") from None
        except (IMAPClientAbortError, OSError) as error:
            self.cut()
            raise LineDroppedError(f"IMAP server {host}: {self._server.why_shut(error)} ({act})") from None
        except (ProtocolError, ValueError, KeyError):
            self.cut()
            raise LineDroppedError(f"IMAP server {host}: its answer makes no sense ({act})") from None
        except IMAPClientError as error:
            raise RefusedError(f"IMAP server {host} refused {act}{_code(error)}") from None

    def cut(self) -> None:
        """Let the connection go without a word; the next command opens another."""
        client, self._client, self._selected = self._client, None, None
        if client is not None:
            _cut(client)

    def _open(self) -> IMAPClient:
        if self._client is None:
            self._client = _connect(self._server)
        return self._client


def knock(server: MailServer) -> Sequence[str]:
    """Log in and out again; return what is wrong as sentences."""
    line = ImapLine(server)
    try:
        line.wake()
    except TransientError as error:
        return [str(error)]
    finally:
        line.close()
    return []


def _connect(server: MailServer) -> IMAPClient:
    """Connect, secure and log in; whatever keeps the door shut is a TransientError."""
    if server.tokens is None:
        return _connect_once(server, None)
    return connect_with_token(server.tokens, lambda token: _connect_once(server, token))


def _connect_once(server: MailServer, token: SecretStr | None) -> IMAPClient:
    where = f"IMAP server {server.host}"
    timeout = SocketTimeout(connect=server.timeout, read=server.timeout)
    port = server.port or (993 if server.security == "tls" else 143)
    tls = server.security == "tls"
    try:
        client = IMAPClient(server.host, port, ssl=tls, ssl_context=server.tls, timeout=timeout)
    except (IMAPClientError, OSError, ValueError) as error:
        raise TransientError(f"{where}, port {port}: {server.why_shut(error)}") from None
    # imapclient would write every mail, formatted, into its debug log: slow, and not for a log.
    client._imap.debug = 0  # noqa: SLF001 - there is no public switch
    client.normalise_times = False
    try:
        _secure(client, server)
        _log_in(client, server, token)
    except (IMAPClientError, OSError, ValueError) as error:
        _cut(client)
        raise TransientError(f"{where}, port {port}: {server.why_shut(error)}") from None
    except TransientError:
        _cut(client)
        raise
    return client


def _secure(client: IMAPClient, server: MailServer) -> None:
    """Turn a clear line into TLS when so set, or raise: a password never goes out in clear instead."""
    if server.security != "starttls":
        return
    try:
        client.starttls(server.tls)
    except IMAPClientAbortError:
        raise
    except IMAPClientError:
        mend = "Ask its administrator, or use `tls` with port 993"
        raise TransientError(f"IMAP server {server.host} does not offer STARTTLS. {mend}") from None


def _log_in(client: IMAPClient, server: MailServer, token: SecretStr | None) -> None:
    name = server.username or ""
    try:
        if token is None:
            _give_password(client, server)
        else:
            _give_token(client, server, name, token)
    except LoginError as error:
        if isinstance(error.__context__, IMAPClientAbortError):
            raise error.__context__ from None
        if token is None:
            refused = f"user name or password refused for {name} at {server.host}"
            raise TransientError(f"{refused}{_code(error)}") from None
        refused = f"IMAP server {server.host} refuses the token for {name}{_code(error)}"
        mend = "See that IMAP is on for this mailbox and that the account or application may use it"
        raise TokenRefusedError(f"{refused}. {mend}") from None


def _give_token(client: IMAPClient, server: MailServer, name: str, token: SecretStr) -> None:
    if not client.has_capability("AUTH=XOAUTH2"):
        mend = "Use a password there, or look at host and port"
        raise TransientError(f"IMAP server {server.host} takes no tokens (no XOAUTH2). {mend}")
    client.sasl_login("XOAUTH2", Xoauth2(name, token))


def _give_password(client: IMAPClient, server: MailServer) -> None:
    """Log in by AUTHENTICATE PLAIN where offered: LOGIN knows ASCII only and cannot quote a user name."""
    name, password = server.credentials or ("", "")
    try:
        if client.has_capability("AUTH=PLAIN"):
            client.plain_login(name, password)
        else:
            client.login(name, password)
    except UnicodeEncodeError:
        problem = f"{server.host} takes user names and passwords in ASCII only"
        raise TransientError(f"{problem}. Choose another password for {name}") from None


def _cut(client: IMAPClient) -> None:
    with contextlib.suppress(IMAPClientError, OSError):
        client.shutdown()


def _code(error: Exception) -> str:
    """Return the response code of a refusal, such as ` [NONEXISTENT]`; the words after it stay out."""
    found = re.search(r"\[[A-Z][A-Z-]*", str(error))
    return f" {found[0]}]" if found else ""
