"""What goes wrong outside is said plainly, tried again, and loses or doubles nothing."""

import re
from pathlib import Path

import pytest

from tests.builders import PIXEL, mail
from tests.rigs.desk import Desk
from tests.rigs.maildir import Maildir

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
