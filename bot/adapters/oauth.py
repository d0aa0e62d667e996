"""Tokens for one mail line: asked for when first needed, renewed before they end, one renewal at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from bot.errors import TransientError
from bot.log import get_log
from bot.ports import Grant

# A token is renewed this long before its end, or when a tenth of its time is left.
MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Held:
    token: SecretStr
    began_at: datetime
    renew_at: datetime
    ends_at: datetime


class RenewedTokens:
    """A `TokenSource` over any way to get one; safe between threads."""

    def __init__(self, renew: Callable[[], Grant], *, now: Callable[[], datetime]) -> None:
        """Take how a token is got (raises TransientError) and the clock."""
        self._renew, self._now = renew, now
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._accepted: SecretStr | None = None

    def token(self) -> SecretStr:
        """Return the token at hand, or a new one when its end is near.

        While one still holds, a failed renewal is only logged.
        """
        with self._lock:
            held, now = self._held, self._now()
            if held is not None and held.began_at <= now < held.renew_at:
                return held.token
            try:
                self._held = _hold(self._renew(), now)
            except TransientError as error:
                if held is None or not held.began_at <= now < held.ends_at:
                    self._held = None
                    raise
                get_log().warning("token-not-renewed", reason=str(error), ends_at=held.ends_at.isoformat())
                return held.token
            return self._held.token

    def accept(self, token: SecretStr) -> None:
        """Note that a mail server accepted this token."""
        self._accepted = token

    def refuse(self, token: SecretStr) -> bool:
        """Drop a token that a mail server refused; True when it accepted it before, so that another may do."""
        with self._lock:
            if self._held is not None and self._held.token == token:
                self._held = None
            return self._accepted == token


def _hold(grant: Grant, now: datetime) -> _Held:
    ends_at = now + grant.lasts
    return _Held(grant.token, now, ends_at - min(MARGIN, grant.lasts / 10), ends_at)
