"""The key database: wrapped data keys, apart from what they seal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import delete, func, insert, select

from bot.adapters.store.database import Database, insert_if_new
from bot.adapters.store.migrate import KEYS
from bot.adapters.store.schema import data_keys, key_marks


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """One data key, wrapped by the master key of this id."""

    id: str
    master_id: str
    wrapped: bytes


class KeyDatabase:
    """Keeps wrapped keys; each method is one transaction of its own."""

    def __init__(self, url: str) -> None:
        """Take the address of the database; nothing is opened yet."""
        self._database = Database(url, setting="MELDPUNT_KEYS_URL", history=KEYS, forgetful=True)

    def add(self, keys: Sequence[WrappedKey], now: datetime) -> None:
        """Keep keys, all in one commit."""
        rows = [
            {"id": key.id, "master_id": key.master_id, "wrapped": key.wrapped, "minted_at": now}
            for key in keys
        ]
        with self._database.begin() as connection:
            connection.execute(insert(data_keys), rows)

    def get(self, key_ids: Sequence[str]) -> Mapping[str, WrappedKey]:
        """Return those of the keys that are there."""
        columns = select(data_keys.c.id, data_keys.c.master_id, data_keys.c.wrapped)
        with self._database.begin() as connection:
            rows = connection.execute(columns.where(data_keys.c.id.in_(key_ids))).all()
        return {row.id: WrappedKey(row.id, row.master_id, row.wrapped) for row in rows}

    def one_of_each_master(self) -> Sequence[WrappedKey]:
        """Return one key for each master key that ever wrapped one."""
        ids = select(func.min(data_keys.c.id)).group_by(data_keys.c.master_id)
        columns = select(data_keys.c.id, data_keys.c.master_id, data_keys.c.wrapped)
        with self._database.begin() as connection:
            rows = connection.execute(columns.where(data_keys.c.id.in_(ids))).all()
        return [WrappedKey(row.id, row.master_id, row.wrapped) for row in rows]

    def delete(self, key_ids: Sequence[str]) -> None:
        """Forget keys for ever."""
        with self._database.begin() as connection:
            connection.execute(delete(data_keys).where(data_keys.c.id.in_(key_ids)))

    def name(self) -> str:
        """Return the random name that this database gave itself when it was made."""
        wanted = select(key_marks.c.value).where(key_marks.c.name == "name")
        with self._database.begin() as connection:
            name = connection.execute(wanted).scalar()
            if name is None:
                # Another bot may be giving it a name at the same moment: the first one counts.
                connection.execute(
                    insert_if_new(connection, key_marks).values(name="name", value=uuid4().hex)
                )
                name = connection.execute(wanted).scalar()
        return str(name)

    def close(self) -> None:
        """Let connections go."""
        self._database.close()
