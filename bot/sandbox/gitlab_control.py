"""The levers of the GitLab stand-in: what its texts set in motion, and settings of project and token."""

from dataclasses import asdict, replace
from datetime import date

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.sandbox.control import DONE, Levers, read_json
from bot.sandbox.gitlab_state import GitLabState


class GitLabControl:
    """The routes under /sandbox/ that speak of GitLab's data."""

    def __init__(self, state: GitLabState) -> None:
        """Take the data."""
        self._state = state

    def levers(self) -> Levers:
        """Return the table of methods and paths."""
        return [
            ("GET", "effects", self.list_effects),
            ("DELETE", "effects", self.forget_effects),
            ("PUT", "project", self.change_project),
            ("PUT", "token", self.change_token),
        ]

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
        return Response(status_code=DONE)

    async def change_project(self, request: Request) -> Response:
        """PUT /sandbox/project: `path`, and any of visibility, issues_access_level, access_level."""
        value = await read_json(request)
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
        value = await read_json(request)
        expires_on = date.fromisoformat(str(value["expires_on"])).isoformat()
        self._state.set_fact("token_expires_on", expires_on)
        return JSONResponse({"expires_on": expires_on})
