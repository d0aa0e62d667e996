"""What every mailbox promises, told on a real Dovecot and on a Maildir."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

import pytest
from pydantic import SecretStr

from bot.adapters.imap import ImapMailbox
from bot.adapters.mail_server import MailServer
from bot.adapters.maildir import MaildirMailbox
from bot.domain.inbox import Arrival, Origin
from bot.errors import SettingsError
from bot.ports import Mailbox
from tests.rigs.dovecot import Dovecot
from tests.rigs.watching import watched

Taken = Literal["flag", "move"]
MEGABYTE = 1024 * 1024


class Place(Protocol):
    """Where mail lies, and a way to open a mailbox on it."""

    def open(
        self, *, folders: Sequence[str] = ("INBOX",), taken: Taken = "flag", max_size: int = MEGABYTE
    ) -> Mailbox:
        """Open a fresh mailbox, as a restarted bot does."""

    def deliver(self, raw: bytes, folder: str = "INBOX", *, received_at: datetime | None = None) -> Path:
        """Put a mail there."""

    def messages(self, folder: str) -> Sequence[bytes]:
        """What lies in a folder."""


class ImapPlace:
    def __init__(self, server: Dovecot) -> None:
        self.deliver, self.messages = server.deliver, server.messages
        self._server = server
        self._opened: list[Mailbox] = []

    def open(
        self, *, folders: Sequence[str] = ("INBOX",), taken: Taken = "flag", max_size: int = MEGABYTE
    ) -> Mailbox:
        password = SecretStr(self._server.password)
        door = MailServer("127.0.0.1", self._server.port, "none", self._server.username, password)
        self._opened.append(ImapMailbox(door, folders=folders, taken=taken, max_size=max_size))
        return self._opened[-1]

    def close(self) -> None:
        for mailbox in self._opened:
            mailbox.close()


class MaildirPlace:
    def __init__(self, path: Path) -> None:
        self._path = path
        for box in ("tmp", "new", "cur"):
            (path / box).mkdir(parents=True)
        self._count = 0

    def open(
        self, *, folders: Sequence[str] = ("INBOX",), taken: Taken = "flag", max_size: int = MEGABYTE
    ) -> Mailbox:
        return MaildirMailbox(self._path, folders=folders, taken=taken, max_size=max_size)

    def deliver(self, raw: bytes, folder: str = "INBOX", *, received_at: datetime | None = None) -> Path:
        home = self._home(folder)
        for box in ("tmp", "new", "cur"):
            (home / box).mkdir(parents=True, exist_ok=True)
        self._count += 1
        path = home / "new" / f"1767225600.{self._count:06d}.example"
        path.write_bytes(raw)
        if received_at is not None:
            os.utime(path, (received_at.timestamp(), received_at.timestamp()))
        return path

    def messages(self, folder: str) -> Sequence[bytes]:
        home = self._home(folder)
        return [path.read_bytes() for box in ("new", "cur") for path in sorted((home / box).glob("*"))]

    def _home(self, folder: str) -> Path:
        return self._path if folder == "INBOX" else self._path / f".{folder}"


@pytest.fixture(params=["maildir", pytest.param("imap", marks=pytest.mark.needs_dovecot)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "maildir":
        yield MaildirPlace(tmp_path / "Maildir")
        return
    imap = ImapPlace(request.getfixturevalue("dovecot"))
    yield imap
    imap.close()


class Ledger:
    """What the store knows: `asked` is every origin that a mailbox has asked about."""

    def __init__(self) -> None:
        self.known: set[Origin] = set()
        self.asked: list[Origin] = []

    def unknown(self, origins: Sequence[Origin]) -> Collection[Origin]:
        self.asked += origins
        return [origin for origin in origins if origin not in self.known]

    def poll(self, mailbox: Mailbox, *, mark: bool = True) -> list[Arrival]:
        """Take in what is new as the intake does: store a batch, then mark it."""
        taken: list[Arrival] = []
        for batch in mailbox.fetch(self.unknown):
            taken += batch
            self.known |= {arrival.origin for arrival in batch}
            if mark:
                mailbox.mark_taken([arrival.origin for arrival in batch])
        return taken


def mail(subject: str, body: str = "Hello") -> bytes:
    return f"From: Robin Voorbeeld <robin@example.org>\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


def subjects(arrivals: Sequence[Arrival]) -> list[str]:
    return sorted(arrival.raw.split(b"Subject: ")[1].split(b"\r\n")[0].decode() for arrival in arrivals)


def test_a_new_mail_comes_with_its_bytes_its_size_and_the_time_it_was_received(place: Place) -> None:
    received_at = datetime(2026, 3, 6, 16, 59, 58, tzinfo=UTC)
    place.deliver(mail("XSS in the shop"), received_at=received_at)

    (arrival,) = Ledger().poll(place.open())

    assert arrival.raw == mail("XSS in the shop")
    assert arrival.size == len(mail("XSS in the shop"))
    assert not arrival.truncated
    assert arrival.received_at == received_at
    assert arrival.received_at.tzinfo is UTC


@pytest.mark.parametrize(
    "body", ["", ".\r\n..\r\n.", "ë€ \U0001f600", "\x01\x1b[31m\x7f", "a" * 70_000, "* 1 FETCH )\r\n"]
)
def test_odd_bodies_come_as_they_are(place: Place, body: str) -> None:
    place.deliver(mail("odd", body))
    place.deliver(mail("next"))

    arrivals = Ledger().poll(place.open())

    assert sorted(arrival.raw for arrival in arrivals) == sorted([mail("odd", body), mail("next")])


def test_an_origin_tells_mailbox_and_folder_and_differs_for_each_mail(place: Place) -> None:
    place.deliver(mail("one"))
    place.deliver(mail("two"))
    mailbox = place.open()

    first, second = Ledger().poll(mailbox)

    assert first.origin != second.origin
    assert {first.origin.mailbox, second.origin.mailbox} == {mailbox.name}
    assert first.origin.folder == "INBOX"


def test_an_empty_mailbox_yields_nothing_and_asks_nothing(place: Place) -> None:
    ledger = Ledger()

    assert ledger.poll(place.open()) == []
    assert ledger.asked == []


def test_fetching_alone_marks_nothing(place: Place) -> None:
    place.deliver(mail("one"))

    assert len(Ledger().poll(place.open(), mark=False)) == 1
    assert len(Ledger().poll(place.open())) == 1


@pytest.mark.parametrize("taken", ["flag", "move"])
def test_what_is_marked_is_never_asked_about_again(place: Place, taken: Taken) -> None:
    place.deliver(mail("one"))
    mailbox, ledger = place.open(taken=taken), Ledger()
    ledger.poll(mailbox)
    place.deliver(mail("two"))
    ledger.asked.clear()

    assert subjects(ledger.poll(mailbox)) == ["two"]
    assert len(ledger.asked) == 1


@pytest.mark.parametrize("taken", ["flag", "move"])
def test_a_mail_stored_before_a_crash_is_not_fetched_again_and_gets_its_mark(
    place: Place, taken: Taken
) -> None:
    place.deliver(mail("one"))
    ledger = Ledger()
    ledger.poll(place.open(taken=taken), mark=False)

    assert ledger.poll(place.open(taken=taken)) == []
    mailbox = place.open(taken=taken)
    ledger.poll(mailbox)
    ledger.asked.clear()
    assert ledger.poll(mailbox) == []
    assert ledger.asked == []


@pytest.mark.parametrize("taken", ["flag", "move"])
def test_marking_twice_is_harmless(place: Place, taken: Taken) -> None:
    place.deliver(mail("one"))
    mailbox, ledger = place.open(taken=taken), Ledger()
    (arrival,) = ledger.poll(mailbox)

    mailbox.mark_taken([arrival.origin])
    place.open(taken=taken).mark_taken([arrival.origin])

    assert ledger.poll(mailbox) == []
    assert len(place.messages("INBOX")) + len(place.messages("Taken")) == 1


def test_a_moved_mail_lies_in_the_folder_for_taken_mail_and_no_longer_in_the_inbox(place: Place) -> None:
    place.deliver(mail("one"))

    Ledger().poll(place.open(taken="move"))

    assert place.messages("INBOX") == []
    (moved,) = place.messages("Taken")
    assert b"Subject: one" in moved


def test_the_folder_for_taken_mail_cannot_be_read_from_as_well(place: Place) -> None:
    with pytest.raises(SettingsError, match="Taken is one of the folders"):
        place.open(folders=["INBOX", "Taken"], taken="move")


def test_several_folders_are_read(place: Place) -> None:
    place.deliver(mail("wanted"))
    place.deliver(mail("taken for spam"), "Junk")

    arrivals = Ledger().poll(place.open(folders=["INBOX", "Junk"]))

    assert subjects(arrivals) == ["taken for spam", "wanted"]
    assert {arrival.origin.folder for arrival in arrivals} == {"INBOX", "Junk"}


def test_a_folder_that_is_missing_is_a_problem_and_does_not_stop_the_others(place: Place) -> None:
    place.deliver(mail("one"))
    mailbox = place.open(folders=["Reports", "INBOX"])

    (problem,) = mailbox.check()

    assert "Reports" in problem
    assert "MELDPUNT_MAILBOX__FOLDERS" in problem
    assert subjects(Ledger().poll(mailbox)) == ["one"]


def test_a_mailbox_with_all_its_folders_has_no_problem(place: Place) -> None:
    place.deliver(mail("one"), "Junk")

    assert place.open(folders=["INBOX", "Junk"]).check() == []


def test_only_the_beginning_of_a_mail_over_the_size_limit_is_read(place: Place) -> None:
    place.deliver(mail("large", "x" * 3 * MEGABYTE))
    place.deliver(mail("small"))

    large, small = sorted(Ledger().poll(place.open(max_size=2 * MEGABYTE)), key=lambda arrival: -arrival.size)

    assert large.truncated
    assert len(large.raw) == MEGABYTE
    assert large.raw == mail("large", "x" * 3 * MEGABYTE)[:MEGABYTE]
    assert large.size == len(mail("large", "x" * 3 * MEGABYTE))
    assert not small.truncated


def test_a_mail_that_vanishes_before_it_is_read_does_not_stop_the_rest(place: Place) -> None:
    gone = place.deliver(mail("gone"))
    place.deliver(mail("stays"))
    ledger = Ledger()

    def unknown(origins: Sequence[Origin]) -> Collection[Origin]:
        for path in (gone, *gone.parent.with_name("cur").glob(f"{gone.name}*")):
            path.unlink(missing_ok=True)
        return ledger.unknown(origins)

    assert subjects(list_all(place.open(), unknown)) == ["stays"]


def list_all(mailbox: Mailbox, unknown: Callable[[Sequence[Origin]], Collection[Origin]]) -> list[Arrival]:
    return [arrival for batch in mailbox.fetch(unknown) for arrival in batch]


def test_a_mail_that_a_person_has_opened_already_is_taken_all_the_same(place: Place) -> None:
    path = place.deliver(mail("read by a colleague"))
    path.rename(path.parent.with_name("cur") / f"{path.name}:2,S")

    assert subjects(Ledger().poll(place.open())) == ["read by a colleague"]


def test_batches_are_bounded_in_number(place: Place) -> None:
    for number in range(70):
        place.deliver(mail(f"number {number}"))

    batches = [len(batch) for batch in place.open().fetch(lambda origins: origins)]

    assert sum(batches) == 70
    assert max(batches) == 32


def test_batches_are_bounded_in_bytes(place: Place) -> None:
    for number in range(5):
        place.deliver(mail(f"number {number}", "x" * 3 * MEGABYTE))

    batches = [len(batch) for batch in place.open(max_size=10 * MEGABYTE).fetch(lambda origins: origins)]

    assert batches == [2, 2, 1]


def test_who_watches_is_told_to_look_at_once_and_after_each_arrival(place: Place) -> None:
    place.deliver(mail("one"), "Junk")
    with watched(place.open(folders=["INBOX", "Junk"]).watch) as looks:
        assert looks.after(lambda: place.deliver(mail("two")))
        assert looks.after(lambda: place.deliver(mail("three"), "Junk"))


def test_a_watch_goes_on_while_mail_is_taken_by_the_same_mailbox(place: Place) -> None:
    mailbox, ledger = place.open(), Ledger()
    with watched(mailbox.watch) as looks:
        for subject in ("one", "two"):
            assert looks.after(lambda subject=subject: place.deliver(mail(subject)))  # type: ignore[misc]  # bound now
            assert subjects(ledger.poll(mailbox)) == [subject]


def test_a_watch_ends_with_what_was_raised_when_it_was_asked_whether_to_go_on(place: Place) -> None:
    def going_on() -> bool:
        raise SettingsError("here", "key", "no more", "Stop.")

    with pytest.raises(SettingsError, match="no more"):
        place.open().watch(lambda: None, going_on)


def test_in_a_backlog_each_batch_holds_the_newest_and_the_oldest(place: Place) -> None:
    for number in range(70):
        place.deliver(mail(f"number {number:02}"))

    first = next(iter(place.open().fetch(lambda origins: origins)))

    assert subjects(first) == [f"number {number:02}" for number in [*range(16), *range(54, 70)]]


def test_when_polls_are_cut_short_each_folder_is_the_first_in_turn(place: Place) -> None:
    for number in range(40):
        place.deliver(mail(f"backlog {number}"))
    place.deliver(mail("taken for spam"), "Junk")
    mailbox = place.open(folders=["INBOX", "Junk"])

    begun = [next(iter(mailbox.fetch(lambda origins: origins)))[0].origin.folder for _ in range(3)]

    assert begun == ["INBOX", "Junk", "INBOX"]
