"""A mail server that accepts everything, keeps it, and delivers nothing."""

import asyncio
import json
import socket
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from bot.sandbox.clock import now
from bot.sandbox.faults import Fault, Faults, Stage

_SIZE_LIMIT = 64 * 1024 * 1024
_WORDS = {
    451: "4.7.1 Please try again later",
    452: "4.2.2 Mailbox full",
    550: "5.1.1 No such user here",
    554: "5.7.1 Refused",
}


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """One accepted mail with its envelope; `sender` is empty for the null sender."""

    number: int
    at: str
    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class MailStore:
    """The accepted mails, in one SQLite file that survives a kill."""

    def __init__(self, folder: Path) -> None:
        """Open or create the mails in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "mails.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS mails"
            " (number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, sender TEXT, recipients TEXT, raw BLOB)"
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, sender: str, recipients: list[str], raw: bytes) -> None:
        """Keep a mail."""
        self._db.execute(
            "INSERT INTO mails (at, sender, recipients, raw) VALUES (?, ?, ?, ?)",
            (now(), sender, json.dumps(recipients), raw),
        )

    def mails(self, after: int = 0) -> list[CaughtMail]:
        """Return the mails with a higher number, the oldest first."""
        rows = self._db.execute("SELECT * FROM mails WHERE number > ? ORDER BY number", (after,))
        return [_caught(*row) for row in rows]

    def mail(self, number: int) -> CaughtMail | None:
        """Return one mail."""
        row = self._db.execute("SELECT * FROM mails WHERE number = ?", (number,)).fetchone()
        return _caught(*row) if row else None

    def clear(self) -> None:
        """Forget all; the numbers go on."""
        self._db.execute("DELETE FROM mails")


def _caught(number: int, at: str, sender: str, recipients: str, raw: bytes) -> CaughtMail:
    return CaughtMail(number, at, sender, tuple(json.loads(recipients)), raw)


class MailCatcher:
    """Handler of aiosmtpd: each hook answers for one stage of the conversation."""

    def __init__(self, store: MailStore, faults: Faults) -> None:
        """Take where mails are kept, and the trouble to make."""
        self._store, self._faults = store, faults

    async def handle_MAIL(  # noqa: N802 - named by aiosmtpd
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept any sender."""
        trouble = await self._trouble(server, "mail", address)
        if trouble:
            return trouble
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - named by aiosmtpd
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept any recipient."""
        trouble = await self._trouble(server, "rcpt", address)
        if trouble:
            return trouble
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Keep the mail, then say so; or lose the answer on the way."""
        fault = self._faults.take("smtp", "data", " ".join(envelope.rcpt_tos))
        if fault and fault.kind != "reply_lost_after_commit":
            trouble = await _make_trouble(server, fault)
            if trouble:
                return trouble
        sender = (envelope.mail_from or "").removeprefix("<>")
        self._store.add(sender, envelope.rcpt_tos, envelope.original_content or b"")
        if fault and fault.kind == "reply_lost_after_commit":
            _hang_up(server)
        return "250 2.0.0 OK: kept"

    async def _trouble(self, server: SMTP, stage: Stage, address: str) -> str | None:
        fault = self._faults.take("smtp", stage, address)
        return await _make_trouble(server, fault) if fault else None


async def _make_trouble(server: SMTP, fault: Fault) -> str | None:
    if fault.kind == "status":
        return f"{fault.status} {_WORDS.get(fault.status, 'Refused')}"
    if fault.kind in {"delay_ms", "slow_body"}:
        await asyncio.sleep(fault.milliseconds / 1000)
    if fault.kind == "drop":
        _hang_up(server)
        return "421 4.3.2 Closing"
    return None


def _hang_up(server: SMTP) -> None:
    transport = server.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def _accept_login(*_credentials: object) -> AuthResult:
    return AuthResult(success=True)


async def start_mail_server(store: MailStore, faults: Faults, listener: socket.socket) -> asyncio.Server:
    """Listen for mail; any login is right, for nothing leaves the machine."""
    loop = asyncio.get_running_loop()
    handler = MailCatcher(store, faults)
    return await loop.create_server(
        lambda: SMTP(
            handler,
            loop=loop,
            hostname="sandbox.example.org",
            ident="sandbox mail",
            data_size_limit=_SIZE_LIMIT,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=_accept_login,
        ),
        sock=listener,
    )
