"""The team works on Jira issues in the pages of the sandbox."""

from typing import Any

import pytest
import requests

from tests.rigs.jira_visitor import JiraVisitor
from tests.rigs.sandbox import TIMEOUT


def _get(jira: JiraVisitor, path: str) -> requests.Response:
    return requests.get(f"{jira.sandbox.web}{path}", timeout=TIMEOUT)


def _post(jira: JiraVisitor, path: str, **fields: str) -> requests.Response:
    return requests.post(f"{jira.sandbox.web}{path}", data=fields, timeout=TIMEOUT)


def _fields(jira: JiraVisitor, issue: str) -> dict[str, Any]:
    fields: dict[str, Any] = jira.read(issue)["fields"]
    return fields


def test_the_board_shows_issues_with_level_labels_and_due_date(jira: JiraVisitor) -> None:
    issue = jira.create(
        summary="Shown <b>here</b>",
        labels=["severity::high"],
        duedate="2026-11-25",
        security={"name": "Team"},
    )
    page = _get(jira, "/jira/board?labels=severity::high").text
    assert "Shown &lt;b&gt;here&lt;/b&gt;" in page
    assert "severity · high" in page
    assert "Wed 25 Nov 2026" in page
    assert f"/browse/{jira.read(issue)['key']}" in page
    assert "Team</span>" in page
    assert "No issue matches" in _get(jira, "/jira/board?search=nowhere-at-all").text
    start = _get(jira, "/").text
    assert "The team, in Jira" in start
    assert jira.sandbox.jira in start


def test_the_team_comments_labels_assigns_and_finishes(jira: JiraVisitor) -> None:
    issue = jira.create(labels=["old"], description=jira.text("The *text* <script>"))
    page = f"/browse/{jira.read(issue)['key']}"
    assert "&lt;script&gt;" in _get(jira, page).text
    assert _post(jira, f"{page}/comments", body="Looked at it\r\nToday").status_code == 200
    (comment,) = jira.sandbox.jira_comments(issue)
    assert comment["author"]["displayName"] == "Tess Team"
    assert comment["body"] == jira.text("Looked at it\nToday")
    for change in (
        {"add_label": "new"},
        {"remove_label": "old"},
        {"assignee": "2"},
        {"due_date": "2026-12-01"},
    ):
        assert _post(jira, f"{page}/changes", **change).status_code == 200
    fields = _fields(jira, issue)
    assert (fields["labels"], fields["duedate"]) == (["new"], "2026-12-01")
    assert fields["assignee"]["displayName"] == "Tess Team"
    assert _post(jira, f"{page}/changes", assignee="").status_code == 200
    assert _post(jira, f"{page}/transitions", transition="31", resolution="10000").status_code == 200
    fields = _fields(jira, issue)
    assert (fields["assignee"], fields["status"]["name"], fields["resolution"]["name"]) == (
        None,
        "Done",
        "Done",
    )
    assert jira.read(issue)["key"] in _get(jira, "/jira/board?state=done").text


def test_what_jira_refuses_is_said_on_a_page(jira: JiraVisitor) -> None:
    page = f"/browse/{jira.read(jira.create())['key']}"
    answer = _post(jira, f"{page}/changes", add_label="two words")
    assert answer.status_code == 400
    assert "contains spaces" in answer.text
    assert _post(jira, f"{page}/transitions", transition="31").status_code == 400
    assert _get(jira, "/browse/SEC-99999").status_code == 404


def test_internal_comments_are_made_and_shown_on_a_service_desk(jira: JiraVisitor) -> None:
    jira.sandbox.set_jira(service_desk=True)
    issue = jira.create()
    page = f"/browse/{jira.read(issue)['key']}"
    _post(jira, f"{page}/comments", body="Between us", internal="1")
    assert jira.sandbox.jira_comments(issue)[0]["properties"] == [
        {"key": "sd.public.comment", "value": {"internal": True}}
    ]
    assert "Internal note" in _get(jira, page).text


@pytest.mark.parametrize(
    ("name", "inline"), [("REF-1.png", True), ("REF-2.html", False), ("a\"b'é.txt", False)]
)
def test_pictures_are_shown_and_all_else_is_saved(jira: JiraVisitor, name: str, inline: bool) -> None:  # noqa: FBT001 - a parameter of the test
    issue = jira.create()
    path, headers = f"issue/{issue}/attachments", {"X-Atlassian-Token": "no-check"}
    (made,) = jira.call("POST", path, files={"file": (name, b"<b>")}, headers=headers).json()
    answer = _get(jira, f"/jira/files/{made['id']}")
    assert answer.content == b"<b>"
    assert ("Content-Disposition" not in answer.headers) == inline
    assert f"/jira/files/{made['id']}" in _get(jira, f"/browse/{jira.read(issue)['key']}").text


def test_an_issues_own_address_leads_a_person_to_its_page(jira: JiraVisitor) -> None:
    key = jira.read(jira.create(summary="Followed"))["key"]
    answer = requests.get(f"{jira.sandbox.jira}/browse/{key}", timeout=TIMEOUT)
    assert answer.url.startswith(jira.sandbox.web)
    assert "Followed" in answer.text
