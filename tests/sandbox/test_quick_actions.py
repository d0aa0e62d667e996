"""Which lines GitLab would obey."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.quick_actions import COMMANDS, extract_quick_actions
from tests.sandbox.conftest import Visitor

FENCE, LONG = "`" * 3, "`" * 4


@pytest.mark.parametrize(
    "text",
    [
        "/close",
        "before\n/close\nafter",
        "before\n\n/close\n\nafter",
        "/CLOSE",
        "/close   ",
        "/cl\rose",
        "- item\n\n/close",
        "~~~\n/close\n~~~",
        f"{LONG}\n{FENCE}\n/close\n{FENCE}\n{LONG}",
        f"{FENCE}\n{FENCE}\n/close",
        "<!--\n/close\n-->",
    ],
)
def test_a_command_at_the_start_of_a_line_is_taken(text: str) -> None:
    _, actions = extract_quick_actions(text)
    assert [str(action) for action in actions] == ["/close"]


@pytest.mark.parametrize(
    "text",
    [
        "close",
        " /close",
        "\t/close",
        "see /close",
        "/closer",
        "//close",
        "\u200b/close",
        "\\/close",
        "    /close",
        "> /close",
        "- /close",
        f"{FENCE}\n/close\n{FENCE}",
        f"{FENCE}text\n/close\n{FENCE}",
        f"{LONG}text\nharmless\n/close\n{LONG}",
        "`\n/close\n`",
        "<div>\n/close\n</div>",
    ],
)
def test_what_stands_in_code_or_not_at_the_start_of_a_line_stays_text(text: str) -> None:
    assert extract_quick_actions(text) == (text, [])


def test_the_command_lines_are_taken_out_of_the_text() -> None:
    text, actions = extract_quick_actions('one\n/label ~a ~"b c"\ntwo\n/title New title\n')
    assert text == "one\ntwo"
    assert [str(action) for action in actions] == ['/label ~a ~"b c"', "/title New title"]


@given(st.text(alphabet="`~/<>ab \n\t", max_size=60), st.sampled_from(sorted(COMMANDS)))
def test_no_text_whose_lines_are_all_indented_is_ever_obeyed(text: str, command: str) -> None:
    lines = [f" {line}" for line in f"{text}\n/{command}\n{text}".splitlines()]
    assert extract_quick_actions("\n".join(lines))[1] == []


@pytest.mark.parametrize(
    ("command", "field", "value"),
    [
        ("/close", "state", "closed"),
        ("/title Taken over", "title", "Taken over"),
        ("/confidential", "confidential", True),
        ("/due 2027-01-31", "due_date", "2027-01-31"),
        ("/remove_due_date", "due_date", None),
        ("/label ~known", "labels", ["known", "severity::low"]),
        ("/unlabel ~severity::low", "labels", []),
        ("/relabel ~known", "labels", ["known"]),
        ("/copy_metadata #1", "labels", ["known", "severity::low"]),
        ("/duplicate #1", "state", "closed"),
        ("/move security/public", "state", "closed"),
        ("/lock", "discussion_locked", True),
        ("/promote_to_incident", "issue_type", "incident"),
    ],
)
@pytest.mark.parametrize("place", ["description", "note"])
def test_each_command_changes_the_issue_wherever_it_stands(
    visitor: Visitor, command: str, field: str, value: object, place: str
) -> None:
    visitor.create_issue(labels="known")
    fields = {"labels": "severity::low", "due_date": "2026-11-25"}
    issue = visitor.create_issue(**fields, **({"description": command} if place == "description" else {}))
    if place == "note":
        visitor.note(issue["iid"], f"text\n{command}")
    assert visitor.issue(issue["iid"])[field] == value
    assert visitor.effects(issue["iid"]) == [("quick_action", command)]


def test_assign_names_a_person_and_unassign_nobody(visitor: Visitor) -> None:
    issue = visitor.create_issue(description="/assign @tess")
    assert [each["username"] for each in issue["assignees"]] == ["tess"]
    visitor.note(issue["iid"], "/unassign")
    assert visitor.issue(issue["iid"])["assignees"] == []


def test_a_note_of_nothing_but_commands_leaves_no_note(visitor: Visitor) -> None:
    issue = visitor.create_issue()
    answer = visitor.note(issue["iid"], "/close")
    assert answer.status_code == 202
    assert answer.json()["commands_changes"]
    assert visitor.issue(issue["iid"])["user_notes_count"] == 0


def test_an_edited_description_is_obeyed_too(visitor: Visitor) -> None:
    issue = visitor.create_issue()
    path = f"{visitor.project}/issues/{issue['iid']}"
    visitor.call("PUT", path, json={"description": "more\n/close"})
    assert visitor.issue(issue["iid"])["state"] == "closed"
    assert visitor.issue(issue["iid"])["description"] == "more"
