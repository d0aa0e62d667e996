"""Old mail is taken over: with its real time, without receipts, and each only once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.builders import mail
from tests.rigs.desk import Desk
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import Sandbox
from tests.rigs.waiting import wait_for

FROM = b"From joris@example.org Mon Mar  4 09:00:00 2024\n"


def old_mail(number: int, received: str = "Fri, 27 Mar 2026 18:00:00 +0100") -> bytes:
    stamp = (
        f"Received: from out.example.org by mx1.example.nl with ESMTPS id {number}; {received}\r\n".encode()
    )
    later = b"Received: from mx1.example.nl by store.example.nl; Wed, 01 Apr 2026 10:00:00 +0200\r\n"
    return later + stamp + mail(message_id=f"<oud-{number}@example.org>", subject=f"Oud lek {number:04}")


def mbox(*mails: bytes) -> bytes:
    return b"".join(FROM + each.replace(b"\r\n", b"\n") + b"\n" for each in mails)


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox, maildir: Maildir) -> Desk:
    return Desk(tmp_path, sandbox, {**maildir.settings, "MAILBOX__OWN_HOSTS": "mx1.example.nl"})


def imported(desk: Desk, *words: str | Path) -> dict[str, Any]:
    done = desk.command("import", *map(str, words), "--json")
    assert done.stdout, done.stderr
    return {**json.loads(done.stdout), "exit": done.returncode}


def test_an_mbox_of_old_mail_becomes_issues_with_the_dates_of_then_and_no_receipts(
    tmp_path: Path, desk: Desk
) -> None:
    path = tmp_path / "old.mbox"
    path.write_bytes(
        mbox(old_mail(1), old_mail(2, "Thu, 24 Dec 2020 10:00:00 +0100"), b"Subject: bare\n\nx\n")
    )
    done = imported(desk, path, "--no-receipt")
    assert done == {"taken": 3, "known": 0, "unreadable": 0, "not_imported": [], "exit": 0}
    assert desk.sandbox.issues() == []
    assert desk.once()["exit"] == 0
    reports = desk.listing("report", "list")
    assert sorted((report["ref"], report["due_on"]) for report in reports) == [
        ("CVD-2020-0001", "2020-12-29"),
        ("CVD-2024-0001", "2024-03-06"),
        ("CVD-2026-0001", "2026-03-31"),
    ]
    assert all(report["status"] == "acknowledged" for report in reports)
    issues = desk.sandbox.issues()
    assert sorted(issue["due_date"] for issue in issues) == sorted(report["due_on"] for report in reports)
    assert all("imported without receipts" in issue["description"] for issue in issues[:2])
    assert desk.sandbox.mails() == []
    again = imported(desk, path, "--no-receipt")
    assert (again["taken"], again["known"]) == (0, 3)
    assert desk.once()["filed"] == 0
    assert len(desk.sandbox.issues()) == 3


def test_mail_that_also_stands_in_the_mailbox_is_the_same_mail(
    tmp_path: Path, desk: Desk, maildir: Maildir
) -> None:
    maildir.deliver(old_mail(1))
    desk.once()
    (tmp_path / "old.mbox").write_bytes(mbox(old_mail(1), old_mail(2)))
    (tmp_path / "two.eml").write_bytes(old_mail(2))
    assert imported(desk, tmp_path / "old.mbox", "--no-receipt")["taken"] == 2
    assert imported(desk, tmp_path / "two.eml", "--no-receipt")["exit"] == 0
    maildir.deliver(old_mail(2).replace(b"\r\n", b"\n"))
    assert desk.once()["exit"] == 0
    assert sorted(issue["title"].partition("] ")[2] for issue in desk.sandbox.issues()) == [
        "Oud lek 0001",
        "Oud lek 0002",
    ]
    assert len(desk.sandbox.mails()) == 1


def test_a_person_is_asked_before_old_mail_is_answered(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "old.mbox").write_bytes(mbox(old_mail(1), old_mail(2)))
    asked = desk.command("import", "old.mbox")
    assert asked.returncode == 1
    assert "2 of these mails came in more than 2 days ago. Send a receipt to each sender?" in asked.stderr
    assert desk.listing("inbox", "list") == []
    told = desk.command("import", "old.mbox", "--yes")
    assert (told.returncode, told.stdout.splitlines()) == (
        0,
        [
            "2 taken, 0 known already, 0 not imported",
            "`meldpunt run` or `meldpunt once` makes reports of what was taken",
        ],
    )
    assert desk.command("import", "old.mbox").returncode == 0
    desk.once()
    assert len(desk.sandbox.mails()) == 2


def test_what_is_not_imported_is_named_without_its_name_acting_and_the_rest_goes_on(
    tmp_path: Path, desk: Desk
) -> None:
    folder = tmp_path / "old"
    (folder / "Maildir" / "new").mkdir(parents=True)
    (folder / "Maildir" / "cur").mkdir()
    (folder / "Maildir" / "new" / "1.x").write_bytes(old_mail(1))
    (folder / "b.eml").write_bytes(old_mail(2))
    (folder / os.fsdecode(b"\x1b[31m\xff\n.png")).write_bytes(b"\x89PNG")
    (folder / "link.eml").symlink_to("b.eml")
    done = desk.command("import", "old", "--no-receipt")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "2 taken, 0 known already, 2 not imported",
        f"  {folder}/\\x1b[31m\\udcff\\n.png: is no mail",
        f"  {folder}/link.eml: is a symbolic link, and those are not followed",
        "`meldpunt run` or `meldpunt once` makes reports of what was taken",
    ]
    assert desk.command("import", "nowhere").returncode == 1


@pytest.mark.parametrize(
    "kills", [pytest.param(3, id="3-kills"), pytest.param(20, id="20-kills", marks=pytest.mark.long)]
)
def test_killed_in_the_middle_and_begun_again_it_is_complete_and_nothing_is_doubled(
    tmp_path: Path, desk: Desk, kills: int
) -> None:
    count = 1500
    (tmp_path / "old.mbox").write_bytes(mbox(*map(old_mail, range(count))))
    dice = random.Random(kills)
    for _ in range(kills):
        _kill_midway(desk, dice.uniform(0, 0.05))
    done = imported(desk, "old.mbox", "--no-receipt")
    assert (done["taken"] + done["known"], done["exit"]) == (count, 0)
    assert done["known"] > 0
    rows = desk.listing("inbox", "list")
    assert len({row["uid"] for row in rows}) == len(rows) == count


def _kill_midway(desk: Desk, pause: float) -> None:
    """Begin an import and kill it when it has stored something more."""
    before = stored(desk)
    command = [sys.executable, "-m", "bot", "import", "old.mbox", "--no-receipt"]
    with subprocess.Popen(command, cwd=desk.folder, env=desk.env, stdout=subprocess.DEVNULL) as process:

        def is_midway() -> bool:
            return stored(desk) > before or process.poll() is not None

        assert wait_for(is_midway)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)


def stored(desk: Desk) -> int:
    """Count what is in the inbox, without a bot."""
    import sqlite3  # noqa: PLC0415 - the one place that looks under the store

    path = desk.folder / "meldpunt.db"
    if not path.exists():
        return 0
    line = sqlite3.connect(path)
    try:
        return int(line.execute("select count(*) from inbox").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        line.close()
