"""A real SMTP server (aiosmtpd) on a loopback port that can refuse, fall silent and hang up on demand."""

import asyncio
import base64
import socket
import threading
from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.rigs.certificates import Certificate

USERNAME = "security"
PASSWORD = "open-sesame-9"

# Where the server hangs up or falls silent: at a command, amid the message, after its final dot.
Moment = Literal["MAIL", "RCPT", "DATA", "BODY", "REPLY"]


@dataclass(frozen=True, slots=True)
class Caught:
    """One message that the server accepted."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    options: tuple[str, ...]


class SmtpServer:
    """A server for the time of a `with`; `messages` holds what it accepted, in order.

    `answers["RCPT"].append("451 4.7.1 Greylisted")` answers the next RCPT so; `drops` and `silences` are
    Moments at which it hangs up, or says nothing more, once each. `login` demands AUTH, `starttls` or `tls`
    take a certificate, `utf8` says whether it takes SMTPUTF8. With `tokens` it takes no passwords, only these.
    """

    host = "127.0.0.1"
    username = USERNAME
    password = PASSWORD

    def __init__(
        self,
        *,
        port: int = 0,
        login: bool = False,
        starttls: Certificate | None = None,
        tls: Certificate | None = None,
        utf8: bool = False,
        tokens: Collection[str] | None = None,
    ) -> None:
        self.port = port
        self.messages: list[Caught] = []
        self.logins: list[str] = []
        self.connections = 0
        self.answers: defaultdict[str, deque[str]] = defaultdict(deque)
        self.drops: deque[Moment] = deque()
        self.silences: deque[Moment] = deque()
        self.demands_login, self._starttls, self._tls, self._utf8 = login, starttls, tls, utf8
        self.tokens = tokens
        # How a token came: with the command itself, or after a challenge.
        self.ways: list[Literal["at once", "when asked"]] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._open: set[asyncio.BaseTransport] = set()

    def __enter__(self) -> Self:
        self._socket = socket.create_server((self.host, self.port))
        self.port = self._socket.getsockname()[1]
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def hang_up(self) -> None:
        """Close every connection that stands open, as a server does with idle ones."""
        done = threading.Event()

        def close() -> None:
            for transport in self._open:
                transport.close()
            self._loop.call_soon(done.set)

        self._loop.call_soon_threadsafe(close)
        assert done.wait(10)

    async def planned(self, moment: Moment, transport: asyncio.BaseTransport | None) -> str | None:
        """Return the planned answer, or hang up or fall silent as planned; None when nothing was planned."""
        if self.silences and self.silences[0] == moment:
            self.silences.popleft()
            await asyncio.sleep(3600)
        if self.drops and self.drops[0] == moment:
            self.drops.popleft()
            if isinstance(transport, asyncio.Transport):
                transport.abort()
            raise asyncio.CancelledError
        return self.answers[moment].popleft() if self.answers[moment] else None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a whole message; aiosmtpd calls this."""
        del session
        answer = await self.planned("REPLY", server.transport)
        if answer is not None:
            return answer
        assert isinstance(envelope.content, bytes)
        recipients = tuple(map(str, envelope.rcpt_tos))
        caught = Caught(
            (envelope.mail_from or "").removeprefix("<>"),
            recipients,
            envelope.content,
            tuple(envelope.mail_options),
        )
        self.messages.append(caught)
        return f"250 2.0.0 Ok: queued as {len(self.messages):08X}"

    def greet(self, transport: asyncio.BaseTransport) -> None:
        self.connections += 1
        self._open.add(transport)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        context = self._tls.serving() if self._tls else None
        server = self._loop.run_until_complete(
            self._loop.create_server(self._answering, sock=self._socket, ssl=context)
        )
        self._loop.call_soon(self._ready.set)
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._wind_up())
        self._loop.close()

    async def _wind_up(self) -> None:
        for transport in self._open:
            transport.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    def _answering(self) -> SMTP:
        return _Answering(
            self,
            enable_SMTPUTF8=self._utf8,
            hostname="mail.example.org",
            loop=self._loop,
            auth_require_tls=not self.demands_login,
            authenticator=self._authenticate,
            auth_exclude_mechanism=["XOAUTH2"] if self.tokens is None else ["PLAIN", "LOGIN"],
            tls_context=self._starttls.serving() if self._starttls else None,
            require_starttls=self._starttls is not None,
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, how: str, data: object
    ) -> AuthResult:
        del server, session, envelope, how
        good = isinstance(data, LoginPassword) and data == LoginPassword(USERNAME.encode(), PASSWORD.encode())
        if isinstance(data, LoginPassword):
            self.logins.append(data.login.decode())
        return AuthResult(success=good, handled=good)


class _Answering(SMTP):
    """One connection: does what the rig was told, else what aiosmtpd does."""

    # RFC 4954, 4: an AUTH exchange may have longer lines than any other command.
    line_length_limit = 12288

    def __init__(self, rig: SmtpServer, **settings: object) -> None:
        self._rig = rig
        super().__init__(rig, **settings)  # type: ignore[arg-type]  # passed on as given

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._rig.greet(transport)

    async def auth_XOAUTH2(self, _: SMTP, words: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd's name
        """Take a token; a bad one gets a challenge with the reason first, as at Google and Microsoft."""
        self._rig.ways.append("at once" if words[1:] else "when asked")
        given = base64.b64decode(words[1]) if words[1:] else await self.challenge_auth("")
        user, bearer, *rest = str(given, "utf-8").split("\x01") if isinstance(given, bytes) else ("", "")
        good = user == f"user={self._rig.username}" and rest == ["", ""]
        good = good and bearer.removeprefix("auth=Bearer ") in (self._rig.tokens or ())
        if not good:
            answer = await self.challenge_auth('{"status":"400","schemes":"bearer","scope":"mail"}')
            return AuthResult(success=False, handled=answer != b"")
        return AuthResult(success=True, auth_data=LoginPassword(self._rig.username.encode(), b""))

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        if await self._interrupted("MAIL"):
            return
        if self._rig.demands_login and not (self.session and self.session.authenticated):
            await self.push("530 5.7.0 Authentication required")
            return
        await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        if not await self._interrupted("RCPT"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        if await self._interrupted("DATA"):
            return
        if self._rig.drops and self._rig.drops[0] == "BODY":
            await self.push("354 Go on")
            await self._reader.read(1)
            await self._interrupted("BODY")
            return
        await super().smtp_DATA(arg)

    async def _interrupted(self, moment: Moment) -> bool:
        """Give the answer that was planned for this moment, if any: then the command is done."""
        answer = await self._rig.planned(moment, self.transport)
        if answer is not None:
            await self.push(answer)
        return answer is not None
