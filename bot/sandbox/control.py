"""The levers that no vendor has: what happened, trouble to order, and settings of the stand-in.

Served beside the API and beside the pages, without a token; for tests and demonstrations.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.faults import FaultError, Faults, parse_fault
from bot.sandbox.gitlab_state import GitLabState
from bot.sandbox.mail_catcher import MailStore
from bot.sandbox.mail_reading import mail_json
from bot.sandbox.request_log import LoggedRequest, RequestLog, body_text

Endpoint = Callable[[Request], Awaitable[Response]]
_DONE = 204


class Control:
    """The routes under /sandbox/."""

    def __init__(self, state: GitLabState, faults: Faults, log: RequestLog, mails: MailStore) -> None:
        """Take everything there is to look at."""
        self._state, self._faults, self._log, self._mails = state, faults, log, mails

    async def list_effects(self, request: Request) -> Response:
        """GET /sandbox/effects[?iid=N]: what texts set in motion, of all issues or one number."""
        iid = request.query_params.get("iid")
        rows = []
        for effect in self._state.effects():
            issue = self._state.issue_by_id(effect.issue_id)
            if iid in {None, str(issue.iid)}:
                project = self._state.project(issue.project_id)
                rows.append(
                    {
                        "project": project.path if project else None,
                        "iid": issue.iid,
                        "user": self._state.user(effect.user_id).username,
                        "at": effect.created_at,
                        "kind": effect.kind,
                        "text": effect.text,
                        "place": effect.place,
                        "applied": effect.applied,
                    }
                )
        return JSONResponse(rows)

    async def forget_effects(self, _request: Request) -> Response:
        """DELETE /sandbox/effects."""
        self._state.forget_effects()
        return Response(status_code=_DONE)

    async def list_requests(self, request: Request) -> Response:
        """GET /sandbox/requests[?containing=TEXT][&after=NUMBER][&bodies=0]."""
        query = request.query_params
        found = self._log.entries(containing=query.get("containing", ""), after=int(query.get("after", "0")))
        return JSONResponse([_logged(each, bodies=query.get("bodies") != "0") for each in found])

    async def forget_requests(self, _request: Request) -> Response:
        """DELETE /sandbox/requests."""
        self._log.clear()
        return Response(status_code=_DONE)

    async def list_faults(self, _request: Request) -> Response:
        """GET /sandbox/faults: the orders that still stand."""
        return JSONResponse([asdict(each) for each in self._faults.standing()])

    async def add_fault(self, request: Request) -> Response:
        """POST /sandbox/faults: one fault as a JSON object, or a list of them."""
        try:
            value = await _json(request)
            for each in [parse_fault(one) for one in (value if isinstance(value, list) else [value])]:
                self._faults.add(each)
        except FaultError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse([asdict(each) for each in self._faults.standing()], 201)

    async def clear_faults(self, _request: Request) -> Response:
        """DELETE /sandbox/faults."""
        self._faults.clear()
        return Response(status_code=_DONE)

    async def change_project(self, request: Request) -> Response:
        """PUT /sandbox/project: `path`, and any of visibility, issues_access_level, access_level."""
        value = await _json(request)
        project = self._state.project(str(value.get("path"))) if isinstance(value, dict) else None
        if project is None:
            return JSONResponse({"error": "path names no project"}, 404)
        changes = {
            key: value[key] for key in ("visibility", "issues_access_level", "access_level") if key in value
        }
        changed = replace(project, **changes)
        self._state.change_project(changed)
        return JSONResponse(asdict(changed))

    async def change_token(self, request: Request) -> Response:
        """PUT /sandbox/token: `expires_on`, a date."""
        value = await _json(request)
        expires_on = date.fromisoformat(str(value["expires_on"])).isoformat()
        self._state.set_fact("token_expires_on", expires_on)
        return JSONResponse({"expires_on": expires_on})

    async def list_mails(self, request: Request) -> Response:
        """GET /sandbox/mails[?after=NUMBER]: what the mail server accepted, the oldest first."""
        mails = self._mails.mails(after=int(request.query_params.get("after", "0")))
        return JSONResponse([mail_json(each) for each in mails])

    async def forget_mails(self, _request: Request) -> Response:
        """DELETE /sandbox/mails."""
        self._mails.clear()
        return Response(status_code=_DONE)


async def _json(request: Request) -> Any:  # noqa: ANN401 - it is JSON
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


def control_routes(control: Control) -> list[Route]:
    """Return the table of methods and paths."""
    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "effects", control.list_effects),
        ("DELETE", "effects", control.forget_effects),
        ("GET", "requests", control.list_requests),
        ("DELETE", "requests", control.forget_requests),
        ("GET", "faults", control.list_faults),
        ("POST", "faults", control.add_fault),
        ("DELETE", "faults", control.clear_faults),
        ("PUT", "project", control.change_project),
        ("PUT", "token", control.change_token),
        ("GET", "mails", control.list_mails),
        ("DELETE", "mails", control.forget_mails),
    ]
    return [Route(f"/sandbox/{path}", endpoint, methods=[method]) for method, path, endpoint in table]
