"""What `check` says of a Jira, and whom it names as readers, at the edge of HTTP."""

from collections.abc import Iterator
from typing import Any, Literal

import pytest
import responses
from pydantic import SecretStr

from bot.adapters.jira_tracker import JiraTracker

URL = "https://jira.example.nl"
Deployment = Literal["cloud", "datacenter"]
NAMES = (
    "BROWSE_PROJECTS",
    "CREATE_ISSUES",
    "EDIT_ISSUES",
    "SCHEDULE_ISSUES",
    "ADD_COMMENTS",
    "CREATE_ATTACHMENTS",
    "SET_ISSUE_SECURITY",
)
LEVELS = [{"id": "10000", "name": "Team"}, {"id": "10001", "name": "Iedereen"}]
PRIORITIES = [{"id": "1", "name": "High"}, {"id": "2", "name": "Low"}]
TEAM = {"type": "projectRole", "parameter": "10002", "projectRole": {"name": "Beveiliging"}}
GROUP = {"type": "group", "parameter": "desk-team", "value": "1f2e", "group": {"name": "desk-team"}}
PERSON = {"type": "user", "parameter": "5b10ac8d82e05b22cc7d4001", "user": {"displayName": "Tess Team"}}


def field(number: str, **more: Any) -> dict[str, Any]:
    return {
        "fieldId": number,
        "name": number.capitalize(),
        "required": False,
        "hasDefaultValue": False,
    } | more


SCREEN = {
    "project": field("project", required=True),
    "issuetype": field("issuetype", required=True),
    "summary": field("summary", required=True),
    "reporter": field("reporter", required=True),
    "description": field("description"),
    "labels": field("labels"),
    "duedate": field("duedate", name="Due date"),
    "security": field("security", name="Security Level", allowedValues=LEVELS),
    "priority": field("priority", required=True, hasDefaultValue=True, allowedValues=PRIORITIES),
    "customfield_10050": field("customfield_10050", name="Asset owner"),
}


class Jira:
    """A Jira where all is well until a test says otherwise."""

    def __init__(self, http: responses.RequestsMock, deployment: Deployment) -> None:
        self.http, self.deployment = http, deployment
        self.account: dict[str, Any] = {"active": True}
        self.denied: set[str] = set()
        self.project: dict[str, Any] = {"key": "SEC", "projectTypeKey": "software"}
        self.screen: dict[str, dict[str, Any]] = dict(SCREEN)
        self.types = [{"id": "10002", "name": "Task"}]
        self.browsers: list[dict[str, Any]] | int = [TEAM]
        self.members: list[dict[str, Any]] | int = [TEAM]

    def tracker(self, **more: Any) -> JiraTracker:
        api = f"{URL}/rest/api/{3 if self.deployment == 'cloud' else 2}"
        held = {name: {"key": name, "havePermission": name not in self.denied} for name in NAMES}
        createmeta = f"{api}/issue/createmeta/SEC/issuetypes"
        types, fields = ("issueTypes", "fields") if self.deployment == "cloud" else ("values", "values")
        shown = [*self.screen.values()]
        known = [{"id": each["fieldId"], "name": each["name"]} for each in SCREEN.values()]
        self.http.get(f"{api}/myself", json=self.account)
        self.http.get(f"{api}/mypermissions", json={"permissions": held})
        self.http.get(f"{api}/project/SEC", json=self.project)
        self.http.get(createmeta, json={types: self.types, "total": len(self.types)})
        self.http.get(f"{createmeta}/10002", json={fields: shown, "total": len(shown)})
        self.http.get(f"{api}/field", json=known)
        granted = [{"permission": "BROWSE_PROJECTS", "holder": each} for each in _rows(self.browsers)]
        others = [
            {"permission": "ADD_COMMENTS", "holder": {"type": "anyone"}},
            "odd",
            {"permission": "BROWSE_PROJECTS"},
        ]
        self._add(f"{api}/project/SEC/permissionscheme", self.browsers, {"permissions": [*granted, *others]})
        self.http.get(f"{api}/project/SEC/issuesecuritylevelscheme", json={"id": 10100, "name": "Niveaus"})
        members = [{"issueSecurityLevelId": 10000, "holder": each} for each in _rows(self.members)]
        other = {"issueSecurityLevelId": 10001, "holder": {"type": "anyone"}}
        page = {"values": [*members, other], "isLast": True}
        self._add(f"{api}/issuesecurityschemes/10100/members", self.members, page)
        settings = {"security_level": "Team"} | more
        return JiraTracker(
            name="main", url=URL, token=SecretStr("x"), project="SEC", deployment=self.deployment, **settings
        )

    def _add(self, url: str, answer: list[dict[str, Any]] | int, page: dict[str, Any]) -> None:
        self.http.get(url, json=page, status=answer if isinstance(answer, int) else 200)


def _rows(answer: list[dict[str, Any]] | int) -> list[dict[str, Any]]:
    return [] if isinstance(answer, int) else answer


@pytest.fixture(params=["cloud", "datacenter"])
def jira(request: pytest.FixtureRequest) -> Iterator[Jira]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        yield Jira(http, request.param)


def test_a_project_that_is_right_has_no_problems(jira: Jira) -> None:
    routes = {"fields_set": ["Asset owner"], "priorities_set": ["High", "2"]}
    assert jira.tracker(**routes).check() == []


def test_a_project_without_levels_that_is_private_has_no_problems(jira: Jira) -> None:
    del jira.screen["security"]
    jira.denied = {"SET_ISSUE_SECURITY"}
    assert jira.tracker(security_level=None, private_project=True).check() == []


@pytest.mark.parametrize(
    ("permission", "name"),
    [
        ("BROWSE_PROJECTS", "Browse Projects"),
        ("CREATE_ISSUES", "Create Issues"),
        ("EDIT_ISSUES", "Edit Issues"),
        ("SCHEDULE_ISSUES", "Schedule Issues"),
        ("ADD_COMMENTS", "Add Comments"),
        ("CREATE_ATTACHMENTS", "Create Attachments"),
        ("SET_ISSUE_SECURITY", "Set Issue Security"),
    ],
)
def test_each_permission_that_lacks_is_named(jira: Jira, permission: str, name: str) -> None:
    jira.denied = {permission}
    (problem,) = jira.tracker().check()
    assert f"lacks the permission {name} in the project" in problem


@pytest.mark.parametrize("wanted", ["summary", "description", "labels", "duedate", "security"])
def test_each_field_that_we_set_must_be_on_the_create_screen(jira: Jira, wanted: str) -> None:
    del jira.screen[wanted]
    (problem,) = jira.tracker(security_level="10000").check()
    assert f"the field `{wanted}` is not on the screen where issues are created" in problem


def test_a_required_field_that_no_route_sets_is_named(jira: Jira) -> None:
    jira.screen["customfield_10050"] = field("customfield_10050", name="Asset owner", required=True)
    (problem,) = jira.tracker().check()
    assert (
        "requires the field `Asset owner` (customfield_10050) and not every route that leads here" in problem
    )
    assert jira.tracker(fields_set=["customfield_10050"]).check() == []


def test_what_a_route_sets_must_exist_and_be_on_the_screen(jira: Jira) -> None:
    del jira.screen["customfield_10050"]
    unknown, gone, other = jira.tracker(fields_set=["Kleur", "Asset owner"]).check()[:3]
    assert sorted([unknown, gone, other]) == [
        "the field `Asset owner` is not on the screen where issues are created; add it to that screen",
        "the field `Kleur` is not on the screen where issues are created; add it to that screen",
        "this Jira has no field `Kleur`; name one by its id, such as customfield_10010, or its name",
    ]


def test_priorities_and_levels_that_are_not_there_are_told_with_those_that_are(jira: Jira) -> None:
    known = "set one of these: Team, Iedereen, or make the account a member"
    problems = jira.tracker(security_level="Geheim", priorities_set=["Urgent"]).check()
    assert problems == [
        f"there is no security level `Geheim` that the token's account belongs to; {known}",
        "the project has no priority `Urgent`; name one of these: High, Low",
    ]


def test_an_issue_type_that_is_not_there_is_told_with_those_that_are(jira: Jira) -> None:
    (problem,) = jira.tracker(issue_type="Vulnerability").check()
    assert problem.endswith("has no issue type `Vulnerability`; set one of these: Task")


@pytest.mark.parametrize(
    ("project", "words"),
    [
        ({"archived": True}, "archived"),
        ({"simplified": True, "isPrivate": False}, "open to everybody in this Jira"),
    ],
)
def test_a_project_where_reports_would_not_be_safe_is_refused(
    jira: Jira, project: dict[str, Any], words: str
) -> None:
    jira.project |= project
    (problem,) = jira.tracker(security_level=None, private_project=True).check()
    assert words in problem


@pytest.mark.parametrize(
    ("holder", "words"),
    [
        ({"type": "anyone"}, "anyone, even without logging in"),
        ({"type": "applicationRole"}, "everybody who may log in to this Jira"),
        ({"type": "applicationRole", "parameter": "jira-software"}, "everybody who may log in to this Jira"),
    ],
)
def test_a_project_or_level_that_lets_everybody_in_is_refused(
    jira: Jira, holder: dict[str, Any], words: str
) -> None:
    jira.browsers = jira.members = [TEAM, holder]
    (problem,) = jira.tracker(security_level=None, private_project=True).check()
    assert problem.startswith(f"the permission Browse Projects lets in {words}")
    if jira.deployment == "cloud":
        (problem,) = jira.tracker().check()
        assert problem.startswith(f"the security level Team lets in {words}")


def test_the_account_must_be_active(jira: Jira) -> None:
    jira.account = {"active": False}
    (problem,) = jira.tracker().check()
    assert problem == "the token's account is not active"


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_tracker_that_cannot_be_asked_is_a_sentence_too(status: int) -> None:
    with responses.RequestsMock() as http:
        http.get(f"{URL}/rest/api/3/myself", json={}, status=status)
        made = JiraTracker(
            name="main",
            url=URL,
            token=SecretStr("x"),
            project="SEC",
            deployment="cloud",
            private_project=True,
        )
        (problem,) = made.check()
    assert problem.startswith("tracker main ")


@pytest.mark.parametrize(
    ("holders", "named"),
    [
        ([TEAM, GROUP], "the project role Beveiliging, the group desk-team"),
        ([PERSON, PERSON, TEAM], "the project role Beveiliging, 2 single accounts"),
        ([PERSON], "1 single account"),
        ([{"type": "group", "parameter": "desk-team"}], "the group desk-team"),
        (
            [{"type": "projectLead"}, {"type": "reporter"}],
            "the lead of the project, who made the issue, which is the bot",
        ),
        (
            [{"type": "userCustomField", "parameter": "customfield_1"}],
            "who stands in a field of the issue (customfield_1)",
        ),
        ([{"type": "sd.customer.portal.only"}], "customers, in the portal"),
        ([], "nobody"),
    ],
)
def test_who_can_read_is_named_by_group_and_role_and_people_are_counted(
    jira: Jira, holders: list[dict[str, Any]], named: str
) -> None:
    jira.browsers = jira.members = holders
    (of_level,) = jira.tracker().who_can_read()
    if jira.deployment == "datacenter":
        assert "does not tell" in of_level, "it has no call for the members of a level"
    else:
        assert of_level == f"issues bear the security level Team, which lets in: {named}"
    (of_project,) = jira.tracker(security_level=None, private_project=True).who_can_read()
    assert of_project == f"issues can be read by: {named}"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_where_jira_does_not_tell_who_can_read_a_person_must_look(jira: Jira, status: int) -> None:
    jira.browsers = jira.members = status
    assert jira.tracker().check() == []
    (of_level,) = jira.tracker().who_can_read()
    assert of_level.endswith("look at Issue Security in the project's settings")
    private = jira.tracker(security_level=None, private_project=True)
    (of_project,) = private.who_can_read()
    assert of_project.endswith("look at Permissions in the project's settings")
    (unseen,) = private.check()
    assert "whether the project is private" in unseen
