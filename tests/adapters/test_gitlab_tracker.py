"""The GitLab adapter at the edge of HTTP: what it sends, and what each odd answer means."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
import responses
from pydantic import SecretStr

from bot.adapters.gitlab_tracker import GitLabTracker
from bot.adapters.tracker_errors import parse_retry_after
from bot.domain.issue import CommentDraft, Foreign, IssueDraft, IssueLink, Sentence
from bot.domain.markdown import marker_line
from bot.errors import MeldpuntError, OutcomeUnknownError, PermanentError, SettingsError, TransientError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL = "https://git.example.nl"
API = f"{URL}/api/v4/projects/security%2Freports"
TOKEN = "glpat-verzonnen-geheim"
REPORT_TEXT = "het wachtwoord van de beheerder is zomer2026"
DRAFT = IssueDraft(
    "CVD-2026-0001",
    "meldpunt-0f",
    "XSS in zoekveld",
    (Foreign("De melding:", REPORT_TEXT),),
    ("severity::unrated", "suggested::high"),
    date(2026, 11, 26),
)
COMMENT = CommentDraft("meldpunt-1e", (Sentence("Hallo."),))
ISSUE = {
    "iid": 7,
    "id": 700,
    "confidential": True,
    "web_url": f"{URL}/security/reports/-/issues/7",
    "title": "x",
}
UPLOAD = {
    "alt": "x",
    "url": f"/uploads/{'0a' * 16}/CVD-2026-0001-1.png",
    "markdown": "[x](https://evil.example.net)",
}
TOKEN_INFO = {"id": 1, "scopes": ["api"], "expires_at": "2027-11-01", "active": True}
PROJECT = {
    "id": 3,
    "visibility": "private",
    "issues_access_level": "enabled",
    "permissions": {"project_access": {"access_level": 20}, "group_access": None},
}


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def tracker(url: str = URL, **more: Any) -> GitLabTracker:
    return GitLabTracker(
        name="main", url=url, token=SecretStr(TOKEN), project="security/reports", now=lambda: NOW, **more
    )


def body_of(call: responses.Call) -> dict[str, Any]:
    assert isinstance(call.request.body, bytes)
    body: dict[str, Any] = json.loads(call.request.body)
    return body


def test_an_issue_is_created_with_everything_in_one_call(http: responses.RequestsMock) -> None:
    http.post(f"{API}/issues", json=ISSUE, status=201)
    assert tracker().create_issue(DRAFT) == IssueLink("7", f"{URL}/security/reports/-/issues/7")
    (call,) = http.calls
    sent = body_of(call)
    description = sent.pop("description")
    assert sent == {
        "title": "[CVD-2026-0001] XSS in zoekveld",
        "labels": ["severity::unrated", "suggested::high"],
        "due_date": "2026-11-26",
        "confidential": True,
    }
    assert REPORT_TEXT in description
    assert description.endswith(marker_line("meldpunt-0f"))
    assert call.request.headers["PRIVATE-TOKEN"] == TOKEN


def test_fields_of_a_route_go_along_and_a_priority_is_left_aside(http: responses.RequestsMock) -> None:
    http.post(f"{API}/issues", json=ISSUE, status=201)
    fields = (("weight", "5"), ("assignee_ids", "[3, 4]"), ("issue_type", '"incident"'))
    tracker().create_issue(replace(DRAFT, fields=fields, priority="High"))
    (call,) = http.calls
    sent = body_of(call)
    assert (sent["weight"], sent["assignee_ids"], sent["issue_type"]) == (5, [3, 4], "incident")
    assert sent["confidential"] is True
    assert sent.keys() == {
        *(
            "title",
            "description",
            "labels",
            "due_date",
            "confidential",
            "weight",
            "assignee_ids",
            "issue_type",
        )
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("confidential", "false"),
        ("labels", '["x"]'),
        ("created_at", '"2020-01-01"'),
        ("weight", '"5"'),
        ("weight", "-1"),
        ("assignee_ids", "[0]"),
        ("issue_type", '"requirement"'),
    ],
)
def test_a_field_that_no_route_may_set_is_refused_before_anything_is_sent(name: str, value: str) -> None:
    with pytest.raises(PermanentError, match=rf"routing\.yaml .*{name}"):
        tracker().create_issue(replace(DRAFT, fields=((name, value),)))


def test_every_request_has_its_time_limits(http: responses.RequestsMock) -> None:
    http.post(f"{API}/issues", json=ISSUE, status=201)
    http.get(f"{API}/issues", json=[])
    http.post(f"{API}/uploads", json=UPLOAD, status=201)
    http.post(f"{API}/issues/7/notes", json={"id": 1, "internal": True}, status=201)
    http.get(f"{API}/issues/7/notes", json=[])
    http.get(f"{URL}/api/v4/personal_access_tokens/self", json=TOKEN_INFO)
    http.get(API, json=PROJECT)
    made = tracker()
    made.create_issue(DRAFT)
    made.find_issue("CVD-2026-0001", "meldpunt-0f")
    made.upload("7", "CVD-2026-0001-1.png", "image/png", b"png")
    made.add_comment("7", COMMENT)
    made.find_comment("7", "meldpunt-1e")
    made.check()
    assert len(http.calls) == 7
    for call in http.calls:
        assert call.request.req_kwargs["timeout"] == (5, 30)  # type: ignore[attr-defined]  # added by `responses`


@pytest.mark.parametrize("address", ["http://git.example.nl", "ftp://git.example.nl", "git.example.nl"])
def test_a_token_never_goes_over_the_net_in_clear_text(address: str) -> None:
    with pytest.raises(SettingsError, match="MELDPUNT_TRACKERS__MAIN__URL"):
        tracker(address)


REFUSALS: list[tuple[int, Any, dict[str, str], type[MeldpuntError], str]] = [
    (401, {"message": "401 Unauthorized"}, {}, TransientError, "does not accept the token"),
    (401, {"error": "invalid_token", "error_description": "Token is expired."}, {}, TransientError, "token"),
    (403, {"message": "403 Forbidden"}, {}, TransientError, "role Reporter"),
    (404, {"message": "404 Project Not Found"}, {}, TransientError, "does not show the project"),
    (
        400,
        {"message": {"title": ["is too long (maximum is 255 characters)"]}},
        {},
        PermanentError,
        "title is too long",
    ),
    (422, {"error": "labels is invalid"}, {}, PermanentError, "labels is invalid"),
    (413, "<html>413</html>", {}, PermanentError, "(413)"),
    (429, "Retry later", {"Retry-After": "7"}, TransientError, "fewer requests"),
    (503, {"message": "maintenance"}, {"Retry-After": "60"}, TransientError, "in trouble (503)"),
    (503, {"message": "x"}, {}, OutcomeUnknownError, "in trouble (503)"),
    (500, {"message": "500 Internal Server Error"}, {}, OutcomeUnknownError, "in trouble (500)"),
    (502, "<html>", {}, OutcomeUnknownError, "in trouble (502)"),
    (504, "", {}, OutcomeUnknownError, "in trouble (504)"),
    (408, "", {}, OutcomeUnknownError, "in trouble (408)"),
    (301, "", {"Location": f"{URL}/elsewhere"}, TransientError, "another address"),
    (302, "", {"Location": "https://sso.example.net/"}, TransientError, "another address"),
    (304, "", {}, TransientError, "another address"),
]


@pytest.mark.parametrize(("status", "answer", "headers", "kind", "words"), REFUSALS)
def test_each_refusal_of_a_new_issue_means_one_thing(  # noqa: PLR0917 - a table of cases
    http: responses.RequestsMock,
    status: int,
    answer: Any,
    headers: dict[str, str],
    kind: type[MeldpuntError],
    words: str,
) -> None:
    content: dict[str, Any] = {"body": answer} if isinstance(answer, str) else {"json": answer}
    http.post(f"{API}/issues", status=status, headers=headers, **content)
    with pytest.raises(MeldpuntError, match=re.escape(words)) as caught:
        tracker().create_issue(DRAFT)
    assert type(caught.value) is kind
    assert len(http.calls) == 1


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (201, "<html>Sign in</html>"),
        (200, "<html>Sign in</html>"),
        (204, ""),
        (201, "{]"),
        (201, "[]"),
        (201, '"x"'),
        (201, "null"),
        (201, "{}"),
        (201, '{"iid": "7", "confidential": true}'),
        (201, '{"iid": 7, "confidential": false}'),
        (201, '{"iid": 7}'),
    ],
)
def test_after_an_answer_that_is_not_gitlabs_nobody_knows_whether_the_issue_is_there(
    http: responses.RequestsMock, status: int, answer: str
) -> None:
    html = answer.startswith("<")
    http.post(
        f"{API}/issues", body=answer, status=status, content_type="text/html" if html else "application/json"
    )
    with pytest.raises(OutcomeUnknownError):
        tracker().create_issue(DRAFT)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (requests.ConnectionError("Connection aborted."), OutcomeUnknownError),
        (requests.ReadTimeout("timed out"), OutcomeUnknownError),
        (requests.ConnectTimeout("timed out"), TransientError),
        (requests.exceptions.ProxyError("no proxy"), TransientError),
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), TransientError),
        (requests.exceptions.ChunkedEncodingError("broken"), OutcomeUnknownError),
    ],
)
def test_a_broken_line_is_unknown_unless_it_never_stood(
    http: responses.RequestsMock, error: Exception, kind: type[MeldpuntError]
) -> None:
    http.post(f"{API}/issues", body=error)
    with pytest.raises(MeldpuntError) as caught:
        tracker().create_issue(DRAFT)
    assert type(caught.value) is kind


def test_a_port_where_nobody_listens_means_that_nothing_was_sent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(TransientError, match="connection refused"):
        tracker(url).create_issue(DRAFT)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 401, 403, 404, 302])
def test_whatever_stops_a_look_up_it_can_be_made_again(http: responses.RequestsMock, status: int) -> None:
    http.get(f"{API}/issues", json={"message": "x"}, status=status)
    with pytest.raises(TransientError):
        tracker().find_issue("CVD-2026-0001", "meldpunt-0f")


@pytest.mark.parametrize("answer", ["{}", "null", "[1]", "[{}]", '[{"iid": 7}]', "{]"])
def test_an_odd_list_is_no_list_of_issues(http: responses.RequestsMock, answer: str) -> None:
    http.get(f"{API}/issues", body=answer, content_type="application/json")
    with pytest.raises(TransientError):
        tracker().find_issue("CVD-2026-0001", "meldpunt-0f")


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("7", timedelta(seconds=7)),
        ("0", timedelta(0)),
        ("Tue, 24 Nov 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Tue, 24 Nov 2026 12:05:00", timedelta(minutes=5)),
        ("999999999", timedelta(days=1)),
        ("Tue, 24 Nov 2099 12:05:00 GMT", timedelta(days=1)),
        ("-1609855526", None),
        ("Tue, 24 Nov 2020 12:05:00 GMT", None),
        ("99999999999999999999", None),
        ("1.5", None),
        ("soon", None),
        ("Tue, 99 Nov 2026 99:05:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_a_pause_is_read_as_seconds_or_date_and_is_never_absurd(
    value: str | None, pause: timedelta | None
) -> None:
    assert parse_retry_after(value, NOW) == pause


def test_the_pause_that_gitlab_asks_for_is_passed_on(http: responses.RequestsMock) -> None:
    http.post(f"{API}/issues", status=429, headers={"Retry-After": "Tue, 24 Nov 2026 12:01:30 GMT"})
    with pytest.raises(TransientError) as caught:
        tracker().create_issue(DRAFT)
    assert caught.value.retry_after == timedelta(seconds=90)


def test_no_message_holds_the_token_the_text_or_what_the_server_sent_along(
    http: responses.RequestsMock,
) -> None:
    words = f"'{REPORT_TEXT}' is geen titel, zie {URL}/x?private_token={TOKEN}"
    for answer in ({"message": words}, {"message": {"title": [words]}}, {"error": f"{TOKEN} {URL}"}):
        http.post(f"{API}/issues", json=answer, status=400, headers={"Set-Cookie": "sessie=geheim"})
        with pytest.raises(PermanentError) as caught:
            tracker().create_issue(DRAFT)
        for secret in (TOKEN, "zomer2026", "sessie", URL):
            assert secret not in f"{caught.value!r} {caught.value.__cause__!r}"
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_comment_is_internal(http: responses.RequestsMock) -> None:
    http.post(f"{API}/issues/7/notes", json={"id": 1, "internal": True}, status=201)
    tracker().add_comment("7", COMMENT)
    assert body_of(http.calls[0]) == {"body": f"Hallo.\n\n{marker_line('meldpunt-1e')}", "internal": True}


@pytest.mark.parametrize("answer", [{"id": 1, "internal": False}, {"id": 1}, {"commands_changes": {}}])
def test_a_comment_that_gitlab_did_not_make_internal_is_looked_at(
    http: responses.RequestsMock, answer: Any
) -> None:
    http.post(f"{API}/issues/7/notes", json=answer, status=201)
    with pytest.raises(OutcomeUnknownError):
        tracker().add_comment("7", COMMENT)


def test_an_issue_that_somebody_deleted_holds_its_comments_but_a_hidden_project_does_not(
    http: responses.RequestsMock,
) -> None:
    http.post(f"{API}/issues/7/notes", json={"message": "404 Not found"}, status=404)
    with pytest.raises(PermanentError, match="this issue any more"):
        tracker().add_comment("7", COMMENT)
    http.post(f"{API}/issues/8/notes", json={"message": "404 Project Not Found"}, status=404)
    with pytest.raises(TransientError):
        tracker().add_comment("8", COMMENT)


def test_an_upload_is_built_anew_for_every_try_and_linked_under_our_own_name(
    http: responses.RequestsMock,
) -> None:
    http.post(f"{API}/uploads", status=429, headers={"Retry-After": "1"})
    http.post(f"{API}/uploads", json=UPLOAD, status=201)
    made = tracker()
    with pytest.raises(TransientError):
        made.upload("7", "CVD-2026-0001-1.png", "image/png", b"de inhoud")
    link = made.upload("7", "CVD-2026-0001-1.png", "image/png", b"de inhoud")
    assert link == f"![CVD-2026-0001-1.png](/uploads/{'0a' * 16}/CVD-2026-0001-1.png)"
    for call in http.calls:
        body = call.request.body
        assert isinstance(body, bytes)
        assert all(part in body for part in (b"de inhoud", b'filename="CVD-2026-0001-1.png"', b"image/png"))


@pytest.mark.parametrize(
    "answer",
    [{}, [], {"url": "https://evil.example.net/uploads/x"}, {"url": f"/uploads/{'0a' * 16}/other.png"},
     {"url": f"/uploads/{'0a' * 16}/CVD-2026-0001-1.png)\n/close"}, {"url": None}],
)  # fmt: skip
def test_an_upload_without_the_address_of_our_file_is_not_linked(
    http: responses.RequestsMock, answer: Any
) -> None:
    http.post(f"{API}/uploads", json=answer, status=201)
    with pytest.raises(OutcomeUnknownError):
        tracker().upload("7", "CVD-2026-0001-1.png", "image/png", b"x")


def found(iid: int, description: str | None, **more: Any) -> dict[str, Any]:
    return {**ISSUE, "iid": iid, "description": description, **more}


def test_only_the_issue_with_exactly_our_marker_line_is_ours(http: responses.RequestsMock) -> None:
    line = marker_line("meldpunt-0f")
    others = [
        found(1, None),
        found(2, f"\u2502 {line}"),
        found(3, marker_line("meldpunt-0f0")),
        found(4, f"x {line}"),
    ]
    http.get(f"{API}/issues", json=[*others, found(5, f"tekst\r\n\r\n{line}\r\n")])
    link = tracker().find_issue("CVD-2026-0001", "meldpunt-0f")
    assert link is not None
    assert link.id == "5"
    query = http.calls[0].request.params  # type: ignore[attr-defined]  # added by `responses`
    assert (query["search"], query["in"], query["scope"]) == ("CVD-2026-0001", "title", "all")


def test_the_look_up_reads_every_page_at_the_address_that_was_set(http: responses.RequestsMock) -> None:
    elsewhere = "https://internal.example.nl/api/v4/projects/3/issues?page=2"
    http.get(f"{API}/issues", json=[found(1, "x")], headers={"Link": f'<{elsewhere}>; rel="next"'})
    http.get(f"{URL}/api/v4/projects/3/issues", json=[found(2, marker_line("meldpunt-0f"))])
    link = tracker().find_issue("CVD-2026-0001", "meldpunt-0f")
    assert link is not None
    assert link.id == "2"


def test_the_token_is_not_sent_to_another_server_that_a_page_names(http: responses.RequestsMock) -> None:
    for elsewhere in ("https://evil.example.net/page2", f"{URL}.evil.example.net/api/v4/x"):
        http.get(f"{API}/issues", json=[], headers={"Link": f'<{elsewhere}>; rel="next"'})
        with pytest.raises(PermanentError, match="outside itself"):
            tracker().find_issue("CVD-2026-0001", "meldpunt-0f")


def test_an_issue_found_that_is_not_confidential_is_made_so_before_anything_else(
    http: responses.RequestsMock,
) -> None:
    http.get(f"{API}/issues", json=[found(7, marker_line("meldpunt-0f"), confidential=False)])
    http.put(f"{API}/issues/7", json=ISSUE)
    assert tracker().find_issue("CVD-2026-0001", "meldpunt-0f") == IssueLink("7", ISSUE["web_url"])  # type: ignore[arg-type]
    assert body_of(http.calls[1])["confidential"] is True


def test_an_issue_that_gitlab_will_not_hide_is_held_for_a_person(http: responses.RequestsMock) -> None:
    http.get(f"{API}/issues", json=[found(7, marker_line("meldpunt-0f"), confidential=False)])
    http.put(f"{API}/issues/7", json={**ISSUE, "confidential": False})
    with pytest.raises(PermanentError, match=r"issue 7 .* is not confidential"):
        tracker().find_issue("CVD-2026-0001", "meldpunt-0f")


def test_an_address_that_is_none_is_replaced_by_the_one_that_follows_from_the_settings(
    http: responses.RequestsMock,
) -> None:
    http.post(f"{API}/issues", json={**ISSUE, "web_url": "javascript:alert(1)"}, status=201)
    assert tracker().create_issue(DRAFT).url == f"{URL}/security/reports/-/issues/7"


def test_a_comment_is_found_by_its_marker_alone(http: responses.RequestsMock) -> None:
    http.get(f"{API}/issues/7/notes", json=[{"id": 1, "body": f"Hallo.\n\n{marker_line('meldpunt-1e')}"}])
    assert tracker().find_comment("7", "meldpunt-1e")
    assert not tracker().find_comment("7", "meldpunt-1")


@pytest.mark.parametrize(
    ("project", "words"),
    [
        ({"visibility": "public"}, "the project is public"),
        ({"visibility": "internal"}, "the project is internal"),
        ({"visibility": None}, "not known to be private"),
        ({"issues_access_level": "disabled"}, "issues are switched off"),
        ({"archived": True}, "archived"),
        ({"permissions": {"project_access": {"access_level": 10}, "group_access": None}}, "role Reporter"),
        ({"permissions": {"project_access": None, "group_access": None}}, "role Reporter"),
        ({"permissions": None}, "role Reporter"),
    ],
)
def test_a_project_where_reports_would_not_be_safe_is_refused(
    http: responses.RequestsMock, project: dict[str, Any], words: str
) -> None:
    http.get(f"{URL}/api/v4/personal_access_tokens/self", json=TOKEN_INFO)
    http.get(API, json=PROJECT | project)
    (problem,) = tracker().check()
    assert words in problem


def test_a_project_that_is_right_has_no_problems(http: responses.RequestsMock) -> None:
    http.get(f"{URL}/api/v4/personal_access_tokens/self", json=TOKEN_INFO)
    group = {"permissions": {"project_access": None, "group_access": {"access_level": 40}}}
    http.get(API, json=PROJECT | group)
    assert tracker().check() == []


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ({"expires_at": "2026-12-24"}, "expires on 2026-12-24"),
        ({"expires_at": "2026-11-20"}, "expires on 2026-11-20"),
        ({"scopes": ["read_api"]}, "lacks the scope `api`"),
    ],
)
def test_a_token_that_will_soon_fail_is_told_in_time(
    http: responses.RequestsMock, token: dict[str, Any], words: str
) -> None:
    http.get(f"{URL}/api/v4/personal_access_tokens/self", json=TOKEN_INFO | token)
    http.get(API, json=PROJECT)
    (problem,) = tracker().check()
    assert words in problem


@pytest.mark.parametrize(("status", "words"), [(401, "does not accept the token"), (503, "in trouble")])
def test_a_tracker_that_cannot_be_asked_is_a_sentence_too(
    http: responses.RequestsMock, status: int, words: str
) -> None:
    http.get(f"{URL}/api/v4/personal_access_tokens/self", json={"message": "x"}, status=status)
    (problem,) = tracker().check()
    assert words in problem


@pytest.mark.parametrize("status", [400, 404, 405])
def test_a_gitlab_that_tells_nothing_of_tokens_is_still_looked_at(
    http: responses.RequestsMock, status: int
) -> None:
    http.get(f"{URL}/api/v4/personal_access_tokens/self", json={"message": "404 Not Found"}, status=status)
    http.get(API, json=PROJECT)
    assert tracker().check() == []


def test_a_thread_keeps_its_line_open_and_sends_no_cookie_back() -> None:
    lines: list[object] = []
    cookies: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            lines.append(self)
            super().setup()

        def do_POST(self) -> None:
            cookies.append(self.headers["Cookie"])
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(ISSUE).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Set-Cookie", "sessie=geheim")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the signature of http.server
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = tracker(f"http://127.0.0.1:{server.server_port}")
        for _ in range(5):
            made.create_issue(DRAFT)
        made.close()
        server.shutdown()
    assert (len(lines), cookies) == (1, [None] * 5)


def test_each_thread_has_a_client_of_its_own_and_close_lets_all_go(http: responses.RequestsMock) -> None:
    http.post(f"{API}/issues", json=ISSUE, status=201)
    made = tracker()
    threads = [threading.Thread(target=made.create_issue, args=(DRAFT,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(http.calls) == 3
    made.close()
    made.create_issue(DRAFT)
    assert len(http.calls) == 4


@pytest.mark.parametrize(
    ("status", "answer", "over"),
    [
        (500, {"json": {"message": "500 Internal Server Error"}}, True),
        (503, {"json": {"message": "503"}}, True),
        (500, {"body": "<h1>oops</h1>"}, False),
        (502, {"json": {"message": "502"}}, False),
        (504, {"body": ""}, False),
        (524, {"body": ""}, False),
    ],
)
def test_a_call_is_over_only_when_gitlab_itself_ended_it(
    http: responses.RequestsMock, status: int, answer: dict[str, Any], *, over: bool
) -> None:
    http.post(f"{API}/issues", status=status, **answer)
    with pytest.raises(OutcomeUnknownError) as caught:
        tracker().create_issue(DRAFT)
    assert caught.value.over is over
