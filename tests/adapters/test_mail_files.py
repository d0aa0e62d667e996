"""Mail in files: what is read of them, as which mails, and what is passed over."""

import hashlib
import mailbox
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.mail_files import LocalMailFiles
from bot.domain.fingerprint import fingerprint
from bot.domain.imported import FoundMail, NotImported
from bot.domain.inbox import Arrival, Origin
from bot.errors import PermanentError
from tests.builders import mail

LIMIT = 50 * 1024 * 1024
FROM = b"From joris@example.org Mon Mar  4 09:00:00 2024\n"
BARE = b"Subject: een\n\n"


def read(path: Path, max_size: int = LIMIT) -> list[FoundMail | NotImported]:
    return list(LocalMailFiles(path, max_size=max_size).fetch())


def mails(path: Path, max_size: int = LIMIT) -> list[FoundMail]:
    return [each for each in read(path, max_size) if isinstance(each, FoundMail)]


def passed_over(path: Path) -> dict[str, str]:
    missed = [each for each in read(path) if isinstance(each, NotImported)]
    return {each.place.rpartition("/")[2]: each.reason for each in missed}


def raws(folder: Path, mbox: bytes) -> list[bytes]:
    (folder / "mbox").write_bytes(mbox)
    return [each.raw for each in mails(folder / "mbox")]


def test_a_file_is_one_mail_with_its_bytes_its_digest_and_its_time(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(mail())
    os.utime(path, (1_709_542_800, 1_709_542_800))
    digest = hashlib.sha256(mail()).hexdigest()
    at = datetime(2024, 3, 4, 9, tzinfo=UTC)
    assert read(path) == [FoundMail(str(path), mail(), len(mail()), digest, at, len(mail()))]
    assert LocalMailFiles(path, max_size=LIMIT).measure() == len(mail())


@pytest.mark.parametrize(
    ("mbox", "found"),
    [
        (FROM + BARE + b"x\n", [BARE + b"x\n"]),
        (FROM + BARE + b"x\n\n", [BARE + b"x\n"]),
        (FROM + BARE + b"x\n\n" + FROM + BARE + b"y\n\n", [BARE + b"x\n", BARE + b"y\n"]),
        (FROM + BARE + b"x\n\n\n" + FROM + BARE, [BARE + b"x\n\n", BARE[:-1]]),
        (FROM + BARE + b">From a\n>>From b\n>Fromage\n> From\n", [BARE + b"From a\n>From b\n>Fromage\n> From\n"]),
        (FROM + BARE + b"\nFrom here on it goes wrong\n", [BARE + b"\nFrom here on it goes wrong\n"]),
        (FROM + BARE + b"text\n" + FROM + b"x\n", [BARE + b"text\n" + FROM + b"x\n"]),
        (b"From - Mon Mar 04 09:00:00 2024\r\nSubject: a\r\n\r\nx\r\n\r\n", [b"Subject: a\r\n\r\nx\r\n"]),
        (
            b"From 17@x Mon Mar 04 09:00:00 +0000 2024\n" + BARE + b"x\n\nFrom ? Mon Mar  4 09:00 2024\n" + BARE,
            [BARE + b"x\n", BARE[:-1]],
        ),
        (b"From who knows when\n" + BARE, [BARE[:-1]]),
        (FROM, [b""]),
    ],
)  # fmt: skip
def test_an_mbox_is_cut_into_its_mails_and_unquoted(tmp_path: Path, mbox: bytes, found: list[bytes]) -> None:
    assert raws(tmp_path, mbox) == found


@pytest.mark.parametrize(
    "line", [FROM, b"From - Mon Mar 04 09:00:00 2024\n", b"From x@y.z Mon Mar 04 09:00:00 +0000 2024\n"]
)
def test_a_mail_in_an_mbox_has_the_time_of_its_first_line(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "mbox").write_bytes(line + BARE)
    assert [each.kept_at for each in mails(tmp_path / "mbox")] == [datetime(2024, 3, 4, 9, tzinfo=UTC)]


def test_a_mail_whose_first_line_has_no_time_has_that_of_the_mbox(tmp_path: Path) -> None:
    (tmp_path / "mbox").write_bytes(b"From somebody\n" + BARE)
    os.utime(tmp_path / "mbox", (1_709_542_800, 1_709_542_800))
    assert [each.kept_at for each in mails(tmp_path / "mbox")] == [datetime(2024, 3, 4, 9, tzinfo=UTC)]


def test_what_the_standard_library_writes_is_read_back_as_the_same_mails(tmp_path: Path) -> None:
    written = [
        mail(message_id=f"<{n}@example.org>", text=f"Lek {n}\n\nFrom hier gaat het mis\n") for n in range(5)
    ]
    box = mailbox.mbox(tmp_path / "mbox")
    for each in written:
        box.add(each)
    box.close()
    assert [known(each.raw) for each in mails(tmp_path / "mbox")] == [known(each) for each in written]


def known(raw: bytes) -> str | None:
    return fingerprint(Arrival(Origin("x", "x", 0, "1"), raw, len(raw), datetime(2026, 11, 23, tzinfo=UTC)))


TEXTS = st.lists(
    st.sampled_from([b"From ", b"\n", b">", b"x", b"\r\n", b"2024 10:00", b" "]), max_size=40
).map(b"".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_what_is_quoted_as_an_mbox_wants_it_comes_back_whatever_it_says(
    tmp_path: Path, texts: list[bytes]
) -> None:
    whole = [BARE + text + b"\n" for text in texts]
    quoted = [re.sub(rb"(?m)^(>*From )", rb">\1", each) for each in whole]
    assert raws(tmp_path, b"".join(FROM + each + b"\n" for each in quoted)) == whole


def test_of_a_mail_over_the_limit_the_beginning_is_read_with_its_true_size_and_digest(tmp_path: Path) -> None:
    text = b"x" * 150_000
    (tmp_path / "a.eml").write_bytes(BARE + text)
    (tmp_path / "b.mbox").write_bytes(FROM + BARE + text + b"\n\n" + FROM + BARE + b"y\n")
    single, first, second = mails(tmp_path, 4096)
    assert (single.raw, single.size) == ((BARE + text)[:4096], len(BARE) + 150_000)
    assert (first.raw, first.size) == (single.raw, len(BARE) + 150_001)
    assert single.digest == hashlib.sha256(BARE + text).hexdigest()
    assert second.raw == BARE + b"y\n"


def test_folders_are_read_to_their_depth_and_a_maildir_as_one(tmp_path: Path) -> None:
    for name in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new", ".Sent/tmp"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    for name in (
        "Maildir/new/1.x",
        "Maildir/cur/2.x:2,S",
        "Maildir/.Sent/cur/3.x:2,S",
        "deep/er/4.eml",
        "0.eml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(BARE + name.encode())
    for name in (
        "Maildir/dovecot-uidlist",
        "Maildir/tmp/5.x",
        "Maildir/cur/.hidden",
        "Maildir/.Sent/maildirfolder",
    ):
        (tmp_path / name).write_bytes(b"no mail")
    assert [each.place.removeprefix(f"{tmp_path}/") for each in mails(tmp_path)] == [
        "0.eml",
        "Maildir/.Sent/cur/3.x:2,S",
        "Maildir/cur/2.x:2,S",
        "Maildir/new/1.x",
        "deep/er/4.eml",
    ]
    assert passed_over(tmp_path) == {}


def test_links_pipes_and_what_may_not_be_read_are_passed_over_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "link.eml").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "good.eml").write_bytes(BARE)
    assert [each.raw for each in mails(tmp_path)] == [BARE]
    assert passed_over(tmp_path) == {
        "link.eml": "is a symbolic link, and those are not followed",
        "linked": "is a symbolic link, and those are not followed",
        "pipe": "is no regular file",
    }
    assert passed_over(tmp_path / "pipe") == {"pipe": "is no regular file"}


def test_a_file_that_goes_or_is_shut_while_others_are_read_is_named_and_stops_none(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(BARE)
    reading = LocalMailFiles(tmp_path, max_size=LIMIT).fetch()
    first = next(reading)
    (tmp_path / "b").unlink()
    rest = list(reading)
    assert isinstance(first, FoundMail)
    assert [type(each) for each in rest] == [NotImported, FoundMail]
    assert isinstance(rest[0], NotImported)
    assert rest[0].reason == "cannot be read (No such file or directory)"


def test_the_file_that_was_named_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(BARE)
    (tmp_path / "link").symlink_to("a.eml")
    assert [each.raw for each in mails(tmp_path / "link")] == [BARE]


def test_nothing_at_all_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no such file or folder"):
        LocalMailFiles(tmp_path / "nowhere", max_size=LIMIT)
