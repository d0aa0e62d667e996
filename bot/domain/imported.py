"""Mail out of files: which files are mails, and when our side received each of them.

The clock of a report starts at the time that is found here, also when its deadline is long past.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.domain.inbox import Arrival, Origin
from bot.domain.mime_headers import Headers, parse_header_block
from bot.domain.mime_trace import own_received_at, stamped_at, utc_of

IMPORT = "import"
WITHOUT_RECEIPTS = "it was imported without receipts"
# Older than any mail that a desk can have: what says so was never set.
_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
# One of these stands in every mail; a file that has none is something else.
_OF_A_MAIL = frozenset({"received", "from", "to", "subject", "date", "message-id"})


@dataclass(frozen=True, slots=True)
class FoundMail:
    """One mail as a file had it; `size` is its true size, `raw` may be only its beginning.

    `place` names it for people, `digest` is the SHA-256 (hex) of all of it, `kept_at` the time that its file has for
    it, `read` how many bytes of the file it took.
    """

    place: str
    raw: bytes
    size: int
    digest: str
    kept_at: datetime | None
    read: int


@dataclass(frozen=True, slots=True)
class NotImported:
    """What could not be taken in: where it is, and why; `read` as in `FoundMail`."""

    place: str
    reason: str
    read: int = 0


def draft_arrival(
    found: FoundMail, *, own_hosts: Sequence[str], now: datetime, receipts: bool
) -> Arrival | NotImported:
    """Make an arrival of a mail in a file, with its real time; what is no mail is said to be none.

    Its origin is what it says: the same file again, or the same mail in another file, is the same arrival.
    """
    headers = parse_header_block(found.raw).headers
    if not any(name in _OF_A_MAIL for name, _ in headers.fields):
        return NotImported(found.place, "is no mail" if found.size else "is empty", found.read)
    at, problem = real_time(headers, own_hosts=own_hosts, kept_at=found.kept_at, now=now)
    return Arrival(
        Origin(IMPORT, IMPORT, 0, found.digest),
        found.raw,
        found.size,
        at,
        no_receipt=None if receipts else WITHOUT_RECEIPTS,
        problem=problem,
    )


def real_time(
    headers: Headers, *, own_hosts: Sequence[str], kept_at: datetime | None, now: datetime
) -> tuple[datetime, str | None]:
    """Return when our side received a mail in a file (aware UTC), and what its report has to tell about that.

    The first of these that lies between 1995 and `now`: the topmost `Received` stamp of a host of ours, the topmost of
    any host, the time that the file has for it (`kept_at`). The `Date` header is the sender's word: it counts only
    when there is nothing else, and is then told.
    """
    for at in (own_received_at(headers, own_hosts), *stamped_at(headers), kept_at):
        if at is not None and _EARLIEST <= at <= now:
            return at, None
    sent_at = utc_of(headers.first("date") or "")
    if sent_at is not None and _EARLIEST <= sent_at <= now:
        return sent_at, "only its own Date header, the sender's word, tells when this mail came in"
    return now, "nothing tells when this mail came in, so its clock starts at the import"
