"""The Jira adapter at the edge of HTTP, Cloud and Data Center: what it sends, and what each odd answer means."""

import json
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from pydantic import SecretStr

from bot.adapters.jira_tracker import JiraTracker
from bot.domain import adf
from bot.domain.issue import Block, CommentDraft, Foreign, IssueDraft, IssueLink, Links, Sentence
from bot.errors import MeldpuntError, OutcomeUnknownError, PermanentError, SettingsError, TransientError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL = "https://example.atlassian.net"
TOKEN = "ATATT-verzonnen-geheim"
REPORT_TEXT = "het wachtwoord van de beheerder is zomer2026"
MARKER = "meldpunt-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
LABEL = "meldpunt-0f1e2d3c4b5a"
DRAFT = IssueDraft(
    "CVD-2026-0001",
    MARKER,
    "XSS in zoekveld",
    (Foreign("De melding:", REPORT_TEXT),),
    ("severity::unrated", "suggested::high"),
    date(2026, 11, 26),
)
COMMENT = CommentDraft("meldpunt-1e", (Sentence("Hallo."),))
CREATED = {"id": "10042", "key": "SEC-7", "self": f"{URL}/rest/api/3/issue/10042"}
LINK = IssueLink("10042", f"{URL}/browse/SEC-7")
Deployment = Literal["cloud", "datacenter"]
VERSION = {"cloud": "3", "datacenter": "2"}
both = pytest.mark.parametrize("deployment", ["cloud", "datacenter"])


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def api(deployment: str = "cloud") -> str:
    return f"{URL}/rest/api/{VERSION[deployment]}"


def tracker(url: str = URL, *, deployment: Deployment = "cloud", **more: Any) -> JiraTracker:
    settings = {"project": "SEC", "security_level": "10000", "username": "bot@example.nl"} | more
    return JiraTracker(
        name="main", url=url, token=SecretStr(TOKEN), deployment=deployment, now=lambda: NOW, **settings
    )


def body_of(call: Any) -> dict[str, Any]:
    assert isinstance(call.request.body, bytes)
    body: dict[str, Any] = json.loads(call.request.body)
    return body


def query_of(call: Any) -> Mapping[str, list[str]]:
    return parse_qs(urlsplit(call.request.url).query)


@both
def test_an_issue_is_created_with_everything_in_one_call(
    http: responses.RequestsMock, deployment: Deployment
) -> None:
    http.post(f"{api(deployment)}/issue", json=CREATED, status=201)
    assert tracker(deployment=deployment).create_issue(replace(DRAFT, priority="High")) == LINK
    (call,) = http.calls
    sent = body_of(call)
    description = sent["fields"].pop("description")
    assert sent == {
        "fields": {
            "project": {"key": "SEC"},
            "issuetype": {"name": "Task"},
            "summary": "[CVD-2026-0001] XSS in zoekveld",
            "labels": ["severity::unrated", "suggested::high", LABEL],
            "duedate": "2026-11-26",
            "priority": {"name": "High"},
            "security": {"id": "10000"},
        },
        "properties": [{"key": "meldpunt", "value": {"marker": MARKER}}],
    }
    assert REPORT_TEXT in json.dumps(description)
    assert isinstance(description, dict if deployment == "cloud" else str)
    assert call.request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"username": "bot@example.nl"}, "Basic Ym90QGV4YW1wbGUubmw6QVRBVFQtdmVyem9ubmVuLWdlaGVpbQ=="),
        ({"username": None}, f"Bearer {TOKEN}"),
    ],
)
@both
def test_a_user_name_makes_it_basic_and_none_a_bearer(
    http: responses.RequestsMock, settings: dict[str, Any], header: str, deployment: Deployment
) -> None:
    http.post(f"{api(deployment)}/issue", json=CREATED, status=201)
    tracker(deployment=deployment, **settings).create_issue(DRAFT)
    assert http.calls[0].request.headers["Authorization"] == header


def test_ids_are_sent_as_ids(http: responses.RequestsMock) -> None:
    http.post(f"{api()}/issue", json=CREATED, status=201)
    tracker(project="10000", issue_type="10002").create_issue(replace(DRAFT, priority="2"))
    fields = body_of(http.calls[0])["fields"]
    assert [fields[name] for name in ("project", "issuetype", "priority")] == [
        {"id": "10000"}, {"id": "10002"}, {"id": "2"},
    ]  # fmt: skip


SCREEN = [
    {"fieldId": "summary", "name": "Summary", "required": True},
    {"fieldId": "description", "name": "Description", "required": False},
    {"fieldId": "labels", "name": "Labels", "required": False},
    {"fieldId": "duedate", "name": "Due date", "required": False},
    {"fieldId": "security", "name": "Security Level", "allowedValues": [{"id": "10000", "name": "Team"}]},
    {"fieldId": "customfield_10050", "name": "Asset owner", "required": False},
    {"fieldId": "customfield_10060", "name": "Twee", "required": False},
    {"fieldId": "customfield_10061", "name": "Twee", "required": False},
]  # fmt: skip


def add_screen(
    http: responses.RequestsMock, deployment: str = "cloud", fields: list[dict[str, Any]] | None = None
) -> None:
    path = f"{api(deployment)}/issue/createmeta/SEC/issuetypes"
    types, names = ("issueTypes", "fields") if deployment == "cloud" else ("values", "values")
    task = {"id": "10002", "name": "Task", "subtask": False}
    http.get(path, json={types: [task], "total": 1, "startAt": 0, "maxResults": 50})
    shown = SCREEN if fields is None else fields
    half = len(shown) // 2
    for start, part in ((0, shown[:half]), (half, shown[half:])):
        match = [responses.matchers.query_param_matcher({"startAt": start, "maxResults": 50})]
        http.get(f"{path}/10002", json={names: part, "total": len(shown), "startAt": start}, match=match)


@both
def test_names_of_level_and_fields_are_looked_up_once_page_after_page(
    http: responses.RequestsMock, deployment: Deployment
) -> None:
    add_screen(http, deployment)
    http.post(f"{api(deployment)}/issue", json=CREATED, status=201)
    made = tracker(deployment=deployment, security_level="Team")
    draft = replace(
        DRAFT,
        fields=(("Asset owner", '"ICT"'), ("customfield_10051", '{"value": "Noord"}'), ("labels", "[]")),
    )
    for _ in range(2):
        made.create_issue(draft)
    assert [call.request.method for call in http.calls] == ["GET", "GET", "GET", "POST", "POST"]
    fields = body_of(http.calls[-1])["fields"]
    assert fields["security"] == {"id": "10000"}
    assert (fields["customfield_10050"], fields["customfield_10051"]) == ("ICT", {"value": "Noord"})
    assert fields["labels"][-1] == LABEL


def test_a_field_that_is_none_or_two_is_held_before_anything_is_sent(http: responses.RequestsMock) -> None:
    add_screen(http)
    made = tracker()
    for name, value, words in (
        ("Kleur", '"rood"', "no field `Kleur`"),
        ("Twee", '"x"', "no field `Twee` (or several)"),
        ("customfield_1", "{", "`customfield_1` is no JSON"),
    ):
        with pytest.raises(PermanentError, match=re.escape(words)):
            made.create_issue(replace(DRAFT, fields=((name, value),)))
    assert {call.request.method for call in http.calls} == {"GET"}


def test_a_level_that_is_not_there_makes_no_issue_without_one(http: responses.RequestsMock) -> None:
    add_screen(http)
    with pytest.raises(TransientError, match="no security level `Geheim`"):
        tracker(security_level="Geheim").create_issue(DRAFT)


def test_an_issue_type_that_is_not_there_is_told_with_those_that_are(http: responses.RequestsMock) -> None:
    add_screen(http, fields=[])
    http.reset()
    path = f"{api()}/issue/createmeta/SEC/issuetypes"
    http.get(
        path,
        json={
            "issueTypes": [{"id": "1", "name": "Bug"}, {"id": "2", "name": "Sub", "subtask": True}],
            "total": 2,
        },
    )
    with pytest.raises(TransientError, match=r"no issue type `Task`; set one of these: Bug$"):
        tracker(security_level="Team").create_issue(DRAFT)


@pytest.mark.parametrize("address", ["http://jira.example.nl", "ftp://jira.example.nl", "jira.example.nl"])
def test_a_token_never_goes_over_the_net_in_clear_text(address: str) -> None:
    with pytest.raises(SettingsError, match="MELDPUNT_TRACKERS__MAIN__URL"):
        tracker(address)


def refused(*general: str, **fields: str) -> dict[str, Any]:
    return {"errorMessages": list(general), "errors": fields}


OFF_SCREEN = "Field 'duedate' cannot be set. It is not on the appropriate screen, or unknown."
LOGIN = "X-Seraph-LoginReason"
REFUSALS: list[tuple[int, Any, dict[str, str], type[MeldpuntError], str]] = [
    (401, "Client must be authenticated", {}, TransientError, "does not accept user name and token"),
    (403, refused(), {}, TransientError, "forbids this"),
    (403, "", {LOGIN: "AUTHENTICATION_DENIED"}, TransientError, "solve a CAPTCHA"),
    (
        403,
        "",
        {"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=x"},
        TransientError,
        "CAPTCHA",
    ),
    (401, "", {LOGIN: "AUTHENTICATED_FAILED"}, TransientError, "does not accept user name and token"),
    (404, "", {}, TransientError, "does not know this address"),
    (410, refused("The requested API has been removed."), {}, TransientError, "has taken this address away"),
    (405, "", {}, TransientError, "does not know this address"),
    (400, refused(duedate=OFF_SCREEN), {}, TransientError, "lacks the field `duedate` on the screen"),
    (400, refused(customfield_10050=OFF_SCREEN), {}, TransientError, "lacks the field `customfield_10050`"),
    (
        400,
        refused(project="valid project is required"),
        {},
        TransientError,
        "project: valid project is required",
    ),
    (
        400,
        refused(security="Security level is not valid."),
        {},
        TransientError,
        "security: Security level is not",
    ),
    (400, refused(customfield_1="Asset owner is required."), {}, TransientError, "Asset owner is required"),
    (
        400,
        refused(description="The entered text is too long."),
        {},
        PermanentError,
        "description: The entered text",
    ),
    (
        400,
        refused("We can't create this issue for you right now"),
        {},
        PermanentError,
        "We can't create this",
    ),
    (400, {"errors": ["x"]}, {}, PermanentError, "(400)"),
    (400, "[]", {}, PermanentError, "(400)"),
    (413, "<html>413</html>", {}, PermanentError, "(413)"),
    (429, "", {"Retry-After": "7"}, TransientError, "fewer requests"),
    (429, "", {"RateLimit-Reason": "jira-burst-based"}, TransientError, "(429, jira-burst-based)"),
    (503, refused(), {"Retry-After": "60"}, TransientError, "in trouble (503)"),
    (503, refused(), {}, OutcomeUnknownError, "in trouble (503)"),
    (500, refused("Internal server error"), {}, OutcomeUnknownError, "in trouble (500)"),
    (502, "<html>", {}, OutcomeUnknownError, "in trouble (502)"),
    (504, "", {}, OutcomeUnknownError, "in trouble (504)"),
    (408, "", {}, OutcomeUnknownError, "in trouble (408)"),
    (301, "", {"Location": f"{URL}/elsewhere"}, TransientError, "another address"),
    (302, "", {"Location": "https://id.example.net/"}, TransientError, "another address"),
]


@pytest.mark.parametrize(("status", "answer", "headers", "kind", "words"), REFUSALS)
def test_each_refusal_of_a_new_issue_means_one_thing_and_is_sent_once(  # noqa: PLR0917 - a table of cases
    http: responses.RequestsMock,
    status: int,
    answer: Any,
    headers: dict[str, str],
    kind: type[MeldpuntError],
    words: str,
) -> None:
    content: dict[str, Any] = {"body": answer} if isinstance(answer, str) else {"json": answer}
    http.post(f"{api()}/issue", status=status, headers=headers, **content)
    with pytest.raises(MeldpuntError, match=re.escape(words)) as caught:
        tracker().create_issue(DRAFT)
    assert type(caught.value) is kind
    assert len(http.calls) == 1
    if isinstance(caught.value, OutcomeUnknownError):
        assert not caught.value.over, "the search may not know of the issue yet"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (201, "<html>Log in</html>"),
        (200, "<html>Log in</html>"),
        (204, ""),
        (201, "{]"),
        (201, "[]"),
        (201, "null"),
        (201, "{}"),
        (201, '{"id": "x", "key": "SEC-7"}'),
        (201, '{"id": "10042", "key": "javascript:1"}'),
        (201, '{"id": "10042"}'),
        (200, json.dumps(CREATED)),
    ],
)
def test_after_an_answer_that_is_not_jiras_nobody_knows_whether_the_issue_is_there(
    http: responses.RequestsMock, status: int, answer: str
) -> None:
    kind = "text/html" if answer.startswith("<") else "application/json"
    http.post(f"{api()}/issue", body=answer, status=status, content_type=kind)
    with pytest.raises(OutcomeUnknownError) as caught:
        tracker().create_issue(DRAFT)
    assert not caught.value.over
    assert len(http.calls) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (requests.ConnectionError("Connection aborted."), OutcomeUnknownError),
        (requests.ReadTimeout("timed out"), OutcomeUnknownError),
        (requests.ConnectTimeout("timed out"), TransientError),
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), TransientError),
        (requests.exceptions.ChunkedEncodingError("broken"), OutcomeUnknownError),
    ],
)
def test_a_broken_line_is_unknown_unless_it_never_stood_and_is_not_tried_again(
    http: responses.RequestsMock, error: Exception, kind: type[MeldpuntError]
) -> None:
    http.post(f"{api()}/issue", body=error)
    with pytest.raises(MeldpuntError) as caught:
        tracker().create_issue(DRAFT)
    assert type(caught.value) is kind
    assert len(http.calls) == 1


def test_a_port_where_nobody_listens_means_that_nothing_was_sent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(TransientError, match="connection refused"):
        tracker(url).create_issue(DRAFT)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry-After": "90"}, timedelta(seconds=90)),
        ({"Retry-After": "Tue, 24 Nov 2026 12:01:30 GMT"}, timedelta(seconds=90)),
        ({"X-RateLimit-Reset": "2026-11-24T12:01:30Z"}, timedelta(seconds=90)),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "2026-11-24T12:01"}, timedelta(seconds=60)),
        ({"X-RateLimit-Reset": "2020-01-01T00:00Z"}, None),
        ({"X-RateLimit-Reset": "2999-01-01T00:00Z"}, timedelta(days=1)),
        ({"X-RateLimit-Reset": "0"}, None),
        ({}, None),
    ],
)
def test_the_pause_that_jira_asks_for_is_passed_on_and_nobody_sleeps(
    http: responses.RequestsMock, headers: dict[str, str], pause: timedelta | None
) -> None:
    http.post(f"{api()}/issue", status=429, headers=headers)
    with pytest.raises(TransientError) as caught:
        tracker().create_issue(DRAFT)
    assert caught.value.retry_after == pause


def test_no_message_holds_the_token_the_text_or_what_the_server_sent_along(
    http: responses.RequestsMock,
) -> None:
    words = f"'{REPORT_TEXT}' is te lang, zie {URL}/x?token={TOKEN}"
    for answer in (refused(words), refused(description=words), {"message": words}, refused(**{words: "x"})):
        http.post(f"{api()}/issue", json=answer, status=400, headers={"Set-Cookie": "sessie=geheim"})
        with pytest.raises(PermanentError) as caught:
            tracker().create_issue(DRAFT)
        for secret in (TOKEN, "zomer2026", "sessie", URL):
            assert secret not in f"{caught.value!r} {caught.value.__cause__!r}"
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


# Finding an issue


def hit(
    number: int, *, marker: str | None = MARKER, level: str | None = "10000", text: object = None
) -> dict[str, Any]:
    return {
        "id": str(number),
        "key": f"SEC-{number}",
        "fields": {"security": {"id": level} if level else None, "description": text},
        "properties": {"meldpunt": {"marker": marker}} if marker else {},
    }


def add_hits(http: responses.RequestsMock, deployment: str, *hits: dict[str, Any]) -> None:
    """One hit a page: by a token that says where to go on, or by a number."""
    path = "search/jql" if deployment == "cloud" else "search"
    for at, each in enumerate(hits):
        page: dict[str, Any] = {"issues": [{"id": each["id"]}]}
        if deployment == "cloud":
            wanted: dict[str, Any] = {"nextPageToken": str(at)} if at else {}
            page |= {"nextPageToken": str(at + 1)} if at + 1 < len(hits) else {}
        else:
            wanted = {"startAt": at}
            page |= {"startAt": at, "maxResults": 1, "total": len(hits)}
        query = {"jql": f'labels = "{LABEL}"', "fields": "labels", "maxResults": 100}
        http.get(
            f"{api(deployment)}/{path}",
            json=page,
            match=[responses.matchers.query_param_matcher(query | wanted)],
        )
        http.get(f"{api(deployment)}/issue/{each['id']}", json=each)


@both
def test_an_issue_is_searched_on_every_page_and_known_by_its_marker_alone(
    http: responses.RequestsMock, deployment: Deployment
) -> None:
    add_hits(http, deployment, hit(3, marker="meldpunt-0f1e2d3c4b5a00"), hit(2, marker=None), hit(7))
    link = tracker(deployment=deployment).find_issue("CVD-2026-0001", MARKER)
    assert link == IssueLink("7", f"{URL}/browse/SEC-7")
    assert query_of(http.calls[-1]) == {"fields": ["description,security"], "properties": ["meldpunt"]}


@both
def test_of_an_issue_and_its_copy_the_first_made_is_ours(
    http: responses.RequestsMock, deployment: Deployment
) -> None:
    text: object = f"x\n\n{MARKER}"
    if deployment == "cloud":
        last = {"type": "paragraph", "content": [{"type": "text", "text": MARKER}]}
        text = {"type": "doc", "version": 1, "content": [last]}
    add_hits(http, deployment, hit(12, marker=None, text=text), hit(9, marker=None, text=text))
    link = tracker(deployment=deployment).find_issue("CVD-2026-0001", MARKER)
    assert link is not None
    assert link.id == "9"


@both
def test_an_issue_that_moved_is_found_by_its_number_under_its_new_key(
    http: responses.RequestsMock, deployment: Deployment
) -> None:
    add_hits(http, deployment, hit(7) | {"key": "OPS-3"})
    link = tracker(deployment=deployment).find_issue("CVD-2026-0001", MARKER)
    assert link == IssueLink("7", f"{URL}/browse/OPS-3")


def test_an_issue_of_ours_without_a_security_level_is_held_for_a_person(http: responses.RequestsMock) -> None:
    add_hits(http, "cloud", hit(7, level=None))
    with pytest.raises(PermanentError, match="SEC-7 of tracker main has no security level"):
        tracker().find_issue("CVD-2026-0001", MARKER)


def test_in_a_private_project_it_needs_none(http: responses.RequestsMock) -> None:
    add_hits(http, "cloud", hit(7, level=None))
    assert tracker(security_level=None, private_project=True).find_issue("CVD-2026-0001", MARKER)


@both
@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 401, 403, 404, 410, 302])
def test_whatever_stops_a_look_up_is_never_taken_for_nothing_found(
    http: responses.RequestsMock, deployment: Deployment, status: int
) -> None:
    http.get(
        f"{api(deployment)}/{'search/jql' if deployment == 'cloud' else 'search'}", json={}, status=status
    )
    with pytest.raises(TransientError):
        tracker(deployment=deployment).find_issue("CVD-2026-0001", MARKER)


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        "null",
        "[]",
        "[1]",
        '{"issues": null}',
        '{"issues": [{}]}',
        '{"issues": [{"id": "x"}]}',
        "{]",
        "",
        "<html>",
    ],
)
@both
def test_an_odd_answer_is_no_list_of_issues(
    http: responses.RequestsMock, deployment: Deployment, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = "search/jql" if deployment == "cloud" else "search"
    http.get(f"{api(deployment)}/{path}", body=answer, content_type="application/json")
    with pytest.raises(TransientError):
        tracker(deployment=deployment).find_issue("CVD-2026-0001", MARKER)
    assert caplog.records == []


def test_an_issue_that_is_odd_when_read_back_is_not_skipped(http: responses.RequestsMock) -> None:
    add_hits(http, "cloud", hit(7) | {"key": "javascript:1"})
    with pytest.raises(TransientError):
        tracker().find_issue("CVD-2026-0001", MARKER)


@pytest.mark.parametrize("headers", [{LOGIN: "AUTHENTICATED_FAILED"}, {"X-AUSERNAME": "anonymous"}])
def test_a_search_answered_as_to_nobody_did_not_find_nothing(
    http: responses.RequestsMock, headers: dict[str, str]
) -> None:
    http.get(f"{api()}/search/jql", json={"issues": []}, headers=headers)
    with pytest.raises(TransientError, match="does not accept user name and token"):
        tracker().find_issue("CVD-2026-0001", MARKER)


def test_a_search_without_an_end_is_given_up(http: responses.RequestsMock) -> None:
    http.get(f"{api()}/search/jql", json={"issues": [], "nextPageToken": "again"})
    with pytest.raises(TransientError, match="without an end"):
        tracker().find_issue("CVD-2026-0001", MARKER)


@both
def test_what_is_not_there_is_none(http: responses.RequestsMock, deployment: Deployment) -> None:
    path = "search/jql" if deployment == "cloud" else "search"
    http.get(f"{api(deployment)}/{path}", json={"issues": [], "total": 0})
    assert tracker(deployment=deployment).find_issue("CVD-2026-0001", MARKER) is None


# Files

NAME = "CVD-2026-0001-1.png"
FILE = {"id": "10500", "filename": NAME, "size": 3}
SHOWN = {"cloud": f"[{NAME}]({URL}/secure/attachment/10500/{NAME})", "datacenter": f"[^{NAME}]"}


@both
def test_an_attachment_is_built_anew_for_every_try_and_linked_under_our_own_name(
    http: responses.RequestsMock, deployment: Deployment
) -> None:
    path = f"{api(deployment)}/issue/10042/attachments"
    http.post(path, status=429, headers={"Retry-After": "1"})
    http.post(path, json=[FILE])
    made = tracker(deployment=deployment)
    with pytest.raises(TransientError):
        made.upload("10042", NAME, "image/png", b"de inhoud")
    assert made.upload("10042", NAME, "image/png", b"de inhoud") == SHOWN[deployment]
    for call in http.calls:
        body = call.request.body
        assert isinstance(body, bytes)
        assert all(part in body for part in (b"de inhoud", f'filename="{NAME}"'.encode(), b"image/png"))
        assert call.request.headers["X-Atlassian-Token"] == "no-check"
        assert call.request.headers["Content-Type"].startswith("multipart/form-data; boundary=")


def test_an_empty_file_is_a_file(http: responses.RequestsMock) -> None:
    http.post(f"{api()}/issue/10042/attachments", json=[FILE | {"size": 0}])
    assert tracker().upload("10042", NAME, "text/plain", b"") == SHOWN["cloud"]


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        None,
        [{}],
        [FILE, FILE],
        [FILE | {"filename": "x.png"}],
        [FILE | {"id": "1)\n"}],
        [FILE | {"id": None}],
    ],
)
def test_an_attachment_that_is_not_ours_is_not_linked(http: responses.RequestsMock, answer: Any) -> None:
    http.post(f"{api()}/issue/10042/attachments", json=answer)
    with pytest.raises(OutcomeUnknownError):
        tracker().upload("10042", NAME, "image/png", b"x")


@both
def test_a_file_that_went_up_is_found_by_its_exact_name(
    http: responses.RequestsMock, deployment: Deployment
) -> None:
    others = [FILE | {"filename": f"x{NAME}"}, FILE | {"filename": NAME.upper()}]
    http.get(f"{api(deployment)}/issue/10042", json={"fields": {"attachment": [*others, FILE]}})
    http.get(f"{api(deployment)}/issue/10043", json={"fields": {"attachment": others}})
    made = tracker(deployment=deployment)
    assert made.find_upload("10042", NAME) == SHOWN[deployment]
    assert made.find_upload("10043", NAME) is None


# Comments


def add_project(http: responses.RequestsMock, kind: str, deployment: str = "cloud") -> None:
    http.get(f"{api(deployment)}/project/SEC", json={"key": "SEC", "projectTypeKey": kind})


@both
def test_a_comment_is_marked_internal_in_every_project(
    http: responses.RequestsMock, deployment: Deployment
) -> None:
    add_project(http, "software", deployment)
    http.post(f"{api(deployment)}/issue/10042/comment", json={"id": "1", "jsdPublic": True}, status=201)
    made = tracker(deployment=deployment)
    for _ in range(2):
        made.add_comment("10042", COMMENT)
    sent = body_of(http.calls[-1])
    assert sent["properties"] == [{"key": "sd.public.comment", "value": {"internal": True}}]
    assert "Hallo." in json.dumps(sent["body"])
    assert len(http.calls) == 3


KEPT = {"key": "sd.public.comment", "value": {"internal": True}}


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ({"jsdPublic": False}, None),
        ({"jsdPublic": True}, KEPT),
        ({}, KEPT),
        ({}, {"value": {"internal": "true"}}),
    ],
)
def test_in_a_service_desk_a_comment_is_known_to_be_internal(
    http: responses.RequestsMock, comment: dict[str, Any], kept: dict[str, Any] | None
) -> None:
    add_project(http, "service_desk")
    http.post(f"{api()}/issue/10042/comment", json={"id": "5"} | comment, status=201)
    if kept:
        http.get(f"{api()}/comment/5/properties/sd.public.comment", json=kept)
    tracker().add_comment("10042", COMMENT)


@pytest.mark.parametrize(
    ("status", "kept"), [(200, {"value": {"internal": False}}), (200, {"value": None}), (404, {})]
)
def test_in_a_service_desk_a_comment_that_customers_may_see_is_told(
    http: responses.RequestsMock, status: int, kept: dict[str, Any]
) -> None:
    add_project(http, "service_desk")
    http.post(f"{api()}/issue/10042/comment", json={"id": "5", "jsdPublic": True}, status=201)
    http.get(f"{api()}/comment/5/properties/sd.public.comment", json=kept, status=status)
    with pytest.raises(PermanentError, match="comment 5 in tracker main is not internal"):
        tracker().add_comment("10042", COMMENT)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_where_jira_cannot_say_whether_a_comment_is_internal_it_is_asked_with_the_next_look(
    http: responses.RequestsMock, status: int
) -> None:
    add_project(http, "service_desk")
    http.post(f"{api()}/issue/10042/comment", json={"id": "5"}, status=201)
    http.get(f"{api()}/comment/5/properties/sd.public.comment", json={}, status=status)
    made = tracker()
    with pytest.raises(OutcomeUnknownError):
        made.add_comment("10042", COMMENT)
    text = adf.to_adf(COMMENT.body, COMMENT.marker, site=URL)
    found = {"comments": [{"id": "5", "body": text}], "total": 1, "startAt": 0, "maxResults": 100}
    http.get(f"{api()}/issue/10042/comment", json=found)
    http.replace(
        "GET", f"{api()}/comment/5/properties/sd.public.comment", json={"value": {"internal": False}}
    )
    with pytest.raises(PermanentError, match="comment 5 in tracker main is not internal"):
        made.find_comment("10042", COMMENT.marker)


def test_no_comment_is_made_while_it_is_not_known_who_would_see_it(http: responses.RequestsMock) -> None:
    http.get(f"{api()}/project/SEC", status=503)
    with pytest.raises(TransientError):
        tracker().add_comment("10042", COMMENT)


def test_an_issue_that_somebody_deleted_holds_its_comments(http: responses.RequestsMock) -> None:
    add_project(http, "software")
    http.post(f"{api()}/issue/10042/comment", json=refused("Issue does not exist"), status=404)
    with pytest.raises(PermanentError, match="this issue any more"):
        tracker().add_comment("10042", COMMENT)


@both
def test_a_comment_is_found_by_its_marker_alone_on_every_page(
    http: responses.RequestsMock, deployment: Deployment
) -> None:
    add_project(http, "software", deployment)
    path = f"{api(deployment)}/issue/10042/comment"
    http.post(path, json={"id": "1"}, status=201)
    made = tracker(deployment=deployment)
    made.add_comment("10042", CommentDraft("meldpunt-1e", (Foreign("x", "meldpunt-2f"),)))
    body = body_of(http.calls[-1])["body"]
    for start, bodies in ((0, ["x", None]), (2, [body])):
        page = {"comments": [{"body": each} for each in bodies], "startAt": start, "total": 3}
        query = {"startAt": start, "maxResults": 100, "orderBy": "-created"}
        http.get(path, json=page, match=[responses.matchers.query_param_matcher(query)])
    assert made.find_comment("10042", "meldpunt-1e")
    assert not made.find_comment("10042", "meldpunt-1")
    assert not made.find_comment("10042", "meldpunt-2f")


@pytest.mark.parametrize(
    ("status", "answer", "over"),
    [
        (500, {"json": refused("x")}, True),
        (500, {"body": "<h1>oops</h1>"}, False),
        (502, {"json": refused("x")}, False),
        (504, {"body": ""}, False),
    ],
)
def test_after_a_comment_a_look_is_enough_when_jira_itself_ended_the_call(
    http: responses.RequestsMock, status: int, answer: dict[str, Any], *, over: bool
) -> None:
    add_project(http, "software")
    http.post(f"{api()}/issue/10042/comment", status=status, **answer)
    with pytest.raises(OutcomeUnknownError) as caught:
        tracker().add_comment("10042", COMMENT)
    assert caught.value.over is over


# Behind the gateway of service accounts

GATEWAY = "https://api.atlassian.com/ex/jira/1f2e3d4c"


@pytest.mark.parametrize(
    ("status", "answer", "site"),
    [
        (200, {"baseUrl": f"{URL}/"}, URL),
        (200, {"baseUrl": "javascript:1"}, GATEWAY),
        (200, {}, GATEWAY),
        (403, {}, GATEWAY),
    ],
)
def test_a_service_account_talks_to_the_gateway_and_people_open_the_site(
    http: responses.RequestsMock, status: int, answer: dict[str, Any], site: str
) -> None:
    http.get(f"{GATEWAY}/rest/api/3/serverInfo", json=answer, status=status)
    http.post(f"{GATEWAY}/rest/api/3/issue", json=CREATED, status=201)
    made = tracker(GATEWAY, username=None)
    for _ in range(2):
        assert made.create_issue(DRAFT) == IssueLink("10042", f"{site}/browse/SEC-7")
    assert len(http.calls) == 3


# Limits


def test_every_request_has_its_time_limits_and_none_asks_what_the_server_is(
    http: responses.RequestsMock,
) -> None:
    http.post(f"{api()}/issue", json=CREATED, status=201)
    http.get(f"{api()}/search/jql", json={"issues": []})
    http.post(f"{api()}/issue/10042/attachments", json=[FILE])
    http.get(f"{api()}/issue/10042", json={"fields": {"attachment": []}})
    add_project(http, "software")
    http.post(f"{api()}/issue/10042/comment", json={"id": "1"}, status=201)
    http.get(f"{api()}/issue/10042/comment", json={"comments": [], "total": 0})
    made = tracker()
    made.create_issue(DRAFT)
    made.find_issue("CVD-2026-0001", MARKER)
    made.upload("10042", NAME, "image/png", b"png")
    made.find_upload("10042", NAME)
    made.add_comment("10042", COMMENT)
    made.find_comment("10042", "meldpunt-1e")
    assert len(http.calls) == 7
    for call in http.calls:
        assert call.request.req_kwargs["timeout"] == (5, 30)  # type: ignore[attr-defined]  # added by `responses`


@both
@pytest.mark.parametrize("sign", ["a", '"', "\n", "\U0001f600", "{code}", "\x00"])
def test_what_fits_is_within_jiras_limit_and_what_does_not_is_longer(
    deployment: Deployment, sign: str
) -> None:
    made = tracker(deployment=deployment)

    def body(length: int) -> tuple[Block, ...]:
        return (Foreign("De melding:", (sign * length)[:length]),)

    assert made.fits(body(1000))
    assert not made.fits(body(32_000))
    assert made.fits((*body(1000), Links("x", (SHOWN[deployment],))))


def test_close_lets_all_lines_go_and_a_thread_that_comes_back_opens_a_new_one(
    http: responses.RequestsMock,
) -> None:
    http.post(f"{api()}/issue", json=CREATED, status=201)
    made = tracker()
    made.create_issue(DRAFT)
    made.close()
    made.create_issue(DRAFT)
    assert len(http.calls) == 2
