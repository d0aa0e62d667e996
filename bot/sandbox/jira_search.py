"""Jira's search: by token on Cloud, where the old one is gone; by offset and with a total on Data Center."""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.sandbox.control import Levers
from bot.sandbox.jira_door import JiraDoor, read_body
from bot.sandbox.jira_fields import problem
from bot.sandbox.jira_rows import Issue
from bot.sandbox.jql import JqlError, Query, parse_jql
from bot.sandbox.refusal import Refusal

_PAGE, _MOST = 50, 5000
_MOST_ON_DATA_CENTER = 1000
_TOKEN_SECONDS = 7 * 24 * 3600
_GONE = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration"
    " guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
_UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."


class JiraSearch:
    """The routes of the search."""

    def __init__(self, door: JiraDoor) -> None:
        """Take what checks requests."""
        self._door, self._state = door, door.state

    def routes(self) -> Levers:
        """Return the table of methods and paths below the version."""
        if not self._state.cloud:
            return [("GET", "search", self.get_page), ("POST", "search", self.post_page)]
        return [
            ("GET", "search/jql", self.get_tokened),
            ("POST", "search/jql", self.post_tokened),
            ("GET", "search", self.say_gone),
            ("POST", "search", self.say_gone),
        ]

    async def say_gone(self, request: Request) -> Response:
        """Answer the old search on Cloud."""
        self._door.user(request)
        return JSONResponse({"errorMessages": [_GONE], "errors": {}}, 410)

    async def get_tokened(self, request: Request) -> Response:
        """GET search/jql."""
        return self._tokened(request, _from_query(request))

    async def post_tokened(self, request: Request) -> Response:
        """POST search/jql."""
        return self._tokened(request, await read_body(request))

    def _tokened(self, request: Request, asked: Mapping[str, Any]) -> Response:
        """Answer one page; no total, and nothing but ids unless fields are named."""
        issues = self._found(request, asked, needs_bounds=True)
        start = _read_token(asked.get("nextPageToken"), str(asked.get("jql", "")))
        size = min(_number(asked, "maxResults", _PAGE), _MOST)
        rows = [self._row(request, each, asked, ["id"]) for each in issues[start : start + size]]
        last = start + size >= len(issues)
        page: dict[str, Any] = {"issues": rows, "isLast": last}
        if not last:
            page["nextPageToken"] = _write_token(start + size, str(asked.get("jql", "")))
        return JSONResponse(page)

    async def get_page(self, request: Request) -> Response:
        """GET search, on Data Center."""
        return self._page(request, _from_query(request))

    async def post_page(self, request: Request) -> Response:
        """POST search, on Data Center."""
        return self._page(request, await read_body(request))

    def _page(self, request: Request, asked: Mapping[str, Any]) -> Response:
        issues = self._found(request, asked, needs_bounds=False)
        start = _number(asked, "startAt", 0)
        size = min(_number(asked, "maxResults", _PAGE), _MOST_ON_DATA_CENTER)
        rows = [self._row(request, each, asked, ["*navigable"]) for each in issues[start : start + size]]
        page = {"expand": "schema,names", "startAt": start, "maxResults": size, "total": len(issues)}
        return JSONResponse({**page, "issues": rows})

    def _found(self, request: Request, asked: Mapping[str, Any], *, needs_bounds: bool) -> list[Issue]:
        user = self._door.user(request)
        query = self._query(str(asked.get("jql") or ""))
        if needs_bounds and not query.bounded:
            raise problem(_UNBOUNDED)
        found = self._state.search(query.where, query.values, query.order)
        return [each for each in found if self._door.sees(user, each)]

    def _query(self, jql: str) -> Query:
        try:
            return parse_jql(jql)
        except JqlError as error:
            raise problem(str(error)) from error

    def _row(
        self, request: Request, issue: Issue, asked: Mapping[str, Any], otherwise: list[str]
    ) -> dict[str, Any]:
        fields = [str(each) for each in asked.get("fields") or otherwise]
        properties = [str(each) for each in asked.get("properties") or ()]
        row = self._door.shapes(request).issue(issue, fields, properties)
        if fields == ["id"] and not properties:
            return {"id": row["id"]}
        return row


def _from_query(request: Request) -> dict[str, Any]:
    query = request.query_params
    asked: dict[str, Any] = dict(query)
    for name in ("fields", "properties"):
        asked[name] = [each for text in query.getlist(name) for each in text.split(",") if each]
    return asked


def _number(asked: Mapping[str, Any], name: str, otherwise: int) -> int:
    try:
        number = int(asked.get(name, otherwise))
    except (TypeError, ValueError) as error:
        raise problem(f"{name} must be a number") from error
    if number < 0:
        raise problem(f"{name} must not be negative")
    return number


def _write_token(start: int, jql: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([start, jql, time.time()]).encode()).decode()


def _read_token(token: object, jql: str) -> int:
    """Return where a page begins; a token belongs to its query and lives seven days."""
    if token in (None, ""):
        return 0
    try:
        start, made_for, at = json.loads(base64.urlsafe_b64decode(str(token)))
        fresh = made_for == jql and time.time() - float(at) < _TOKEN_SECONDS
    except (binascii.Error, ValueError, TypeError):
        fresh = False
    if not fresh:
        raise Refusal(
            400, {"errorMessages": ["The provided next page token is invalid or expired."], "errors": {}}
        )
    return int(start)
