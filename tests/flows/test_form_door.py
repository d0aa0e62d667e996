"""A report by form goes the way of one by mail, and what got its 201 is there once, whoever is killed."""

import base64
import json
import random
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.builders import FINDING, PIXEL, mail
from tests.rigs.desk import Desk
from tests.rigs.form import ADDRESS, KEYS, PATH, FormClient, report, written
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import Sandbox
from tests.rigs.waiting import wait_for

FILE = {"name": "scherm.png", "media_type": "image/png", "content": base64.b64encode(PIXEL).decode()}
PAUSE = 0.1


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    return number


@pytest.fixture
def form_desk(tmp_path: Path, sandbox: Sandbox, maildir: Maildir, port: int) -> Desk:
    door = {"FORM__SIGNING_KEYS": KEYS, "WEB__PORT": str(port), "MAILBOX__POLL_SECONDS": "1"}
    return Desk(tmp_path, sandbox, maildir.settings | door)


@pytest.fixture
def client(port: int) -> FormClient:
    return FormClient(f"http://127.0.0.1:{port}")


@contextmanager
def running(desk: Desk, client: FormClient) -> Iterator[subprocess.Popen[bytes]]:
    """Run the bot for the time of the block, once it answers."""
    bot = desk.start()
    try:
        assert wait_for(lambda: answers(client)), (desk.folder / "bot.log").read_text()
        yield bot
    finally:
        bot.terminate()
        bot.wait()


def answers(client: FormClient) -> bool:
    try:
        return requests.get(f"{client.address}/healthz", timeout=10).ok
    except requests.RequestException:
        return False


def stored(desk: Desk) -> int:
    """How many reports the inbox holds, as committed."""
    connection = sqlite3.connect(desk.folder / "meldpunt.db")
    try:
        return int(connection.execute("SELECT count(*) FROM inbox").fetchone()[0])
    finally:
        connection.close()


def insist(client: FormClient, body: bytes, key: str) -> dict[str, Any]:
    """Repeat a request with its key until it gets an answer, as a client does that hears none."""
    heard: list[requests.Response] = []

    def asked() -> bool:
        try:
            heard.append(client.post(body, Idempotency_Key=key))
        except requests.RequestException:
            time.sleep(PAUSE)
            return False
        return heard[-1].status_code < 500

    assert wait_for(asked)
    assert heard[-1].status_code == 201, heard[-1].text
    said: dict[str, Any] = heard[-1].json()
    return said


def alike(text: str) -> str:
    """A text without what differs between any two reports: reference, alias, marker, time, ids and a last line end."""
    for pattern in (
        r"CVD-\d+-\d+",
        r"reporter-[0-9a-f]+",
        r"meldpunt-[0-9a-f]+",
        r"\d\d:\d\d",
        r"/uploads/\w+",
        r"│ ?(?=\n```)",
    ):
        text = re.sub(pattern, "?", text)
    return text.replace("?\n?\n```", "?\n```")


def test_the_same_report_by_mail_and_by_form_gives_the_same_issue_dates_and_receipt(
    form_desk: Desk, maildir: Maildir, client: FormClient
) -> None:
    text = f"{FINDING}\nMet vriendelijke groet,\nJoris Bedacht\n"
    said = report(
        title="SQL-injectie in het zoekveld",
        description=text,
        reporter={"name": "Joris Bedacht", "address": ADDRESS},
        attachments=[FILE],
    )
    with running(form_desk, client):
        maildir.deliver(mail(text=text, files=(("scherm.png", "image/png", PIXEL),)))
        answer = client.post(said).json()
        assert wait_for(lambda: len(form_desk.sandbox.issues()) == len(form_desk.sandbox.mails()) == 2)
        assert wait_for(lambda: all(form_desk.sandbox.notes(each) for each in (1, 2)))
        assert wait_for(
            lambda: {each["status"] for each in form_desk.listing("report", "list")} == {"acknowledged"}
        )
    by_mail, by_form = sorted(
        form_desk.sandbox.issues(), key=lambda issue: answer["reference"] in issue["title"]
    )
    assert answer["reference"] in by_form["title"]
    for fact in ("title", "description"):
        assert alike(by_form[fact]) == alike(by_mail[fact])
    for fact in ("labels", "due_date", "confidential"):
        assert by_form[fact] == by_mail[fact]
    assert "suggested::critical" in by_form["labels"]
    assert by_form["due_date"] == answer["first_response_due_on"]
    notes = [form_desk.sandbox.notes(each["iid"])[0]["body"] for each in (by_mail, by_form)]
    assert alike(notes[0]) == alike(notes[1])
    for issue in (by_mail, by_form):
        assert not re.search("bedacht|joris", json.dumps(issue), re.IGNORECASE)
    (first, second) = form_desk.sandbox.mails()
    assert first["recipients"] == second["recipients"] == [ADDRESS]
    bodies = [alike(re.split(r"\r?\n\r?\n", each["raw"], maxsplit=1)[1]) for each in (first, second)]
    assert bodies[0] == bodies[1]
    assert "zoekveld" not in bodies[1]
    rows = form_desk.listing("report", "list")
    for fact in ("due_on", "language", "status", "severity"):
        assert len({str(row[fact]) for row in rows if fact in row}) == 1


def test_a_form_without_an_address_is_a_report_without_a_receipt(form_desk: Desk, client: FormClient) -> None:
    with running(form_desk, client):
        client.post(report(reporter={"language": "en"}))
        assert wait_for(form_desk.sandbox.issues)
    (issue,) = form_desk.sandbox.issues()
    assert "no receipt was sent: the form gives no address" in issue["description"].replace("\\", "")
    assert form_desk.sandbox.mails() == []


def test_text_of_a_form_never_acts_in_the_tracker(form_desk: Desk, client: FormClient) -> None:
    attack = "/close\n/label ~done\n@all ```\n/close"
    with running(form_desk, client):
        client.post(report(title=attack, description=attack, steps=attack, asset=attack, category=attack))
        assert wait_for(form_desk.sandbox.issues)
    (issue,) = form_desk.sandbox.issues()
    assert issue["state"] == "opened"
    assert form_desk.sandbox.effects() == []


def test_killed_before_its_client_heard_the_answer_a_report_is_there_once_and_the_repeat_is_told_which(
    form_desk: Desk, client: FormClient, port: int
) -> None:
    body = written(report(title="Lek nummer 1"))
    with running(form_desk, client) as bot:
        headers = client.headers(body, Idempotency_Key="one") | {
            "Host": "desk",
            "Content-Length": str(len(body)),
        }
        lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall("\r\n".join(lines).encode() + body)
            assert wait_for(lambda: stored(form_desk))
            bot.kill()
            bot.wait()
    with running(form_desk, client):
        answer = insist(client, body, "one")
        assert wait_for(form_desk.sandbox.issues)
    assert answer["reference"].endswith("-0001")
    assert form_desk.once()["exit"] == 0
    (issue,) = form_desk.sandbox.issues()
    assert answer["reference"] in issue["title"]


def test_killed_right_after_its_answer_a_report_is_there_once(form_desk: Desk, client: FormClient) -> None:
    body = written(report(title="Lek nummer 1"))
    with running(form_desk, client) as bot:
        answer = client.post(body, Idempotency_Key="one")
        bot.kill()
        bot.wait()
    assert answer.status_code == 201
    with running(form_desk, client):
        assert insist(client, body, "one") == answer.json()
    assert form_desk.once()["exit"] == 0
    (issue,) = form_desk.sandbox.issues()
    assert answer.json()["reference"] in issue["title"]


@pytest.mark.parametrize(
    ("reports", "kills"),
    [pytest.param(20, 5, id="5-kills"), pytest.param(150, 25, id="25-kills", marks=pytest.mark.long)],
)
def test_killed_at_random_moments_every_201_is_there_once(
    form_desk: Desk, client: FormClient, reports: int, kills: int
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    dice, told, done = random.Random(seed), dict[int, dict[str, Any]](), threading.Event()

    def hand_in() -> None:
        for number in range(reports):
            files = [FILE] if number % 3 == 0 else []
            who = {"address": f"melder{number}@example.org", "language": "nl"}
            body = written(report(title=f"Lek nummer {number:03}", reporter=who, attachments=files))
            told[number] = insist(client, body, f"report-{number}")
        done.set()

    clients = threading.Thread(target=hand_in)
    clients.start()
    for _ in range(kills):
        bot = form_desk.start()
        assert wait_for(lambda: answers(client))
        time.sleep(dice.uniform(0, 1.5))
        bot.send_signal(signal.SIGKILL)
        bot.wait()
    with running(form_desk, client):
        assert done.wait(120), f"seed {seed}"
    clients.join()
    last = form_desk.once()
    assert last["exit"] == 0, (seed, last)
    _check(form_desk, told, reports, f"seed {seed}")


def _check(desk: Desk, told: dict[int, dict[str, Any]], reports: int, seed: str) -> None:
    titles = Counter(issue["title"] for issue in desk.sandbox.issues())
    expected = {f"[{told[number]['reference']}] Lek nummer {number:03}": 1 for number in range(reports)}
    assert titles == expected, seed
    allotted = sorted(int(each["reference"].rpartition("-")[2]) for each in told.values())
    assert allotted == list(range(1, reports + 1)), seed
    receipts: dict[str, set[str]] = {}
    for receipt in desk.sandbox.mails():
        receipts.setdefault(receipt["recipients"][0], set()).add(receipt["message_id"])
    assert sorted(receipts) == sorted(f"melder{number}@example.org" for number in range(reports)), seed
    assert all(len(ids) == 1 for ids in receipts.values()), seed


def test_two_bots_on_one_database_give_one_answer_to_one_request(
    form_desk: Desk, client: FormClient, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        other_port = free.getsockname()[1]
    second_desk = Desk(
        tmp_path,
        form_desk.sandbox,
        {**form_desk.mailbox, "WEB__PORT": str(other_port)},
        secret_key=form_desk.secret_key,
        index_secret=form_desk.index_secret,
    )
    other = FormClient(f"http://127.0.0.1:{other_port}")
    with running(form_desk, client), running(second_desk, other):
        body = written(report(title="Lek nummer 1"))
        signed = client.headers(body, Idempotency_Key="one")
        answered = [each.send(body, signed) for each in (client, other, client)]
        assert {(each.status_code, each.content) for each in answered} == {(201, answered[0].content)}
        bare = client.headers(body)
        assert [each.send(body, bare).status_code for each in (client, other, client)] == [201, 401, 401]
