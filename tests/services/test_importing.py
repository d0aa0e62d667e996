"""An import stores what the desk does not have yet, and says what it could not take."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.imported import FoundMail, NotImported
from bot.domain.inbox import InboxRow
from bot.services.importing import MOST_MAILS, Import, Imported, count_old_mail, import_mail
from bot.store_port import Store
from tests.rigs.stores import NOW, Stores

RAW = b"From: jan@example.org\r\nMessage-ID: <%d@example.org>\r\n\r\nhello"


class Files:
    """What an import finds, as said."""

    def __init__(self, *found: FoundMail | NotImported) -> None:
        self.found = found

    def measure(self) -> int:
        return sum(each.read for each in self.found)

    def fetch(self) -> Iterator[FoundMail | NotImported]:
        yield from self.found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    stores = Stores(f"sqlite:///{tmp_path}/main.db", f"sqlite:///{tmp_path}/keys.db")
    yield stores.open()
    stores.close()


def found(number: int, *, days: int = 0, raw: bytes | None = None) -> FoundMail:
    raw = RAW % number if raw is None else raw
    return FoundMail(f"mail {number}", raw, len(raw), f"{number:064x}", NOW - timedelta(days=days), len(raw))


def no_one(_count: int, _size: int) -> None:
    """Nobody watches."""


def rows(store: Store) -> Sequence[InboxRow]:
    with store.begin() as tx:
        return tx.inbox.rows()


def counts(done: Imported) -> tuple[int, int, int]:
    return done.taken, done.known, done.unreadable


def test_what_is_there_already_is_left_as_it_is_and_what_is_no_mail_stops_nothing(store: Store) -> None:
    files = Files(found(1), NotImported("pipe", "is no regular file"), found(2, raw=b""), found(3), found(1))
    done = import_mail(Import(store, files, (), NOW), "ann", no_one)
    assert counts(done) == (2, 1, 2)
    assert [(each.place, each.reason) for each in done.named] == [
        ("pipe", "is no regular file"),
        ("mail 2", "is empty"),
    ]
    assert counts(import_mail(Import(store, files, (), NOW), "ann", no_one)) == (0, 3, 2)
    assert [row.origin.mailbox for row in rows(store)] == ["import"] * 2


def test_a_mail_keeps_its_time_its_receipt_is_withheld_as_asked_and_the_import_is_recorded(
    store: Store,
) -> None:
    import_mail(Import(store, Files(found(1, days=700)), (), NOW, receipts=False), "ann", no_one)
    with store.begin() as tx:
        (item,) = tx.inbox.claim(NOW, 1)
    assert item.arrival.received_at == NOW - timedelta(days=700)
    assert item.arrival.no_receipt == "it was imported without receipts"
    undated = RAW % 2 + b"\r\n"
    late = FoundMail("late", undated, len(undated), "0e" * 32, None, len(undated))
    import_mail(Import(store, Files(late), (), NOW), "ann", no_one)
    with store.begin() as tx:
        (item,) = tx.inbox.claim(NOW, 1)
    assert item.arrival.no_receipt is None
    assert item.arrival.problem == "nothing tells when this mail came in, so its clock starts at the import"


def test_each_batch_is_a_commit_of_its_own_so_that_what_was_taken_stays(store: Store) -> None:
    class Broken(Files):
        def fetch(self) -> Iterator[FoundMail | NotImported]:
            yield from super().fetch()
            raise KeyboardInterrupt

    many = [found(number) for number in range(MOST_MAILS * 2 + 5)]
    with pytest.raises(KeyboardInterrupt):
        import_mail(Import(store, Broken(*many), (), NOW), "ann", no_one)
    assert len(rows(store)) == MOST_MAILS * 2
    assert counts(import_mail(Import(store, Files(*many), (), NOW), "ann", no_one)) == (5, MOST_MAILS * 2, 0)


def test_old_mail_is_counted_as_long_as_the_desk_does_not_have_it(store: Store) -> None:
    files = Files(found(1, days=3), found(2, days=1), found(3, days=400), found(4, raw=b"none"))
    work = Import(store, files, (), NOW)
    assert count_old_mail(work, no_one) == 2
    assert rows(store) == []
    import_mail(Import(store, Files(found(3, days=400)), (), NOW), "ann", no_one)
    assert count_old_mail(work, no_one) == 1


def test_who_waits_is_told_of_every_mail_and_every_byte(store: Store) -> None:
    files, told = Files(*(found(number) for number in range(9))), list[tuple[int, int]]()
    import_mail(Import(store, files, (), NOW), "ann", lambda count, size: told.append((count, size)))
    assert (sum(count for count, _ in told), sum(size for _, size in told)) == (9, files.measure())


def test_of_very_many_things_that_are_no_mail_some_are_named_and_all_are_counted(store: Store) -> None:
    files = Files(*(NotImported(f"{number}", "is empty") for number in range(1500)))
    done = import_mail(Import(store, files, (), NOW), "ann", no_one)
    assert (done.unreadable, len(done.named)) == (1500, 1000)
