"""What every route of the sandbox's Jira begins with: who calls, and which issue is meant."""

import base64
import binascii
import json
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.sandbox.faults import Fault
from bot.sandbox.jira_catalogue import PROJECTS, USERS, User, user_of
from bot.sandbox.jira_fields import may, problem
from bot.sandbox.jira_rows import BOT, Issue
from bot.sandbox.jira_shapes import JiraShapes
from bot.sandbox.jira_state import JiraState
from bot.sandbox.refusal import Refusal

_UNKNOWN = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
_NO_ISSUE = "Issue does not exist or you do not have permission to see it."


class JiraDoor:
    """Checks a request before a route does its work."""

    def __init__(self, state: JiraState, token: str) -> None:
        """Take the data and the bot's token; a token with `-NAME` behind it lets a test act as a person."""
        self.state = state
        self._tokens = {f"{token}-{user.name}": user for user in USERS} | {token: user_of(BOT)}

    def user(self, request: Request) -> User:
        """Return who calls; raises a Refusal with 401."""
        scheme, _, word = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            return self._basic(word)
        if scheme.lower() == "bearer" and not self.state.cloud and word in self._tokens:
            return self._tokens[word]
        raise self._unauthorized()

    def _basic(self, word: str) -> User:
        try:
            name, _, token = base64.b64decode(word, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise self._unauthorized() from error
        user = self._tokens.get(token)
        names = () if user is None else (user.email,) if self.state.cloud else (user.email, user.name)
        if user is None or name.lower() not in names:
            raise self._unauthorized()
        return user

    def _unauthorized(self) -> Refusal:
        words = "Client must be authenticated to access this resource."
        return Refusal(401, {"message": words, "status-code": 401}, _UNKNOWN)

    def project(self, request: Request) -> tuple[User, str]:
        """Return who calls and the key of the project in the path; raises a Refusal with 404."""
        user, wanted = self.user(request), unquote(request.path_params["project"])
        for key, project in PROJECTS.items():
            if wanted in {key, project.id} and may(self.state, user, "BROWSE_PROJECTS"):
                return user, key
        raise problem(f"No project could be found with key '{wanted}'.", status=404)

    def issue(self, request: Request) -> tuple[User, Issue]:
        """Return who calls and the issue in the path; raises a Refusal with 404 for what he may not see."""
        user = self.user(request)
        issue = self.state.issue(unquote(request.path_params["issue"]))
        if issue is None or not self.sees(user, issue):
            raise problem(_NO_ISSUE if self.state.cloud else "Issue Does Not Exist", status=404)
        return user, issue

    def sees(self, user: User, issue: Issue) -> bool:
        """Say whether an account may look at an issue: its project, then its security level."""
        allowed = may(self.state, user, "BROWSE_PROJECTS")
        return allowed and (issue.security_id is None or issue.security_id in user.levels)

    def shapes(self, request: Request) -> JiraShapes:
        """Return what writes the values for this request."""
        return JiraShapes(self.state, base_of(request), version_of(request))

    def adf(self, request: Request) -> bool:
        """Say whether this version of the API has its rich texts as Atlassian documents."""
        return version_of(request) == "3"


def version_of(request: Request) -> str:
    """Return the version in the path."""
    return str(request.scope["path"].split("/")[3])


def base_of(request: Request) -> str:
    """Return scheme and host as the client wrote them."""
    return f"{request.url.scheme}://{request.headers.get('host', '127.0.0.1')}"


async def read_body(request: Request) -> dict[str, Any]:
    """Read a JSON object; raises a Refusal."""
    value = await read_value(request)
    if not isinstance(value, dict):
        raise problem("Invalid request payload. Refer to the REST API documentation and try again.")
    return value


async def read_value(request: Request) -> Any:  # noqa: ANN401 - it is JSON
    """Read any JSON; raises a Refusal."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refusal(415, {"message": "Unsupported Media Type", "status-code": 415})
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise problem(
            "Invalid request payload. Refer to the REST API documentation and try again."
        ) from error


def whole_number(request: Request, name: str, otherwise: int, most: int) -> int:
    """Read a number of the query, between 0 and the most that is given."""
    text = request.query_params.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < len("1000000000")):
        raise Refusal(404, {"message": f"{name} is not a number", "status-code": 404})
    return min(int(text), most) if text else otherwise


def refuse(fault: Fault) -> Response:
    """Answer as Jira does when a test asked for a status."""
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    if fault.status == 401:  # noqa: PLR2004 - a refused token has a body of its own
        body: dict[str, object] = {"message": "Client must be authenticated to access this resource."}
        return JSONResponse(body, 401, {**headers, **_UNKNOWN})
    if fault.status == 429:  # noqa: PLR2004 - the limiter says which limit it was
        headers |= {"X-RateLimit-Remaining": "0", "RateLimit-Reason": "jira-burst-based"}
    words = {403: "Forbidden", 404: _NO_ISSUE, 429: "Rate limit exceeded."}
    message = words.get(fault.status, "Internal server error")
    return JSONResponse({"errorMessages": [message], "errors": {}}, fault.status, headers)
