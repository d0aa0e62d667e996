"""The sandbox's search: the query language, pages, and an index that lags behind."""

import time

import pytest

from bot.sandbox.jql import JqlError, parse_jql
from tests.rigs.jira_visitor import JiraVisitor
from tests.rigs.waiting import wait_for


def test_clauses_find_what_they_say(jira: JiraVisitor) -> None:
    one = jira.create(summary="Leak in the shop", labels=["q-one", "q-all"], security={"name": "Team"})
    two = jira.create(summary="Other", description=jira.text("a leak too"), labels=["q-two", "q-all"])
    key_one, key_two = jira.read(one)["key"], jira.read(two)["key"]
    done = {"transition": {"id": "31"}, "fields": {"resolution": {"name": "Done"}}}
    assert jira.call("POST", f"issue/{two}/transitions", json=done).status_code == 204
    ours = "labels = q-all AND "
    for clause, found in {
        'labels = "Q-ONE"': [key_one],
        "labels in (q-one, q-two) ORDER BY key ASC": [key_one, key_two],
        "labels not in (q-one)": [key_two],
        "labels != 'q-two'": [key_one],
        f"issuekey = {key_one}": [key_one],
        f"key in ({key_one.lower()}, {key_two}) order by created desc": [key_two, key_one],
        f"key > {key_one}": [key_two],
        f"id = {two}": [key_two],
        f"id > {one}": [key_two],
        'status = "Done"': [key_two],
        "status in ('To Do', \"In Progress\")": [key_one],
        "statusCategory = Done": [key_two],
        "summary ~ leak": [key_one],
        "text ~ leak ORDER BY id": [key_one, key_two],
        "level = Team": [key_one],
        "level is EMPTY": [key_two],
        "created >= -5m ORDER BY id": [key_one, key_two],
        "created < -5m": [],
        "created >= '2026-01-01 00:00' AND updated <= 1d ORDER BY id ASC": [key_one, key_two],
        "project = SEC AND project in (10000, 'Security reports') ORDER BY id": [key_one, key_two],
    }.items():
        assert jira.keys(ours + clause) == found, clause


@pytest.mark.parametrize(
    "jql",
    [
        "project = NOWHERE",
        "colour = red",
        "labels = ",
        "labels ~ x",
        "labels = a labels = b",
        "labels = a OR labels = b",
        "labels in (a",
        "created > yesterday",
        "status = Sleeping",
        "project = SEC ORDER BY colour",
        "project = SEC ORDER created",
        'summary ~ "',
    ],
)
def test_a_query_that_jira_does_not_understand_is_400(jira: JiraVisitor, jql: str) -> None:
    answer = jira.search(jql)
    assert answer.status_code == 400
    assert answer.json()["errorMessages"]


def test_times_are_in_the_time_zone_of_the_account() -> None:
    assert parse_jql("created >= '2026-07-01 12:00'").values == ["2026-07-01T10:00:00.000Z"]
    assert parse_jql("created >= '2026-12-01'").values == ["2026-11-30T23:00:00.000Z"]
    with pytest.raises(JqlError):
        parse_jql("created >= '2026-13-01'")


@pytest.mark.parametrize("jira_sandbox", ["cloud"], indirect=True)
def test_cloud_gives_pages_by_token_without_a_total_and_nothing_but_ids(jira: JiraVisitor) -> None:
    made = [jira.create(labels=["paged"]) for _ in range(5)]
    jql = "labels = paged ORDER BY id ASC"
    found, token = [], None
    for _ in range(3):
        more: dict[str, str] = {"nextPageToken": token} if token else {}
        page = jira.search(jql, maxResults=2, **more).json()
        assert "total" not in page
        found += page["issues"]
        token = page.get("nextPageToken")
        assert page["isLast"] == (token is None)
    assert found == [{"id": issue} for issue in made]
    assert jira.search(jql, nextPageToken="nonsense").status_code == 400
    assert jira.search("order by created").status_code == 400
    assert jira.search("").status_code == 400


@pytest.mark.parametrize("jira_sandbox", ["datacenter"], indirect=True)
def test_data_center_gives_pages_by_offset_with_a_total(jira: JiraVisitor) -> None:
    made = [jira.create(labels=["counted"]) for _ in range(3)]
    page = jira.search("labels = counted ORDER BY id", startAt=1, maxResults=1).json()
    assert (page["total"], page["startAt"], page["maxResults"]) == (3, 1, 1)
    assert [each["id"] for each in page["issues"]] == made[1:2]
    assert "summary" in page["issues"][0]["fields"]
    assert jira.search("").status_code == 200


def test_the_index_knows_later_what_the_issue_itself_shows_at_once(jira: JiraVisitor) -> None:
    jira.sandbox.set_jira(index_lag_seconds=1)
    made_at = time.monotonic()
    issue = jira.create(labels=["lagging"])
    assert jira.read(issue)["fields"]["labels"] == ["lagging"]
    early = jira.keys("labels = lagging")
    assert early == [] or time.monotonic() - made_at >= 1
    assert wait_for(lambda: len(jira.keys("labels = lagging")) == 1)
    jira.call("PUT", f"issue/{issue}", json={"update": {"labels": [{"remove": "lagging"}, {"add": "fresh"}]}})
    assert jira.read(issue)["fields"]["labels"] == ["fresh"]
    assert wait_for(lambda: jira.keys("labels = fresh") != [])
    assert jira.keys("labels = lagging") == []
