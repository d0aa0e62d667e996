"""What our GitLab client asks, held against what GitLab publishes about its API and against docs/contracts.md."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from pydantic import SecretStr

from bot.adapters.gitlab_tracker import GitLabTracker
from bot.domain.issue import CommentDraft, Foreign, IssueDraft, Links, Sentence
from bot.domain.markdown import marker_line
from bot.errors import OutcomeUnknownError, TransientError
from tests.rigs.contracts import find_operation, needs_documents, plain, table
from tests.rigs.sandbox import PROJECT, TIMEOUT, TOKEN, Sandbox

pytestmark = needs_documents

ENCODED = quote(PROJECT, safe="")
DRAFT = IssueDraft(
    reference="CVD-2026-0001",
    marker="meldpunt-0f1e",
    title="XSS in zoekveld",
    body=(Foreign("De melding:", "Stap 1\nStap 2"),),
    labels=("severity::unrated", "suggested::high"),
    due_on=date(2026, 11, 26),
    fields=(
        ("assignee_ids", "[3]"),
        ("epic_id", "7"),
        ("issue_type", '"incident"'),
        ("milestone_id", "2"),
        ("weight", "5"),
    ),
)
VISIBLE = replace(DRAFT, reference="CVD-2026-0002", marker="meldpunt-0f2f")
COMMENT = CommentDraft("meldpunt-2d3c", (Sentence("Een bericht voor het team."),))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[requests.PreparedRequest]]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        _make_an_issue_that_everybody_sees(sandbox)
        sandbox.control("DELETE", "requests")
        tracker = GitLabTracker(name="main", url=sandbox.gitlab, token=SecretStr(TOKEN), project=PROJECT)
        _work(tracker, sandbox)
        tracker.close()
        seen = sandbox.requests()
        yield [_as_sent(each) for each in seen if each["path"].startswith("/api/")]


def _make_an_issue_that_everybody_sees(sandbox: Sandbox) -> None:
    """Stand in for a GitLab that dropped `confidential`, so that the client has something to mend."""
    requests.post(
        f"{sandbox.gitlab}/api/v4/projects/{ENCODED}/issues",
        json={"title": f"[{VISIBLE.reference}] x", "description": marker_line(VISIBLE.marker)},
        headers={"PRIVATE-TOKEN": TOKEN},
        timeout=TIMEOUT,
    ).raise_for_status()


def _work(tracker: GitLabTracker, sandbox: Sandbox) -> None:
    """Use every method of the client, the ways of trouble too."""
    assert tracker.check() == []
    assert tracker.who_can_read()
    assert tracker.fits(DRAFT.body)
    link = tracker.create_issue(DRAFT)
    assert tracker.find_issue(DRAFT.reference, DRAFT.marker) == link
    assert tracker.find_issue(VISIBLE.reference, VISIBLE.marker) is not None
    uploads = (
        tracker.upload(link.id, "CVD-2026-0001-1.png", "image/png", b"\x89PNG\r\n"),
        tracker.upload(link.id, "CVD-2026-0001-2.txt", "text/plain", b""),
    )
    tracker.add_comment(link.id, CommentDraft("meldpunt-7a", (Links("Bestanden:", uploads),)))
    for _ in range(100):
        tracker.add_comment(link.id, COMMENT)
    assert tracker.find_upload(link.id, "CVD-2026-0001-1.txt") is None
    assert tracker.find_comment(link.id, "meldpunt-7a")
    assert not tracker.find_comment(link.id, "meldpunt-anders")
    _get_into_trouble(tracker, sandbox, link.id)


def _get_into_trouble(tracker: GitLabTracker, sandbox: Sandbox, issue_id: str) -> None:
    sandbox.fault(method="POST", path="/issues$", kind="reply_lost_after_commit", count=1)
    lost = replace(DRAFT, reference="CVD-2026-0003", marker="meldpunt-0f3a")
    with pytest.raises(OutcomeUnknownError):
        tracker.create_issue(lost)
    assert tracker.find_issue(lost.reference, lost.marker) is not None
    for path in ("/uploads$", "/notes$"):
        sandbox.fault(method="POST", path=path, kind="status", status=429, retry_after="1", count=1)
    with pytest.raises(TransientError):
        tracker.upload(issue_id, "CVD-2026-0001-3.txt", "text/plain", b"hallo")
    with pytest.raises(TransientError):
        tracker.add_comment(issue_id, COMMENT)
    sandbox.fault(method="GET", path=f"/{ENCODED}$", kind="status", status=500, count=1)
    assert len(tracker.check()) == 1


def _as_sent(entry: dict[str, Any]) -> requests.PreparedRequest:
    """Build a request again as the log of the sandbox has it."""
    url = f"http://127.0.0.1{entry['path']}?{entry['query']}"
    headers = {"Content-Type": entry["content_type"]} if entry["content_type"] else {}
    return requests.Request(entry["method"], url, headers=headers, data=entry["body"].encode()).prepare()


def _path(request: requests.PreparedRequest) -> str:
    return request.path_url.split("?")[0]


def test_every_public_method_of_the_client_was_used(asked: list[requests.PreparedRequest]) -> None:
    public = {name for name in vars(GitLabTracker) if not name.startswith("_")}
    worked = set(re.findall(r"tracker\.(\w+)\(", Path(__file__).read_text(encoding="utf-8")))
    assert public <= worked
    assert asked


def test_what_the_client_asks_and_what_the_page_lists_are_the_same(
    asked: list[requests.PreparedRequest],
) -> None:
    listed = [(method, path, document) for method, path, _, document in table("Requests")]
    used = set()
    for request in asked:
        operation = find_operation(str(request.method), _path(request))
        assert operation, f"no document describes {request.method} {_path(request)}"
        used.add((operation.method, operation.path, operation.document))
    assert len(listed) == len(set(listed))
    assert used - set(listed) == set(), "asked and not listed"
    assert set(listed) - used == set(), "listed and not asked"


def test_the_client_deviates_from_the_documents_only_where_the_page_says_so(
    asked: list[requests.PreparedRequest],
) -> None:
    found = set()
    for request in asked:
        operation = find_operation(str(request.method), _path(request))
        assert operation
        found |= {(operation.method, operation.path, what) for what in operation.deviations(request)}
    listed = {(method, path, what) for method, path, what, _ in table("Deviations")}
    assert found - listed == set(), "a deviation that is not listed"
    assert listed - found == set(), "listed and gone"


def test_the_whole_path_was_walked_page_after_page(asked: list[requests.PreparedRequest]) -> None:
    assert {request.method for request in asked} == {"GET", "POST", "PUT"}
    assert any("page=2" in request.path_url for request in asked)


@pytest.mark.parametrize(
    ("method", "path", "body", "deviations"),
    [
        ("POST", "/issues", {"title": "x", "labels": "a,b"}, {"body labels"}),
        ("POST", "/issues", {"confidential": True}, {"body as a whole"}),
        ("POST", "/issues", {"title": "x", "hidden": True}, {"unknown body hidden"}),
        ("PUT", "/issues/1", {"state_event": "open"}, {"body state_event"}),
        ("GET", "/issues?scope=mine&colour=red", None, {"query scope", "unknown query colour"}),
        ("GET", "/issues/x/notes", None, {"path noteable_id"}),
    ],
)
def test_a_request_that_gitlab_does_not_describe_is_noticed(
    method: str, path: str, body: object, deviations: set[str]
) -> None:
    data = b"" if body is None else json.dumps(body).encode()
    url = f"http://127.0.0.1/api/v4/projects/{ENCODED}{path}"
    headers = {"Content-Type": "application/json"} if data else {}
    request = requests.Request(method, url, headers=headers, data=data).prepare()
    operation = find_operation(method, _path(request))
    assert operation
    assert operation.deviations(request) == deviations
    assert plain(operation.path).startswith("/api/v4/projects/{}/issues")
