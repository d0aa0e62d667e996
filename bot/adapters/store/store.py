"""The store: transactions over the main database, with the vault beside it."""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, func, or_, select, union, update

from bot.adapters.store.claims import LONGEST, Scope, release, renew
from bot.adapters.store.database import Database, insert_if_new, insert_once
from bot.adapters.store.events import SqlEvents
from bot.adapters.store.holder import is_dead
from bot.adapters.store.inbox import SqlInbox
from bot.adapters.store.logins import SqlLogins
from bot.adapters.store.migrate import MAIN
from bot.adapters.store.outbox import SqlOutbox
from bot.adapters.store.reports import SqlReports
from bot.adapters.store.requests import SqlRequests
from bot.adapters.store.schema import inbox, leases, marks, outbox
from bot.adapters.store.sealing import SealedValues
from bot.adapters.vault import Vault
from bot.errors import MeldpuntError, PermanentError

# A look at the database's clock that took longer says little.
_QUICK = timedelta(seconds=1)
# What a clock may run off between two looks before it counts as put forward or back.
_STEP = timedelta(seconds=2)


class SqlTransaction:
    """Fulfils `store_port.Transaction`."""

    def __init__(self, scope: Scope) -> None:
        """Take what the parts share."""
        self._scope = scope
        self.inbox = SqlInbox(scope)
        self.outbox = SqlOutbox(scope)
        self.reports = SqlReports(scope)
        self.events = SqlEvents(scope)
        self.logins = SqlLogins(scope)
        self.requests = SqlRequests(scope)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """See `store_port.Transaction`."""
        spent, locks = len(self._scope.spent_keys), set(self._scope.locks)
        try:
            with self._scope.connection.begin_nested():
                yield
        except BaseException:
            del self._scope.spent_keys[spent:]
            # A lock that was taken inside is gone with what was written inside.
            self._scope.locks.intersection_update(locks)
            raise


class SqlStore:
    """Fulfils `store_port.Store`; made without touching a database, which is migrated at first use.

    Leases, due times and attempts count in the time of a database that machines share, for their own clocks
    differ. `clock` tells this bot's time, to see how far the database is ahead.
    """

    def __init__(  # noqa: PLR0913 - what it is made of, and two clocks
        self,
        database_url: str,
        *,
        vault: Vault,
        holder: str,
        lease: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the database's address, the vault, the name of this bot and how long its claims hold.

        `ticks` counts seconds that nobody puts forward or back, to see when `clock` was.
        """
        self._database = Database(database_url, setting="MELDPUNT_DATABASE_URL", history=MAIN)
        self._vault = vault
        self._holder = holder
        self._lease = lease
        self._clock, self._ticks = clock, ticks
        self._measured = timedelta(0)
        self._looked_at, self._looked_tick = clock(), ticks()
        self._paired = False

    @contextmanager
    def begin(self) -> Iterator[SqlTransaction]:
        """See `store_port.Store`."""
        self._pair()
        with self._database.begin() as connection:
            sealed = SealedValues(connection, self._vault)
            scope = Scope(connection, self._vault, sealed, self._holder, self._lease, self._ahead)
            yield SqlTransaction(scope)
        # Only now does nothing stand under these keys any more. What is committed has not failed when one
        # of them stays behind, unused.
        with suppress(MeldpuntError):
            self._vault.forget(scope.spent_keys)

    def take_lease(self, name: str, now: datetime) -> bool:
        """See `store_port.Store`."""
        self._pair()
        with self._database.begin() as connection:
            return self._take(connection, name, now + self._ahead)

    def _take(self, connection: Connection, name: str, now: datetime) -> bool:
        row = {"name": _fitting(name), "holder": self._holder, "lease_until": now + self._lease}
        free = or_(leases.c.holder == self._holder, leases.c.lease_until <= now)
        if connection.execute(update(leases).where(leases.c.name == row["name"], free).values(row)).rowcount:
            return True
        return insert_once(connection, leases, row)

    def renew(self, now: datetime) -> None:
        """See `store_port.Store`; touches nothing when this bot never used its store."""
        if not self._paired:
            return
        with self._database.begin() as connection:
            self._look_at_the_clock(connection)
            now += self._ahead
            mine = update(leases).where(leases.c.holder == self._holder)
            if not connection.execute(mine.values(lease_until=now + self._lease)).rowcount:
                # Who has nothing to do is known to be alive by this.
                self._take(connection, f"bot:{self._holder}", now)
                connection.execute(delete(leases).where(leases.c.lease_until <= now - LONGEST * self._lease))
            connection.execute(renew(inbox, self._holder, now, self._lease))
            connection.execute(renew(outbox, self._holder, now, self._lease).values(tried_at=now))

    def release(self) -> None:
        """See `store_port.Store`; touches nothing when this bot never used its store."""
        if not self._paired:
            return
        with self._database.begin() as connection:
            _free(connection, self._holder)

    def check(self) -> Sequence[str]:
        """See `store_port.Store`."""
        try:
            self._pair()
            with self.begin() as transaction:
                transaction.outbox.next_due_at()
            return self._vault.check()
        except MeldpuntError as error:
            return [str(error)]

    def close(self) -> None:
        """See `store_port.Store`."""
        self._database.close()
        self._vault.close()

    def _pair(self) -> None:
        """See to it that this key database and this index secret are the ones the main database began with.

        With another key database everything would look erased, and with another secret no reporter known.
        """
        if self._paired:
            return
        keys = self._vault.name()
        with self._database.begin() as connection:
            _hold_to(
                connection,
                "keys",
                keys,
                "MELDPUNT_KEYS_URL",
                "names another key database than this one was sealed with",
            )
            _hold_to(
                connection,
                "index",
                self._vault.index("mark", "index"),
                "MELDPUNT_INDEX_SECRET",
                "has changed",
            )
            _bury(connection)
            self._look_at_the_clock(connection)
        self._paired = True

    def _look_at_the_clock(self, connection: Connection) -> None:
        """See how far the database is ahead, in whole seconds: a look takes time itself, and leases have more."""
        if not self._database.shared:
            return
        before = self._clock()
        there: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        took = self._clock() - before
        if took < _QUICK or self._measured == timedelta(0):
            self._measured = _whole(there - before - took / 2)
            self._looked_at, self._looked_tick = self._clock(), self._ticks()

    @property
    def _ahead(self) -> timedelta:
        """How far the database is ahead now: a clock that was put forward or back since the last look tells no lies."""
        if not self._database.shared:
            return timedelta(0)
        passed = timedelta(seconds=self._ticks() - self._looked_tick)
        stepped = self._clock() - self._looked_at - passed
        return self._measured - _whole(stepped) if abs(stepped) > _STEP else self._measured


def _whole(span: timedelta) -> timedelta:
    return timedelta(seconds=round(span.total_seconds()))


def _fitting(name: str) -> str:
    """Return a lease's name, or its hash where it is longer than the column."""
    longest = 200
    return name if len(name) <= longest else hashlib.sha256(name.encode()).hexdigest()


def _bury(connection: Connection) -> None:
    """Free what dead bots of this machine held, so that a restart does not wait for their leases to end."""
    named = [select(table.c.holder).where(table.c.holder.is_not(None)) for table in (leases, inbox, outbox)]
    for holder in connection.scalars(union(*named)).all():
        if is_dead(holder):
            _free(connection, holder)


def _free(connection: Connection, holder: str) -> None:
    connection.execute(delete(leases).where(leases.c.holder == holder))
    for queue in (inbox, outbox):
        connection.execute(release(queue, holder))


def _hold_to(connection: Connection, name: str, value: str, setting: str, problem: str) -> None:
    wanted = select(marks.c.value).where(marks.c.name == name)
    first = connection.scalar(wanted)
    if first is None:
        # Another bot may be writing it at the same moment: the first one counts.
        connection.execute(insert_if_new(connection, marks).values(name=name, value=value))
        first = connection.execute(wanted).scalar_one()
    if not hmac.compare_digest(first, value):
        raise PermanentError(f"{setting} {problem}; put the old value back")
