"""The sandbox's Jira Cloud, held against what Atlassian publishes about it.

Each call that the sandbox answers is made once; request and answer are checked against the OpenAPI document.
What deviates is listed below, one by one, with the reason. Of Data Center there is no such document.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIResponse
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from starlette.routing import Route

from bot.sandbox.jira_api import api_routes
from bot.sandbox.jira_door import JiraDoor
from bot.sandbox.jira_state import JiraState
from tests.rigs.contracts import (
    JIRA,
    AtNoPort,
    find_operation,
    matching,
    needs_documents,
    plain,
    read_document,
)
from tests.rigs.jira_visitor import JiraVisitor
from tests.rigs.sandbox import TOKEN, Sandbox

pytestmark = needs_documents

V3 = "/rest/api/3"
# The document is cut to the paths that were thought to be needed; these are read from the vendor's pages
# (developer.atlassian.com/cloud/jira/platform/rest/v3, of the group that the path begins with).
HELD_AGAINST_NOTHING = {
    ("GET", f"{V3}/attachment/content/{{}}"),
    ("GET", f"{V3}/attachment/meta"),
    ("GET", f"{V3}/issuesecurityschemes"),
    ("GET", f"{V3}/issuesecurityschemes/level/member"),
    ("GET", f"{V3}/issuesecurityschemes/{{}}"),
    ("GET", f"{V3}/issuesecurityschemes/{{}}/members"),
    ("GET", f"{V3}/project/{{}}/issuesecuritylevelscheme"),
    ("GET", f"{V3}/project/{{}}/permissionscheme"),
    ("GET", f"{V3}/project/{{}}/role"),
    ("GET", f"{V3}/project/{{}}/role/{{}}"),
    ("GET", f"{V3}/project/{{}}/securitylevel"),
    ("GET", f"{V3}/resolution"),
    ("GET", f"{V3}/securitylevel/{{}}"),
}
# The document calls them date-times of RFC 3339, but in its own examples too the offset has no colon.
JIRA_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")
# method, path, what: each with its reason.
DEVIATIONS = {
    (
        "GET",
        f"{V3}/search",
        "410: ResponseNotFound: Unknown response http status: 410",
    ): "gone since; the document is older",
    ("POST", f"{V3}/search", "410: ResponseNotFound: Unknown response http status: 410"): "the same",
    (
        "PUT",
        f"{V3}/issue/{{issueIdOrKey}}",
        "204: MissingData: Missing response data",
    ): "204 has no body, whatever media type is described",
    (
        "POST",
        f"{V3}/issue/{{issueIdOrKey}}/transitions",
        "204: MissingData: Missing response data",
    ): "the same",
    (
        "PUT",
        f"{V3}/issue/{{issueIdOrKey}}/properties/{{propertyKey}}",
        "unknown body a",
    ): "the value of a property is any JSON",
}


@dataclass
class Exchange:
    """What went over the line while a client worked."""

    seen: list[requests.Response] = field(default_factory=list)

    def note(self, answer: requests.Response, **_options: object) -> None:
        self.seen.append(answer)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    recorded = Exchange()
    with Sandbox(tmp_path_factory.mktemp("sandbox"), jira="cloud") as sandbox:
        sandbox.set_jira(denied=[])
        visitor = JiraVisitor(sandbox)
        visitor.session.hooks["response"].append(recorded.note)
        _work(visitor)
        visitor.close()
        yield recorded


def _work(jira: JiraVisitor) -> None:
    """Make each call that the sandbox answers, once."""
    for path in (
        *(
            "myself",
            "mypermissions?permissions=BROWSE_PROJECTS,SET_ISSUE_SECURITY&projectKey=SEC",
            "serverInfo",
        ),
        *("field", "priority", "resolution", "status", "issuetype", "attachment/meta"),
        *("issue/createmeta?projectKeys=SEC", "issue/createmeta/SEC/issuetypes"),
        "issue/createmeta/SEC/issuetypes/10002?startAt=0&maxResults=20",
        *("project/SEC", "project/SEC/statuses", "project/SEC/permissionscheme", "project/SEC/securitylevel"),
        *("project/SEC/issuesecuritylevelscheme", "project/SEC/role", "project/SEC/role/10100"),
        *("issuesecurityschemes", "issuesecurityschemes/10000", "issuesecurityschemes/10000/members"),
        *("issuesecurityschemes/level/member", "securitylevel/10000"),
    ):
        assert jira.call("GET", path).status_code == 200, path
    fields = jira.fields(
        description=jira.text("One"),
        labels=["severity::high"],
        duedate="2026-11-25",
        security={"id": "10000"},
        priority={"id": "2"},
        customfield_10050="Shop",
        customfield_10051={"value": "Noord"},
    )
    body = {"fields": fields, "properties": [{"key": "meldpunt", "value": {"marker": "m"}}]}
    issue = jira.call("POST", "issue", json=body).json()["id"]
    jira.create()
    _work_on(jira, issue)
    jira.call("GET", "search", params={"jql": "project = SEC"})
    jira.call("POST", "search", json={"jql": "project = SEC"})
    jira.call("GET", "search/jql", params={"jql": "project = SEC"})
    jira.search("labels = severity::high", fields=["*all"], properties=["meldpunt"])
    jira.search("project = SEC", fields=["summary"], maxResults=1)
    jira.refused(summary="")
    jira.search("nonsense")


def _work_on(jira: JiraVisitor, issue: str) -> None:
    path = f"issue/{issue}"
    jira.comment(issue, "One", visibility={"type": "role", "value": "Team"})
    mark = [{"key": "sd.public.comment", "value": {"internal": True}}]
    comment = jira.comment(issue, "Two", properties=mark).json()["id"]
    jira.call("GET", f"{path}/comment", params={"expand": "properties", "orderBy": "-created"})
    jira.call("GET", f"{path}/comment/{comment}")
    jira.call("GET", f"comment/{comment}/properties/sd.public.comment")
    jira.call("DELETE", f"{path}/comment/{comment}")
    file, headers = {"file": ("REF-1.png", b"png")}, {"X-Atlassian-Token": "no-check"}
    (made,) = jira.call("POST", f"{path}/attachments", files=file, headers=headers).json()
    jira.call("GET", f"attachment/{made['id']}")
    jira.call("GET", f"attachment/content/{made['id']}?redirect=false")
    jira.call("PUT", path, json={"update": {"labels": [{"add": "a"}]}, "fields": {"duedate": "2026-12-01"}})
    jira.call("PUT", f"{path}/properties/other", json={"a": 1})
    jira.call("GET", f"{path}/properties")
    jira.call("GET", f"{path}/properties/other")
    jira.call("DELETE", f"{path}/properties/other")
    jira.call("GET", f"{path}/transitions", params={"expand": "transitions.fields"})
    body = {"transition": {"id": "31"}, "fields": {"resolution": {"name": "Done"}}}
    jira.call("POST", f"{path}/transitions", json=body)
    jira.read(issue, properties="meldpunt", fields="*all")
    jira.call("GET", "issue/NONE-1")


def _path(answer: requests.Response) -> str:
    return str(answer.request.path_url).split("?")[0]


def _described(exchange: Exchange) -> Iterator[tuple[requests.Response, str]]:
    """Yield each answer to a call that the document knows, with the template of its path."""
    unknown = {path for _, path in HELD_AGAINST_NOTHING if "{" not in path}
    for answer in exchange.seen:
        if _path(answer) in unknown:
            continue
        operation = find_operation(str(answer.request.method), _path(answer), JIRA)
        if operation:
            yield answer, operation.path


def test_requests_and_answers_are_those_that_atlassian_describes(exchange: Exchange) -> None:
    api = OpenAPI.from_dict(read_document(*JIRA), config=Config(spec_validator_cls=None))
    found = set()
    for answer, path in _described(exchange):
        method = str(answer.request.method)
        operation = find_operation(method, _path(answer), JIRA)
        assert operation
        found |= {(method, path, what) for what in operation.deviations(answer.request)}
        for error in api.iter_response_errors(AtNoPort(answer.request), RequestsOpenAPIResponse(answer)):
            found |= {(method, path, f"{answer.status_code}: {what}") for what in _in_words(error)}
    assert found - DEVIATIONS.keys() == set(), "a deviation that is not listed"
    assert DEVIATIONS.keys() - found == set(), "listed and gone"


def _in_words(error: Exception) -> set[str]:
    if not isinstance(error.__cause__, InvalidSchemaValue):
        return {f"{type(error).__name__}: {error}"}
    wrong = [
        (getattr(each, "absolute_path", ()), str(each))
        for each in error.__cause__.schema_errors
        if not JIRA_TIME.fullmatch(str(getattr(each, "instance", "")))
    ]
    return {
        f"{'/'.join(str(part) for part in place if isinstance(part, str))} {words.splitlines()[0]}"
        for place, words in wrong
    }


def test_what_is_held_against_nothing_is_listed_and_was_called(exchange: Exchange, tmp_path: Path) -> None:
    state = JiraState(tmp_path, "cloud")
    routes = {_route(each) for each in api_routes(JiraDoor(state, TOKEN), "")}
    state.close()
    newer = {(method, path) for method, path in routes if path.startswith(V3)}
    described = {
        (method.upper(), plain(path))
        for path, methods in read_document(*JIRA)["paths"].items()
        for method in methods
    }
    assert newer - described == HELD_AGAINST_NOTHING
    paths = {path for _, path in newer}
    called = {(answer.request.method, matching(_path(answer), paths)) for answer in exchange.seen}
    assert newer - called == set()


def _route(route: Route) -> tuple[str, str]:
    methods = (route.methods or set()) - {"HEAD"}
    return methods.pop(), plain(re.sub(r":\w+\}", "}", route.path))
