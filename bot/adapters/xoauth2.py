"""SASL XOAUTH2: how a token is shown to a mail server.

The form is Google's (developers.google.com/workspace/gmail/imap/xoauth2-protocol), and Microsoft takes the same.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from pydantic import SecretStr

from bot.errors import TransientError

T = TypeVar("T")


class TokenRefusedError(TransientError):
    """The mail server refused a token."""


class TokenSource(Protocol):
    """Where the tokens of one line come from; safe between threads."""

    def token(self) -> SecretStr:
        """Return a token that holds for a while yet; TransientError when none is to be had."""

    def accept(self, token: SecretStr) -> None:
        """Note that a mail server accepted this token."""

    def refuse(self, token: SecretStr) -> bool:
        """Drop a token that a mail server refused; True when it accepted it before, so that another may do."""


class Xoauth2:
    """The client's side of one exchange: the token first, and an empty line to whatever is asked after it.

    A server that refuses sends its reason as one more challenge and waits for that line.
    """

    def __init__(self, username: str, token: SecretStr) -> None:
        """Take who logs in with which token."""
        self._answers = iter([f"user={username}\1auth=Bearer {token.get_secret_value()}\1\1"])

    def __call__(self, challenge: bytes | None = None) -> str:
        """Answer a challenge, base64 taken off on both sides."""
        del challenge
        return next(self._answers, "")


def connect_with_token(tokens: TokenSource, connect: Callable[[SecretStr], T], *, again: bool = True) -> T:
    """Connect, once more with another token where the server refuses one that it accepted before."""
    token = tokens.token()
    try:
        connection = connect(token)
    except TokenRefusedError:
        if not (tokens.refuse(token) and again):
            raise
        return connect_with_token(tokens, connect, again=False)
    tokens.accept(token)
    return connection
