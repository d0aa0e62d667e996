"""The levers that no vendor has: what happened, trouble to order, and caught mail.

Served beside each API and beside the pages, without a token; for tests and demonstrations.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.faults import FaultError, Faults, parse_fault
from bot.sandbox.mail_catcher import MailStore
from bot.sandbox.mail_reading import mail_json
from bot.sandbox.request_log import LoggedRequest, RequestLog, body_text

Endpoint = Callable[[Request], Awaitable[Response]]
Levers = list[tuple[str, str, Endpoint]]
DONE = 204


class Control:
    """The routes under /sandbox/ that are the same at every door."""

    def __init__(self, faults: Faults, log: RequestLog, mails: MailStore) -> None:
        """Take everything there is to look at."""
        self._faults, self._log, self._mails = faults, log, mails

    async def list_requests(self, request: Request) -> Response:
        """GET /sandbox/requests[?containing=TEXT][&after=NUMBER][&bodies=0]."""
        query = request.query_params
        found = self._log.entries(containing=query.get("containing", ""), after=int(query.get("after", "0")))
        return JSONResponse([_logged(each, bodies=query.get("bodies") != "0") for each in found])

    async def forget_requests(self, _request: Request) -> Response:
        """DELETE /sandbox/requests."""
        self._log.clear()
        return Response(status_code=DONE)

    async def list_faults(self, _request: Request) -> Response:
        """GET /sandbox/faults: the orders that still stand."""
        return JSONResponse([asdict(each) for each in self._faults.standing()])

    async def add_fault(self, request: Request) -> Response:
        """POST /sandbox/faults: one fault as a JSON object, or a list of them."""
        try:
            value = await read_json(request)
            for each in [parse_fault(one) for one in (value if isinstance(value, list) else [value])]:
                self._faults.add(each)
        except FaultError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse([asdict(each) for each in self._faults.standing()], 201)

    async def clear_faults(self, _request: Request) -> Response:
        """DELETE /sandbox/faults."""
        self._faults.clear()
        return Response(status_code=DONE)

    async def list_mails(self, request: Request) -> Response:
        """GET /sandbox/mails[?after=NUMBER]: what the mail server accepted, the oldest first."""
        mails = self._mails.mails(after=int(request.query_params.get("after", "0")))
        return JSONResponse([mail_json(each) for each in mails])

    async def forget_mails(self, _request: Request) -> Response:
        """DELETE /sandbox/mails."""
        self._mails.clear()
        return Response(status_code=DONE)

    async def set_delay(self, request: Request) -> Response:
        """POST /sandbox/delay: `milliseconds` that every answer of a tracker waits; 0 ends it."""
        value = await read_json(request)
        milliseconds = value.get("milliseconds") if isinstance(value, dict) else None
        if not isinstance(milliseconds, int) or milliseconds < 0:
            return JSONResponse({"error": "milliseconds must be a whole number"}, 400)
        self._faults.delay_seconds = milliseconds / 1000
        return JSONResponse({"milliseconds": milliseconds})


async def read_json(request: Request) -> Any:  # noqa: ANN401 - it is JSON
    """Read a body that must be JSON; raises FaultError."""
    try:
        return await request.json()
    except json.JSONDecodeError as error:
        raise FaultError("the body must be JSON") from error


def _logged(request: LoggedRequest, *, bodies: bool) -> dict[str, object]:
    entry: dict[str, object] = {
        "number": request.number,
        "at": request.at,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "content_type": request.content_type,
        "size": len(request.body),
    }
    return {**entry, "body": body_text(request)} if bodies else entry


def control_routes(control: Control, more: Levers) -> list[Route]:
    """Return the table of methods and paths, with what a vendor's own levers add."""
    table: Levers = [
        ("GET", "requests", control.list_requests),
        ("DELETE", "requests", control.forget_requests),
        ("GET", "faults", control.list_faults),
        ("POST", "faults", control.add_fault),
        ("DELETE", "faults", control.clear_faults),
        ("POST", "delay", control.set_delay),
        ("GET", "mails", control.list_mails),
        ("DELETE", "mails", control.forget_mails),
        *more,
    ]
    return [Route(f"/sandbox/{path}", endpoint, methods=[method]) for method, path, endpoint in table]
