"""What the form's door remembers, in SQL."""

import hashlib
from datetime import datetime

from sqlalchemy import delete, select

from bot.adapters.store.claims import Scope
from bot.adapters.store.database import insert_once
from bot.adapters.store.schema import form_requests, form_signatures
from bot.domain.repeats import Accepted


class SqlRequests:
    """Fulfils `store_port.Requests` within one transaction."""

    def __init__(self, scope: Scope) -> None:
        """Take what the transaction shares."""
        self._connection = scope.connection
        self._vault = scope.vault

    def hashed(self, purpose: str, value: bytes) -> str:
        """See `store_port.Requests`."""
        return self._vault.index(f"form-{purpose}", hashlib.sha256(value).hexdigest())

    def used_for(self, signature: str) -> str | None:
        """See `store_port.Requests`."""
        wanted = select(form_signatures.c.name).where(form_signatures.c.digest == signature)
        name: str | None = self._connection.scalar(wanted)
        return name

    def note_use(self, signature: str, name: str, signed_at: datetime) -> bool:
        """See `store_port.Requests`."""
        row = {"digest": signature, "name": name, "signed_at": signed_at}
        return insert_once(self._connection, form_signatures, row)

    def find(self, name: str) -> Accepted | None:
        """See `store_port.Requests`."""
        row = self._connection.execute(
            select(form_requests).where(form_requests.c.name == name)
        ).one_or_none()
        return Accepted(row.name, row.body, row.reference, row.received_at, row.due_on) if row else None

    def add(self, request: Accepted) -> bool:
        """See `store_port.Requests`."""
        row = {
            "name": request.name,
            "body": request.body,
            "reference": request.reference,
            "received_at": request.received_at,
            "due_on": request.due_on,
        }
        return insert_once(self._connection, form_requests, row)

    def forget_signatures(self, before: datetime) -> int:
        """See `store_port.Requests`."""
        old = delete(form_signatures).where(form_signatures.c.signed_at < before)
        return self._connection.execute(old).rowcount
