"""The table of sealed values: each stands under the name of what it is and the row it belongs to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bot.adapters.store.schema import sealed
from bot.adapters.vault import UnopenableError, Vault

RAW = "inbox.raw"
PAYLOAD = "outbox.payload"
WORDS = "reports.words"
CONTACT = "reporters.contact"
COPY = "files.copy"
LOGIN = "kept_logins.token"


# Made once: they are asked for several times a report, and making a statement is slow.
_THESE = (sealed.c.what == bindparam("kind"), sealed.c.row_id.in_(bindparam("rows", expanding=True)))
_VALUES_OF = select(sealed.c.row_id, sealed.c.key_id, sealed.c.value).where(*_THESE)
_FORGET = delete(sealed).where(*_THESE)
_INSERT = insert(sealed)


class Plain(NamedTuple):
    """A value to be sealed: what it is, the row it belongs to, the data key, and its bytes."""

    what: str
    row_id: str
    key_id: str
    value: bytes


class SealedValues:
    """The sealed values within one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Take the transaction's connection."""
        self._connection = connection
        self._vault = vault

    def put(self, values: Iterable[Plain]) -> None:
        """Seal new values, all in one statement."""
        rows = [
            {"what": each.what, "row_id": each.row_id, "key_id": each.key_id, "value": self._seal(each)}
            for each in values
        ]
        if rows:
            self._connection.execute(_INSERT, rows)

    def replace(self, value: Plain) -> None:
        """Seal a value in the place of the one that is there."""
        self._connection.execute(
            update(sealed)
            .where(sealed.c.what == value.what, sealed.c.row_id == value.row_id)
            .values(key_id=value.key_id, value=self._seal(value))
        )

    def get(self, what: str, row_id: str) -> bytes:
        """Open one value; UnopenableError when it is not there, was changed or its key erased."""
        found = self.get_all(what, [row_id])[row_id]
        if isinstance(found, UnopenableError):
            raise found
        return found

    def get_all(self, what: str, row_ids: Sequence[str]) -> Mapping[str, bytes | UnopenableError]:
        """Open many values; one that cannot be opened comes as its error and does not stop the others."""
        rows = self._connection.execute(_VALUES_OF, {"kind": what, "rows": list(row_ids)}).all()
        self._vault.fetch([row.key_id for row in rows])
        opened: dict[str, bytes | UnopenableError] = {
            row_id: UnopenableError(f"a sealed value ({what}) is not there any more") for row_id in row_ids
        }
        for row in rows:
            try:
                opened[row.row_id] = self._vault.open(row.key_id, f"{what}/{row.row_id}", row.value)
            except UnopenableError as error:
                opened[row.row_id] = error
        return opened

    def forget(self, what: str, row_ids: Sequence[str]) -> None:
        """Remove values that nobody needs any more."""
        if row_ids:
            self._connection.execute(_FORGET, {"kind": what, "rows": list(row_ids)})

    def _seal(self, each: Plain) -> bytes:
        return self._vault.seal(each.key_id, f"{each.what}/{each.row_id}", each.value)
