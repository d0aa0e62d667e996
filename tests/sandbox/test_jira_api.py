"""The sandbox's Jira answers as Jira does, in both dialects."""

import pytest
import requests

from bot.sandbox.atlassian_document import check_document, is_document
from tests.rigs.jira_visitor import JiraVisitor, document
from tests.rigs.sandbox import JIRA_USER, TIMEOUT, TOKEN, Sandbox

OFF_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


def test_an_issue_is_created_whole_in_one_call(jira: JiraVisitor) -> None:
    fields = jira.fields(
        description=jira.text("One\nTwo"),
        labels=["severity::high", "cvd-ref-7f3a"],
        priority={"name": "High"},
        duedate="2026-11-25",
        security={"id": "10000"},
        customfield_10050="Shop",
        customfield_10051={"value": "Noord"},
    )
    properties = [{"key": "meldpunt", "value": {"marker": "m1"}}]
    answer = jira.call("POST", "issue", json={"fields": fields, "properties": properties})
    assert answer.status_code == 201
    assert answer.json().keys() == {"id", "key", "self"}
    found = jira.read(answer.json()["id"], properties="meldpunt")
    assert found["key"] == answer.json()["key"]
    assert found["properties"] == {"meldpunt": {"marker": "m1"}}
    kept = found["fields"]
    assert kept["summary"] == fields["summary"]
    assert kept["description"] == fields["description"]
    assert sorted(kept["labels"]) == ["cvd-ref-7f3a", "severity::high"]
    assert kept["duedate"] == "2026-11-25"
    names = {name: kept[name]["name"] for name in ("priority", "security", "status", "issuetype")}
    assert names == {"priority": "High", "security": "Team", "status": "To Do", "issuetype": "Task"}
    assert kept["customfield_10051"]["value"] == "Noord"
    assert kept["reporter"]["displayName"] == "Meldpunt bot"


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"summary": ""}, "summary", "You must specify a summary"),
        ({"summary": "a\nb"}, "summary", "contains newline characters"),
        ({"summary": "x" * 256}, "summary", "255 characters"),
        ({"labels": ["two words"]}, "labels", "contains spaces"),
        ({"labels": "one"}, "labels", "not an array"),
        ({"duedate": "25-11-2026"}, "duedate", "date"),
        ({"duedate": "2026-11-25T00:00:00Z"}, "duedate", "date"),
        ({"priority": {"name": "Urgent"}}, "priority", "valid"),
        ({"security": {"id": "99"}}, "security", "not valid"),
        ({"issuetype": {"name": "Bug"}}, "issuetype", "valid issue type"),
        ({"project": {"key": "NONE"}}, "project", "valid project"),
        ({"customfield_99999": "x"}, "customfield_99999", OFF_SCREEN.format("customfield_99999")),
        ({"status": {"name": "Done"}}, "status", OFF_SCREEN.format("status")),
        ({"reporter": {"name": "tess"}}, "reporter", OFF_SCREEN.format("reporter")),
    ],
)
def test_a_field_that_jira_does_not_take_is_named(
    jira: JiraVisitor, fields: dict[str, object], field: str, words: str
) -> None:
    assert words in jira.refused(**fields)[field]


def test_a_rich_text_in_the_other_dialect_is_refused(jira: JiraVisitor) -> None:
    other: object = "plain" if jira.cloud else document("text")
    assert "Operation value must be" in jira.refused(description=other)["description"]
    issue = jira.create()
    answer = jira.call("POST", f"issue/{issue}/comment", json={"body": other})
    assert answer.status_code == 400


def test_cloud_refuses_documents_that_are_none() -> None:
    text = {"type": "text", "text": "x"}
    good = {"type": "doc", "version": 1, "content": [{"type": "codeBlock", "content": [text]}]}
    assert is_document(good)
    assert check_document(good)
    for content in (
        [text],
        [{"type": "paragraph", "content": [{"type": "text", "text": ""}]}],
        [{"type": "paragraph", "content": [{"type": "paragraph"}]}],
        [{"type": "codeBlock", "content": [{**text, "marks": [{"type": "strong"}]}]}],
        [{"type": "bulletList", "content": [{"type": "paragraph"}]}],
        [{"type": "blink"}],
        ["x"],
    ):
        assert not check_document({"type": "doc", "version": 1, "content": content}), content


@pytest.mark.parametrize(("length", "status"), [(32_000, 201), (32_768, 400)])
def test_a_text_has_at_most_32767_characters(jira: JiraVisitor, length: int, status: int) -> None:
    fields = jira.fields(description=jira.text("x" * length))
    answer = jira.call("POST", "issue", json={"fields": fields})
    assert answer.status_code == status
    assert ("exceeds the allowed limit" in answer.text) == (status == 400)


def test_control_characters_are_refused_without_a_field(jira: JiraVisitor) -> None:
    assert "unsupported content" in jira.refused(description=jira.text("a\x00b"))[""]


def test_what_was_taken_off_the_screen_or_made_required_is_said_and_shown(jira: JiraVisitor) -> None:
    jira.sandbox.set_jira(off_screen=["duedate"], required_fields=["customfield_10050"])
    assert jira.refused(duedate="2026-11-25") == {
        "duedate": OFF_SCREEN.format("duedate"),
        "customfield_10050": "Asset owner is required.",
    }
    page = jira.call("GET", "issue/createmeta/SEC/issuetypes/10002?maxResults=200").json()
    required = {each["fieldId"]: each["required"] for each in page["fields" if jira.cloud else "values"]}
    assert "duedate" not in required
    assert required["customfield_10050"]


def test_the_create_screen_comes_in_pages_with_the_names_of_its_deployment(jira: JiraVisitor) -> None:
    names = ("issueTypes", "fields") if jira.cloud else ("values", "values")
    types = jira.call("GET", "issue/createmeta/SEC/issuetypes").json()
    assert [each["name"] for each in types[names[0]]] == ["Task", "Vulnerability"]
    path = f"issue/createmeta/10000/issuetypes/{types[names[0]][0]['id']}"
    whole = jira.call("GET", path).json()
    first = jira.call("GET", f"{path}?maxResults=5").json()[names[1]]
    rest = jira.call("GET", f"{path}?startAt=5").json()[names[1]]
    assert first + rest == whole[names[1]]
    security = next(each for each in whole[names[1]] if each["fieldId"] == "security")
    assert [level["name"] for level in security["allowedValues"]] == ["Team", "Everyone"]


def test_the_old_create_metadata_is_gone_from_data_center(jira: JiraVisitor) -> None:
    assert jira.call("GET", "issue/createmeta").status_code == (200 if jira.cloud else 404)


def test_without_the_permission_there_is_no_security_level_to_set(jira: JiraVisitor) -> None:
    jira.sandbox.set_jira(denied=["SET_ISSUE_SECURITY"])
    assert jira.refused(security={"id": "10000"}) == {"security": OFF_SCREEN.format("security")}
    held = jira.call("GET", "mypermissions?permissions=SET_ISSUE_SECURITY,EDIT_ISSUES").json()["permissions"]
    have = {key: held[key]["havePermission"] for key in ("SET_ISSUE_SECURITY", "EDIT_ISSUES")}
    assert have == {"SET_ISSUE_SECURITY": False, "EDIT_ISSUES": True}
    jira.sandbox.set_jira(denied=["BROWSE_PROJECTS"])
    assert jira.call("GET", "project/SEC").status_code == 404


@pytest.mark.parametrize(
    ("name", "token"), [(JIRA_USER, "wrong"), ("nobody@example.nl", TOKEN), ("", ""), (JIRA_USER, "")]
)
def test_a_wrong_name_or_token_is_401(jira_sandbox: Sandbox, name: str, token: str) -> None:
    url = f"{jira_sandbox.jira}/rest/api/2/myself"
    answer = requests.get(url, auth=(name, token), timeout=TIMEOUT)
    assert answer.status_code == 401
    assert answer.headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"


def test_a_bearer_token_is_for_data_center(jira: JiraVisitor) -> None:
    url = f"{jira.sandbox.jira}/rest/api/{jira.version}/myself"
    answer = requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=TIMEOUT)
    assert answer.status_code == (401 if jira.cloud else 200)
    own = jira.call("GET", "myself").json()
    assert ("accountId" in own, "name" in own) == (jira.cloud, not jira.cloud)


def test_who_is_not_in_the_level_sees_no_issue_and_finds_none(jira: JiraVisitor) -> None:
    team, everyone = jira.create(security={"name": "Team"}), jira.create(security={"name": "Everyone"})
    key = jira.read(team)["key"]
    jira.session.auth = ("otto@example.nl", f"{TOKEN}-otto")
    assert jira.call("GET", f"issue/{team}").status_code == 404
    assert jira.call("GET", f"issue/{everyone}").status_code == 200
    assert key not in jira.keys("project = SEC")


def test_an_issue_is_edited_by_fields_and_by_operations(jira: JiraVisitor) -> None:
    issue = jira.create(labels=["a", "b"])
    body = {
        "fields": {"duedate": "2026-12-01", "priority": {"id": "1"}},
        "update": {"labels": [{"add": "c"}, {"remove": "a"}]},
    }
    assert jira.call("PUT", f"issue/{issue}", json=body).status_code == 204
    fields = jira.read(issue, fields="labels,duedate,priority")["fields"]
    assert fields.keys() == {"labels", "duedate", "priority"}
    assert (fields["labels"], fields["duedate"], fields["priority"]["name"]) == (
        ["b", "c"],
        "2026-12-01",
        "Highest",
    )
    assert jira.call("PUT", f"issue/{issue}", json={"fields": {"nonsense": 1}}).status_code == 400


def test_properties_are_written_read_and_listed(jira: JiraVisitor) -> None:
    issue = jira.create()
    path = f"issue/{issue}/properties/meldpunt"
    assert jira.call("GET", path).status_code == 404
    assert [jira.call("PUT", path, json={"v": n}).status_code for n in (1, 2)] == [201, 200]
    assert jira.call("GET", path).json() == {"key": "meldpunt", "value": {"v": 2}}
    assert [each["key"] for each in jira.call("GET", f"issue/{issue}/properties").json()["keys"]] == [
        "meldpunt"
    ]
    assert jira.call("PUT", f"issue/{issue}/properties/{'k' * 256}", json=1).status_code == 400
    assert jira.call("PUT", path, json="x" * 32_768).status_code == 400


def test_comments_come_in_pages_and_in_either_order(jira: JiraVisitor) -> None:
    issue = jira.create()
    made = [jira.comment(issue, f"comment {number}").json()["id"] for number in range(5)]
    page = jira.call("GET", f"issue/{issue}/comment?startAt=1&maxResults=2").json()
    assert ([each["id"] for each in page["comments"]], page["total"]) == (made[1:3], 5)
    newest = jira.call("GET", f"issue/{issue}/comment?orderBy=-created&maxResults=1").json()
    assert [each["id"] for each in newest["comments"]] == made[-1:]


def test_on_a_service_desk_a_comment_is_public_unless_its_property_says_internal(jira: JiraVisitor) -> None:
    jira.sandbox.set_jira(service_desk=True)
    assert jira.call("GET", "project/SEC").json()["projectTypeKey"] == "service_desk"
    issue = jira.create()
    public = jira.comment(issue, "open").json()
    mark = [{"key": "sd.public.comment", "value": {"internal": True}}]
    internal = jira.comment(issue, "closed", properties=mark).json()
    if jira.cloud:
        assert (public["jsdPublic"], internal["jsdPublic"]) == (True, False)
    path = f"comment/{internal['id']}/properties/sd.public.comment"
    assert jira.call("GET", path).json()["value"] == {"internal": True}
    assert jira.sandbox.jira_effects(issue) == [("public_comment", "mailed to the customers")]
    jira.session.auth = ("otto@example.nl", f"{TOKEN}-otto")
    seen = jira.call("GET", f"issue/{issue}/comment").json()["comments"]
    assert [each["id"] for each in seen] == [public["id"]]


def test_a_comment_is_restricted_to_a_role_or_group_that_exists(jira: JiraVisitor) -> None:
    issue = jira.create()
    kept = jira.comment(issue, "x", visibility={"type": "role", "value": "Team"}).json()
    assert kept["visibility"]["value"] == "Team"
    assert jira.comment(issue, "x", visibility={"type": "role", "value": "Nobody"}).status_code == 400


def test_files_need_the_header_against_forged_forms(jira: JiraVisitor) -> None:
    issue = jira.create()
    path, files = f"issue/{issue}/attachments", {"file": ("REF-1.png", b"\x89PNG")}
    assert jira.call("POST", path, files=files).status_code == 403
    (made,) = jira.call("POST", path, files=files, headers={"X-Atlassian-Token": "no-check"}).json()
    assert (made["filename"], made["size"], made["mimeType"]) == ("REF-1.png", 4, "image/png")
    answer = jira.session.get(made["content"], timeout=TIMEOUT)
    assert answer.content == b"\x89PNG"
    assert bool(answer.history) == jira.cloud
    assert [each["bytes"] for each in jira.sandbox.jira_attachments(issue)] == [b"\x89PNG"]
    jira.sandbox.set_jira(upload_limit=3)
    assert jira.call("POST", path, files=files, headers={"X-Atlassian-Token": "no-check"}).status_code == 413


def test_done_asks_for_a_resolution_and_no_other_step_takes_one(jira: JiraVisitor) -> None:
    issue = jira.create()
    path = f"issue/{issue}/transitions"
    offered = jira.call("GET", f"{path}?expand=transitions.fields").json()["transitions"]
    ids = {each["to"]["statusCategory"]["key"]: each["id"] for each in offered}
    assert [sorted(each["fields"]) for each in offered] == [[], [], ["resolution"]]
    resolution = {"resolution": {"name": "Done"}}
    refused = jira.call("POST", path, json={"transition": {"id": ids["done"]}})
    assert (refused.status_code, refused.json()["errors"]) == (400, {"resolution": "Resolution is required."})
    wrong = jira.call("POST", path, json={"transition": {"id": ids["indeterminate"]}, "fields": resolution})
    assert wrong.json()["errors"] == {"resolution": OFF_SCREEN.format("resolution")}
    done = jira.call("POST", path, json={"transition": {"id": ids["done"]}, "fields": resolution})
    assert done.status_code == 204
    fields = jira.read(issue)["fields"]
    assert (fields["status"]["name"], fields["resolution"]["name"]) == ("Done", "Done")
    assert jira.call("POST", path, json={"transition": {"id": int(ids["new"])}}).status_code == 204
    assert jira.read(issue)["fields"]["resolution"] is None


def test_a_transition_that_is_not_offered_fails(jira: JiraVisitor) -> None:
    issue = jira.create()
    jira.sandbox.set_jira(hidden_transitions=["31"])
    body = {"transition": {"id": "31"}, "fields": {"resolution": {"name": "Done"}}}
    answer = jira.call("POST", f"issue/{issue}/transitions", json=body)
    assert answer.status_code == 400
    assert "not valid for the current state" in answer.json()["errorMessages"][0]


def test_a_moved_issue_keeps_its_id_and_its_old_key_leads_to_it(jira: JiraVisitor) -> None:
    issue = jira.create(labels=["moved"])
    old = jira.read(issue)["key"]
    moved = jira.sandbox.jira_control("POST", "jira/move", {"issue": old, "project": "OPS"})
    assert moved["id"] == issue
    assert moved["key"].startswith("OPS-")
    assert jira.read(issue)["key"] == jira.read(old)["key"] == moved["key"]
    assert jira.keys("labels = moved") == [moved["key"]]


def test_cloud_says_where_the_search_went(jira: JiraVisitor) -> None:
    for method in ("GET", "POST"):
        answer = jira.call(
            method, "search", **({"json": {"jql": "project = SEC"}} if method == "POST" else {})
        )
        assert answer.status_code == (410 if jira.cloud else 200)
        assert ("CHANGE-2046" in answer.text) == jira.cloud


def test_faults_delay_and_log_are_those_of_every_tracker(jira: JiraVisitor) -> None:
    jira.sandbox.fault(kind="status", status=429, retry_after=7, path="/myself$")
    answer = jira.call("GET", "myself")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.headers["RateLimit-Reason"] == "jira-burst-based"
    jira.sandbox.fault(kind="reply_lost_after_commit", method="POST", path="/issue$")
    with pytest.raises(requests.ConnectionError):
        jira.create(labels=["lost-reply"])
    assert len(jira.keys("labels = lost-reply")) == 1
    jira.sandbox.control("POST", "delay", {"milliseconds": 30})
    assert jira.call("GET", "myself").elapsed.total_seconds() >= 0.03
    assert "/rest/api/" in jira.sandbox.requests("POST")[-1]["path"]


@pytest.mark.parametrize("jira_sandbox", ["cloud"], indirect=True)
def test_version_2_on_cloud_takes_and_gives_wiki_markup(jira: JiraVisitor) -> None:
    older = JiraVisitor(jira.sandbox, version="2")
    issue = older.create(description="one\n[~tess]")
    assert older.read(issue)["fields"]["description"] == "one\n[~tess]"
    assert jira.read(issue)["fields"]["description"]["type"] == "doc"
    assert jira.sandbox.jira_effects(issue) == [("mention", "[~tess]")]
    older.close()


def test_who_may_see_is_told_to_administrators_of_the_project(jira: JiraVisitor) -> None:
    path = "project/SEC/permissionscheme?expand=permissions"
    holders = [each["holder"]["type"] for each in jira.call("GET", path).json()["permissions"]]
    assert holders == ["projectRole"]
    levels = jira.call("GET", "project/SEC/securitylevel").json()["levels"]
    assert [each["name"] for each in levels] == ["Team", "Everyone"]
    if jira.cloud:
        members = "issuesecurityschemes/10000/members?issueSecurityLevelId=10000"
        (member,) = jira.call("GET", members).json()["values"]
        assert member["holder"]["projectRole"]["name"] == "Team"
    jira.sandbox.set_jira(denied=["ADMINISTER_PROJECTS"])
    assert jira.call("GET", path).status_code == 403
