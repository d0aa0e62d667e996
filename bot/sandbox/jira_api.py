"""The part of Jira's REST API that a desk uses: issues and what hangs on them.

developer.atlassian.com/cloud/jira/platform/rest/v3 and .../server/jira/platform/rest/v10000.
"""

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.sandbox import jira_actions as actions
from bot.sandbox.control import Levers
from bot.sandbox.jira_catalogue import User
from bot.sandbox.jira_door import JiraDoor, base_of, read_body, read_value, whole_number
from bot.sandbox.jira_fields import may, problem
from bot.sandbox.jira_meta import JiraMeta
from bot.sandbox.jira_rows import Attachment, Comment
from bot.sandbox.jira_search import JiraSearch
from bot.sandbox.refusal import Refusal

_NO_TOKEN = "XSRF check failed"  # noqa: S105 - the words of a refusal


class JiraApi:
    """The routes of issues; each takes a request and gives Jira's answer."""

    def __init__(self, door: JiraDoor, web_base: str) -> None:
        """Take what checks requests, and where people look at issues."""
        self._door, self._state, self._web_base = door, door.state, web_base

    def routes(self) -> Levers:
        """Return the table of methods and paths below the version."""
        issue = "issue/{issue}"
        return [
            ("POST", "issue", self.create_issue),
            ("GET", issue, self.get_issue),
            ("PUT", issue, self.edit_issue),
            ("GET", f"{issue}/comment", self.list_comments),
            ("POST", f"{issue}/comment", self.add_comment),
            ("GET", f"{issue}/comment/{{comment}}", self.get_comment),
            ("DELETE", f"{issue}/comment/{{comment}}", self.delete_comment),
            ("GET", "comment/{comment}/properties/{key}", self.get_comment_property),
            ("POST", f"{issue}/attachments", self.attach),
            ("GET", "attachment/{attachment}", self.get_attachment),
            ("GET", f"{issue}/transitions", self.list_transitions),
            ("POST", f"{issue}/transitions", self.transition),
            ("GET", f"{issue}/properties", self.list_properties),
            ("GET", f"{issue}/properties/{{key}}", self.get_property),
            ("PUT", f"{issue}/properties/{{key}}", self.set_property),
            ("DELETE", f"{issue}/properties/{{key}}", self.delete_property),
        ]

    # Issues

    async def create_issue(self, request: Request) -> Response:
        """POST issue."""
        user = self._door.user(request)
        body = await read_body(request)
        issue = actions.create_issue(self._state, user, body, adf=self._door.adf(request))
        return JSONResponse(self._door.shapes(request).created(issue), 201)

    async def get_issue(self, request: Request) -> Response:
        """GET issue/{issue}; by its id, its key, or a key from before it moved."""
        _, issue = self._door.issue(request)
        wanted, properties = comma_list(request, "fields"), comma_list(request, "properties")
        return JSONResponse(self._door.shapes(request).issue(issue, wanted or ["*all"], properties))

    async def edit_issue(self, request: Request) -> Response:
        """PUT issue/{issue}."""
        user, issue = self._door.issue(request)
        actions.edit_issue(self._state, issue, user, await read_body(request), adf=self._door.adf(request))
        return Response(status_code=204)

    # Comments

    async def list_comments(self, request: Request) -> Response:
        """GET issue/{issue}/comment."""
        user, issue = self._door.issue(request)
        comments = [each for each in self._state.comments(issue.id) if _may_read(user, each)]
        if request.query_params.get("orderBy") == "-created":
            comments.reverse()
        most = 5000 if self._state.cloud else 1_048_576
        start = whole_number(request, "startAt", 0, most)
        size = whole_number(request, "maxResults", 100 if self._state.cloud else most, most)
        properties, shapes = "properties" in comma_list(request, "expand"), self._door.shapes(request)
        shown = comments[start : start + size]
        rows = [shapes.comment(each, issue, properties=properties) for each in shown]
        return JSONResponse({"startAt": start, "maxResults": size, "total": len(comments), "comments": rows})

    async def add_comment(self, request: Request) -> Response:
        """POST issue/{issue}/comment."""
        user, issue = self._door.issue(request)
        body = await read_body(request)
        comment = actions.add_comment(self._state, issue, user, body, adf=self._door.adf(request))
        properties = "properties" in comma_list(request, "expand")
        return JSONResponse(self._door.shapes(request).comment(comment, issue, properties=properties), 201)

    async def get_comment(self, request: Request) -> Response:
        """GET issue/{issue}/comment/{comment}."""
        _, issue = self._door.issue(request)
        comment = self._comment(request, self._door.user(request))
        properties = "properties" in comma_list(request, "expand")
        return JSONResponse(self._door.shapes(request).comment(comment, issue, properties=properties))

    async def delete_comment(self, request: Request) -> Response:
        """DELETE issue/{issue}/comment/{comment}; everybody may delete his own."""
        user, _ = self._door.issue(request)
        comment = self._comment(request, user)
        if comment.author_id != user.id:
            raise problem("You do not have the permission to delete this comment.", status=400)
        with self._state.transaction():
            self._state.delete_comment(comment)
        return Response(status_code=204)

    async def get_comment_property(self, request: Request) -> Response:
        """GET comment/{comment}/properties/{key}."""
        comment, key = self._comment(request, self._door.user(request)), request.path_params["key"]
        if key not in comment.properties:
            raise problem(f"The property with key '{key}' does not exist.", status=404)
        return JSONResponse({"key": key, "value": comment.properties[key]})

    def _comment(self, request: Request, user: User) -> Comment:
        comment = self._state.comment(request.path_params["comment"])
        issue = self._state.issue(str(comment.issue_id)) if comment else None
        if not comment or not issue or not self._door.sees(user, issue) or not _may_read(user, comment):
            raise problem("Can not find a comment for the id.", status=404)
        return comment

    # Files

    async def attach(self, request: Request) -> Response:
        """POST issue/{issue}/attachments; only with the header that a browser's form cannot send."""
        user, issue = self._door.issue(request)
        if request.headers.get("x-atlassian-token", "").lower() not in {"no-check", "nocheck"}:
            return Response(_NO_TOKEN, 403, media_type="text/html")
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Refusal(415, {"message": "Unsupported Media Type", "status-code": 415})
        async with request.form() as form:
            parts = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
            files = [(part.filename or "", part.content_type or "", await part.read()) for part in parts]
        if not files:
            raise problem("No files were attached.")
        shapes = self._door.shapes(request)
        return JSONResponse(
            [shapes.attachment(each) for each in actions.attach(self._state, issue, user, files)]
        )

    async def get_attachment(self, request: Request) -> Response:
        """GET attachment/{attachment}; here alone Jira writes the id as a number."""
        attachment = self._attachment(request)
        return JSONResponse({**self._door.shapes(request).attachment(attachment), "id": attachment.id})

    async def get_content(self, request: Request) -> Response:
        """GET attachment/content/{attachment}; Cloud sends the client to another place for the bytes."""
        attachment = self._attachment(request)
        if request.query_params.get("redirect") == "false":
            return self._bytes(attachment)
        return RedirectResponse(f"{base_of(request)}/media/{attachment.id}/{attachment.secret}", 303)

    async def get_secure(self, request: Request) -> Response:
        """GET /secure/attachment/{attachment}/{filename}; a person without a token is sent to the pages."""
        if "authorization" not in request.headers:
            return RedirectResponse(f"{self._web_base}/jira/files/{request.path_params['attachment']}", 302)
        return self._bytes(self._attachment(request))

    async def get_media(self, request: Request) -> Response:
        """GET /media/{attachment}/{secret}: who has the address needs no token."""
        attachment = self._state.attachment(request.path_params["attachment"])
        if attachment is None or attachment.secret != request.path_params["secret"]:
            raise problem("Not found", status=404)
        return self._bytes(attachment)

    def _attachment(self, request: Request) -> Attachment:
        user = self._door.user(request)
        attachment = self._state.attachment(request.path_params["attachment"])
        issue = self._state.issue(str(attachment.issue_id)) if attachment else None
        if attachment is None or issue is None or not self._door.sees(user, issue):
            wanted = request.path_params["attachment"]
            raise problem(f"The attachment with id '{wanted}' does not exist", status=404)
        return attachment

    def _bytes(self, attachment: Attachment) -> Response:
        return Response(self._state.content(attachment), media_type=attachment.mime_type)

    # Transitions

    async def list_transitions(self, request: Request) -> Response:
        """GET issue/{issue}/transitions."""
        user, issue = self._door.issue(request)
        offered = actions.offered(self._state, issue) if may(self._state, user, "TRANSITION_ISSUES") else []
        fields, shapes = "transitions.fields" in comma_list(request, "expand"), self._door.shapes(request)
        rows = [shapes.transition(each, fields=fields) for each in offered]
        return JSONResponse({"expand": "transitions", "transitions": rows})

    async def transition(self, request: Request) -> Response:
        """POST issue/{issue}/transitions."""
        user, issue = self._door.issue(request)
        actions.transition(self._state, issue, user, await read_body(request), adf=self._door.adf(request))
        return Response(status_code=204)

    # Properties

    async def list_properties(self, request: Request) -> Response:
        """GET issue/{issue}/properties."""
        _, issue = self._door.issue(request)
        own = f"{base_of(request)}{request.scope['path']}"
        keys = [{"self": f"{own}/{key}", "key": key} for key in self._state.properties(issue.id)]
        return JSONResponse({"keys": keys})

    async def get_property(self, request: Request) -> Response:
        """GET issue/{issue}/properties/{key}."""
        _, issue = self._door.issue(request)
        key = request.path_params["key"]
        kept = self._state.properties(issue.id)
        if key not in kept:
            raise problem(f"The property with key '{key}' does not exist.", status=404)
        return JSONResponse({"key": key, "value": kept[key]})

    async def set_property(self, request: Request) -> Response:
        """PUT issue/{issue}/properties/{key}; the body is the value."""
        user, issue = self._door.issue(request)
        value = await read_value(request)
        new = actions.set_property(self._state, issue, user, request.path_params["key"], value)
        return JSONResponse({}, 201 if new else 200)

    async def delete_property(self, request: Request) -> Response:
        """DELETE issue/{issue}/properties/{key}."""
        _, issue = self._door.issue(request)
        with self._state.transaction():
            self._state.delete_property(issue.id, request.path_params["key"])
        return Response(status_code=204)

    async def show_issue(self, request: Request) -> Response:
        """Send a person who follows an issue's address to the page."""
        return RedirectResponse(f"{self._web_base}{request.scope['path']}", 302)


def comma_list(request: Request, name: str) -> list[str]:
    """Read a list of the query, written with commas or as several parameters."""
    return [each.strip() for text in request.query_params.getlist(name) for each in text.split(",") if each]


def _may_read(user: User, comment: Comment) -> bool:
    return bool(user.id == comment.author_id or "10000" in user.levels) or not (
        comment.visibility or comment.internal
    )


def api_routes(door: JiraDoor, web_base: str) -> list[Route]:
    """Return the table of methods and paths of this deployment."""
    api, meta, search = JiraApi(door, web_base), JiraMeta(door), JiraSearch(door)
    below: Levers = [*meta.routes(), *search.routes(), *api.routes()]
    if door.state.cloud:
        # More particular than the plain attachment, so it stands before it.
        below.insert(0, ("GET", "attachment/content/{attachment}", api.get_content))
    table = [
        (method, f"/rest/api/{version}/{path}", endpoint)
        for version in (("3", "2") if door.state.cloud else ("2", "latest"))
        for method, path, endpoint in below
    ]
    table.append(("GET", "/browse/{key}", api.show_issue))
    if door.state.cloud:
        table.append(("GET", "/media/{attachment}/{secret}", api.get_media))
    table.append(("GET", "/secure/attachment/{attachment}/{filename}", api.get_secure))
    return [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]


def build_api(door: JiraDoor, web_base: str, more: list[Route]) -> ASGIApp:
    """Return the application: the API and whatever routes stand beside it."""
    app = Starlette(
        routes=[*api_routes(door, web_base), *more],
        exception_handlers={Refusal: _answer_refusal, HTTPException: _answer_no_route},
    )
    return _Headers(app, cloud=door.state.cloud)


async def _answer_refusal(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return JSONResponse(error.body, error.status, error.headers)


async def _answer_no_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"message": f"HTTP {status}", "status-code": status}, status)


class _Headers:
    """Adds what Jira sends with every answer: its ids of the request, and on Data Center a session cookie."""

    def __init__(self, app: ASGIApp, *, cloud: bool) -> None:
        names = (
            {"Atl-Traceid": "0f1e2d3c4b5a", "X-Arequestid": "0f1e2d3c", "Cache-Control": "no-cache, no-store"}
            if cloud
            else {
                "X-AREQUESTID": "600x1x1",
                "X-ANODEID": "node1",
                "Set-Cookie": "JSESSIONID=SANDBOXSESSION; Path=/; HttpOnly",
                "Cache-Control": "no-cache, no-store, no-transform",
            }
        )
        self._app = app
        self._extra = [(name.lower().encode(), value.encode()) for name, value in names.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *self._extra]}
            await send(message)

        await self._app(scope, receive, send_more)
