"""What is particular about PostgreSQL: how a connection is set up, and what its complaints mean.

SQLSTATEs stand in appendix A of its manual. Where a connection is refused the client library keeps none, and
the server's words are all there is to go by: they are looked at and never passed on.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, event, text
from sqlalchemy.exc import DisconnectionError

from bot.errors import MeldpuntError, PermanentError, StoreAwayError, StoreBrokenError

if TYPE_CHECKING:
    import psycopg
    from typing_extensions import TypeIs

# Each transaction sees what others committed before each of its statements. That is enough, because whatever
# must hold between bots is held by a unique index, a locked row or the one lock for filing; a claim looks
# again at a row that changed while it waited for it.
ISOLATION = "READ COMMITTED"
# Seconds after which a connection that nobody used is asked whether it is still there.
IDLE = 1.0
# Seconds until the server gives up: a statement, and a transaction whose bot says nothing more.
STATEMENT, SILENCE = 60, 30
# How the machine notices that the other one has gone (libpq, section 34.1.2; the last in milliseconds).
LINE = {
    "connect_timeout": "10",
    "application_name": "meldpunt",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}

_AWAY_CLASSES = ("08", "40", "53", "55", "57", "58")
_AWAY = {
    "25P03": "ended a transaction in which nothing happened for long",
    "40001": "is busy: two transactions got in each other's way",
    "40P01": "is busy: two transactions got in each other's way",
    "53100": "cannot grow: the disk is full",
    "53200": "had no memory left for this",
    "53300": "has no connection left: allow more (max_connections), or run fewer bots",
    "55P03": "is locked by another process",
    "57014": "took too long over a statement",
    "57P01": "is being shut down",
    "57P02": "crashed and starts again",
    "57P03": "is starting or being shut down",
    "58030": "cannot be read or written: its disk reports an error",
}
_BROKEN = {
    "25006": "is read-only: name the primary server, not a standby",
    "28000": "lets this user not in: look at the user, and at pg_hba.conf on the server",
    "28P01": "refuses the password",
    "3D000": "does not exist: make it with CREATE DATABASE",
    "3F000": "has no schema to make tables in",
    "42501": "does not allow this user what it needs: let him own the database and its tables",
    "42P01": "lacks a table: it was not made by this bot, or it is damaged",
    "XX001": "is damaged: stop the bot and restore the last backup",
    "XX002": "is damaged: stop the bot and restore the last backup",
}
# What the server says to somebody whom it lets not in, and what it means.
_REFUSALS = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    'role "': "28000",
    "does not exist": "3D000",
    "pg_hba.conf": "28000",
    "is not permitted to log in": "28000",
    "permission denied for database": "42501",
    "too many": "53300",
    "remaining connection slots": "53300",
    "starting up": "57P03",
    "shutting down": "57P03",
    "recovery mode": "57P02",
}
# What is wrong with the address, or with who answers there.
_WRONG = {
    "invalid sslmode": "has an sslmode in its address that does not exist",
    "invalid connection option": "has an option in its address that PostgreSQL does not know",
    "server does not support SSL": "speaks no TLS, which sslmode in its address demands",
    "certificate verify failed": "shows a certificate that is not trusted: see sslrootcert in its address",
    "root certificate file": "cannot be checked: the file of sslrootcert in its address is not there",
    "server certificate for": "shows the certificate of another host",
}


def connect_args(url: URL) -> Mapping[str, str]:
    """Return what a connection is opened with, save where the address says otherwise."""
    return {name: value for name, value in LINE.items() if name not in url.query}


def prepare(engine: Engine, *, patience: float) -> None:
    """Set up each connection, and look after one that lay idle before it is used again."""
    # A commit that was reported must be on disk, whatever the server does for others.
    wanted = {
        "lock_timeout": f"{patience:.0f}s",
        "statement_timeout": f"{STATEMENT}s",
        "idle_in_transaction_session_timeout": f"{SILENCE}s",
        "timezone": "UTC",
    }
    settings = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in wanted.items())
    durable = "set_config('synchronous_commit', 'on', false)"
    first = f"SELECT {settings}, CASE current_setting('synchronous_commit') WHEN 'off' THEN {durable} END"

    def set_up(raw: Any, _record: object) -> None:  # noqa: ANN401 - psycopg's own connection
        raw.autocommit = True
        raw.execute(first)
        raw.autocommit = False

    def note(_raw: object, record: Any) -> None:  # noqa: ANN401 - a row of the pool
        record.info["idle_since"] = time.monotonic()

    def look(raw: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401 - the same
        since = record.info.get("idle_since")
        if since is None or time.monotonic() - since < IDLE:
            return
        try:
            engine.dialect.do_ping(raw)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    event.listen(engine, "connect", set_up)
    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", look)


def take_time(connection: Connection) -> None:
    """Let this transaction take as long as it needs, as one that makes or copies tables may."""
    for limit in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {limit} = 0"))


def is_its(fault: BaseException) -> "TypeIs[psycopg.Error]":
    """Tell whether psycopg raised this; it is loaded only where it is used."""
    return hasattr(fault, "sqlstate")


def translate(where: str, fault: "psycopg.Error", *, committing: bool) -> MeldpuntError:
    """Turn psycopg's exception into ours; of its words only the names of broken rules are kept.

    A connection that breaks while it is `committing` leaves open whether it did.
    """
    state = fault.sqlstate or _meaning(str(fault))
    if committing and (state is None or state.startswith(("08", "57"))):
        return StoreAwayError(
            f"database {where} broke the connection during a commit; whether that was written is not known"
        )
    return _lost(where, fault) if state is None else _complaint(where, state, fault)


def _complaint(where: str, state: str, fault: "psycopg.Error") -> MeldpuntError:
    """Say what the server means by a SQLSTATE."""
    if state in _BROKEN:
        return StoreBrokenError(f"database {where} {_BROKEN[state]} (SQLSTATE {state})")
    if state in _AWAY or state.startswith(_AWAY_CLASSES):
        return StoreAwayError(f"database {where} {_AWAY.get(state, 'is away or busy')} (SQLSTATE {state})")
    if state.startswith("23"):
        rule = f"{fault.diag.table_name} {fault.diag.constraint_name or fault.diag.column_name}"
        return PermanentError(f"database {where} refused what breaks its rules: {rule}")
    return PermanentError(f"database {where} refused a statement (SQLSTATE {state})")


def _meaning(words: str) -> str | None:
    """Read the SQLSTATE out of the words with which the server refuses a connection; None when it did not."""
    if "FATAL" not in words and "no password supplied" not in words:
        return None
    known = (state for refusal, state in _REFUSALS.items() if refusal in words)
    return next(known, "28000")


def _lost(where: str, fault: "psycopg.Error") -> MeldpuntError:
    """Say what the client library means, which has no SQLSTATE for what it finds itself."""
    import psycopg  # noqa: PLC0415 - only the dialect in use is loaded

    words = str(fault)
    for wrong, meaning in _WRONG.items():
        if wrong in words:
            return StoreBrokenError(f"database {where} {meaning}")
    if isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError):
        return StoreAwayError(f"database {where} cannot be reached, or broke the connection")
    # A text with a NUL in it, for one.
    return PermanentError(f"database {where} cannot hold a value ({type(fault).__name__})")
