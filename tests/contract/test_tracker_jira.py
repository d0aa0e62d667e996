"""What is Jira's alone: a search that lags, issues that move, screens, service desks."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from bot.domain.issue import CommentDraft, Foreign, IssueDraft, Sentence
from bot.errors import OutcomeUnknownError, TransientError
from bot.ports import IssueTracker
from tests.rigs.trackers import JIRAS, Town, open_town
from tests.rigs.waiting import wait_for

DRAFT = IssueDraft(
    reference="CVD-2026-0001",
    marker="meldpunt-0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    title="XSS in zoekveld",
    body=(Foreign("De melding:", "Stap 1\nStap 2"),),
    labels=("severity::unrated",),
    due_on=date(2026, 11, 26),
)
COMMENT = CommentDraft("meldpunt-2d3c", (Sentence("Een bericht voor het team."),))


@pytest.fixture(scope="module", params=JIRAS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(request.param, tmp_path_factory.mktemp("sandbox")) as town:
        yield town


@pytest.fixture
def town(running: Town) -> Iterator[Town]:
    yield running
    running.control("DELETE", "faults")
    running.control("DELETE", "effects")
    running.sandbox.set_jira(index_lag_seconds=0, service_desk=False, off_screen=[], required_fields=[])


@pytest.fixture
def tracker(town: Town) -> Iterator[IssueTracker]:
    made = town.tracker()
    yield made
    made.close()


def new_draft(town: Town, **more: object) -> IssueDraft:
    number = len(town.issues()) + 1
    return replace(DRAFT, reference=f"CVD-2026-{number:04}", marker=f"meldpunt-{number:08x}", **more)  # type: ignore[arg-type]


def test_after_a_lost_answer_a_search_that_lags_finds_nothing_at_first_and_nobody_says_it_is_over(
    tracker: IssueTracker, town: Town
) -> None:
    draft = new_draft(town)
    town.sandbox.set_jira(index_lag_seconds=1)
    town.fault(method="POST", path=town.creates, kind="reply_lost_after_commit")
    with pytest.raises(OutcomeUnknownError) as caught:
        tracker.create_issue(draft)
    assert not caught.value.over
    assert tracker.find_issue(draft.reference, draft.marker) is None
    assert wait_for(lambda: tracker.find_issue(draft.reference, draft.marker))
    assert sum(issue.title.startswith(f"[{draft.reference}]") for issue in town.issues()) == 1


def test_an_issue_that_was_moved_keeps_its_number(tracker: IssueTracker, town: Town) -> None:
    draft = new_draft(town)
    link = tracker.create_issue(draft)
    town.control("POST", "jira/move", {"issue": link.id, "project": "OPS"})
    found = tracker.find_issue(draft.reference, draft.marker)
    assert found is not None
    assert (found.id, "/browse/OPS-" in found.url) == (link.id, True)
    tracker.add_comment(link.id, COMMENT)
    assert tracker.find_comment(link.id, COMMENT.marker)
    upload = tracker.upload(link.id, "CVD-2026-0001-1.txt", "text/plain", b"hallo")
    assert tracker.find_upload(link.id, "CVD-2026-0001-1.txt") == upload


def test_no_customer_sees_a_comment_in_a_service_desk(tracker: IssueTracker, town: Town) -> None:
    town.sandbox.set_jira(service_desk=True)
    link = tracker.create_issue(new_draft(town))
    tracker.add_comment(link.id, COMMENT)
    assert [comment.internal for comment in town.comments(link.id)] == [True]
    assert town.effects() == []


def test_a_field_that_is_not_on_the_screen_is_named_by_check_and_by_the_refusal(
    tracker: IssueTracker, town: Town
) -> None:
    town.sandbox.set_jira(off_screen=["duedate"])
    assert any("the field `duedate` is not on the screen" in problem for problem in tracker.check())
    with pytest.raises(TransientError, match="lacks the field `duedate`"):
        tracker.create_issue(new_draft(town))


def test_a_field_that_is_required_is_named_and_a_route_can_set_it_by_name(
    tracker: IssueTracker, town: Town
) -> None:
    town.sandbox.set_jira(required_fields=["customfield_10050"])
    assert any("requires the field `Asset owner`" in problem for problem in tracker.check())
    with pytest.raises(TransientError, match=r"Asset owner is required\."):
        tracker.create_issue(new_draft(town))
    tracker.create_issue(new_draft(town, fields=(("Asset owner", '"ICT"'), ("Region", '{"value": "Noord"}'))))


def test_a_priority_is_set_by_name_or_number(tracker: IssueTracker, town: Town) -> None:
    for priority in ("Highest", "1"):
        tracker.create_issue(new_draft(town, priority=priority))
        assert town.sandbox.jira_issues()[-1]["fields"]["priority"]["name"] == "Highest"


def test_a_file_that_went_up_before_its_answer_was_lost_is_there_once(
    tracker: IssueTracker, town: Town
) -> None:
    link = tracker.create_issue(new_draft(town))
    town.fault(method="POST", path=town.uploads, kind="reply_lost_after_commit")
    with pytest.raises(OutcomeUnknownError):
        tracker.upload(link.id, "CVD-2026-0001-1.txt", "text/plain", b"hallo")
    assert tracker.find_upload(link.id, "CVD-2026-0001-1.txt") is not None
    (file,) = town.sandbox.jira_attachments(link.id)
    assert (file["filename"], file["bytes"]) == ("CVD-2026-0001-1.txt", b"hallo")
