"""The sandbox's GitLab answers as GitLab does, through python-gitlab and bare."""

from collections.abc import Iterator
from typing import Any

import gitlab
import pytest
import requests

from tests.rigs.sandbox import PROJECT, TIMEOUT, TOKEN, Sandbox
from tests.sandbox.conftest import Visitor


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[gitlab.Gitlab]:
    with gitlab.Gitlab(sandbox.gitlab, private_token=TOKEN, timeout=TIMEOUT, keep_base_url=True) as client:
        yield client


def test_one_call_creates_an_issue_with_everything(client: gitlab.Gitlab) -> None:
    fields = {
        "title": "[CVD-2026-9001] All at once",
        "description": "text",
        "labels": ["severity::high", "suggested::high"],
        "due_date": "2026-11-25",
        "confidential": True,
        "issue_type": "incident",
    }
    issue = client.projects.get(PROJECT).issues.create(fields)
    assert {key: issue.attributes[key] for key in fields} == fields
    assert issue.state == "opened"
    assert issue.web_url.endswith(f"/{PROJECT}/-/issues/{issue.iid}")


def test_the_client_reads_account_project_members_labels_and_token(client: gitlab.Gitlab) -> None:
    client.auth()
    project = client.projects.get(PROJECT)
    assert client.user is not None
    assert client.user.username == "project_1_bot"
    assert client.version()[0] == "18.5.0"
    assert (project.visibility, project.issues_access_level) == ("private", "enabled")
    assert project.permissions["project_access"]["access_level"] == 20
    assert "tess" in [member.username for member in project.members_all.list(iterator=True)]
    project.labels.create({"name": "made::here", "color": "#aabbcc"})
    assert "made::here" in [label.name for label in project.labels.list(iterator=True)]
    assert client.personal_access_tokens.get("self").expires_at > "2026"


def test_notes_are_internal_only_from_the_start(client: gitlab.Gitlab) -> None:
    issue = client.projects.get(PROJECT).issues.create({"title": "[CVD-2026-9002] Notes"})
    note = issue.notes.create({"body": "for the team", "internal": True})
    plain = issue.notes.create({"body": "for all"})
    assert (note.internal, plain.internal) == (True, False)
    plain.body = "for all, edited"
    plain.save()
    assert [each.body for each in issue.notes.list(sort="asc", iterator=True)] == [
        "for the team",
        "for all, edited",
    ]


def test_uploads_come_back_as_they_went(client: gitlab.Gitlab) -> None:
    project = client.projects.get(PROJECT)
    picture = project.upload("REF-1.png", filedata=b"\x89PNG picture")
    other = project.upload("../odd name;.zip", filedata=b"PK")
    assert picture["markdown"] == f"![REF-1]({picture['url']})"
    assert other["markdown"] == f"[odd_name_.zip]({other['url']})"
    secret, name = picture["url"].split("/")[2:]
    answer = client.http_get(f"/projects/{project.id}/uploads/{secret}/{name}", raw=True)
    assert isinstance(answer, requests.Response)
    assert answer.content == b"\x89PNG picture"
    listed = client.http_list(f"/projects/{project.id}/uploads", iterator=True)
    assert [each["filename"] for each in listed][:2] == ["odd_name_.zip", "REF-1.png"]


def test_labels_are_added_and_removed_one_by_one_and_remembered(client: gitlab.Gitlab) -> None:
    issue = client.projects.get(PROJECT).issues.create({"title": "[CVD-2026-9003] Labels", "labels": "a,b"})
    manager = client.projects.get(PROJECT).issues
    manager.update(issue.iid, {"add_labels": "c", "remove_labels": "a"})
    issue = manager.get(issue.iid)
    assert issue.labels == ["b", "c"]
    events = [(each.action, each.label["name"]) for each in issue.resourcelabelevents.list(iterator=True)]
    assert events == [("add", "a"), ("add", "b"), ("add", "c"), ("remove", "a")]


def test_closing_and_reopening_is_remembered(client: gitlab.Gitlab) -> None:
    manager = client.projects.get(PROJECT).issues
    issue = manager.create({"title": "[CVD-2026-9004] State"})
    assert manager.update(issue.iid, {"state_event": "close"})["closed_at"]
    assert manager.update(issue.iid, {"state_event": "reopen"})["closed_at"] is None
    assert [each.state for each in issue.resourcestateevents.list(iterator=True)] == ["closed", "reopened"]


def test_a_list_is_read_page_by_page_and_links_to_the_next(visitor: Visitor) -> None:
    made = [visitor.create_issue(labels="paged")["iid"] for _ in range(5)]
    query = {"labels": "paged", "per_page": 2, "order_by": "created_at", "sort": "asc"}
    answer = visitor.call("GET", f"{visitor.project}/issues", params=query)
    seen = [issue["iid"] for issue in answer.json()]
    assert (answer.headers["X-Next-Page"], answer.headers["X-Total-Pages"]) == ("2", "3")
    assert (answer.headers["X-Page"], answer.headers["X-Per-Page"], answer.headers["X-Total"]) == (
        "1",
        "2",
        "5",
    )
    while "next" in answer.links:
        answer = visitor.session.get(answer.links["next"]["url"], timeout=TIMEOUT)
        seen += [issue["iid"] for issue in answer.json()]
    assert seen == made
    assert answer.headers["X-Next-Page"] == ""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"search": "needle-7f3a", "in": "title"}, ["one"]),
        ({"search": "needle-7f3a", "in": "description"}, ["two"]),
        ({"search": "needle-7f3a"}, ["one", "two"]),
        ({"search": "NEEDLE-7F3A one"}, ["one"]),
        ({"search": '"a needle-7f3a"'}, ["two"]),
        ({"search": "needle%"}, []),
        ({"search": "needle-7f3a", "labels": "x,y"}, ["one"]),
        ({"search": "needle-7f3a", "labels": "None"}, ["two"]),
        ({"search": "needle-7f3a", "state": "closed"}, []),
        ({"search": "needle-7f3a", "confidential": "true"}, ["two"]),
        ({"search": "needle-7f3a", "updated_after": "2020-01-01T00:00:00Z"}, ["one", "two"]),
        ({"search": "needle-7f3a", "updated_after": "2999-01-01T00:00:00+01:00"}, []),
    ],
)
def test_a_search_finds_what_it_names(visitor: Visitor, query: dict[str, Any], found: list[str]) -> None:
    if not visitor.call("GET", f"{visitor.project}/issues", params={"search": "needle-7f3a"}).json():
        visitor.create_issue(title="one needle-7f3a", labels="x,y")
        visitor.create_issue(title="two", description="a needle-7f3a here", confidential=True)
    query = {**query, "sort": "asc"}
    issues = visitor.call("GET", f"{visitor.project}/issues", params=query).json()
    assert [issue["title"].split()[0] for issue in issues] == found


def test_issues_are_found_by_their_numbers(visitor: Visitor) -> None:
    first, second = (visitor.create_issue()["iid"] for _ in range(2))
    issues = visitor.call("GET", f"{visitor.project}/issues?iids[]={first}&iids[]={second}&sort=asc").json()
    assert [issue["iid"] for issue in issues] == [first, second]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Private-Token": "wrong"}, 401),
        ({"Private-Token": TOKEN}, 200),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
def test_only_the_right_token_is_let_in(sandbox: Sandbox, headers: dict[str, str], status: int) -> None:
    answer = requests.get(f"{sandbox.gitlab}/api/v4/user", headers=headers, timeout=TIMEOUT)
    assert answer.status_code == status
    assert (answer.json() == {"message": "401 Unauthorized"}) == (status == 401)


@pytest.mark.parametrize(
    ("method", "path", "fields", "status", "words"),
    [
        ("GET", "/projects/nobody%2Fnothing", None, 404, "404 Project Not Found"),
        ("GET", "/projects/1/issues/99999", None, 404, "404 Issue Not Found"),
        ("GET", "/nowhere", None, 404, "404 Not Found"),
        ("POST", "/projects/1/issues", {"description": "x"}, 400, "title is missing"),
        ("POST", "/projects/1/issues", {"title": " "}, 400, "can't be blank"),
        ("POST", "/projects/1/issues", {"title": "x" * 256}, 400, "maximum is 255 characters"),
        ("POST", "/projects/1/issues", {"title": "x", "description": "x" * 1_048_577}, 400, "is too long"),
        (
            "POST",
            "/projects/1/issues",
            {"title": "x", "confidential": "perhaps"},
            400,
            "confidential is invalid",
        ),
        ("POST", "/projects/1/issues", {"title": "x", "issue_type": "odd"}, 400, "valid value"),
        ("POST", "/projects/1/uploads", {"file": "no file"}, 400, "file is missing"),
        ("POST", "/projects/1/labels", {"name": "new", "color": "?"}, 400, "valid color"),
    ],
)
def test_what_is_wrong_is_refused_in_gitlabs_words(  # noqa: PLR0917 - one row a case
    visitor: Visitor, method: str, path: str, fields: object, status: int, words: str
) -> None:
    answer = visitor.call(method, path, json=fields)
    assert answer.status_code == status
    assert words in answer.text
    assert answer.json().keys() & {"message", "error"}


def test_the_largest_title_and_description_are_accepted(visitor: Visitor) -> None:
    issue = visitor.create_issue(title="x" * 255, description="y" * 1_048_576)
    assert (len(issue["title"]), len(issue["description"])) == (255, 1_048_576)


def test_public_and_internal_projects_stand_ready(visitor: Visitor) -> None:
    seen = [
        visitor.call("GET", f"/projects/security%2F{name}").json()["visibility"]
        for name in ("reports", "public", "internal")
    ]
    assert seen == ["private", "public", "internal"]


def test_a_project_and_the_token_can_be_changed_from_outside(visitor: Visitor) -> None:
    change = {"path": "security/internal", "access_level": 10, "issues_access_level": "disabled"}
    visitor.sandbox.control("PUT", "project", change)
    answer = visitor.call("POST", "/projects/security%2Finternal/issues", json={"title": "x"})
    assert (answer.status_code, answer.json()) == (403, {"message": "403 Forbidden"})
    visitor.sandbox.control("PUT", "token", {"expires_on": "2001-01-01"})
    assert visitor.call("GET", "/user").status_code == 401
    visitor.sandbox.control("PUT", "token", {"expires_on": "2099-01-01"})
    assert visitor.call("GET", "/personal_access_tokens/self").json()["expires_at"] == "2099-01-01"


def test_every_request_is_kept_with_its_body_and_can_be_searched(visitor: Visitor) -> None:
    visitor.sandbox.control("DELETE", "requests")
    visitor.create_issue(description="geschreven door Zoë Voorbeeld")
    visitor.call("POST", "/projects/1/uploads", files={"file": ("a.txt", b"written by Zo\xc3\xab")})
    issue, upload = visitor.sandbox.requests()
    assert (issue["method"], issue["path"]) == ("POST", f"/api/v4{visitor.project}/issues")
    assert "Zoë Voorbeeld" in issue["body"]
    assert "written by Zoë" in upload["body"]
    found = visitor.sandbox.control("GET", "requests?containing=zo%C3%AB&bodies=0")
    assert [each["number"] for each in found] == [issue["number"], upload["number"]]
    assert visitor.sandbox.control("GET", "requests?containing=nobody") == []
