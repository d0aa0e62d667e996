"""The inbox in SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, bindparam, exists, func, or_, select, update

from bot.adapters.store.claims import FREE, Scope, claim, claim_values, is_free, is_in
from bot.adapters.store.database import insert_if_new
from bot.adapters.store.schema import inbox, reports
from bot.adapters.store.sealing import RAW, Plain
from bot.adapters.vault import UnopenableError
from bot.domain.fingerprint import fingerprint
from bot.domain.inbox import MOST_BYTES, Arrival, InboxItem, InboxRow, InboxState, Origin
from bot.domain.submission import Kind
from bot.errors import PermanentError, TransientError

_NEW = is_in(inbox, InboxState.NEW)
_HELD = is_in(inbox, InboxState.HELD)
_BY_AGE = (inbox.c.received_at, inbox.c.number)
# An item is changed only as long as nobody else has claimed it since: each claim counts an attempt.
_STILL_CLAIMED = update(inbox).where(
    inbox.c.id == bindparam("item_id"), inbox.c.attempts == bindparam("item_attempts"), _NEW
)
# Bound by the number of parameters that every database takes.
_MOST_AT_ONCE = 500


_SAME_MAIL = (
    select(inbox.c.number, inbox.c.report_id)
    .where(
        inbox.c.mail_hash
        == select(inbox.c.mail_hash).where(inbox.c.id == bindparam("item_id")).scalar_subquery(),
        inbox.c.id != bindparam("item_id"),
        inbox.c.report_id.is_not(None),
    )
    .order_by(inbox.c.number)
    .limit(1)
)


class SqlInbox:
    """Fulfils `store_port.Inbox` within one transaction."""

    def __init__(self, scope: Scope) -> None:
        """Take what the transaction shares."""
        self._scope = scope
        self._connection = scope.connection

    def unknown(self, origins: Sequence[Origin]) -> Collection[Origin]:
        """See `store_port.Inbox`."""
        uids: dict[tuple[str, str, int], list[str]] = {}
        for origin in origins:
            uids.setdefault((origin.mailbox, origin.folder, origin.uidvalidity), []).append(origin.uid)
        known = {origin for place, listed in uids.items() for origin in self._known(place, listed)}
        return set(origins) - known

    def _known(self, place: tuple[str, str, int], uids: Sequence[str]) -> Collection[Origin]:
        mailbox, folder, uidvalidity = place
        wanted = select(inbox.c.uid).where(
            inbox.c.mailbox == mailbox, inbox.c.folder == folder, inbox.c.uidvalidity == uidvalidity
        )
        found: set[Origin] = set()
        for start in range(0, len(uids), _MOST_AT_ONCE):
            some = uids[start : start + _MOST_AT_ONCE]
            rows = self._connection.scalars(wanted.where(inbox.c.uid.in_(some)))
            found.update(Origin(mailbox, folder, uidvalidity, uid) for uid in rows)
        return found

    def add(self, arrivals: Sequence[Arrival], now: datetime) -> int:
        """See `store_port.Inbox`; data keys of a batch are one commit in the key database before this one."""
        unknown = self.unknown([arrival.origin for arrival in arrivals])
        fresh: dict[Origin, Arrival] = {}
        for arrival in arrivals:
            if arrival.origin in unknown:
                fresh.setdefault(arrival.origin, arrival)
        keys = self._scope.vault.mint(len(fresh), now)
        rows = {uuid4().hex: (arrival, key_id) for arrival, key_id in zip(fresh.values(), keys, strict=True)}
        added = self._insert(
            [_new_row(row_id, *row, now) | self._mail_hash(row[0]) for row_id, row in rows.items()]
        )
        self._scope.sealed.put(
            Plain(RAW, row_id, key_id, arrival.raw)
            for row_id, (arrival, key_id) in rows.items()
            if row_id in added
        )
        return len(added)

    def _mail_hash(self, arrival: Arrival) -> dict[str, str | None]:
        identity = fingerprint(arrival)
        return {"mail_hash": self._scope.vault.index("mail", identity) if identity else None}

    def _insert(self, rows: Sequence[dict[str, Any]]) -> Collection[str]:
        """Insert rows, pass over origins that another bot added meanwhile, and return the ids of the rest."""
        if not rows:
            return ()
        statement = insert_if_new(self._connection, inbox).returning(inbox.c.id)
        return set(self._connection.scalars(statement, rows))

    def claim(
        self, now: datetime, limit: int, *, newest: bool = False, most_bytes: int = MOST_BYTES
    ) -> Sequence[InboxItem]:
        """See `store_port.Inbox`; an item that cannot be opened is held with the reason and the others go on."""
        free = select(inbox.c.number, inbox.c.size).where(_NEW, is_free(inbox))
        values = claim_values(self._scope, now)
        order = [column.desc() for column in _BY_AGE] if newest else _BY_AGE
        # On PostgreSQL the rows of another bot that is just claiming are passed over, not waited for.
        some = free.order_by(*order).limit(limit).with_for_update(skip_locked=True)
        first = self._connection.execute(some, values).all()
        total = accumulate(row.size for row in first)
        numbers = [row.number for row, size in zip(first, total, strict=True) if size <= most_bytes]
        numbers = numbers or [row.number for row in first[:1]]
        if not numbers:
            return []
        wanted = select(inbox.c.number).where(inbox.c.number.in_(numbers), _NEW, is_free(inbox))
        statement = claim(inbox, wanted).returning(inbox)
        claimed = self._connection.execute(statement, values).all()
        rows = sorted(claimed, key=lambda row: (row.received_at, row.number))
        raws = self._scope.sealed.get_all(RAW, [row.id for row in rows]) if rows else {}
        items = []
        for row in rows:
            raw = raws[row.id]
            if isinstance(raw, UnopenableError):
                self._set(row.number, state=InboxState.HELD, reason=str(raw), finished_at=now, **FREE)
            else:
                items.append(_item(row, raw))
        return items

    def put_back(self, items: Sequence[InboxItem]) -> None:
        """See `store_port.Inbox`."""
        for item in items:
            mine = update(inbox).where(inbox.c.id == item.id, inbox.c.attempts == item.attempts, _NEW)
            self._connection.execute(mine.values(attempts=inbox.c.attempts - 1, **FREE))

    def same_mail(self, item: InboxItem) -> tuple[int, str] | None:
        """See `store_port.Inbox`."""
        self._scope.file_alone()
        row = self._connection.execute(_SAME_MAIL, {"item_id": item.id}).one_or_none()
        return (row.number, row.report_id) if row else None

    def finish(  # noqa: PLR0913 - each is one fact of the outcome
        self,
        item: InboxItem,
        *,
        kind: str,
        report_id: str | None,
        reason: str | None,
        now: datetime,
        message_id: str | None = None,
    ) -> None:
        """See `store_port.Inbox`."""
        outcome = {
            "state": InboxState.HELD if kind == Kind.HELD else InboxState.DONE,
            "kind": kind,
            "reason": reason,
            "report_id": report_id,
            "message_hash": self._scope.vault.index("message-id", message_id.strip()) if message_id else None,
            "finished_at": now,
        }
        mine = {"item_id": item.id, "item_attempts": item.attempts}
        if not self._connection.execute(_STILL_CLAIMED, mine | outcome | FREE).rowcount:
            raise TransientError(
                f"inbox item {item.number} was taken over by another bot; nothing is written"
            )

    def rows(self, *, only_open: bool = False) -> Sequence[InboxRow]:
        """See `store_port.Inbox`."""
        wanted = select(inbox, reports.c.reference.label("report")).outerjoin(
            reports, reports.c.id == inbox.c.report_id
        )
        if only_open:
            wanted = wanted.where(or_(_NEW, _HELD))
        return [_row(row) for row in self._connection.execute(wanted.order_by(inbox.c.number))]

    def count_held(self) -> int:
        """See `store_port.Inbox`."""
        return self._connection.scalar(select(func.count()).select_from(inbox).where(_HELD)) or 0

    def count_waiting(self) -> int:
        """See `store_port.Inbox`."""
        return self._connection.scalar(select(func.count()).select_from(inbox).where(_NEW)) or 0

    def unsettled(self) -> bool:
        """See `store_port.Inbox`."""
        return bool(self._connection.scalar(select(exists().where(_NEW, inbox.c.holder.is_not(None)))))

    def raw(self, number: int) -> bytes:
        """See `store_port.Inbox`."""
        return self._scope.sealed.get(RAW, self._find(number).id)

    def retry(self, number: int, now: datetime, *, as_report: bool = False) -> None:  # noqa: ARG002 - the port's shape
        """See `store_port.Inbox`."""
        row = self._find(number)
        if row.report_id is not None:
            raise PermanentError(f"inbox item {number} became a report and cannot be read again")
        if row.state == InboxState.NEW:
            raise PermanentError(f"inbox item {number} is new and will be read by itself")
        again = {"kind": None, "reason": None, "finished_at": None, "attempts": 0}
        self._set(number, state=InboxState.NEW, as_report=as_report, **again, **FREE)

    def drop(self, number: int, now: datetime) -> None:
        """See `store_port.Inbox`."""
        row = self._find(number)
        if row.state != InboxState.HELD:
            raise PermanentError(f"inbox item {number} is {row.state}; only a held one can be dropped")
        self._set(number, state=InboxState.DROPPED, finished_at=now, **FREE)

    def _find(self, number: int) -> Row[Any]:
        row = self._connection.execute(select(inbox).where(inbox.c.number == number)).one_or_none()
        if row is None:
            raise PermanentError(
                f"there is no inbox item {number}; `meldpunt inbox list` shows what there is"
            )
        return row

    def _set(self, number: int, **values: object) -> None:
        self._connection.execute(update(inbox).where(inbox.c.number == number).values(**values))


def _new_row(row_id: str, arrival: Arrival, key_id: str, now: datetime) -> dict[str, Any]:
    origin = arrival.origin
    return {
        "id": row_id,
        "mailbox": origin.mailbox,
        "folder": origin.folder,
        "uidvalidity": origin.uidvalidity,
        "uid": origin.uid,
        "size": arrival.size,
        "received_at": arrival.received_at,
        "added_at": now,
        "key_id": key_id,
        "state": InboxState.NEW,
        "as_report": False,
        "attempts": 0,
        "reference": arrival.reference,
        "no_receipt": arrival.no_receipt,
        "problem": arrival.problem,
    }


def _origin(row: Row[Any]) -> Origin:
    return Origin(row.mailbox, row.folder, row.uidvalidity, row.uid)


def _item(row: Row[Any], raw: bytes) -> InboxItem:
    told = (row.reference, row.no_receipt, row.problem)
    arrival = Arrival(_origin(row), raw, row.size, row.received_at, *told)
    return InboxItem(row.id, row.number, arrival, row.attempts, row.as_report)


def _row(row: Row[Any]) -> InboxRow:
    return InboxRow(
        number=row.number,
        state=InboxState(row.state),
        kind=row.kind,
        origin=_origin(row),
        size=row.size,
        received_at=row.received_at,
        reference=row.report,
        reason=row.reason,
    )
