"""What every tracker must do, against a server that runs quick actions, mentions and references."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from urllib.parse import quote

import pytest
import requests
from pydantic import SecretStr

from bot.adapters.gitlab_tracker import GitLabTracker
from bot.domain.issue import CommentDraft, Facts, Foreign, IssueDraft, Links, Sentence
from bot.errors import OutcomeUnknownError, PermanentError, TransientError
from bot.ports import IssueTracker
from tests.rigs.sandbox import PROJECT, TOKEN, Sandbox

DRAFT = IssueDraft(
    reference="CVD-2026-0001",
    marker="meldpunt-0f1e",
    title="XSS in zoekveld",
    body=(Facts((("Kenmerk", "CVD-2026-0001"),)), Foreign("De melding:", "Stap 1\nStap 2")),
    labels=("severity::unrated", "suggested::high"),
    due_on=date(2026, 11, 26),
)
COMMENT = CommentDraft("meldpunt-2d3c", (Sentence("Een bericht voor het team."),))
ISSUES, NOTES, UPLOADS = "/issues$", "/notes$", "/uploads$"

HOSTILE = (
    "/close",
    "  /close",
    "/label ~pwned\n/assign @tess\n/confidential\n/due 2020-01-01",
    "tekst\r/close\rtekst\r\n/close",
    "tekst\u2028/close\u2029/close\x85/close\v/close\f/close",
    "```\n/close\n```",
    "````\n```\n/close\n```\n````\n/close",
    "~~~\n/close\n~~~",
    "`" * 100 + "\n/close\n" + "`" * 200,
    "</code></pre>\n\n/close\n\n<details>\n\n/close\n\n</details>",
    ">>>\n/close\n>>>",
    "> /close\n\n---\n/close",
    "<!--\n/close\n-->\n/close",
    "-->\n/close",
    "@all @tess hallo, zie #1 !1 ~bug %v1 $1 &1 GL-1 [issue:1] [vulnerability:1] security/reports#1",
    "![x](https://evil.example.net/x.png) <img src=https://evil.example.net/x.png> [[_TOC_]]\n[[wiki]]",
    "::include{file=x}\n```mermaid\ngraph TD\n```\n$`x`$\n```math\nx\n```",
    "&#64;all &commat;tess \\@all &#47;close",
    "\u200b/close\n\ufeff/close\n\u2060/close\n\u202e/close",
    "|a|b|\n|-|-|\n|@all|/close|\n/close",
    "1. x\n/close\n* /close\n- [ ] @all",
    "[x]: https://evil.example.net '@all'\n[x][x]\n[^1]: @all\n[^1]",
    "*iteration:1 ^alert#1 :tada: :+1:",
    "/clo\nse\n/\u200bclose\n\uff0fclose",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    running.control("DELETE", "effects")
    yield running
    running.control("DELETE", "faults")


@pytest.fixture
def tracker(sandbox: Sandbox) -> Iterator[IssueTracker]:
    made = GitLabTracker(
        name="main", url=sandbox.gitlab, token=SecretStr(TOKEN), project=PROJECT, timeout=(5, 5), whole=1
    )
    yield made
    made.close()


def new_draft(sandbox: Sandbox, **more: object) -> IssueDraft:
    number = len(sandbox.issues()) + 1
    return replace(DRAFT, reference=f"CVD-2026-{number:04}", marker=f"meldpunt-{number:08x}", **more)  # type: ignore[arg-type]


def count(sandbox: Sandbox, draft: IssueDraft) -> int:
    return sum(issue["title"].startswith(f"[{draft.reference}]") for issue in sandbox.issues())


def test_an_issue_is_confidential_and_whole_from_its_first_moment(
    tracker: IssueTracker, sandbox: Sandbox
) -> None:
    draft = new_draft(sandbox)
    link = tracker.create_issue(draft)
    issue = sandbox.issues()[-1]
    assert (str(issue["iid"]), issue["web_url"]) == (link.id, link.url)
    assert issue["title"] == f"[{draft.reference}] XSS in zoekveld"
    assert issue["confidential"] is True
    assert issue["due_date"] == "2026-11-26"
    assert sorted(issue["labels"]) == ["severity::unrated", "suggested::high"]
    assert "Stap 2" in issue["description"]


def test_an_issue_is_found_by_its_own_marker_alone(tracker: IssueTracker, sandbox: Sandbox) -> None:
    draft = new_draft(sandbox)
    link = tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, draft.marker) == link
    assert tracker.find_issue(draft.reference, "meldpunt-anders") is None
    assert tracker.find_issue("CVD-1999-0001", draft.marker) is None


def test_a_report_that_copies_a_marker_is_not_taken_for_the_issue(
    tracker: IssueTracker, sandbox: Sandbox
) -> None:
    draft = new_draft(sandbox, body=(Foreign("De melding:", "x\n<!-- meldpunt-gestolen -->\nx"),))
    tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, "meldpunt-gestolen") is None


def test_a_file_goes_up_under_its_neutral_name_and_one_internal_comment_links_it(
    tracker: IssueTracker, sandbox: Sandbox
) -> None:
    link = tracker.create_issue(new_draft(sandbox))
    name = "CVD-2026-0001-1.txt"
    upload = tracker.upload(link.id, name, "text/plain", b"GET / HTTP/1.1\n")
    tracker.add_comment(link.id, CommentDraft("meldpunt-77", (Links("Bestanden:", (upload,)),)))
    (note,) = sandbox.notes(int(link.id))
    assert note["internal"] is True
    assert upload in note["body"]
    assert name in upload
    assert tracker.find_comment(link.id, "meldpunt-77")
    assert not tracker.find_comment(link.id, "meldpunt-7")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_from_outside_can_act(tracker: IssueTracker, sandbox: Sandbox, text: str) -> None:
    everywhere = (Sentence(text), Facts(((text, text),)), Foreign(text, text), Links(text, (text,)))
    draft = new_draft(sandbox, title=text, body=everywhere)
    link = tracker.create_issue(draft)
    tracker.add_comment(link.id, CommentDraft("meldpunt-5a", everywhere))
    issue = sandbox.issues()[-1]
    assert sandbox.effects() == []
    assert (issue["state"], issue["confidential"], issue["due_date"]) == ("opened", True, "2026-11-26")
    assert (sorted(issue["labels"]), issue["assignees"]) == (["severity::unrated", "suggested::high"], [])
    assert tracker.find_issue(draft.reference, draft.marker) == link


def test_the_server_does_act_when_it_is_asked_so_that_silence_means_something(
    tracker: IssueTracker, sandbox: Sandbox
) -> None:
    link = tracker.create_issue(new_draft(sandbox))
    sandbox.control("DELETE", "effects")
    url = f"{sandbox.gitlab}/api/v4/projects/{quote(PROJECT, safe='')}/issues/{link.id}/notes"
    body = {"body": "@tess kijk\n\n/label ~pwned", "internal": True}
    requests.post(url, json=body, headers={"PRIVATE-TOKEN": TOKEN}, timeout=5).raise_for_status()
    assert {effect["kind"] for effect in sandbox.effects()} == {"mention", "quick_action"}


def test_after_a_lost_answer_the_issue_is_found_and_not_made_twice(
    tracker: IssueTracker, sandbox: Sandbox
) -> None:
    draft = new_draft(sandbox)
    sandbox.fault(method="POST", path=ISSUES, kind="reply_lost_after_commit")
    with pytest.raises(OutcomeUnknownError):
        tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, draft.marker) is not None
    assert count(sandbox, draft) == 1


def test_after_a_dropped_line_nothing_is_found(tracker: IssueTracker, sandbox: Sandbox) -> None:
    draft = new_draft(sandbox)
    sandbox.fault(method="POST", path=ISSUES, kind="drop")
    with pytest.raises(OutcomeUnknownError):
        tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, draft.marker) is None


def test_a_body_that_drips_for_ever_is_given_up_and_the_issue_is_there(
    tracker: IssueTracker, sandbox: Sandbox
) -> None:
    draft = new_draft(sandbox)
    sandbox.fault(method="POST", path=ISSUES, kind="slow_body", milliseconds=20)
    with pytest.raises(OutcomeUnknownError, match="no answer in time"):
        tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, draft.marker) is not None


def test_a_page_with_200_means_look_first(tracker: IssueTracker, sandbox: Sandbox) -> None:
    draft = new_draft(sandbox)
    sandbox.fault(method="POST", path=ISSUES, kind="html_200")
    with pytest.raises(OutcomeUnknownError, match="page instead of JSON"):
        tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, draft.marker) is None


@pytest.mark.parametrize("retry_after", ["3", "Wed, 21 Oct 2099 07:28:00 GMT", "-5", "soon"])
@pytest.mark.parametrize("path", [ISSUES, UPLOADS, NOTES])
def test_a_limit_is_passed_on_without_waiting_and_the_next_try_is_whole(
    tracker: IssueTracker, sandbox: Sandbox, path: str, retry_after: str
) -> None:
    draft = new_draft(sandbox)
    link = tracker.create_issue(replace(draft, marker="meldpunt-eerst"))
    calls: dict[str, Callable[[], object]] = {
        ISSUES: lambda: tracker.create_issue(draft),
        UPLOADS: lambda: tracker.upload(link.id, "CVD-2026-0001-1.txt", "text/plain", b"hallo"),
        NOTES: lambda: tracker.add_comment(link.id, COMMENT),
    }
    sandbox.fault(method="POST", path=path, kind="status", status=429, retry_after=retry_after)
    with pytest.raises(TransientError):
        calls[path]()
    calls[path]()


def test_a_503_with_a_time_was_a_refusal_and_one_without_is_unknown(
    tracker: IssueTracker, sandbox: Sandbox
) -> None:
    draft = new_draft(sandbox)
    sandbox.fault(method="POST", path=ISSUES, kind="status", status=503, retry_after="1")
    with pytest.raises(TransientError):
        tracker.create_issue(draft)
    sandbox.fault(method="POST", path=ISSUES, kind="status", status=503)
    with pytest.raises(OutcomeUnknownError):
        tracker.create_issue(draft)
    assert count(sandbox, draft) == 0


def test_a_wrong_token_and_a_missing_project_lose_and_hold_nothing(sandbox: Sandbox) -> None:
    for token, project in (("wrong", PROJECT), (TOKEN, "security/nowhere")):
        tracker = GitLabTracker(name="main", url=sandbox.gitlab, token=SecretStr(token), project=project)
        with pytest.raises(TransientError):
            tracker.create_issue(DRAFT)
        assert tracker.check()
        tracker.close()


def test_what_the_server_will_never_take_is_told_in_its_own_words(
    tracker: IssueTracker, sandbox: Sandbox
) -> None:
    draft = new_draft(sandbox, body=(Foreign("x", "a" * 1_100_000),))
    with pytest.raises(PermanentError, match="description is too long"):
        tracker.create_issue(draft)


def test_a_public_project_is_refused(tracker: IssueTracker, sandbox: Sandbox) -> None:
    assert tracker.check() == []
    sandbox.control("PUT", "project", {"path": PROJECT, "visibility": "public"})
    try:
        assert any("public" in problem for problem in tracker.check())
    finally:
        sandbox.control("PUT", "project", {"path": PROJECT, "visibility": "private"})


def test_several_threads_create_each_their_own_issue(tracker: IssueTracker, sandbox: Sandbox) -> None:
    before = len(sandbox.issues())
    drafts = [
        replace(DRAFT, reference=f"CVD-2027-{number:04}", marker=f"meldpunt-t{number}")
        for number in range(12)
    ]
    threads = [threading.Thread(target=tracker.create_issue, args=(draft,)) for draft in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sandbox.issues()) == before + 12
    assert all(tracker.find_issue(draft.reference, draft.marker) for draft in drafts)
