"""What a GitLab's refusal means for the desk; see `tracker_errors` for what any failure may mean."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

import requests

from bot.adapters.tracker_errors import flat, parse_retry_after, quoted
from bot.errors import MeldpuntError, OutcomeUnknownError, PermanentError, TransientError

_LATER = {
    HTTPStatus.UNAUTHORIZED: "does not accept the token; it may be wrong, revoked or expired. Set a valid one",
    HTTPStatus.FORBIDDEN: "forbids this to the token's account. Give it the role Reporter and the scope `api`",
    HTTPStatus.NOT_FOUND: "does not show the project to the token's account. Check project and membership",
    HTTPStatus.TOO_MANY_REQUESTS: "asks for fewer requests",
}


def refusal(name: str, response: requests.Response, *, sent: str | None, now: datetime) -> MeldpuntError:
    """Say what a status outside 2xx means; `sent` is the text of a request that writes, None for one that reads."""
    status, writes = response.status_code, sent is not None
    pause = parse_retry_after(response.headers.get("Retry-After"), now)
    said = _said(response, sent or "")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return TransientError(
            f"tracker {name} points to another address ({status}); set the URL that it really has"
        )
    if (
        status == HTTPStatus.NOT_FOUND
        and writes
        and "/issues/" in response.url
        and "project" not in said.lower()
    ):
        return PermanentError(
            f"tracker {name} does not have this issue any more, or hides it from the token's account"
        )
    if status in _LATER and (status != HTTPStatus.NOT_FOUND or "/projects/" in response.url):
        return TransientError(f"tracker {name} {_LATER[HTTPStatus(status)]} ({status})", retry_after=pause)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        sentence = f"tracker {name} is in trouble ({status})"
        # A 503 that names a time was sent instead of doing the work; any other may have come after it.
        refused = status == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in response.headers
        return (
            TransientError(sentence, retry_after=pause)
            if refused or not writes
            else OutcomeUnknownError(sentence, over=_is_gitlabs_own(response))
        )
    return PermanentError(f"tracker {name} refused the request ({status}){said and f': {said}'}")


def _is_gitlabs_own(response: requests.Response) -> bool:
    """Tell whether GitLab itself ended the call: a proxy may have given up while GitLab is still at work."""
    own = response.status_code in {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE}
    return own and "json" in response.headers.get("Content-Type", "")


def _said(response: requests.Response, sent: str) -> str:
    """Take GitLab's own words out of its JSON."""
    try:
        answer = response.json()
    except ValueError:
        return ""
    words = flat(answer.get("message") or answer.get("error")) if isinstance(answer, Mapping) else ""
    return quoted(words, sent)
