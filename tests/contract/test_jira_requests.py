"""What our Jira client asks, held against what Atlassian publishes about Cloud and against docs/contracts.md.

Of Data Center there is no document to hold requests against: they are listed with the page they were read from.
"""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
import responses
from pydantic import SecretStr

from bot.adapters.jira_tracker import JiraTracker
from bot.domain.issue import CommentDraft, Facts, Foreign, IssueDraft, Links, Sentence
from tests.rigs.contracts import JIRA, find_operation, matching, needs_documents, table

pytestmark = needs_documents

Deployment = Literal["cloud", "datacenter"]
GATEWAY = "https://api.atlassian.com/ex/jira/1f2e3d4c"
MARKER = "meldpunt-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
DRAFT = IssueDraft(
    reference="CVD-2026-0001",
    marker=MARKER,
    title="XSS in zoekveld",
    body=(Facts((("Kenmerk", "CVD-2026-0001"),)), Foreign("De melding:", "Stap 1\nStap 2")),
    labels=("severity::unrated", "suggested::high"),
    due_on=date(2026, 11, 26),
    priority="High",
    fields=(("Asset owner", '"ICT"'),),
)
NAME = "CVD-2026-0001-1.png"
FILE = {"id": "10500", "filename": NAME}
NOTHING = "nothing"


def _answers(deployment: Deployment) -> dict[str, Any]:
    """What each path answers."""
    cloud = deployment == "cloud"
    security = {
        "fieldId": "security",
        "name": "Security Level",
        "allowedValues": [{"id": "10000", "name": "Team"}],
    }
    task = {"id": "10002", "name": "Task"}
    fields = [security, {"fieldId": "customfield_10050", "name": "Asset owner"}]
    found = {"issues": [{"id": "10042"}], "total": 1}
    issue = {
        "id": "10042",
        "key": "SEC-7",
        "fields": {"attachment": [FILE], "security": {"id": "10000"}, "description": None},
        "properties": {"meldpunt": {"marker": MARKER}},
    }
    return {
        r"/serverInfo": {"baseUrl": "https://example.atlassian.net"},
        r"/myself": {"active": True},
        r"/mypermissions": {"permissions": {}},
        r"/field": [],
        r"/project/SEC": {"projectTypeKey": "service_desk"},
        r"/project/SEC/permissionscheme": {"permissions": []},
        r"/project/SEC/issuesecuritylevelscheme": {"id": 10100},
        r"/issuesecurityschemes/10100/members": {"values": [], "isLast": True},
        r"/issue/createmeta/SEC/issuetypes": {"issueTypes" if cloud else "values": [task], "total": 1},
        r"/issue/createmeta/SEC/issuetypes/10002": {"fields" if cloud else "values": fields, "total": 2},
        r"/search/jql" if cloud else r"/search": found,
        r"/issue/10042": issue,
        r"/issue/10042/comment": {"comments": [{"body": ""}] * 2, "total": 3},
        r"/comment/5/properties/sd\.public\.comment": {"value": {"internal": True}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def cloud() -> list[requests.PreparedRequest]:
    return _worked("cloud", GATEWAY, "https://example.atlassian.net")


@pytest.fixture(scope="module")
def datacenter() -> list[requests.PreparedRequest]:
    return _worked("datacenter", "https://jira.example.nl")


def _worked(deployment: Deployment, *urls: str) -> list[requests.PreparedRequest]:
    """Use every method at each address, with a security level and without; give what was asked, addresses taken off."""
    asked: list[requests.PreparedRequest] = []
    for url in urls:
        base = f"{url}/rest/api/{3 if deployment == 'cloud' else 2}"
        with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
            for path, answer in _answers(deployment).items():
                http.get(re.compile(rf"{re.escape(base)}{path}(\?.*)?$"), json=answer)
            http.post(f"{base}/issue", json={"id": "10042", "key": "SEC-7"}, status=201)
            http.post(f"{base}/issue/10042/attachments", json=[FILE])
            http.post(f"{base}/issue/10042/comment", json={"id": "5"}, status=201)
            for closed in ({"security_level": "Team"}, {"private_project": True}):
                settings: dict[str, Any] = {"project": "SEC", "deployment": deployment, **closed}
                _work(
                    JiraTracker(
                        name="main", url=url, token=SecretStr("x"), fields_set=["Asset owner"], **settings
                    )
                )
            asked += [_at_no_host(call.request, url) for call in http.calls]
    return asked


def _at_no_host(request: requests.PreparedRequest, url: str) -> requests.PreparedRequest:
    copy = request.copy()
    copy.url = str(request.url).replace(url, "http://127.0.0.1")
    return copy


def _work(tracker: JiraTracker) -> None:
    """Use every method of the client."""
    tracker.check()
    tracker.who_can_read()
    assert tracker.fits(DRAFT.body)
    link = tracker.create_issue(DRAFT)
    assert tracker.find_issue(DRAFT.reference, MARKER) == link
    shown = tracker.upload(link.id, NAME, "image/png", b"\x89PNG\r\n")
    assert tracker.find_upload(link.id, NAME) == shown
    body = (Links("Bestanden:", (shown,)), Sentence("Klaar."))
    tracker.add_comment(link.id, CommentDraft("meldpunt-7a", body))
    assert not tracker.find_comment(link.id, "meldpunt-anders")
    tracker.close()


def test_every_public_method_of_the_client_was_used() -> None:
    public = {name for name in vars(JiraTracker) if not name.startswith("_")}
    used = set(re.findall(r"tracker\.(\w+)\(", Path(__file__).read_text(encoding="utf-8")))
    assert public <= used


def test_what_is_asked_of_cloud_and_what_the_page_lists_are_the_same(
    cloud: list[requests.PreparedRequest],
) -> None:
    listed = {(method, path): document for method, path, _, document in table("Requests to Jira Cloud")}
    used = set()
    for request in cloud:
        operation = find_operation(str(request.method), _path(request), JIRA)
        fitting = matching(_path(request), {path for method, path in listed if method == request.method})
        assert operation or (fitting and listed[str(request.method), fitting].startswith(NOTHING)), (
            request.url
        )
        document = operation.document if operation else listed[str(request.method), str(fitting)]
        used.add((str(request.method), operation.path if operation else str(fitting), document))
    assert used == {(*asked, document) for asked, document in listed.items()}


def test_the_client_deviates_from_atlassians_document_only_where_the_page_says_so(
    cloud: list[requests.PreparedRequest],
) -> None:
    found = set()
    for request in cloud:
        if operation := find_operation(str(request.method), _path(request), JIRA):
            found |= {(operation.method, operation.path, what) for what in operation.deviations(request)}
    assert found == {(method, path, what) for method, path, what, _ in table("Deviations of Jira Cloud")}


def test_what_is_asked_of_data_center_and_what_the_page_lists_are_the_same(
    datacenter: list[requests.PreparedRequest],
) -> None:
    listed = {(method, path) for method, path, _, _ in table("Requests to Jira Data Center")}
    used = set()
    for request in datacenter:
        fitting = matching(_path(request), {path for method, path in listed if method == request.method})
        assert fitting, f"not listed: {request.method} {_path(request)}"
        used.add((str(request.method), fitting))
    assert used == listed


def test_every_page_that_was_read_is_named() -> None:
    for heading in ("Requests to Jira Cloud", "Requests to Jira Data Center"):
        for _, path, _, against in table(heading):
            assert against in JIRA or re.fullmatch(r"nothing \(https://\S+\)", against), path


@pytest.mark.parametrize(
    ("method", "path", "body", "deviations"),
    [
        ("POST", "/issue", {"fields": []}, {"body fields"}),
        ("POST", "/issue", {"fields": {}, "secret": 1}, {"unknown body secret"}),
        ("GET", "/search/jql?jql=x&startAt=50", None, {"unknown query startAt"}),
        ("GET", "/issue/1/comment?orderBy=author", None, {"query orderBy"}),
    ],
)
def test_a_request_that_atlassian_does_not_describe_is_noticed(
    method: str, path: str, body: object, deviations: set[str]
) -> None:
    data = b"" if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    url = f"http://127.0.0.1/rest/api/3{path}"
    request = requests.Request(method, url, headers=headers, data=data).prepare()
    operation = find_operation(method, _path(request), JIRA)
    assert operation
    assert operation.deviations(request) == deviations


def _path(request: requests.PreparedRequest) -> str:
    return request.path_url.split("?")[0]
