"""Kept logins in SQL: the refresh token sealed, each time under a fresh data key."""

import hmac
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import select, update

from bot.adapters.store.claims import Scope
from bot.adapters.store.database import insert_once
from bot.adapters.store.schema import kept_logins
from bot.adapters.store.sealing import LOGIN, Plain


class SqlLogins:
    """Fulfils `store_port.Logins` within one transaction."""

    def __init__(self, scope: Scope) -> None:
        """Take what the transaction shares."""
        self._scope = scope

    def get(self, account: str, first: SecretStr | None) -> SecretStr | None:
        """See `store_port.Logins`; UnopenableError when what is kept cannot be opened."""
        number = self._id(account)
        wanted = select(kept_logins.c.first_hash).where(kept_logins.c.id == number)
        row = self._scope.connection.execute(wanted).one_or_none()
        if row is None:
            return None
        mark = self._mark(first)
        if mark is not None and not hmac.compare_digest(mark, row.first_hash or ""):
            return None
        return SecretStr(self._scope.sealed.get(LOGIN, number).decode())

    def keep(self, account: str, token: SecretStr, first: SecretStr | None, now: datetime) -> None:
        """See `store_port.Logins`."""
        scope, number = self._scope, self._id(account)
        [key_id] = scope.vault.mint(1, now)
        facts = {"key_id": key_id, "first_hash": self._mark(first), "updated_at": now}
        if not insert_once(scope.connection, kept_logins, {"id": number, **facts}):
            old = scope.connection.scalar(select(kept_logins.c.key_id).where(kept_logins.c.id == number))
            scope.connection.execute(update(kept_logins).where(kept_logins.c.id == number).values(facts))
            scope.sealed.forget(LOGIN, [number])
            scope.spent_keys.append(str(old))
        scope.sealed.put([Plain(LOGIN, number, key_id, token.get_secret_value().encode())])

    def _id(self, account: str) -> str:
        return self._scope.vault.index("login", account)

    def _mark(self, first: SecretStr | None) -> str | None:
        return self._scope.vault.index("login-first", first.get_secret_value()) if first else None
