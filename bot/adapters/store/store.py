"""The store: transactions over the main database, with the vault beside it."""

import hmac
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select, union, update

from bot.adapters.store.claims import Scope, release, renew
from bot.adapters.store.database import Database, insert_if_new
from bot.adapters.store.events import SqlEvents
from bot.adapters.store.holder import is_dead
from bot.adapters.store.inbox import SqlInbox
from bot.adapters.store.migrate import MAIN
from bot.adapters.store.outbox import SqlOutbox
from bot.adapters.store.reports import SqlReports
from bot.adapters.store.requests import SqlRequests
from bot.adapters.store.schema import inbox, leases, marks, outbox
from bot.adapters.store.sealing import SealedValues
from bot.adapters.vault import Vault
from bot.errors import MeldpuntError, PermanentError


class SqlTransaction:
    """Fulfils `ports.Transaction`."""

    def __init__(self, scope: Scope) -> None:
        """Take what the parts share."""
        self._scope = scope
        self.inbox = SqlInbox(scope)
        self.outbox = SqlOutbox(scope)
        self.reports = SqlReports(scope)
        self.events = SqlEvents(scope)
        self.requests = SqlRequests(scope)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """See `ports.Transaction`."""
        spent = len(self._scope.spent_keys)
        try:
            with self._scope.connection.begin_nested():
                yield
        except BaseException:
            del self._scope.spent_keys[spent:]
            raise


class SqlStore:
    """Fulfils `ports.Store`; made without touching a database, which is migrated at first use."""

    def __init__(self, database_url: str, *, vault: Vault, holder: str, lease: timedelta) -> None:
        """Take the database's address, the vault, the name of this bot and how long its claims hold."""
        self._database = Database(database_url, setting="MELDPUNT_DATABASE_URL", history=MAIN)
        self._vault = vault
        self._holder = holder
        self._lease = lease
        self._paired = False

    @contextmanager
    def begin(self) -> Iterator[SqlTransaction]:
        """See `ports.Store`."""
        self._pair()
        with self._database.begin() as connection:
            sealed = SealedValues(connection, self._vault)
            scope = Scope(connection, self._vault, sealed, self._holder, self._lease)
            yield SqlTransaction(scope)
        # Only now does nothing stand under these keys any more. What is committed has not failed when one
        # of them stays behind, unused.
        with suppress(MeldpuntError):
            self._vault.forget(scope.spent_keys)

    def take_lease(self, name: str, now: datetime) -> bool:
        """See `ports.Store`."""
        self._pair()
        until = now + self._lease
        free = or_(leases.c.holder == self._holder, leases.c.lease_until <= now)
        take = (
            update(leases).where(leases.c.name == name, free).values(holder=self._holder, lease_until=until)
        )
        with self._database.begin() as connection:
            if connection.execute(take).rowcount:
                return True
            fresh = insert_if_new(connection, leases).values(
                name=name, holder=self._holder, lease_until=until
            )
            return bool(connection.execute(fresh).rowcount)

    def renew(self, now: datetime) -> None:
        """See `ports.Store`; touches nothing when this bot never used its store."""
        if not self._paired:
            return
        until = now + self._lease
        with self._database.begin() as connection:
            connection.execute(
                update(leases).where(leases.c.holder == self._holder).values(lease_until=until)
            )
            connection.execute(renew(inbox, self._holder, now, self._lease))
            connection.execute(renew(outbox, self._holder, now, self._lease).values(tried_at=now))

    def release(self) -> None:
        """See `ports.Store`; touches nothing when this bot never used its store."""
        if not self._paired:
            return
        with self._database.begin() as connection:
            _free(connection, self._holder)

    def check(self) -> Sequence[str]:
        """See `ports.Store`."""
        try:
            self._pair()
            with self.begin() as transaction:
                transaction.outbox.next_due_at()
            return self._vault.check()
        except MeldpuntError as error:
            return [str(error)]

    def close(self) -> None:
        """See `ports.Store`."""
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
        self._paired = True


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
    first = connection.scalar(select(marks.c.value).where(marks.c.name == name))
    if first is None:
        connection.execute(insert(marks).values(name=name, value=value))
    elif not hmac.compare_digest(first, value):
        raise PermanentError(f"{setting} {problem}; put the old value back")
