"""What goes wrong at the API, as problem details (RFC 9457); the list of them is part of its documentation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

API = "/api"
MEDIA_TYPE = "application/problem+json"
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem: the end of its `type`, its status and its title."""

    slug: str
    status: int
    title: str


NOT_FOUND = Problem("not-found", 404, "There is nothing at this address")
WRONG_METHOD = Problem("wrong-method", 405, "This address does not take this method")
TOO_LARGE = Problem("too-large", 413, "The request is larger than the desk takes")
TOO_SLOW = Problem("too-slow", 408, "The request took too long to arrive")
BUSY = Problem("busy", 503, "Too much is arriving at once")
NOT_SIGNED = Problem("not-signed", 401, "The signature is missing or wrong")
STALE = Problem("stale", 401, "The time in the signature is too far from ours")
REPLAYED = Problem("replayed", 401, "The signature was used before")
WRONG_KEY = Problem("wrong-idempotency-key", 400, "The Idempotency-Key cannot be read")
KEY_REUSED = Problem("idempotency-key-reused", 422, "The Idempotency-Key served for another report")
WRONG_TYPE = Problem("wrong-media-type", 415, "The body must be application/json")
NOT_JSON = Problem("not-json", 400, "The body is not JSON")
WRONG_FIELDS = Problem("wrong-fields", 422, "The body is not a report")
AWAY = Problem("store-away", 503, "The desk cannot store anything now")
FAULT = Problem("fault", 500, "Something went wrong at the desk")
OTHER = Problem("other", 400, "The request cannot be answered")

PROBLEMS = (
    NOT_JSON,
    WRONG_KEY,
    NOT_SIGNED,
    STALE,
    REPLAYED,
    NOT_FOUND,
    WRONG_METHOD,
    TOO_SLOW,
    TOO_LARGE,
    WRONG_TYPE,
    WRONG_FIELDS,
    KEY_REUSED,
    FAULT,
    BUSY,
    AWAY,
)


class ProblemError(Exception):
    """A request that ends in a problem; `counted` is the name under which it is counted."""

    def __init__(
        self,
        problem: Problem,
        detail: str,
        *,
        counted: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Take the kind and the sentence that tells the client how to mend it."""
        super().__init__(detail)
        self.problem, self.detail, self.errors = problem, detail, errors
        self.counted = counted or problem.slug
        self.headers = headers or {}


def answer_problems(app: FastAPI, base_url: str) -> None:
    """Let everything that goes wrong under `/api` be answered as a problem."""

    def answer(_: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)  # noqa: S101 - the handler is called for nothing else
        return _response(error, base_url)

    def translate(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - the same
        if not f"{request.url.path}/".startswith(f"{API}/"):
            return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
        kind = {404: NOT_FOUND, 405: WRONG_METHOD}.get(error.status_code, OTHER)
        detail = f"{API} says what there is."
        return _response(ProblemError(kind, detail, headers=error.headers), base_url)

    app.add_exception_handler(ProblemError, answer)
    app.add_exception_handler(HTTPException, translate)


def _response(error: ProblemError, base_url: str) -> Response:
    problem = error.problem
    body: dict[str, Any] = {
        "type": f"{base_url}{API}#{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": error.detail,
    }
    if error.errors:
        body["errors"] = list(error.errors)
    return JSONResponse(body, problem.status, {**HEADERS, **error.headers}, MEDIA_TYPE)
