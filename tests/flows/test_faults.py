"""What goes wrong outside is said plainly, tried again, and loses or doubles nothing."""

import re
from pathlib import Path

import pytest

from tests.builders import FINDING, PIXEL, mail
from tests.rigs.desk import Desk
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import Sandbox
from tests.rigs.waiting import wait_for

ISSUES = "/issues$"
FILES = (("scherm.png", "image/png", PIXEL), ("log.txt", "text/plain", b"GET / HTTP/1.1\n"))


@pytest.mark.parametrize("pattern", [ISSUES, "/notes$", "/uploads$"])
def test_an_answer_that_is_lost_after_the_commit_doubles_nothing(
    desk: Desk, maildir: Maildir, pattern: str
) -> None:
    desk.sandbox.fault(method="POST", path=pattern, kind="reply_lost_after_commit", count=1)
    maildir.deliver(mail(files=FILES))
    assert desk.once()["exit"] == 0
    (issue,) = desk.sandbox.issues()
    (note,) = desk.sandbox.notes(issue["iid"])
    assert len(set(re.findall(r"/uploads/\w+/CVD-\d+-\d+-\d+\.\w+", note["body"]))) == 2


def test_a_tracker_that_is_away_postpones_and_the_next_round_brings_it(desk: Desk, maildir: Maildir) -> None:
    desk.sandbox.fault(method="POST", path=ISSUES, kind="status", status=429, retry_after="1", count=1)
    maildir.deliver(mail())
    first = desk.once()
    assert first["exit"] == 1
    assert first["waiting"] == 1
    assert len(desk.sandbox.mails()) == 1
    for row in desk.listing("outbox", "list", "--open"):
        assert desk.command("outbox", "retry", str(row["number"])).returncode == 0
    assert desk.once()["exit"] == 0
    assert len(desk.sandbox.issues()) == 1


@pytest.mark.parametrize("kind", ["drop", "html_200"])
def test_an_odd_answer_ends_in_exactly_one_issue(desk: Desk, maildir: Maildir, kind: str) -> None:
    desk.sandbox.fault(method="POST", path=ISSUES, kind=kind, count=1)
    maildir.deliver(mail())
    desk.once()
    for row in desk.listing("outbox", "list", "--open"):
        desk.command("outbox", "retry", str(row["number"]))
    assert desk.once()["exit"] == 0
    assert len(desk.sandbox.issues()) == 1


def test_a_receipt_that_is_refused_for_good_is_held_and_the_team_is_told_in_the_issue(
    desk: Desk, maildir: Maildir
) -> None:
    desk.sandbox.fault(protocol="smtp", kind="status", status=550, count=1)
    maildir.deliver(mail())
    result = desk.once()
    assert (result["exit"], result["held"]) == (1, 1)
    (issue,) = desk.sandbox.issues()
    (note,) = desk.sandbox.notes(issue["iid"])
    assert "could not be delivered" in note["body"]
    assert "bedacht" not in note["body"]
    (held,) = desk.listing("outbox", "list", "--open")
    assert desk.command("outbox", "drop", str(held["number"]), "--yes").returncode == 0
    assert desk.once()["exit"] == 0


def test_a_mail_over_the_size_limit_is_a_report_with_what_could_be_read(
    tmp_path: Path, desk: Desk, maildir: Maildir
) -> None:
    small = Desk(tmp_path, desk.sandbox, {**maildir.settings, "MAILBOX__MAX_SIZE": "4096"})
    maildir.deliver(mail(files=(("groot.bin", "application/octet-stream", b"x" * 2_000_000),)))
    assert small.once()["exit"] == 0
    (issue,) = desk.sandbox.issues()
    assert "over the limit" in issue["description"]
    assert "SQL" in issue["description"]


def test_rubbish_in_the_mailbox_is_filed_and_the_next_mail_goes_on(desk: Desk, maildir: Maildir) -> None:
    for raw in (
        b"",
        b"\x00\xff\xfe" * 1000,
        b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n" * 5000,
    ):
        maildir.deliver(raw)
    maildir.deliver(mail())
    result = desk.once()
    assert result["taken"] == result["filed"] == 4
    assert len(desk.sandbox.issues()) == 4
    assert len(desk.sandbox.mails()) == 1


def test_a_call_cut_short_by_a_kill_is_not_made_again_while_the_tracker_is_still_at_work_on_it(
    tmp_path: Path, sandbox: Sandbox, maildir: Maildir
) -> None:
    desk = Desk(tmp_path, sandbox, {**maildir.settings, "TRACKERS__MAIN__SETTLE_SECONDS": "6"})
    sandbox.fault(method="POST", path=ISSUES, kind="delay_ms", milliseconds=4000, count=1)
    maildir.deliver(mail())
    bot = desk.start()
    try:
        assert wait_for(lambda: sandbox.requests("POST"))
    finally:
        bot.kill()
        bot.wait()
    assert desk.once()["exit"] == 0
    assert len(sandbox.issues()) == 1
    assert len(sandbox.mails()) == 1


def test_a_tracker_that_hangs_keeps_no_receipt_waiting(desk: Desk, maildir: Maildir) -> None:
    desk.sandbox.fault(method="POST", path=ISSUES, kind="delay_ms", milliseconds=3000, count=8)
    for number in range(8):
        maildir.deliver(mail(message_id=f"<{number}@example.org>", text=f"{FINDING}{number}"))
    bot = desk.start()
    try:
        assert wait_for(lambda: len(desk.sandbox.mails()) == 8)
        assert len(desk.sandbox.issues()) < 8
    finally:
        bot.terminate()
        bot.wait()


def test_a_refused_attachment_that_is_tried_again_is_linked_too(desk: Desk, maildir: Maildir) -> None:
    desk.sandbox.fault(method="POST", path="/uploads$", kind="status", status=413, count=1)
    maildir.deliver(mail(files=FILES))
    assert desk.once()["held"] == 1
    (held,) = desk.listing("outbox", "list", "--open")
    assert desk.command("outbox", "retry", str(held["number"])).returncode == 0
    assert desk.once()["exit"] == 0
    (issue,) = desk.sandbox.issues()
    notes = "".join(note["body"] for note in desk.sandbox.notes(issue["iid"]))
    assert sorted(re.findall(r"/uploads/\w+/CVD-\d+-\d+-(\d+\.\w+)\)", notes)) == ["1.png", "2.txt"]


def test_an_outcome_that_stays_unknown_is_told_as_a_shut_door(desk: Desk, maildir: Maildir) -> None:
    desk.sandbox.fault(method="POST", path=ISSUES, kind="status", status=500, count=100)
    maildir.deliver(mail())
    result = desk.once()
    assert result["exit"] == 1
    assert "trouble (500)" in result["doors_shut"]["tracker main"]
    assert "door-shut" in result["log"]


def test_once_beside_a_living_bot_says_that_it_did_not_ask_the_mailbox(desk: Desk, maildir: Maildir) -> None:
    bot = desk.start()
    try:
        maildir.deliver(mail())
        assert wait_for(desk.sandbox.mails)
        result = desk.once()
    finally:
        bot.terminate()
        bot.wait()
    assert result["exit"] == 1
    assert "another bot" in result["doors_shut"]["mailbox"]
