"""Every failure that may cross a port, each with a sentence that a person can act on.

Adapters translate the exceptions of their libraries into these; nothing else leaves an adapter.
No message carries personal data, report text, a password or a token.
"""

from datetime import timedelta


class MeldpuntError(Exception):
    """Any failure that the bot foresees; `str()` is one plain sentence."""


class SettingsError(MeldpuntError):
    """A setting or mapping is wrong; the command ends with exit code 2."""

    def __init__(self, place: str, key: str, problem: str, mend: str) -> None:
        """Take the facts: `place` is a file or "environment", `key` a dotted path or variable name."""
        self.place, self.key, self.problem, self.mend = place, key, problem, mend
        super().__init__(f"{place}: {key}: {problem}. {mend}")


class TransientError(MeldpuntError):
    """Nothing was done outside; the same call may succeed later.

    `retry_after` is the pause the other side asked for, when it did.
    """

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        """Take the sentence and the pause that was asked for."""
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(MeldpuntError):
    """Nothing was done outside and the same call will fail again; a person must look."""


class StoreError(MeldpuntError):
    """The desk's own database could not be used, and nothing was written.

    Where a connection broke during a commit the words say that this is not known: whatever the bot writes may
    be written again, and counts once.
    """


class StoreAwayError(StoreError, TransientError):
    """The database is locked, full or away."""


class StoreBrokenError(StoreError, PermanentError):
    """The database is damaged, read-only, or may not be opened."""


class OutcomeUnknownError(MeldpuntError):
    """The call may or may not have had its effect; look before trying again.

    `over` says that an answer came, so that nobody is at work on the call any more; otherwise the other side
    may still be, and to find nothing proves nothing yet.
    """

    def __init__(self, message: str, *, over: bool = False) -> None:
        """Take the sentence, and whether the call is over."""
        super().__init__(message)
        self.over = over


class UnsettledError(TransientError):
    """Nothing was found of an earlier call, but the other side may still be at work on it."""


class UnreadableError(MeldpuntError):
    """A mail could not be understood within its limits; it is held with what the headers said."""
