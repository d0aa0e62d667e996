"""The levers of the Jira stand-in: what its texts set in motion, how it is set up, moving an issue."""

import base64

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.sandbox.control import DONE, Levers, read_json
from bot.sandbox.jira_actions import move_issue
from bot.sandbox.jira_catalogue import user_of
from bot.sandbox.jira_door import base_of
from bot.sandbox.jira_fields import problem
from bot.sandbox.jira_rows import Issue
from bot.sandbox.jira_shapes import JiraShapes
from bot.sandbox.jira_state import JiraState


class JiraControl:
    """The routes under /sandbox/ that speak of Jira's data."""

    def __init__(self, state: JiraState) -> None:
        """Take the data."""
        self._state = state

    def levers(self) -> Levers:
        """Return the table of methods and paths."""
        return [
            ("GET", "effects", self.list_effects),
            ("DELETE", "effects", self.forget_effects),
            ("POST", "jira", self.set_up),
            ("POST", "jira/move", self.move),
            ("GET", "jira/issues", self.list_issues),
            ("GET", "jira/comments", self.list_comments),
            ("GET", "jira/attachments", self.list_attachments),
        ]

    async def list_effects(self, request: Request) -> Response:
        """GET /sandbox/effects[?issue=ID or KEY]: what texts set in motion, of all issues or one."""
        wanted = request.query_params.get("issue")
        issue = self._state.issue(wanted) if wanted else None
        if wanted and issue is None:
            return JSONResponse([])
        rows = []
        for effect in self._state.effects(issue.id if issue else None):
            owner = self._state.issue(str(effect.issue_id))
            rows.append(
                {
                    "id": str(effect.issue_id),
                    "key": owner.key if owner else None,
                    "user": user_of(effect.user_id).name,
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
        return Response(status_code=DONE)

    async def set_up(self, request: Request) -> Response:
        """POST /sandbox/jira: any of the names in `Manners`; answers how all stand now."""
        value = await read_json(request)
        try:
            return JSONResponse(self._state.set_up(value))
        except (TypeError, ValueError):
            return JSONResponse({"error": "a JSON object of known names is wanted"}, 400)

    async def move(self, request: Request) -> Response:
        """POST /sandbox/jira/move: `issue` (id or key) goes to `project`."""
        value = await read_json(request)
        issue = self._state.issue(str(value.get("issue"))) if isinstance(value, dict) else None
        if issue is None:
            return JSONResponse({"error": "issue names no issue"}, 404)
        moved = move_issue(self._state, issue, str(value.get("project")))
        return JSONResponse({"id": str(moved.id), "key": moved.key})

    async def list_issues(self, request: Request) -> Response:
        """GET /sandbox/jira/issues?project=KEY: all of them as they stand, whatever the index knows."""
        shapes, found = self._shapes(request), self._state.issues(request.query_params.get("project", "SEC"))
        return JSONResponse([shapes.issue(each, ["*all"], ["*all"]) for each in found])

    async def list_comments(self, request: Request) -> Response:
        """GET /sandbox/jira/comments?issue=ID or KEY: all of them, with their properties."""
        shapes, issue = self._shapes(request), self._issue(request)
        comments = self._state.comments(issue.id)
        return JSONResponse([shapes.comment(each, issue, properties=True) for each in comments])

    async def list_attachments(self, request: Request) -> Response:
        """GET /sandbox/jira/attachments?issue=ID or KEY: all files, their bytes as base64."""
        shapes, issue = self._shapes(request), self._issue(request)
        rows = [
            {**shapes.attachment(each), "base64": base64.b64encode(self._state.content(each)).decode()}
            for each in self._state.attachments(issue.id)
        ]
        return JSONResponse(rows)

    def _shapes(self, request: Request) -> JiraShapes:
        return JiraShapes(self._state, base_of(request), "3" if self._state.cloud else "2")

    def _issue(self, request: Request) -> Issue:
        issue = self._state.issue(request.query_params.get("issue", ""))
        if issue is None:
            raise problem("issue names no issue", status=404)
        return issue
