"""The part of the GitLab v4 REST API that a desk uses (docs.gitlab.com/api/rest)."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import TypeVar
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.sandbox import gitlab_actions as actions
from bot.sandbox.faults import Fault
from bot.sandbox.gitlab_actions import ISSUE_TYPES, IssueForm
from bot.sandbox.gitlab_lists import Page, issue_filter, issue_order, split_names
from bot.sandbox.gitlab_rows import BOT, NO_ACCESS, TESS, Issue, Note, Project, User
from bot.sandbox.gitlab_shapes import Json, Shapes
from bot.sandbox.gitlab_state import GitLabState
from bot.sandbox.refusal import Refusal

VERSION = {"version": "18.5.0", "revision": "sandbox"}
Endpoint = Callable[[Request], Awaitable[Response]]
_T = TypeVar("_T")


class GitLabApi:
    """The routes; each takes a request and gives GitLab's answer."""

    def __init__(self, state: GitLabState, token: str, web_base: str) -> None:
        """Take the data, the bot's token and where people look at issues."""
        self._state, self._web_base = state, web_base
        # A second token lets tests act as a person through the API.
        self._tokens = {token: BOT, f"{token}-tess": TESS}

    # What a request carries

    def _user(self, request: Request) -> User:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        token = request.headers.get("private-token") or (bearer if scheme.lower() == "bearer" else "")
        user_id = self._tokens.get(token)
        if user_id is None:
            raise Refusal(401, {"message": "401 Unauthorized"})
        expires_on = date.fromisoformat(self._state.fact("token_expires_on"))
        if user_id == BOT and expires_on <= datetime.now(UTC).date():
            raise Refusal(401, {"error": "invalid_token", "error_description": "Token is expired."})
        return self._state.user(user_id)

    def _project(self, request: Request) -> tuple[User, Project]:
        user = self._user(request)
        project = self._state.project(unquote(request.path_params["id"]))
        if project is None or (user.id == BOT and project.access_level == NO_ACCESS):
            raise Refusal(404, {"message": "404 Project Not Found"})
        return user, project

    def _issue(self, request: Request) -> tuple[User, Project, Issue]:
        user, project = self._project(request)
        if project.issues_access_level == "disabled":
            raise Refusal(403, {"message": "403 Forbidden"})
        iid = request.path_params["iid"]
        if not (iid.isascii() and iid.isdigit()):
            raise Refusal(400, {"error": "issue_iid is invalid"})
        issue = self._state.issue(project.id, int(iid))
        return user, project, _found(issue, "Issue")

    def _note(self, request: Request) -> tuple[User, Issue, Note]:
        user, _, issue = self._issue(request)
        number = request.path_params["note"]
        note = next((each for each in self._state.notes(issue.id) if str(each.id) == number), None)
        return user, issue, _found(note, "Note")

    def _shapes(self, request: Request) -> Shapes:
        return Shapes(self._state, _base(request))

    # The account and the project

    async def get_user(self, request: Request) -> Response:
        """GET /user."""
        user = self._user(request)
        return JSONResponse({**self._shapes(request).user(user), "bot": user.id == BOT, "is_admin": False})

    async def get_version(self, request: Request) -> Response:
        """GET /version."""
        self._user(request)
        return JSONResponse(VERSION)

    async def get_metadata(self, request: Request) -> Response:
        """GET /metadata."""
        self._user(request)
        kas = {"enabled": False, "externalUrl": None, "version": None}
        return JSONResponse({**VERSION, "kas": kas, "enterprise": False})

    async def get_own_token(self, request: Request) -> Response:
        """GET /personal_access_tokens/self."""
        user = self._user(request)
        return JSONResponse(self._shapes(request).token(user, datetime.now(UTC).date()))

    async def get_project(self, request: Request) -> Response:
        """GET /projects/:id."""
        _, project = self._project(request)
        return JSONResponse(self._shapes(request).project(project))

    async def list_members(self, request: Request) -> Response:
        """GET /projects/:id/members/all."""
        self._project(request)
        shapes = self._shapes(request)
        return _page(request, [shapes.member(user) for user in self._state.users()])

    # Labels

    async def list_labels(self, request: Request) -> Response:
        """GET /projects/:id/labels."""
        _, project = self._project(request)
        wanted = request.query_params.get("search", "").lower()
        shapes = self._shapes(request)
        labels = [each for each in self._state.labels(project.id) if wanted in each.name.lower()]
        return _page(request, [shapes.label(each) for each in labels])

    async def create_label(self, request: Request) -> Response:
        """POST /projects/:id/labels."""
        user, project = self._project(request)
        actions.check_can_write(project, user)
        fields = await _fields(request)
        name, color = _required(fields, "name"), _required(fields, "color")
        label = actions.create_label(self._state, project, name, color, _text(fields, "description"))
        return JSONResponse(self._shapes(request).label(label), 201)

    # Issues

    async def list_issues(self, request: Request) -> Response:
        """GET /projects/:id/issues."""
        _, project = self._project(request)
        query, page = request.query_params, Page.asked(request.query_params)
        where, values = issue_filter(project.id, query)
        issues = self._state.find_issues(where, values, issue_order(query), page.number, page.size)
        headers = page.headers(self._state.count_issues(where, values), _url(request), query)
        shapes = self._shapes(request)
        return JSONResponse([shapes.issue(each, project) for each in issues], headers=headers)

    async def create_issue(self, request: Request) -> Response:
        """POST /projects/:id/issues."""
        user, project = self._project(request)
        if project.issues_access_level == "disabled":
            raise Refusal(403, {"message": "403 Forbidden"})
        fields = await _fields(request)
        _required(fields, "title")
        issue = actions.create_issue(self._state, project, user, _issue_form(fields))
        return JSONResponse(self._shapes(request).issue(issue, project), 201)

    async def get_issue(self, request: Request) -> Response:
        """GET /projects/:id/issues/:iid."""
        _, project, issue = self._issue(request)
        return JSONResponse(self._shapes(request).issue(issue, project))

    async def edit_issue(self, request: Request) -> Response:
        """PUT /projects/:id/issues/:iid."""
        user, project, issue = self._issue(request)
        fields = await _fields(request)
        if not fields:
            raise Refusal(
                400, {"error": "title, description, labels, ... are missing, at least one parameter"}
            )
        changed = actions.edit_issue(self._state, issue, user, _issue_form(fields))
        return JSONResponse(self._shapes(request).issue(changed, project))

    # Notes and events

    async def list_notes(self, request: Request) -> Response:
        """GET /projects/:id/issues/:iid/notes."""
        _, _, issue = self._issue(request)
        shapes, notes = self._shapes(request), self._state.notes(issue.id)
        ordered = notes if request.query_params.get("sort") == "asc" else notes[::-1]
        return _page(request, [shapes.note(each, issue) for each in ordered])

    async def create_note(self, request: Request) -> Response:
        """POST /projects/:id/issues/:iid/notes."""
        user, _, issue = self._issue(request)
        fields = await _fields(request)
        internal = _flag(fields, "internal") or _flag(fields, "confidential") or False
        made = actions.add_note(self._state, issue, user, _required(fields, "body"), internal=internal)
        if isinstance(made, Note):
            return JSONResponse(self._shapes(request).note(made, issue), 201)
        summary = [f"Applied {action}" for action in made]
        return JSONResponse({"commands_changes": {"applied": True}, "summary": summary}, 202)

    async def get_note(self, request: Request) -> Response:
        """GET /projects/:id/issues/:iid/notes/:note_id."""
        _, issue, note = self._note(request)
        return JSONResponse(self._shapes(request).note(note, issue))

    async def edit_note(self, request: Request) -> Response:
        """PUT /projects/:id/issues/:iid/notes/:note_id; `internal` is not among its parameters."""
        user, issue, note = self._note(request)
        body = _required(await _fields(request), "body")
        changed = actions.edit_note(self._state, issue, note, user, body)
        return JSONResponse(self._shapes(request).note(changed, issue))

    async def list_label_events(self, request: Request) -> Response:
        """GET /projects/:id/issues/:iid/resource_label_events."""
        _, _, issue = self._issue(request)
        shapes = self._shapes(request)
        return _page(request, [shapes.label_event(each) for each in self._state.events(issue.id, "label")])

    async def list_state_events(self, request: Request) -> Response:
        """GET /projects/:id/issues/:iid/resource_state_events."""
        _, _, issue = self._issue(request)
        shapes = self._shapes(request)
        return _page(request, [shapes.state_event(each) for each in self._state.events(issue.id, "state")])

    # Uploads

    async def create_upload(self, request: Request) -> Response:
        """POST /projects/:id/uploads."""
        user, project = self._project(request)
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Refusal(400, {"error": "file is missing"})
            content = await file.read()
            upload = actions.add_upload(self._state, project, user, file.filename or "file", content)
        return JSONResponse(self._shapes(request).new_upload(upload), 201)

    async def list_uploads(self, request: Request) -> Response:
        """GET /projects/:id/uploads; since GitLab 17.2."""
        _, project = self._project(request)
        shapes = self._shapes(request)
        return _page(request, [shapes.upload(each) for each in self._state.uploads(project.id)])

    async def get_upload(self, request: Request) -> Response:
        """GET /projects/:id/uploads/:upload_id and /projects/:id/uploads/:secret/:filename."""
        _, project = self._project(request)
        secret, number = request.path_params.get("secret"), request.path_params.get("upload")
        uploads = self._state.uploads(project.id)
        found = next((each for each in uploads if secret == each.secret or number == str(each.id)), None)
        stored = self._state.upload(found.secret) if found else None
        _, content = _found(stored, "Upload")
        return Response(content, media_type="application/octet-stream")

    async def show_issue(self, request: Request) -> Response:
        """Send a person who follows an issue's web_url to the page."""
        return RedirectResponse(f"{self._web_base}{request.url.path}", 302)


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', '127.0.0.1')}"


def _url(request: Request) -> str:
    return f"{_base(request)}{request.scope['path']}"


def _found(value: _T | None, name: str) -> _T:
    if value is None:
        raise Refusal(404, {"message": f"404 {name} Not Found"})
    return value


def _page(request: Request, rows: list[Json]) -> Response:
    page = Page.asked(request.query_params)
    headers = page.headers(len(rows), _url(request), request.query_params)
    return JSONResponse(page.cut(rows), headers=headers)


async def _fields(request: Request) -> Json:
    """Return the parameters: from the query, then from the body (JSON or a form), as GitLab merges them."""
    fields: Json = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            body = await request.json()
        except ValueError as error:
            raise Refusal(400, {"error": "The request could not be parsed"}) from error
        return fields | body if isinstance(body, dict) else fields
    async with request.form() as form:
        return fields | {key: value for key, value in form.items() if isinstance(value, str)}


def _required(fields: Json, key: str) -> str:
    value = fields.get(key)
    if value is None:
        raise Refusal(400, {"error": f"{key} is missing"})
    return _as_text(value, key)


def _as_text(value: object, key: str) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise Refusal(400, {"error": f"{key} is invalid"})
    return str(value)


def _text(fields: Json, key: str) -> str | None:
    return None if fields.get(key) is None else _as_text(fields[key], key)


def _cleared(fields: Json, key: str) -> str | None:
    """Read a text that null empties."""
    return "" if key in fields and fields[key] is None else _text(fields, key)


def _flag(fields: Json, key: str) -> bool | None:
    value = fields.get(key)
    if value is None:
        return None
    text = str(value).lower()
    if text not in {"true", "false", "1", "0", "on", "off", "t", "f"}:
        raise Refusal(400, {"error": f"{key} is invalid"})
    return text in {"true", "1", "on", "t"}


def _chosen(fields: Json, key: str, allowed: tuple[str, ...]) -> str | None:
    value = _text(fields, key)
    if value is not None and value not in allowed:
        raise Refusal(400, {"error": f"{key} does not have a valid value"})
    return value


def _user_ids(fields: Json) -> tuple[int, ...] | None:
    value = fields.get("assignee_ids", fields.get("assignee_id"))
    if value is None:
        return None
    words = value if isinstance(value, list) else str(value).split(",")
    # GitLab reads 0 as nobody.
    return tuple(int(each) for each in words if str(each).isdigit() and int(each))


def _issue_form(fields: Json) -> IssueForm:
    return IssueForm(
        title=_text(fields, "title"),
        description=_text(fields, "description"),
        labels=None if fields.get("labels") is None else split_names(fields["labels"]),
        add_labels=split_names(fields.get("add_labels")),
        remove_labels=split_names(fields.get("remove_labels")),
        due_date=_cleared(fields, "due_date"),
        confidential=_flag(fields, "confidential"),
        issue_type=_chosen(fields, "issue_type", ISSUE_TYPES),
        assignee_ids=_user_ids(fields),
        state_event=_chosen(fields, "state_event", ("close", "reopen")),
        locked=_flag(fields, "discussion_locked"),
    )


def refuse(fault: Fault) -> Response:
    """Answer as GitLab does when a test asked for a status."""
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    words = {401: "401 Unauthorized", 403: "403 Forbidden", 404: "404 Not found", 429: "Retry later"}
    message = words.get(fault.status, f"{fault.status} error")
    if fault.status == 429:  # noqa: PLR2004 - GitLab's rate limiter answers in plain text
        return Response(message, fault.status, headers, "text/plain")
    return JSONResponse({"message": message}, fault.status, headers)


async def _answer_refusal(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return JSONResponse(error.body, error.status)


async def _answer_no_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "404 Not Found", 405: "405 Not Allowed"}
    return JSONResponse({"error": words.get(status, str(status))}, status)


def api_routes(api: GitLabApi) -> list[Route]:
    """Return the table of methods and paths."""
    project, issue = "/api/v4/projects/{id}", "/api/v4/projects/{id}/issues/{iid}"
    table: list[tuple[str, str, Endpoint]] = [
        ("POST", f"{project}/issues", api.create_issue),
        ("POST", f"{project}/uploads", api.create_upload),
        ("POST", f"{issue}/notes", api.create_note),
        ("GET", f"{project}/issues", api.list_issues),
        ("GET", issue, api.get_issue),
        ("PUT", issue, api.edit_issue),
        ("GET", f"{issue}/notes", api.list_notes),
        ("GET", f"{issue}/notes/{{note}}", api.get_note),
        ("PUT", f"{issue}/notes/{{note}}", api.edit_note),
        ("GET", f"{issue}/resource_label_events", api.list_label_events),
        ("GET", f"{issue}/resource_state_events", api.list_state_events),
        ("GET", f"{project}/uploads", api.list_uploads),
        ("GET", f"{project}/uploads/{{upload}}", api.get_upload),
        ("GET", f"{project}/uploads/{{secret}}/{{filename}}", api.get_upload),
        ("GET", f"{project}/labels", api.list_labels),
        ("POST", f"{project}/labels", api.create_label),
        ("GET", f"{project}/members/all", api.list_members),
        ("GET", project, api.get_project),
        ("GET", "/api/v4/user", api.get_user),
        ("GET", "/api/v4/version", api.get_version),
        ("GET", "/api/v4/metadata", api.get_metadata),
        ("GET", "/api/v4/personal_access_tokens/self", api.get_own_token),
        ("GET", "/{path:path}/-/issues/{iid}", api.show_issue),
    ]
    return [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]


def build_api(api: GitLabApi, more: list[Route]) -> Starlette:
    """Return the application: the API and whatever routes stand beside it."""
    return Starlette(
        routes=[*api_routes(api), *more],
        exception_handlers={Refusal: _answer_refusal, HTTPException: _answer_no_route},
    )
