"""The outbox in SQL: lanes keep their order, and an attempt without an outcome is never forgotten."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from bot.adapters.store.claims import FREE, Filed, Scope, claim, claim_values, is_free, is_in
from bot.adapters.store.codec import PAYLOADS, dump, load
from bot.adapters.store.schema import outbox, reporters, reports
from bot.adapters.store.sealing import PAYLOAD, Plain
from bot.adapters.vault import UnopenableError
from bot.domain.outbox import (
    AddComment,
    CreateIssue,
    Delivery,
    DeliveryRow,
    LinkFiles,
    Order,
    OutboxState,
    Outcome,
    Payload,
    Result,
    SendMail,
    UploadFile,
)
from bot.errors import PermanentError

_WAITING = is_in(outbox, OutboxState.WAITING)
_HELD = is_in(outbox, OutboxState.HELD)
_KINDS: dict[type[Payload], str] = {
    CreateIssue: "create_issue",
    UploadFile: "upload_file",
    LinkFiles: "link_files",
    AddComment: "add_comment",
}


_BY_AGE = (outbox.c.due_at, outbox.c.number)
# A literal, for a parameter would hide it from partial indexes.
_UNTRIED = outbox.c.attempts == literal_column("0")
_IDS = reports.c.id.in_(bindparam("ids", expanding=True))
_FACTS_OF = select(reports.c.id, reports.c.received_at, reporters.c.key_id).join(reporters).where(_IDS)
_REFERENCES_OF = select(reports.c.id, reports.c.reference).where(_IDS)


# An order changes only as long as nobody else has claimed it since: each claim counts an attempt.
_STILL_CLAIMED = update(outbox).where(
    outbox.c.id == bindparam("claimed_id"), outbox.c.attempts == bindparam("claimed_attempts"), _WAITING
)


def _first_of_its_lane() -> ColumnElement[bool]:
    before = outbox.alias("before")
    waits_before = exists().where(
        before.c.lane == outbox.c.lane,
        is_in(before, OutboxState.WAITING),
        before.c.number < outbox.c.number,
    )
    return not_(waits_before)


@cache
def _claim_statement(mail: bool | None, newest: bool) -> ReturningUpdate[Any]:  # noqa: FBT001 - the key of the cache
    """Make the claim of one kind once: it is asked for several times a second, and is slow to make."""
    turn = _UNTRIED if newest else true()
    order = [column.desc() for column in _BY_AGE] if newest else _BY_AGE
    kinds = {None: true(), True: outbox.c.message_id.is_not(None), False: outbox.c.message_id.is_(None)}
    due = outbox.c.due_at <= bindparam("now")
    wanted = (
        select(outbox.c.number)
        .where(_WAITING, kinds[mail], turn, due, is_free(outbox), _first_of_its_lane())
        .order_by(*order)
        .limit(bindparam("most", type_=Integer))
    )
    # Right-hand sides see the row as it was: what was tried before and has no outcome is uncertain now.
    tried = {"uncertain_since": outbox.c.tried_at, "tried_at": bindparam("now")}
    return claim(outbox, wanted).values(**tried).returning(outbox)


class SqlOutbox:
    """Fulfils `store_port.Outbox` within one transaction."""

    def __init__(self, scope: Scope) -> None:
        """Take what the transaction shares."""
        self._scope = scope
        self._connection = scope.connection

    def add(self, orders: Sequence[Order], now: datetime) -> None:
        """See `store_port.Outbox`."""
        if not orders:
            return
        facts = self._facts({order.report_id for order in orders})
        since = {
            report_id: self._scope.there(min(now, fact.received_at)) for report_id, fact in facts.items()
        }
        rows = [_new_row(order, now, due_at=since[order.report_id]) for order in orders]
        self._connection.execute(insert(outbox), rows)
        self._scope.sealed.put(
            Plain(PAYLOAD, row["id"], facts[order.report_id].key_id, dump(PAYLOADS, order.payload))
            for row, order in zip(rows, orders, strict=True)
        )

    def _facts(self, report_ids: Iterable[str]) -> Mapping[str, Filed]:
        """Return when each report came in and the data key of its reporter."""
        known = self._scope.filed
        unknown = [report_id for report_id in report_ids if report_id not in known]
        if not unknown:
            return known
        rows = self._connection.execute(_FACTS_OF, {"ids": unknown})
        found = {row.id: Filed(row.key_id, row.received_at) for row in rows}
        if len(found) < len(unknown):
            raise PermanentError("an order belongs to a report that does not exist")
        return known | found

    def claim(
        self, now: datetime, limit: int, *, mail: bool | None = None, newest: bool = False
    ) -> Sequence[Delivery]:
        """See `store_port.Outbox`; an order that cannot be opened is held with the reason and the others go on."""
        values = claim_values(self._scope, now) | {"most": limit}
        rows = self._connection.execute(_claim_statement(mail, newest), values).all()
        if newest and not rows:
            rows = self._connection.execute(_claim_statement(mail, False), values).all()  # noqa: FBT003 - the same
        return self._open(sorted(rows, key=lambda row: (row.due_at, row.number)), now) if rows else []

    def _open(self, rows: Sequence[Row[Any]], now: datetime) -> Sequence[Delivery]:
        payloads = self._scope.sealed.get_all(PAYLOAD, [row.id for row in rows])
        references = self._references({row.report_id for row in rows})
        deliveries = []
        for row in rows:
            try:
                payload = _payload(payloads[row.id])
            except PermanentError as error:
                self._set(row.number, state=OutboxState.HELD, reason=str(error), finished_at=now, **FREE)
                continue
            deliveries.append(
                Delivery(
                    id=row.id,
                    number=row.number,
                    report_id=row.report_id,
                    reference=references[row.report_id],
                    payload=payload,
                    attempts=row.attempts,
                    uncertain_since=self._scope.here(row.uncertain_since),
                )
            )
        return deliveries

    def _references(self, report_ids: Iterable[str]) -> dict[str, str]:
        rows = self._connection.execute(_REFERENCES_OF, {"ids": list(report_ids)})
        return {row.id: row.reference for row in rows}

    def record(self, outcomes: Sequence[Outcome], now: datetime) -> Collection[str]:
        """See `store_port.Outbox`."""
        done = [each.delivery.id for each in outcomes if each.result is Result.DONE]
        written = set(self._finish(done, now, state=OutboxState.DONE, reason=None)) if done else set()
        for each in outcomes:
            if each.result is not Result.DONE and self._write_claimed(each, now):
                written.add(each.delivery.id)
        return written

    def _finish(self, ids: Sequence[str], now: datetime, **values: object) -> Sequence[str]:
        """End orders, erase their payloads, which nobody needs any more, and return those not done before."""
        ended = self._connection.scalars(
            update(outbox)
            .where(outbox.c.id.in_(ids), outbox.c.state != OutboxState.DONE)
            .values(finished_at=now, tried_at=None, **values, **FREE)
            .returning(outbox.c.id)
        ).all()
        self._scope.sealed.forget(PAYLOAD, ids)
        return ended

    def _write_claimed(self, outcome: Outcome, now: datetime) -> bool:
        """Write an outcome that is not done, as long as nobody else has claimed the order since."""
        tried_at = self._scope.there(outcome.tried_at) if outcome.tried_at else None
        values: dict[str, Any] = {"reason": outcome.reason, "tried_at": tried_at, **FREE}
        if outcome.result is Result.HELD:
            values |= {"state": OutboxState.HELD, "finished_at": now}
        else:
            values |= {"due_at": self._scope.there(outcome.again_at or now)}
        claim_of = {"claimed_id": outcome.delivery.id, "claimed_attempts": outcome.delivery.attempts}
        return bool(self._connection.execute(_STILL_CLAIMED, claim_of | values).rowcount)

    def waits_in(self, lane: str) -> bool:
        """See `store_port.Outbox`."""
        return bool(self._connection.scalar(select(exists().where(_WAITING, outbox.c.lane == lane))))

    def next_due_at(self) -> datetime | None:
        """See `store_port.Outbox`."""
        at = func.coalesce(outbox.c.lease_until, outbox.c.due_at)
        earliest = select(func.min(at, type_=outbox.c.due_at.type)).where(_WAITING, _first_of_its_lane())
        return self._scope.here(self._connection.scalar(earliest))

    def rows(self, *, only_open: bool = False) -> Sequence[DeliveryRow]:
        """See `store_port.Outbox`."""
        wanted = select(outbox, reports.c.reference).join(reports)
        if only_open:
            wanted = wanted.where(or_(_WAITING, _HELD))
        return [_row(row) for row in self._connection.execute(wanted.order_by(outbox.c.number))]

    def count_held(self) -> int:
        """See `store_port.Outbox`."""
        return self._connection.scalar(select(func.count()).select_from(outbox).where(_HELD)) or 0

    def count_waiting(self) -> int:
        """See `store_port.Outbox`."""
        return self._connection.scalar(select(func.count()).select_from(outbox).where(_WAITING)) or 0

    def unsettled(self, since: datetime) -> bool:
        """See `store_port.Outbox`."""
        open_end = or_(outbox.c.holder.is_not(None), outbox.c.tried_at > self._scope.there(since))
        return bool(self._connection.scalar(select(exists().where(_WAITING, open_end))))

    def retry(self, number: int, now: datetime) -> str:
        """See `store_port.Outbox`; an attempt that is under way goes on, and the next one comes at once."""
        row = self._find_open(number)
        from_start = {} if row.holder else {"attempts": 0}
        due_at = self._scope.there(now)
        self._set(number, state=OutboxState.WAITING, due_at=due_at, finished_at=None, **from_start)
        return str(row.report_id)

    def drop(self, number: int, now: datetime) -> str:
        """See `store_port.Outbox`."""
        row = self._find_open(number)
        self._finish([row.id], now, state=OutboxState.DROPPED)
        return str(row.report_id)

    def _find_open(self, number: int) -> Row[Any]:
        row = self._connection.execute(select(outbox).where(outbox.c.number == number)).one_or_none()
        if row is None:
            raise PermanentError(f"there is no order {number}; `meldpunt outbox list` shows what there is")
        if row.state not in {OutboxState.WAITING, OutboxState.HELD}:
            raise PermanentError(f"order {number} is {row.state} and nothing can be changed about it")
        return row

    def _set(self, number: int, **values: object) -> None:
        self._connection.execute(update(outbox).where(outbox.c.number == number).values(**values))


def _new_row(order: Order, now: datetime, *, due_at: datetime) -> dict[str, Any]:
    notice = order.payload if isinstance(order.payload, SendMail) else None
    return {
        "id": uuid4().hex,
        "report_id": order.report_id,
        "lane": order.lane,
        "kind": notice.kind if notice else _KINDS[type(order.payload)],
        "message_id": notice.message_id if notice else None,
        "state": OutboxState.WAITING,
        "added_at": now,
        "due_at": due_at,
        "attempts": 0,
    }


def _payload(opened: bytes | UnopenableError) -> Payload:
    if isinstance(opened, UnopenableError):
        raise opened
    return load(PAYLOADS, opened)


def _row(row: Row[Any]) -> DeliveryRow:
    return DeliveryRow(
        number=row.number,
        state=OutboxState(row.state),
        kind=row.kind,
        reference=row.reference,
        attempts=row.attempts,
        due_at=row.due_at,
        reason=row.reason,
    )
