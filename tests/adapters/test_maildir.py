"""What is a Maildir's own; what it shares with IMAP is in contract/test_mailbox.py."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.adapters.maildir import MaildirMailbox
from bot.domain.inbox import Arrival, Origin
from bot.errors import TransientError

MAIL = b"From: robin@example.org\nSubject: one\n\nHello\n"


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for box in ("tmp", "new", "cur"):
        (tmp_path / "Maildir" / box).mkdir(parents=True)
    return tmp_path / "Maildir"


def take_all(mailbox: MaildirMailbox) -> list[Arrival]:
    """Fetch and mark everything, as a bot with an empty store does."""
    arrivals: list[Arrival] = []
    for batch in mailbox.fetch(lambda origins: origins):
        mailbox.mark_taken([arrival.origin for arrival in batch])
        arrivals += batch
    return arrivals


def trapping(trap: Path) -> Callable[[Sequence[Origin]], Sequence[Origin]]:
    """Put a link in the place of a file after it was listed: it cannot be read then, not even by root."""

    def unknown(origins: Sequence[Origin]) -> Sequence[Origin]:
        trap.unlink()
        trap.symlink_to("/dev/null")
        return origins

    return unknown


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_unique_part_of_the_name_is_the_uid(maildir: Path) -> None:
    (maildir / "new" / "1767225600.M1P2.example,S=44").write_bytes(MAIL)
    (maildir / "cur" / "1767225601.M1P2.example:2,RS").write_bytes(MAIL)

    origins = [arrival.origin for arrival in take_all(MaildirMailbox(maildir, folders=["INBOX"]))]

    name = f"maildir:{maildir}"
    assert origins == [
        Origin(name, "INBOX", 0, "1767225600.M1P2.example,S=44"),
        Origin(name, "INBOX", 0, "1767225601.M1P2.example"),
    ]


def test_a_name_that_is_not_even_text_stops_nothing(maildir: Path) -> None:
    for name in (b"1.example", b"2.caf\xe9.example", b"3.example"):
        (Path(os.fsdecode(os.fsencode(maildir / "new") + b"/" + name))).write_bytes(MAIL)
    mailbox = MaildirMailbox(maildir, folders=["INBOX"])
    origins = [arrival.origin for arrival in take_all(mailbox)]
    assert sorted(origin.uid for origin in origins) == ["1.example", r"2.caf\udce9.example", "3.example"]
    mailbox.mark_taken(origins)
    assert [os.fsencode(name) for name in names(maildir / "cur")][1] == b"2.caf\xe9.example:2,S"
    assert take_all(mailbox) == []


def test_a_taken_mail_lies_in_cur_as_seen(maildir: Path) -> None:
    (maildir / "new" / "1.example").write_bytes(MAIL)

    take_all(MaildirMailbox(maildir, folders=["INBOX"]))

    assert names(maildir / "new") == []
    assert names(maildir / "cur") == ["1.example:2,S"]


def test_a_moved_mail_keeps_its_flags_in_a_folder_that_mail_programs_know(maildir: Path) -> None:
    (maildir / "cur" / "1.example:2,FR").write_bytes(MAIL)

    take_all(MaildirMailbox(maildir, folders=["INBOX"], taken="move", taken_folder="Done/2026"))

    assert names(maildir / ".Done.2026") == ["cur", "maildirfolder", "new", "tmp"]
    assert names(maildir / ".Done.2026" / "cur") == ["1.example:2,FRS"]


def test_half_written_hidden_and_strange_files_are_left_alone(maildir: Path) -> None:
    (maildir / "secret").write_bytes(b"not for the desk")
    (maildir / "tmp" / "1.example").write_bytes(MAIL)
    (maildir / "new" / ".2.example").write_bytes(MAIL)
    (maildir / "new" / "3.example").symlink_to(maildir / "secret")
    (maildir / "new" / "4.example").mkdir()
    os.mkfifo(maildir / "new" / "5.example")

    assert take_all(MaildirMailbox(maildir, folders=["INBOX"])) == []
    assert names(maildir / "new") == [".2.example", "3.example", "4.example", "5.example"]


def test_a_link_that_takes_the_place_of_a_file_meanwhile_is_not_followed(maildir: Path) -> None:
    (maildir / "secret").write_bytes(b"not for the desk")
    trap = maildir / "new" / "1.example"
    trap.write_bytes(MAIL)

    with pytest.raises(TransientError, match="1 mail in INBOX cannot be read"):
        list(MaildirMailbox(maildir, folders=["INBOX"]).fetch(trapping(trap)))


def test_a_mail_that_cannot_be_read_stops_no_other_and_is_told_until_it_can_be(maildir: Path) -> None:
    trap = maildir / "new" / "2.example"
    for number in (1, 2, 3):
        (maildir / "new" / f"{number}.example").write_bytes(MAIL)
    mailbox = MaildirMailbox(maildir, folders=["INBOX"])
    told = r"1 mail in INBOX cannot be read \(file 2.example\); give the bot's user the right to read it"
    with capture_logs() as logs:
        batches = mailbox.fetch(trapping(trap))
        origins = [arrival.origin for arrival in next(batches)]
        mailbox.mark_taken(origins)
        with pytest.raises(TransientError, match=told):
            next(batches)
        trap.unlink()
        trap.write_bytes(MAIL)
        with pytest.raises(TransientError, match=told):
            next(mailbox.fetch(trapping(trap)))
        trap.unlink()
        trap.write_bytes(MAIL)

    assert [origin.uid for origin in origins] == ["1.example", "3.example"]
    assert [(line["event"], line["uid"]) for line in logs] == [("mail-unreadable", "2.example")]
    assert [arrival.origin.uid for arrival in take_all(mailbox)] == ["2.example"]


def test_a_mail_that_a_person_opens_between_fetch_and_mark_is_marked_where_it_is(maildir: Path) -> None:
    (maildir / "new" / "1.example").write_bytes(MAIL)
    mailbox = MaildirMailbox(maildir, folders=["INBOX"], taken="move")
    ((arrival,),) = mailbox.fetch(lambda origins: origins)
    (maildir / "new" / "1.example").rename(maildir / "cur" / "1.example:2,S")

    mailbox.mark_taken([arrival.origin])

    assert names(maildir / "cur") == []
    assert names(maildir / ".Taken" / "cur") == ["1.example:2,S"]


def test_after_a_restart_what_the_store_knows_is_asked_about_once(maildir: Path) -> None:
    (maildir / "cur" / "1.example:2,S").write_bytes(MAIL)
    mailbox = MaildirMailbox(maildir, folders=["INBOX"])
    asked: list[Origin] = []

    def unknown(origins: Sequence[Origin]) -> Sequence[Origin]:
        asked.extend(origins)
        return []

    assert list(mailbox.fetch(unknown)) == []
    assert list(mailbox.fetch(unknown)) == []
    assert [origin.uid for origin in asked] == ["1.example"]


def test_a_path_that_is_no_maildir_is_said_plainly(tmp_path: Path) -> None:
    mailbox = MaildirMailbox(tmp_path / "nowhere", folders=["INBOX"])

    (problem,) = mailbox.check()

    assert "there is no Maildir" in problem
    assert "MELDPUNT_MAILBOX__PATH" in problem
    with pytest.raises(TransientError, match="there is no Maildir"):
        take_all(mailbox)


def test_a_missing_folder_is_logged_once_until_it_was_there(maildir: Path) -> None:
    mailbox = MaildirMailbox(maildir, folders=["INBOX", "Reports"])
    with capture_logs() as logs:
        take_all(mailbox)
        take_all(mailbox)
    assert [(line["event"], line["folder"]) for line in logs] == [("folder-missing", "Reports")]

    for box in ("new", "cur"):
        (maildir / ".Reports" / box).mkdir(parents=True)
    (maildir / ".Reports" / "new" / "1.example").write_bytes(MAIL)

    assert len(take_all(mailbox)) == 1


def test_a_junk_folder_that_nobody_made_is_no_problem_and_is_read_once_it_is_there(maildir: Path) -> None:
    mailbox = MaildirMailbox(maildir, folders=["INBOX", "Junk"])
    with capture_logs() as logs:
        assert (list(take_all(mailbox)), list(mailbox.check()), logs) == ([], [], [])
    for box in ("new", "cur", "tmp"):
        (maildir / ".Junk" / box).mkdir(parents=True)
    (maildir / ".Junk" / "new" / "1.example").write_bytes(MAIL)
    assert len(take_all(mailbox)) == 1
