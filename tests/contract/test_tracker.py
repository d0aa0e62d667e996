"""What every tracker must do, against servers that run quick actions, mentions, macros and references."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest

from bot.domain.issue import CommentDraft, Facts, Foreign, IssueDraft, Links, Sentence
from bot.errors import OutcomeUnknownError, PermanentError, TransientError
from bot.ports import IssueTracker
from tests.rigs.sandbox import PROJECT
from tests.rigs.trackers import KINDS, Town, open_town

DRAFT = IssueDraft(
    reference="CVD-2026-0001",
    marker="meldpunt-0f1e",
    title="XSS in zoekveld",
    body=(Facts((("Kenmerk", "CVD-2026-0001"),)), Foreign("De melding:", "Stap 1\nStap 2")),
    labels=("severity::unrated", "suggested::high"),
    due_on=date(2026, 11, 26),
)
COMMENT = CommentDraft("meldpunt-2d3c", (Sentence("Een bericht voor het team."),))
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
    "{noformat}\n[~tess] {color:red}x{color}\n{noformat}",
    "[~tess] [~accountid:5b10ac8d82e05b22cc7d4002] !https://evil.example.net/x.png! [link|https://evil.example.net]",
    "{code}\n{noformat}\n[~tess]{include:x}\n{NOFORMAT}[~tess]{code:java}",
    "\\{noformat}\\\n[~tess]\\\\[~tess]",
    "|[~tess]|\nh1. [~tess]\nbq. [~tess]\n{quote}[~tess]{quote}\n----",
    "[^bestand.png] {attachments} {jiraissues:x} {html}<b>x</b>{html} {status:colour=Red}",
    '{"type": "mention", "attrs": {"id": "5b10ac8d82e05b22cc7d4002"}}',
)


@pytest.fixture(scope="module", params=KINDS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(request.param, tmp_path_factory.mktemp("sandbox")) as town:
        yield town


@pytest.fixture
def town(running: Town) -> Iterator[Town]:
    running.control("DELETE", "effects")
    yield running
    running.control("DELETE", "faults")


@pytest.fixture
def tracker(town: Town) -> Iterator[IssueTracker]:
    made = town.tracker()
    yield made
    made.close()


def new_draft(town: Town, **more: object) -> IssueDraft:
    number = len(town.issues()) + 1
    return replace(DRAFT, reference=f"CVD-2026-{number:04}", marker=f"meldpunt-{number:08x}", **more)  # type: ignore[arg-type]


def count(town: Town, draft: IssueDraft) -> int:
    return sum(issue.title.startswith(f"[{draft.reference}]") for issue in town.issues())


def test_an_issue_is_hidden_and_whole_from_its_first_moment(tracker: IssueTracker, town: Town) -> None:
    draft = new_draft(town)
    link = tracker.create_issue(draft)
    issue = town.issues()[-1]
    assert (issue.id, issue.url) == (link.id, link.url)
    assert issue.title == f"[{draft.reference}] XSS in zoekveld"
    assert issue.hidden
    assert issue.due_on == date(2026, 11, 26)
    assert issue.labels == {"severity::unrated", "suggested::high"}
    assert "Stap 2" in issue.text


def test_an_issue_is_found_by_its_own_marker_alone(tracker: IssueTracker, town: Town) -> None:
    draft = new_draft(town)
    link = tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, draft.marker) == link
    assert tracker.find_issue(draft.reference, "meldpunt-anders") is None


def test_a_report_that_copies_a_marker_is_not_taken_for_the_issue(tracker: IssueTracker, town: Town) -> None:
    copied = (Foreign("De melding:", "x\n<!-- meldpunt-gestolen -->\nx\nmeldpunt-gestolen"),)
    tracker.create_issue(new_draft(town, body=copied, labels=("meldpunt-gestolen",)))
    assert tracker.find_issue("CVD-2026-0001", "meldpunt-gestolen") is None


def test_a_file_goes_up_under_its_neutral_name_and_one_internal_comment_links_it(
    tracker: IssueTracker, town: Town
) -> None:
    link = tracker.create_issue(new_draft(town))
    name = "CVD-2026-0001-1.txt"
    upload = tracker.upload(link.id, name, "text/plain", b"GET / HTTP/1.1\n")
    assert tracker.find_upload(link.id, name) in {upload, None}
    assert tracker.find_upload(link.id, "CVD-2026-0001-2.txt") is None
    tracker.add_comment(link.id, CommentDraft("meldpunt-77", (Links("Bestanden:", (upload,)),)))
    (comment,) = town.comments(link.id)
    assert comment.internal
    assert name in upload
    assert name in comment.text
    assert tracker.find_comment(link.id, "meldpunt-77")
    assert not tracker.find_comment(link.id, "meldpunt-7")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_from_outside_can_act(tracker: IssueTracker, town: Town, text: str) -> None:
    everywhere = (Sentence(text), Facts(((text, text),)), Foreign(text, text), Links(text, (text,)))
    draft = new_draft(town, title=text, body=everywhere)
    link = tracker.create_issue(draft)
    tracker.add_comment(link.id, CommentDraft("meldpunt-5a", everywhere))
    issue = town.issues()[-1]
    assert town.effects() == []
    assert (issue.still_open, issue.hidden, issue.due_on) == (True, True, date(2026, 11, 26))
    assert (sorted(issue.labels), issue.assigned) == (["severity::unrated", "suggested::high"], False)
    assert tracker.find_issue(draft.reference, draft.marker) == link


def test_the_server_does_act_when_it_is_asked_so_that_silence_means_something(
    tracker: IssueTracker, town: Town
) -> None:
    link = tracker.create_issue(new_draft(town))
    town.control("DELETE", "effects")
    town.act(link.id)
    assert "mention" in {effect["kind"] for effect in town.effects()}


def test_after_a_lost_answer_the_issue_is_found_and_not_made_twice(tracker: IssueTracker, town: Town) -> None:
    draft = new_draft(town)
    town.fault(method="POST", path=town.creates, kind="reply_lost_after_commit")
    with pytest.raises(OutcomeUnknownError):
        tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, draft.marker) is not None
    assert count(town, draft) == 1


def test_after_a_dropped_line_nothing_is_found(tracker: IssueTracker, town: Town) -> None:
    draft = new_draft(town)
    town.fault(method="POST", path=town.creates, kind="drop")
    with pytest.raises(OutcomeUnknownError):
        tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, draft.marker) is None


def test_a_body_that_drips_for_ever_is_given_up_and_the_issue_is_there(
    tracker: IssueTracker, town: Town
) -> None:
    draft = new_draft(town)
    town.fault(method="POST", path=town.creates, kind="slow_body", milliseconds=20)
    with pytest.raises(OutcomeUnknownError, match="no answer in time"):
        tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, draft.marker) is not None


def test_a_page_with_200_means_look_first(tracker: IssueTracker, town: Town) -> None:
    draft = new_draft(town)
    town.fault(method="POST", path=town.creates, kind="html_200")
    with pytest.raises(OutcomeUnknownError, match="page instead of JSON"):
        tracker.create_issue(draft)
    assert tracker.find_issue(draft.reference, draft.marker) is None


@pytest.mark.parametrize("retry_after", ["3", "Wed, 21 Oct 2099 07:28:00 GMT", "-5", "soon"])
@pytest.mark.parametrize("what", ["creates", "uploads", "comments_on"])
def test_a_limit_is_passed_on_without_waiting_and_the_next_try_is_whole(
    tracker: IssueTracker, town: Town, what: str, retry_after: str
) -> None:
    draft = new_draft(town)
    link = tracker.create_issue(replace(draft, marker="meldpunt-eerst"))
    calls: dict[str, Callable[[], object]] = {
        "creates": lambda: tracker.create_issue(draft),
        "uploads": lambda: tracker.upload(link.id, "CVD-2026-0001-1.txt", "text/plain", b"hallo"),
        "comments_on": lambda: tracker.add_comment(link.id, COMMENT),
    }
    path = getattr(town, what)
    town.fault(method="POST", path=path, kind="status", status=429, retry_after=retry_after)
    with pytest.raises(TransientError):
        calls[what]()
    calls[what]()


def test_a_503_with_a_time_was_a_refusal_and_one_without_is_unknown(
    tracker: IssueTracker, town: Town
) -> None:
    draft = new_draft(town)
    town.fault(method="POST", path=town.creates, kind="status", status=503, retry_after="1")
    with pytest.raises(TransientError):
        tracker.create_issue(draft)
    town.fault(method="POST", path=town.creates, kind="status", status=503)
    with pytest.raises(OutcomeUnknownError):
        tracker.create_issue(draft)
    assert count(town, draft) == 0


def test_a_wrong_token_and_a_missing_project_lose_and_hold_nothing(town: Town) -> None:
    for made in (town.tracker(token="wrong"), town.tracker(project="NOWHERE")):
        with pytest.raises(TransientError):
            made.create_issue(DRAFT)
        assert made.check()
        made.close()


def test_what_the_server_will_never_take_is_told_in_its_own_words(tracker: IssueTracker, town: Town) -> None:
    body = (Foreign("x", "a" * 1_100_000),)
    assert not tracker.fits(body)
    with pytest.raises(PermanentError, match=town.too_long):
        tracker.create_issue(new_draft(town, body=body))


@pytest.mark.parametrize("sign", ["a", "\n", "\U0001f600", "{code}"])
def test_what_fits_is_taken(tracker: IssueTracker, town: Town, sign: str) -> None:
    shortest, longest = 0, 1_000_000
    while longest - shortest > 1 + longest // 500:
        length = (shortest + longest) // 2
        body = (Foreign("x", (sign * length)[:length]),)
        shortest, longest = (length, longest) if tracker.fits(body) else (shortest, length)
    tracker.create_issue(new_draft(town, body=(Foreign("x", (sign * shortest)[:shortest]),)))


def test_it_says_who_can_read_an_issue(tracker: IssueTracker) -> None:
    assert tracker.check() == []
    assert len(tracker.who_can_read()) == 1


@pytest.mark.parametrize("running", ["gitlab"], indirect=True)
def test_a_public_project_is_refused(tracker: IssueTracker, town: Town) -> None:
    assert tracker.check() == []
    town.control("PUT", "project", {"path": PROJECT, "visibility": "public"})
    try:
        assert any("public" in problem for problem in tracker.check())
    finally:
        town.control("PUT", "project", {"path": PROJECT, "visibility": "private"})


def test_several_threads_create_each_their_own_issue(tracker: IssueTracker, town: Town) -> None:
    before = len(town.issues())
    drafts = [
        replace(DRAFT, reference=f"CVD-2027-{number:04}", marker=f"meldpunt-t{number}")
        for number in range(12)
    ]
    threads = [threading.Thread(target=tracker.create_issue, args=(draft,)) for draft in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(town.issues()) == before + 12
    assert all(tracker.find_issue(draft.reference, draft.marker) for draft in drafts)
