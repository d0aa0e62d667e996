"""The form's door over a real line: what is taken is stored, and what is refused leaves nothing but a count."""

import json
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from pydantic import SecretStr

from bot.domain.signature import HEADER
from bot.ports import Bot
from bot.schedule import jobs
from bot.services.form import KEPT, forget_signatures
from bot.services.intake import process_inbox
from bot.settings import FormSettings
from bot.web.app import serve
from tests.rigs.bots import Clock, idle_bot
from tests.rigs.form import KEYS, PATH, FormClient, report, written
from tests.rigs.stores import on_connect

LONG = 30
MOST = 20_000
FORM = FormSettings(signing_keys=SecretStr(KEYS), max_bytes=MOST, read_seconds=2)
TABLES = ("inbox", "sealed", "counters", "form_requests", "form_signatures", "events", "reports", "outbox")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bot(tmp_path: Path, clock: Clock) -> Iterator[Bot]:
    with idle_bot(tmp_path, clock, form=FORM) as built:
        yield built


@pytest.fixture
def client(bot: Bot, clock: Clock) -> Iterator[FormClient]:
    with serve(bot, []) as port:
        yield FormClient(f"http://127.0.0.1:{port}", now=lambda: clock().timestamp())


def kept(folder: Path) -> dict[str, int]:
    """How many rows each table has; the counters' values are added up."""
    with sqlite3.connect(folder / "meldpunt.db") as connection:
        rows = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}  # noqa: S608 - our own names
        allotted = connection.execute("SELECT coalesce(sum(value), 0) FROM counters").fetchone()[0]
    connection.close()
    with sqlite3.connect(folder / "meldpunt-keys.db") as keys:
        minted = keys.execute("SELECT count(*) FROM data_keys").fetchone()[0]
    keys.close()
    return {**rows, "counters": allotted, "data_keys": minted}


def problem(answer: requests.Response) -> tuple[int, str]:
    """Status and kind of a problem, which must be one."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    said = answer.json()
    assert said["status"] == answer.status_code
    assert said["title"]
    assert said["detail"].endswith(".")
    base, _, kind = said["type"].partition("#")
    assert base == "http://127.0.0.1:8080/api"
    return answer.status_code, kind


def speak(client: FormClient, *pieces: bytes) -> bytes:
    """Say raw bytes on a line of its own and hear the answer to its end."""
    host, _, port = client.address.removeprefix("http://").partition(":")
    heard = b""
    with socket.create_connection((host, int(port)), timeout=LONG) as line:
        for piece in pieces:
            line.sendall(piece)
        while got := line.recv(65536):
            heard += got
    return heard


def head(client: FormClient, body: bytes, *lines: str) -> bytes:
    """The head of a signed request, with further header lines."""
    signed = [f"{name}: {value}" for name, value in client.headers(body).items()]
    return "\r\n".join([f"POST {PATH} HTTP/1.1", "Host: desk.example.nl", *signed, *lines, "", ""]).encode()


def test_a_report_is_stored_sealed_before_its_answer_with_the_reference_that_its_issue_bears(
    client: FormClient, bot: Bot, clock: Clock, tmp_path: Path
) -> None:
    rung: list[str] = []
    bot.bells.answer(rung.append)
    answer = client.post(report(title="Een lek"))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert answer.json() == {
        "reference": "CVD-2026-0001",
        "received_at": "2026-11-23T09:00:00+01:00",
        "first_response_due_on": "2026-11-25",
    }
    assert rung == ["process_inbox"]
    assert b"zoekveld" not in (tmp_path / "meldpunt.db").read_bytes() + b"".join(
        path.read_bytes() for path in tmp_path.glob("*-wal")
    )
    clock.passes(timedelta(days=3))
    assert process_inbox(bot) == 1
    with bot.store.begin() as tx:
        (row,) = tx.inbox.rows()
        view = tx.reports.get("CVD-2026-0001")
    assert (row.kind, row.reference, row.origin.mailbox, row.origin.folder) == (
        "report",
        "CVD-2026-0001",
        "form",
        "website",
    )
    assert (view.report.title, str(view.report.due_on)) == ("Een lek", "2026-11-25")
    assert "no receipt was sent: the form gives no address" in view.report.problems


def test_references_have_no_gaps_whatever_was_refused_or_repeated_between(client: FormClient) -> None:
    first = client.post(report(), Idempotency_Key="one")
    client.post(report(), Idempotency_Key="one")
    client.post(report(description=""), Idempotency_Key="two")
    client.post(report(title="other"), Idempotency_Key="one")
    second = client.post(report())
    assert [each.json()["reference"] for each in (first, second)] == ["CVD-2026-0001", "CVD-2026-0002"]


def test_a_report_that_its_reader_died_of_keeps_its_reference(bot: Bot, client: FormClient) -> None:
    client.post(report(title="Een lek", reporter={"name": "Joris Bedacht"}))
    unread = replace(bot, understand=_dies)
    assert process_inbox(unread) == 1
    with bot.store.begin() as tx:
        view = tx.reports.get("CVD-2026-0001")
        assert tx.inbox.count_held() == 1
    assert (view.report.title, view.report.text) == ("Een lek", "")
    assert view.report.problems[0].startswith("this form could not be read (the reader failed")


def _dies(*_: object) -> Any:
    raise ZeroDivisionError


def test_a_repeat_with_its_key_gets_the_same_answer_and_is_no_second_report(
    client: FormClient, clock: Clock, tmp_path: Path
) -> None:
    body = written(report())
    headers = client.headers(body, Idempotency_Key="one")
    first = client.send(body, headers)
    before = kept(tmp_path)
    assert client.send(body, headers).content == first.content
    assert kept(tmp_path) == before
    clock.passes(timedelta(days=30))
    again = client.post(body, Idempotency_Key='"one"')
    assert (again.status_code, again.content) == (201, first.content)
    assert kept(tmp_path) == before | {"form_signatures": before["form_signatures"] + 1}


def test_a_key_belongs_to_one_signing_key(client: FormClient) -> None:
    partner = FormClient(client.address, "partner", "an-invented-word-of-a-partner", client.now)
    first, other = (each.post(report(), Idempotency_Key="one") for each in (client, partner))
    assert (first.json()["reference"], other.json()["reference"]) == ("CVD-2026-0001", "CVD-2026-0002")


def test_a_key_that_served_for_another_report_is_refused(client: FormClient) -> None:
    client.post(report(), Idempotency_Key="one")
    again = client.post(report(title="other"), Idempotency_Key="one")
    assert problem(again) == (422, "idempotency-key-reused")


def test_the_same_request_many_times_at_once_is_one_report(client: FormClient, tmp_path: Path) -> None:
    body = written(report())
    signed = [client.headers(body, Idempotency_Key="one") for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda headers: client.send(body, headers), signed))
    assert {(each.status_code, each.content) for each in answers} == {(201, answers[0].content)}
    assert (kept(tmp_path)["inbox"], kept(tmp_path)["counters"]) == (1, 1)


def test_one_signature_many_times_at_once_is_one_report(client: FormClient, tmp_path: Path) -> None:
    body = written(report())
    headers = client.headers(body)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: client.send(body, headers), range(12)))
    assert sorted(each.status_code for each in answers) == [201] + [401] * 11
    assert (kept(tmp_path)["inbox"], kept(tmp_path)["counters"]) == (1, 1)


def test_a_forged_stale_or_replayed_signature_leaves_no_trace_but_a_count(
    client: FormClient, bot: Bot, clock: Clock, tmp_path: Path
) -> None:
    body = written(report())
    bare, keyed = client.headers(body), client.headers(body, Idempotency_Key="one")
    client.send(body, bare)
    client.send(body, keyed)
    before = kept(tmp_path)
    forged = FormClient(client.address, secret="a-guessed-word-of-16", now=client.now)
    stranger = FormClient(client.address, "nobody", "a-guessed-word-of-16", client.now)
    early = FormClient(client.address, now=lambda: clock.at.timestamp() + 400)
    late = FormClient(client.address, now=lambda: clock.at.timestamp() - 400)
    with structlog.testing.capture_logs() as logs:
        answers = {
            "forged": [forged.post(body), forged.post(body, Idempotency_Key="one")],
            "unknown_key": [stranger.post(body)],
            "stale": [early.post(body), late.post(body, Idempotency_Key="one")],
            "malformed": [
                client.send(body, {"Content-Type": "application/json"}),
                client.send(body, bare | {HEADER: "t=1"}),
            ],
            "replayed": [
                client.send(body, bare),
                client.send(body, bare | {"Idempotency-Key": "one"}),
                client.send(body, keyed | {"Idempotency-Key": "two"}),
                client.send(body, {name: keyed[name] for name in keyed if name != "Idempotency-Key"}),
            ],
        }
    kinds = {name: {problem(each) for each in given} for name, given in answers.items()}
    assert kinds == {
        "forged": {(401, "not-signed")},
        "unknown_key": {(401, "not-signed")},
        "malformed": {(401, "not-signed")},
        "stale": {(401, "stale")},
        "replayed": {(401, "replayed")},
    }
    assert all("WWW-Authenticate" in each.headers for given in answers.values() for each in given)
    assert answers["forged"][0].content == answers["unknown_key"][0].content
    assert (kept(tmp_path), logs) == (before, [])
    counts = {name: len(given) for name, given in answers.items()}
    assert bot.refused.all() == counts
    assert requests.get(f"{client.address}/readyz", timeout=LONG).json()["form_refused"] == counts


def test_what_was_signed_for_another_purpose_cannot_be_played_back_later(
    client: FormClient, bot: Bot, clock: Clock, tmp_path: Path
) -> None:
    body = written(report())
    bare = client.headers(body)
    client.send(body, bare)
    refused = client.headers(written(report(title="other")), Idempotency_Key="one")
    client.post(body, Idempotency_Key="one")
    client.send(written(report(title="other")), refused)
    assert problem(client.send(written(report(title="other")), refused | {"Idempotency-Key": "two"})) == (
        401,
        "replayed",
    )
    clock.passes(KEPT + timedelta(minutes=6))
    assert forget_signatures(bot) == 3
    assert kept(tmp_path)["form_signatures"] == 0
    clock.at -= KEPT + timedelta(minutes=6)
    # A clock that was set back does not make a second report of what was one.
    assert problem(client.send(body, bare)) == (401, "replayed")


def test_signatures_are_forgotten_by_a_job_where_the_door_is_open(bot: Bot, tmp_path: Path) -> None:
    assert "forget_signatures" in [job.name for job in jobs(bot)]
    (tmp_path / "shut").mkdir()
    with idle_bot(tmp_path / "shut", Clock()) as shut:
        assert "forget_signatures" not in [job.name for job in jobs(shut)]


def test_without_keys_the_door_is_shut_and_so_is_its_page(tmp_path: Path) -> None:
    with idle_bot(tmp_path, Clock()) as bot, serve(bot, []) as port:
        client = FormClient(f"http://127.0.0.1:{port}")
        assert problem(client.post(report())) == (404, "not-found")
        for path in ("/api", "/api/openapi.json", "/api/style.css"):
            assert problem(requests.get(client.address + path, timeout=LONG)) == (404, "not-found")
        assert "form_refused" not in requests.get(f"{client.address}/readyz", timeout=LONG).json()


def test_a_request_over_the_limit_is_refused_whatever_it_says_of_its_length(
    client: FormClient, tmp_path: Path
) -> None:
    fits = written(report(steps="x" * (MOST - len(written(report(steps=""))))))
    assert len(fits) == MOST
    assert client.post(fits).status_code == 201
    before = kept(tmp_path)
    assert problem(client.post(fits + b" ")) == (413, "too-large")
    chunk = b"%x\r\n%b\r\n" % (MOST, b"x" * MOST)
    chunked = head(client, b"", "Transfer-Encoding: chunked", "Connection: close")
    assert b" 413 " in speak(client, chunked, chunk, chunk).split(b"\r\n")[0]
    said = head(client, b"", f"Content-Length: {10**15}", "Expect: 100-continue")
    assert b" 413 " in speak(client, said).split(b"\r\n")[0]
    assert kept(tmp_path) == before


def test_a_slow_request_is_cut_off_in_time(client: FormClient, bot: Bot) -> None:
    heard = speak(client, head(client, b"{}", "Content-Length: 2"), b"{")
    assert b" 408 " in heard.split(b"\r\n")[0]
    assert json.loads(heard.partition(b"\r\n\r\n")[2])["type"].endswith("#too-slow")
    assert bot.refused.all() == {"too-slow": 1}


def test_bodies_that_are_too_many_together_are_put_off_and_room_comes_back(
    client: FormClient, bot: Bot
) -> None:
    held = threading.Barrier(5)

    def hold() -> bytes:
        host, _, port = client.address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=LONG) as line:
            line.sendall(head(client, b"", f"Content-Length: {MOST}") + b" " * (MOST - 1))
            held.wait(LONG)
            return line.recv(65536)

    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(hold) for _ in range(4)]
        held.wait(LONG)
        answers = [client.post(report(steps="x" * 5000)) for _ in range(3)]
        assert all(b" 408 " in each.result() for each in slow)
    assert problem(answers[-1]) == (503, "busy")
    assert answers[-1].headers["Retry-After"]
    assert client.post(report(steps="x" * 5000)).status_code == 201
    assert bot.refused.all()["too-slow"] == 4


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"Content-Type": "text/plain"}, (415, "wrong-media-type")),
        ({"Content-Type": "application/json; charset=latin-1"}, (415, "wrong-media-type")),
        ({"Content-Type": ""}, (415, "wrong-media-type")),
        ({"Content-Encoding": "gzip"}, (415, "wrong-media-type")),
        ({"Idempotency-Key": "two words"}, (400, "wrong-idempotency-key")),
        ({"Idempotency-Key": "x" * 201}, (400, "wrong-idempotency-key")),
    ],
)
def test_headers_that_cannot_be_read_are_problems(
    client: FormClient, tmp_path: Path, headers: dict[str, str], kind: tuple[int, str]
) -> None:
    body = written(report())
    assert problem(client.send(body, client.headers(body) | headers)) == kind
    utf8 = client.send(body, client.headers(body) | {"Content-Type": 'Application/JSON; Charset="UTF-8"'})
    assert utf8.status_code == 201
    assert kept(tmp_path)["inbox"] == 1


def test_what_is_wrong_in_the_body_is_named_with_a_pointer(client: FormClient, bot: Bot) -> None:
    wrong = client.post({"descriptoin": "x", "a/b~c é": 1, "reporter": {"address": "x"}, "cvss": "9.8"})
    assert problem(wrong) == (422, "wrong-fields")
    assert wrong.json()["errors"] == [
        {"pointer": "#/description", "detail": "is required"},
        {"pointer": "#/cvss", "detail": "is not a CVSS vector of version 3.0, 3.1 or 4.0"},
        {"pointer": "#/reporter/address", "detail": "is not a mail address alone, as in jan@example.org"},
        {"pointer": "#/descriptoin", "detail": "is no field of a report"},
        {"pointer": "#/a~1b~0c%20%C3%A9", "detail": "is no field of a report"},
    ]
    many = client.post({f"field{number}": "x" for number in range(500)})
    assert len(many.json()["errors"]) == 20
    assert client.post(b"[]").json()["errors"][0]["pointer"] == "#"
    assert problem(client.post(b"{")) == (400, "not-json")
    assert problem(client.post(b"\xff\xfe")) == (400, "not-json")
    with bot.store.begin() as tx:
        assert tx.inbox.rows() == []


def test_the_signature_comes_before_everything_that_is_in_a_request(client: FormClient) -> None:
    headers = {HEADER: "t=1", "Content-Type": "text/plain", "Idempotency-Key": "two words"}
    assert problem(client.send(b"{", headers)) == (401, "not-signed")


def test_other_addresses_and_methods_under_api_are_problems_and_elsewhere_they_are_not(
    client: FormClient,
) -> None:
    wrong = requests.get(client.address + PATH, timeout=LONG)
    assert (problem(wrong), wrong.headers["Allow"]) == ((405, "wrong-method"), "POST")
    assert problem(requests.get(f"{client.address}/api/v2", timeout=LONG)) == (404, "not-found")
    assert requests.get(f"{client.address}/apiary", timeout=LONG).json() == {"detail": "Not Found"}


@pytest.mark.parametrize("trouble", ["PRAGMA max_page_count = 1", "PRAGMA query_only = ON"])
def test_while_the_store_is_away_nothing_is_half_done_and_the_client_is_told_to_come_back(
    client: FormClient, bot: Bot, tmp_path: Path, trouble: str
) -> None:
    client.post(report())
    before = kept(tmp_path)
    bot.store.close()
    with on_connect(trouble):
        away = client.post(report(steps="x" * 15_000), Idempotency_Key="one")
    assert problem(away) == (503, "store-away")
    assert int(away.headers["Retry-After"]) > 0
    # A data key that seals nothing may stay behind.
    assert kept(tmp_path) | {"data_keys": 1} == before
    assert "store" in bot.doors.shut()
    bot.store.close()
    again = client.post(report(steps="x" * 15_000), Idempotency_Key="one")
    assert again.json()["reference"] == "CVD-2026-0002"


def test_a_page_and_a_document_say_how_with_nothing_from_elsewhere(client: FormClient) -> None:
    page = requests.get(f"{client.address}/api", timeout=LONG)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert "http" not in page.text.replace("https://portal.example.nl/search", "")
    document = requests.get(f"{client.address}/api/openapi.json", timeout=LONG).json()
    assert [*document["paths"]] == [PATH]
    for field in document["components"]["schemas"]["FormReport"]["properties"]:
        assert f"<code>{field}</code>" in page.text
    for status in document["paths"][PATH]["post"]["responses"]:
        assert f">{status}<" in page.text
    assert (
        requests.get(f"{client.address}/api/style.css", timeout=LONG)
        .headers["Content-Type"]
        .startswith("text/css")
    )


BODIES = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["description", "title", "reporter", "address"]), inner, max_size=3
            )
        ),
        max_leaves=10,
    ).map(lambda said: json.dumps(said).encode()),
)
ODD = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30).map(
    str.strip
)


@given(
    body=BODIES,
    key=st.none() | ODD | st.just("one"),
    media_type=st.just("application/json") | ODD,
    forged=st.none() | ODD,
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_is_answered_as_the_document_says_and_never_with_a_fault(
    client: FormClient,
    body: bytes,
    key: str | None,
    media_type: str,
    forged: str | None,
) -> None:
    headers = client.headers(body) if forged is None else {HEADER: forged}
    headers["Content-Type"] = media_type
    if key is not None:
        headers["Idempotency-Key"] = key
    client.sent %= 200
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = requests.post(f"{client.address}{PATH}", data=body, headers=sent, timeout=LONG)
    assert answer.status_code in {201, 400, 401, 415, 422}
    assert (answer.status_code == 401) is (forged is not None) or answer.json()["type"].endswith("#replayed")
    document_of(client.address).validate_response(_AtDesk(answer.request), RequestsOpenAPIResponse(answer))


@cache
def document_of(address: str) -> OpenAPI:
    document = requests.get(f"{address}/api/openapi.json", timeout=LONG).json()
    reads: dict[str, Callable[[bytes], Any]] = {"application/problem+json": json.loads}
    return OpenAPI.from_dict(document, config=Config(extra_media_type_deserializers=reads))


class _AtDesk(RequestsOpenAPIRequest):
    """A request as if it went to the server that the document names."""

    @property
    def host_url(self) -> str:
        return "http://127.0.0.1:8080"
