"""Claims: how rows of a queue are leased to one bot, kept, and given back."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
    text,
    update,
)

from bot.adapters.store.sealing import SealedValues
from bot.adapters.vault import Vault
from bot.domain.inbox import InboxState
from bot.domain.outbox import OutboxState

# No claim is renewed for ever: work that a living bot dropped on an error comes free after this many leases.
LONGEST = 15

# The lock that filing bots take; any number will do that is not the one for migrations.
FILING = 6354_2027
_LOCK = text("SELECT pg_advisory_xact_lock(:lock)")

# What a row is set to when nobody works on it.
FREE = {"holder": None, "claimed_at": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class Filed:
    """What orders want to know of their report: the data key of its reporter, and when it came in."""

    key_id: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Scope:
    """What the parts of one transaction share; `spent_keys` are deleted once it is committed."""

    connection: Connection
    vault: Vault
    sealed: SealedValues
    holder: str
    lease: timedelta
    # How far the database's clock is ahead of this bot's.
    ahead: timedelta = timedelta(0)
    spent_keys: list[str] = field(default_factory=list)
    locks: set[int] = field(default_factory=set)
    # What is known of the reports that this transaction filed, by id, and need not be asked for.
    filed: dict[str, Filed] = field(default_factory=dict)

    def there(self, at: datetime) -> datetime:
        """Say in the database's time when this is. Bots share a queue, so its times are those of one clock."""
        return at + self.ahead

    def here(self, at: datetime | None) -> datetime | None:
        """Say in this bot's time when that was."""
        return None if at is None else at - self.ahead

    def file_alone(self) -> None:
        """Wait until no other bot files, and let none until this transaction ends.

        What was filed before is seen by the statements after this one. SQLite lets one write at a time anyway.
        """
        if self.connection.dialect.name == "postgresql" and FILING not in self.locks:
            self.connection.execute(_LOCK, {"lock": FILING})
            self.locks.add(FILING)


def is_in(queue: FromClause, state: InboxState | OutboxState) -> ColumnElement[bool]:
    """Say whether a row is in this state; a literal, for a parameter would hide it from partial indexes."""
    return queue.c.state == literal_column(f"'{state}'")


def is_free(queue: Table) -> ColumnElement[bool]:
    """Say whether nobody works on a row `now`: never claimed, given back, or another bot's whose lease ended.

    A bot knows itself alive: its own row comes free only when it must have been dropped on an error, lest a
    clock that jumps forward hands out what is still being carried out.
    """
    anothers = or_(queue.c.holder != bindparam("by"), queue.c.claimed_at <= bindparam("long_ago"))
    return or_(queue.c.lease_until.is_(None), and_(queue.c.lease_until <= bindparam("now"), anothers))


def claim(queue: Table, wanted: Select[tuple[int]]) -> Update:
    """Lease the rows whose numbers `wanted` selects; the caller adds what is to be returned.

    It is executed with `claim_values`, so that one statement can be made once and used again.
    On PostgreSQL rows that another bot is just claiming are passed over, and the CTE sees to it that
    they are selected once; SQLite leaves the lock out, for its transactions write one at a time.
    """
    return _update(queue, wanted).values(
        holder=bindparam("by"),
        claimed_at=bindparam("now"),
        lease_until=bindparam("until"),
        attempts=queue.c.attempts + 1,
    )


def claim_values(scope: Scope, now: datetime) -> dict[str, Any]:
    """Say who claims, when and until when."""
    now = scope.there(now)
    long_ago = now - (LONGEST + 1) * scope.lease
    return {"by": scope.holder, "now": now, "until": now + scope.lease, "long_ago": long_ago}


def renew(queue: Table, holder: str, now: datetime, lease: timedelta) -> Update:
    """Extend the leases of one bot, save those that lasted too long to be still at work."""
    wanted = _held_by(queue, holder).where(queue.c.claimed_at > now - LONGEST * lease)
    return _update(queue, wanted).values(lease_until=now + lease)


def release(queue: Table, holder: str) -> Update:
    """Free the rows of one bot; what it had begun stays begun."""
    return _update(queue, _held_by(queue, holder)).values(**FREE)


def _held_by(queue: Table, holder: str) -> Select[tuple[int]]:
    return select(queue.c.number).where(queue.c.holder == holder)


def _update(queue: Table, wanted: Select[tuple[int]]) -> Update:
    """Change rows, but pass over those that a transaction is just writing.

    Those get their outcome there. To wait for one while holding others would be a deadlock on PostgreSQL.
    """
    chosen = wanted.with_for_update(skip_locked=True).cte("chosen")
    return update(queue).where(queue.c.number.in_(select(chosen.c.number)))
