"""The login of a person that goes on by refresh tokens, which the provider may change each time."""

import threading
from collections.abc import Callable
from datetime import datetime

from pydantic import SecretStr

from bot.adapters.oauth_answers import Asker, LoginEndedError
from bot.errors import MeldpuntError, PermanentError, StoreError, TransientError
from bot.log import get_log
from bot.ports import Grant
from bot.store_port import Store


class KeptLogin:
    """Renews with the refresh token that is kept in the store, else with the one from the settings."""

    def __init__(
        self,
        asker: Asker,
        store: Store,
        exchange: Callable[[SecretStr], Grant],
        *,
        now: Callable[[], datetime],
    ) -> None:
        """Take who asks, where the token is kept, and how one is exchanged for a token."""
        self._asker, self._store, self._exchange, self._now = asker, store, exchange, now
        self._first = asker.first
        # A token that could not be kept: the one in the store may be void by now.
        self._unkept: SecretStr | None = None
        self._lock = threading.Lock()

    def renew(self) -> Grant:
        """Return a token; LoginEndedError when a person must log in again.

        Where another bot changed the refresh token meanwhile, its successor is tried once.
        """
        with self._lock:
            current = self._current()
            try:
                grant = self._exchange(current)
            except LoginEndedError:
                self._unkept = None
                successor = self._current()
                if successor == current:
                    raise
                current, grant = successor, self._exchange(successor)
            if grant.refresh_token is not None and grant.refresh_token != current:
                self._keep_if_possible(grant.refresh_token)
            return grant

    def keep(self, token: SecretStr) -> None:
        """Keep a refresh token in the store; StoreError when that cannot be."""
        with self._store.begin() as tx:
            tx.logins.keep(self._asker.account, token, self._first, self._now())

    def _current(self) -> SecretStr:
        token = self._unkept or self._kept() or self._first
        if token is None:
            raise LoginEndedError(f"nobody has logged in as {self._asker.username} yet. {self._asker.mend}")
        return token

    def _kept(self) -> SecretStr | None:
        try:
            with self._store.begin() as tx:
                return tx.logins.get(self._asker.account, self._first)
        except StoreError as error:
            # The mail line is shut for as long as the store is: nothing that it would do is refused for good.
            raise TransientError(str(error)) from error
        except PermanentError as error:
            problem = f"the kept login of {self._asker.username} cannot be opened ({error})"
            raise TransientError(f"{problem}. {self._asker.mend}") from error

    def _keep_if_possible(self, token: SecretStr) -> None:
        self._unkept = token
        try:
            self.keep(token)
        except MeldpuntError as error:
            get_log().warning("login-not-kept", account=self._asker.username, reason=str(error))
        else:
            self._unkept = None
