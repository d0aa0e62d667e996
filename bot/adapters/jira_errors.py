"""What a Jira's refusal means for the desk; see `tracker_errors` for what any failure may mean.

What settings or an administrator can mend (token, permission, project, screen) is a `TransientError`: all
reports wait for it alike and go in once it is mended. What lies in one text is a `PermanentError`.
Sources: developer.atlassian.com/cloud/jira/platform/rest/v3/intro (status codes) and /rate-limiting.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import requests

from bot.adapters.tracker_errors import parse_retry_after, quoted
from bot.errors import MeldpuntError, OutcomeUnknownError, PermanentError, TransientError

_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{0,60}")
_NOT_ON_SCREEN = re.compile(r"cannot be set\. It is not on the appropriate screen", re.IGNORECASE)
# Fields that settings or an administrator decide, not a report.
_OURS = frozenset({"project", "issuetype", "security", "priority", "duedate", "reporter"})
_NOT_LOGGED_IN = ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED")
_LATER = {
    HTTPStatus.UNAUTHORIZED: "does not accept user name and token; one may be wrong, revoked or expired, or the "
    "token be of another kind (with a user name it is an API token, without one a bearer token)",
    HTTPStatus.FORBIDDEN: "forbids this to the token's account. Look at its permissions in the project",
    HTTPStatus.NOT_FOUND: "does not know this address or hides the project from the token's account. Check URL, "
    "project and permissions",
    HTTPStatus.GONE: "has taken this address away. Check that the deployment set is the one it is",
    HTTPStatus.TOO_MANY_REQUESTS: "asks for fewer requests",
    HTTPStatus.METHOD_NOT_ALLOWED: "does not know this address. Check URL and deployment",
}


def refusal(name: str, response: requests.Response, *, sent: str | None, now: datetime) -> MeldpuntError:
    """Say what a status outside 2xx means; `sent` is the text of a request that writes, None for one that reads."""
    status, writes = response.status_code, sent is not None
    pause = parse_pause(response, now)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        sentence = f"points to another address ({status}); set the URL that it really has"
        return TransientError(f"tracker {name} {sentence}")
    if is_not_logged_in(response):
        return not_logged_in(name, response)
    if status == HTTPStatus.NOT_FOUND and (missing := _missing(response, writes=writes)):
        return PermanentError(f"tracker {name} {missing}")
    if status in _LATER:
        sentence = f"{_LATER[HTTPStatus(status)]} ({status}{_limit(response)})"
        return TransientError(f"tracker {name} {sentence}", retry_after=pause)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return _trouble(name, response, writes=writes, pause=pause)
    return _refused(name, response, sent or "")


def _missing(response: requests.Response, *, writes: bool) -> str | None:
    """Say what is not there, where it is one thing and not the whole project."""
    if writes and re.search(r"/issue/[0-9]+/", response.url):
        return "does not have this issue any more, or hides it from the token's account"
    return None if writes or "/properties/" not in response.url else "has no such property"


def is_not_logged_in(response: requests.Response) -> bool:
    """Tell whether Jira took the request for nobody's, which it may answer with 200 and nothing found."""
    headers = response.headers
    return (
        any(reason in headers.get("X-Seraph-LoginReason", "").upper() for reason in _NOT_LOGGED_IN)
        or "X-Authentication-Denied-Reason" in headers
        or headers.get("X-AUSERNAME") == "anonymous"
    )


def not_logged_in(name: str, response: requests.Response) -> MeldpuntError:
    """Say why a log-in did not count; after too many wrong ones Jira asks for a CAPTCHA."""
    reason = response.headers.get("X-Authentication-Denied-Reason", "")
    if "CAPTCHA" in reason.upper() or "DENIED" in response.headers.get("X-Seraph-LoginReason", "").upper():
        return TransientError(
            f"tracker {name} wants the token's account to solve a CAPTCHA ({response.status_code}); log in once with "
            "a browser, or let an administrator reset the failed log-ins"
        )
    return TransientError(
        f"tracker {name} {_LATER[HTTPStatus.UNAUTHORIZED]} (it answered {response.status_code} as to nobody)"
    )


def parse_pause(response: requests.Response, now: datetime) -> timedelta | None:
    """Read how long to wait: Retry-After, else the time in X-RateLimit-Reset (ISO 8601)."""
    if pause := parse_retry_after(response.headers.get("Retry-After"), now):
        return pause
    try:
        at = datetime.fromisoformat(response.headers.get("X-RateLimit-Reset", ""))
    except ValueError:
        return None
    pause = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(pause, timedelta(days=1)) if pause > timedelta(0) else None


def _limit(response: requests.Response) -> str:
    """Name the limit that was hit, such as `jira-burst-based` or `jira-per-issue-on-write`."""
    reason = response.headers.get("RateLimit-Reason", "")
    return f", {reason}" if re.fullmatch(r"[a-z-]{1,60}", reason) else ""


def _trouble(
    name: str, response: requests.Response, *, writes: bool, pause: timedelta | None
) -> MeldpuntError:
    """Say what a 5xx means: a 503 that names a time was sent instead of doing the work, any other perhaps after it."""
    status = response.status_code
    sentence = f"tracker {name} is in trouble ({status})"
    refused = status == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in response.headers
    if refused or not writes:
        return TransientError(sentence, retry_after=pause)
    own = status in {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE}
    return OutcomeUnknownError(sentence, over=own and "json" in response.headers.get("Content-Type", ""))


def _refused(name: str, response: requests.Response, sent: str) -> MeldpuntError:
    """Say which field Jira would not take, and whose it is to mend."""
    general, fields = _said(response)
    for field, words in fields.items():
        if _NOT_ON_SCREEN.search(words):
            return TransientError(
                f"tracker {name} lacks the field `{_named(field)}` on the screen where issues of this type are created,"
                " or the token's account may not set it; put it there, or give the permission"
            )
    words = "; ".join([*general, *(f"{_named(field)}: {words}" for field, words in fields.items())])
    said = quoted(words, sent)
    sentence = f"tracker {name} refused the request ({response.status_code}){said and f': {said}'}"
    ours = fields.keys() & _OURS or any(words.strip().endswith("is required.") for words in fields.values())
    return TransientError(sentence) if ours else PermanentError(sentence)


def _said(response: requests.Response) -> tuple[list[str], dict[str, str]]:
    """Take Jira's own words out of its JSON: general ones, and those about a field."""
    try:
        answer = response.json()
    except ValueError:
        return [], {}
    if not isinstance(answer, Mapping):
        return [], {}
    general = answer.get("errorMessages") or answer.get("message") or answer.get("errorMessage") or []
    fields = answer.get("errors")
    return (
        [words for words in (general if isinstance(general, list) else [general]) if isinstance(words, str)],
        {str(field): str(words) for field, words in fields.items()} if isinstance(fields, Mapping) else {},
    )


def _named(field: str) -> str:
    return field if _FIELD.fullmatch(field) else "?"
