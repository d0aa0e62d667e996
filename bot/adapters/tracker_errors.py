"""What a tracker's failure means for the desk: nothing was done, or nobody knows.

A request that only reads changes nothing, so it may always be made again. One that writes is told apart:
refused (`TransientError` when settings or time can mend it, `PermanentError` when our content cannot) or
`OutcomeUnknownError`, after which the caller looks before it writes again. No message holds a URL, a
header, a token or a word of what was sent.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, ProxyError

from bot.errors import MeldpuntError, OutcomeUnknownError, TransientError

_LONGEST_PAUSE = timedelta(days=1)
_ECHO = 12
_SAID = 160


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read a Retry-After header, seconds or an HTTP date (RFC 9110, 10.2.3); None for what makes no sense.

    The pause is never negative and never longer than a day.
    """
    value = (value or "").strip()
    try:
        if re.fullmatch(r"[0-9]{1,9}", value):
            pause = timedelta(seconds=int(value))
        else:
            at = parsedate_to_datetime(value)
            pause = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return None
    return min(pause, _LONGEST_PAUSE) if pause >= timedelta(0) else None


def broken_line(name: str, error: Exception, *, writes: bool) -> MeldpuntError:
    """Say what a failure below HTTP means: a line that never stood carried nothing."""
    if _never_connected(error):
        return TransientError(f"tracker {name} cannot be reached ({_cause(error)})")
    sentence = f"the line to tracker {name} broke before its answer was complete ({_cause(error)})"
    return OutcomeUnknownError(sentence) if writes else TransientError(sentence)


def odd_answer(name: str, what: str, *, writes: bool) -> MeldpuntError:
    """Say that an answer makes no sense, as when a log-in page stands before the tracker; perhaps nothing was done."""
    sentence = f"tracker {name} gave an answer that is not its own: {what}"
    return OutcomeUnknownError(sentence, over=True) if writes else TransientError(sentence)


def quoted(words: str, sent: str) -> str:
    """Put a tracker's own words on one short line that repeats nothing of what was sent."""
    line = re.sub(r"https?:\S+|[\w-]{20,}", "…", " ".join(re.sub(r"[^\x20-\x7e]", " ", words).split()))[
        :_SAID
    ]
    echoes = (
        any(line[at : at + _ECHO] in sent for at in range(max(0, len(line) - _ECHO) + 1))
        if line and sent
        else False
    )
    return "its words repeat the report and are not shown" if echoes else line


def flat(value: object) -> str:
    """Write a message of a tracker, which may be a text, a list or a table of lists."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {flat(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(flat, value))
    return value if isinstance(value, str) else ""


def _never_connected(error: Exception) -> bool:
    """Tell whether a failure came before any byte of the request left."""
    cause = _innermost(error)
    return (
        isinstance(error, requests.exceptions.ProxyError | requests.ConnectTimeout)
        or isinstance(cause, ConnectTimeoutError | ProxyError)
        or "CERTIFICATE_VERIFY_FAILED" in str(cause)
    )


def _innermost(error: Exception) -> object:
    """Give the reason inside a requests error, where urllib3 tells what happened."""
    inner = error.args[0] if error.args else error
    return inner.reason if isinstance(inner, MaxRetryError) else inner


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, requests.Timeout) or "timed out" in str(_innermost(error))


def _cause(error: Exception) -> str:
    """Name what went wrong, without addresses or content."""
    cause = _innermost(error)
    if "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return "its certificate is not trusted"
    if _is_timeout(error):
        return "no answer in time"
    if "refused" in str(cause):
        return "connection refused"
    if "resolve" in str(cause):
        return "its name is not known"
    return type(cause).__name__ if isinstance(cause, HTTPError | OSError) else "connection lost"
