"""Old mail out of files: stored as it is, for a running bot (or `once`) to make reports of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.imported import NotImported, draft_arrival
from bot.domain.inbox import Arrival
from bot.ports import MailFiles
from bot.store_port import Store

# One batch is one commit: enough to share its cost, little enough to keep memory flat.
MOST_MAILS = 64
MOST_BYTES = 8 * 1024 * 1024
# A receipt for a mail this old needs a person's word.
OLD = timedelta(days=2)
# So many are named; the count says how many there are.
MOST_NAMED = 1000

# Told how many mails and how many bytes were done since the last time.
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Import:
    """Where mail comes from, where it goes, and what is to be known about it."""

    store: Store
    files: MailFiles
    own_hosts: Sequence[str]
    now: datetime
    receipts: bool = True


@dataclass(slots=True)
class Imported:
    """What an import did: mails taken, mails the desk had already, and what it could not take."""

    taken: int = 0
    known: int = 0
    unreadable: int = 0
    named: list[NotImported] = field(default_factory=list)

    def miss(self, missed: NotImported) -> None:
        """Count what could not be taken, and name it unless there are too many."""
        self.unreadable += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(missed)

    def as_json(self) -> Mapping[str, object]:
        """Return plain values."""
        named = [{"place": each.place, "reason": each.reason} for each in self.named]
        return {
            "taken": self.taken,
            "known": self.known,
            "unreadable": self.unreadable,
            "not_imported": named,
        }


def count_old_mail(work: Import, tell: Tell) -> int:
    """Count the mails of an import that the desk does not have yet and that came in more than two days ago."""
    old = 0
    for batch in _batches(work, Imported(), tell):
        with work.store.begin() as tx:
            unknown = tx.inbox.unknown([arrival.origin for arrival in batch])
        old += sum(arrival.origin in unknown and arrival.received_at < work.now - OLD for arrival in batch)
    return old


def import_mail(work: Import, by: str, tell: Tell) -> Imported:
    """Store every mail that the desk does not have yet, a batch a commit; what cannot be read stops no other.

    Killed at any moment and begun again, it goes on where it was. Each commit records who imported how many.
    """
    done = Imported()
    for batch in _batches(work, done, tell):
        with work.store.begin() as tx:
            taken = tx.inbox.add(batch, work.now)
            if taken:
                tx.events.append("mail-imported", work.now, count=taken, receipts=int(work.receipts), by=by)
        done.taken += taken
        done.known += len(batch) - taken
    return done


def _batches(work: Import, done: Imported, tell: Tell) -> Iterator[Sequence[Arrival]]:
    """Yield the mails of an import as arrivals, so many at a time; what is none goes to `done`."""
    batch: list[Arrival] = []
    size = 0
    for found in work.files.fetch():
        drafted = (
            found
            if isinstance(found, NotImported)
            else draft_arrival(found, own_hosts=work.own_hosts, now=work.now, receipts=work.receipts)
        )
        if isinstance(drafted, NotImported):
            done.miss(drafted)
        else:
            batch.append(drafted)
            size += len(drafted.raw)
        if len(batch) == MOST_MAILS or size >= MOST_BYTES:
            yield batch
            batch, size = [], 0
        tell(1, found.read)
    if batch:
        yield batch
