"""The append-only record in SQL."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select

from bot.adapters.store.claims import Scope
from bot.adapters.store.schema import events
from bot.store_port import Event

_INSERT = insert(events)


class SqlEvents:
    """Fulfils `store_port.Events` within one transaction."""

    def __init__(self, scope: Scope) -> None:
        """Take what the transaction shares."""
        self._connection = scope.connection

    def append(
        self, kind: str, at: datetime, /, *, report_id: str | None = None, **facts: str | int | None
    ) -> None:
        """See `store_port.Events`."""
        row = {"kind": kind, "at": at, "report_id": report_id, "facts": json.dumps(facts)}
        self._connection.execute(_INSERT, row)

    def of_report(self, report_id: str) -> Sequence[Event]:
        """Return what is on record about one report, oldest first."""
        wanted = select(events).where(events.c.report_id == report_id).order_by(events.c.number)
        return [Event(row.at, row.kind, json.loads(row.facts)) for row in self._connection.execute(wanted)]
