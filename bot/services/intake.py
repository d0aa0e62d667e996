"""What comes in: mail is stored first and understood afterwards, and each ends with exactly one outcome."""

import secrets
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from bot.domain.form import parse_form_briefly
from bot.domain.inbox import Arrival, InboxItem, Origin
from bot.domain.issue import IssueDraft, draft_issue
from bot.domain.mime import parse_headers_only
from bot.domain.opening import open_report, received_at
from bot.domain.outbox import CreateIssue, Order
from bot.domain.privacy import Redactor
from bot.domain.report import Report, Status
from bot.domain.reporter import Reporter
from bot.domain.routing import Routed, follow
from bot.domain.sla import first_response_deadline
from bot.domain.submission import Kind, Submission
from bot.domain.thread import Recognition, recognise
from bot.domain.turns import turns
from bot.domain.understanding import Understanding, route_of
from bot.domain.whole_text import add_whole_text, is_cut
from bot.errors import MeldpuntError, StoreError, TransientError, UnreadableError
from bot.log import get_log
from bot.ports import Bot, Mailbox
from bot.services.notices import draft_receipt
from bot.store_port import Transaction

# Mails understood before one commit: enough to share the cost of a commit, few enough to lose little work.
BATCH = 16
# Seconds of reading after which a batch is filed as far as it got.
BATCH_SECONDS = 30
# Seconds after which a poll asks the mailbox anew, for what came meanwhile is among the first to go.
TURN = 2.0
# A mail that took the whole bot down this often is not opened again. The number is high because the mail is
# read in a child process, so that a bot which dies meanwhile was most likely killed for another reason.
MOST_ATTEMPTS = 100


def poll_mailbox(bot: Bot) -> int:
    """Take new mail into the inbox and return how many; what is not committed is never marked taken."""
    if bot.mailbox is None or not may_poll(bot):
        return 0
    taken = 0
    try:
        for batch in _fetch_in_turns(bot, bot.mailbox):
            with bot.store.begin() as tx:
                taken += tx.inbox.add(batch, bot.now())
            bot.bells.ring("process_inbox")
            bot.mailbox.mark_taken([arrival.origin for arrival in batch])
            bot.doors.beat("poll_mailbox", bot.now())
            if bot.stopping.is_set():
                break
    except StoreError:
        raise
    except MeldpuntError as error:
        if bot.doors.saw("mailbox", bot.now(), str(error)):
            get_log().warning("mailbox-shut", reason=str(error))
    else:
        bot.doors.saw("mailbox", bot.now())
    if taken:
        get_log().info("mail-taken", count=taken)
    return taken


def _fetch_in_turns(bot: Bot, mailbox: Mailbox) -> Iterator[Sequence[Arrival]]:
    """Yield everything that is new, in turns of the newest and the oldest, seen anew every few seconds."""
    more = True
    while more:
        more, ends = False, time.monotonic() + TURN
        for batch in mailbox.fetch(lambda origins: _unknown(bot, origins)):
            yield batch
            if time.monotonic() > ends:
                more = True
                break


def may_poll(bot: Bot) -> bool:
    """Take the lease by which one bot at a time polls a mailbox; False while another living bot has it."""
    return bot.mailbox is None or bot.store.take_lease(f"poll:{bot.mailbox.name}", bot.now())


def _unknown(bot: Bot, origins: Sequence[Origin]) -> Collection[Origin]:
    with bot.store.begin() as tx:
        return tx.inbox.unknown(origins)


def process_inbox(bot: Bot) -> int:
    """Understand what is new and file it; return how many items got their outcome.

    The next batch is read in the child process while one is filed here. An item that cannot be filed is
    held for a person with the reason, and the rest goes on.
    """
    filed, turn = 0, turns()
    with ThreadPoolExecutor(1, "read") as reader:
        batch = following = _read_ahead(bot, reader, newest=next(turn))
        try:
            while batch is not None:
                following = None if bot.stopping.is_set() else _read_ahead(bot, reader, newest=next(turn))
                filed += _file_batch(bot, batch)
                batch = following
        except BaseException:
            _put_back(bot, batch, following)
            raise
    return filed


@dataclass(frozen=True, slots=True)
class _Batch:
    """Claimed items and what is being made of them."""

    items: Sequence[InboxItem]
    readings: "Future[Sequence[_Reading]]"


def _read_ahead(bot: Bot, reader: ThreadPoolExecutor, *, newest: bool) -> _Batch | None:
    """Claim some items and begin to read them; None when there is nothing new."""
    with bot.store.begin() as tx:
        items = tx.inbox.claim(bot.now(), BATCH, newest=newest)
    return _Batch(items, reader.submit(_read_some, bot, items)) if items else None


def _read_some(bot: Bot, items: Sequence[InboxItem]) -> "Sequence[_Reading]":
    """Read items until enough time went by: a batch of slow mails must be filed before its claim ends."""
    ends, readings = time.monotonic() + BATCH_SECONDS, list[_Reading]()
    for item in items:
        if readings and time.monotonic() > ends:
            break
        readings.append(_read(bot, item))
        bot.doors.beat("process_inbox", bot.now())
    return readings


def _file_batch(bot: Bot, batch: _Batch) -> int:
    """File what was read of a batch, in one commit, give back the rest, and return how many were filed."""
    readings = batch.readings.result()
    with bot.store.begin() as tx:
        for reading in readings:
            _file(bot, tx, reading)
        tx.inbox.put_back(batch.items[len(readings) :])
    bot.bells.ring("deliver_issues")
    bot.bells.ring("deliver_mail")
    return len(readings)


def _put_back(bot: Bot, *batches: _Batch | None) -> None:
    """Free what was claimed, so that the next try does not wait for a lease to end.

    Where the store is away that wait is all it costs: the error which led here is the one to be told.
    """
    with suppress(StoreError), bot.store.begin() as tx:
        for batch in batches:
            if batch is not None:
                tx.inbox.put_back(batch.items)


@dataclass(frozen=True, slots=True)
class _Reading:
    """An item, understood as well as it could be; `unreadable` says why it is held."""

    item: InboxItem
    alias: str
    understanding: Understanding
    unreadable: str | None = None


def _read(bot: Bot, item: InboxItem) -> _Reading:
    alias = f"reporter-{secrets.token_hex(4)}"
    if item.attempts > MOST_ATTEMPTS:
        return _headers_only(bot, item, alias, f"the bot died {MOST_ATTEMPTS} times while it was read")
    try:
        return _Reading(item, alias, bot.understand(item.arrival, alias))
    except TransientError:
        raise
    except UnreadableError as error:
        return _headers_only(bot, item, alias, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the next mail must go on
        return _headers_only(bot, item, alias, f"the reader failed ({type(error).__name__})")


def _headers_only(bot: Bot, item: InboxItem, alias: str, why: str) -> _Reading:
    """Say what the headers said; where even that fails, the report is opened with nothing."""
    try:
        submission = _parse_briefly(bot, item.arrival)
        redactor = Redactor.for_submission(submission, alias, own_domains=bot.settings.own_domains)
        title = redactor.redact(submission.subject)
    except Exception:  # noqa: BLE001 - this is the last resort, and the next mail must go on
        submission, title = Submission(), ""
    return _Reading(item, alias, Understanding(submission, title, "", (), None), unreadable=why)


def _parse_briefly(bot: Bot, arrival: Arrival) -> Submission:
    """Read who sent it and its title, and nothing that takes long."""
    if arrival.origin.is_form:
        return replace(parse_form_briefly(arrival.raw), text="", attachments=())
    own_hosts, own_domains = bot.settings.mailbox.own_hosts, bot.settings.own_domains
    return parse_headers_only(arrival.raw, own_hosts=own_hosts, own_domains=own_domains)


def _file(bot: Bot, tx: Transaction, reading: _Reading) -> None:
    """Give one item its outcome; a fault of ours undoes its part alone and holds it."""
    item = reading.item
    try:
        with tx.savepoint():
            _decide(bot, tx, reading)
    except TransientError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the other reports go on and a person is told
        reason = (
            str(error) if isinstance(error, MeldpuntError) else f"could not be filed ({type(error).__name__})"
        )
        tx.inbox.finish(item, kind=Kind.HELD, report_id=None, reason=reason, now=bot.now())
        tx.events.append("inbox-held", bot.now(), inbox=item.number, reason=reason)
        get_log().error("inbox-held", inbox=item.number, reason=reason)


def _decide(bot: Bot, tx: Transaction, reading: _Reading) -> None:
    item, submission = reading.item, reading.understanding.submission
    if (first := tx.inbox.same_mail(item)) is not None:
        _add_again(bot, tx, reading, *first)
        return
    if reading.unreadable is not None:
        recognition = Recognition(Kind.HELD, reading.unreadable, f"the {_door(item)} could not be read")
    else:
        recognition = recognise(
            submission, own_addresses=bot.settings.own_addresses, as_report=item.as_report
        )
    report = _open(bot, tx, reading, recognition) if recognition.kind in {Kind.REPORT, Kind.HELD} else None
    report_id = report.id if report else None
    tx.inbox.finish(
        item,
        kind=recognition.kind,
        report_id=report_id,
        reason=recognition.reason,
        now=bot.now(),
        message_id=submission.message_id,
    )
    if report is None:
        kind, reason = recognition.kind, recognition.reason
        tx.events.append("mail-filed", bot.now(), inbox=item.number, kind=kind, reason=reason)
        get_log().info("mail-filed", inbox=item.number, kind=kind, reason=reason)


def _add_again(bot: Bot, tx: Transaction, reading: _Reading, first: int, report_id: str) -> None:
    """File a mail that came before, from another folder say, with its report: no second issue, no receipt."""
    item, reason = reading.item, f"the same mail again, as inbox {first}"
    tx.reports.add_mail(report_id, item)
    tx.inbox.finish(
        item,
        kind=Kind.REPORT,
        report_id=report_id,
        reason=reason,
        now=bot.now(),
        message_id=reading.understanding.submission.message_id,
    )
    tx.events.append("mail-again", bot.now(), report_id=report_id, inbox=item.number, first=first)
    get_log().info("mail-again", inbox=item.number, first=first)


def _open(bot: Bot, tx: Transaction, reading: _Reading, recognition: Recognition) -> Report:
    """Open the report with all that follows from it, in the transaction of the caller."""
    routed = _route(bot, reading.understanding)
    report, reporter = _make_report(bot, tx, reading, routed)
    withheld = reading.item.arrival.no_receipt or recognition.no_receipt
    receipt = withheld or draft_receipt(bot, report, reading.understanding.submission)
    if isinstance(receipt, str):
        told = f"no receipt was sent: {receipt}"
        report = replace(report, status=Status.ACKNOWLEDGED, problems=(*report.problems, told))
    draft, files, item = _draft_issue(bot, report, routed), reading.understanding.files, reading.item
    if is_cut(draft, report):
        report, files = add_whole_text(report, files, most_bytes=bot.mappings.privacy.max_bytes)
        follows = len(files) > len(reading.understanding.files)
        draft = _draft_issue(bot, report, routed, whole_follows=follows)
    tx.reports.add(report, reporter, files, item, tracker=routed.tracker, route=routed.choice.route)
    tx.events.append("report-received", bot.now(), report_id=report.id, inbox=item.number, **routed.facts)
    orders = [Order(report.id, f"issue:{report.reference}", CreateIssue(routed.tracker, draft))]
    if isinstance(receipt, str):
        tx.events.append("receipt-withheld", bot.now(), report_id=report.id, reason=receipt)
    else:
        orders.append(receipt)
    tx.outbox.add(orders, bot.now())
    _log_opened(report, routed)
    return report


def _log_opened(report: Report, routed: Routed) -> None:
    suggested = report.suggestion.severity if report.suggestion else None
    facts = {"due_on": str(report.due_on), "suggested": suggested, "route": routed.choice.route}
    get_log().info("report-opened", reference=report.reference, **facts)


def _route(bot: Bot, understanding: Understanding) -> Routed:
    """Follow the route that was chosen; where nobody chose one yet, choose it here."""
    rules = bot.mappings.routing
    choice = understanding.route or route_of(understanding.submission, rules)
    return follow(rules, choice, bot.trackers)


def _draft_issue(bot: Bot, report: Report, routed: Routed, *, whole_follows: bool = False) -> IssueDraft:
    return draft_issue(
        report,
        marker=f"meldpunt-{uuid4().hex}",
        rules=bot.mappings.severity,
        language=bot.settings.team.language,
        zone=bot.calendar.zone,
        fits=bot.trackers[routed.tracker].fits,
        routed=routed,
        whole_follows=whole_follows,
    )


def _make_report(bot: Bot, tx: Transaction, reading: _Reading, routed: Routed) -> tuple[Report, Reporter]:
    submission, item = reading.understanding.submission, reading.item
    at = received_at(item.arrival.received_at, submission)
    calendar = bot.calendar_named(routed.destination.calendar)
    report = open_report(
        reading.understanding,
        id=uuid4().hex,
        reference=item.arrival.reference or next_reference(bot, tx, at),
        alias=reading.alias,
        received_at=at,
        deadline=first_response_deadline(at, bot.mappings.sla, calendar),
        problems=_problems(reading),
    )
    known = tx.reports.find_reporter(submission.from_address) if submission.from_address else None
    reporter = known or Reporter(
        uuid4().hex, submission.from_address, submission.from_name, submission.language
    )
    return report, reporter


def _door(item: InboxItem) -> str:
    return "form" if item.arrival.origin.is_form else "mail"


def next_reference(bot: Bot, tx: Transaction, at: datetime) -> str:
    """Allot the next reference to a report that came in at this time."""
    return tx.reports.next_reference(bot.settings.reference_prefix, at.astimezone(bot.calendar.zone).year)


def _problems(reading: _Reading) -> tuple[str, ...]:
    arrival, number = reading.item.arrival, reading.item.number
    problems = [arrival.problem] if arrival.problem else []
    if reading.unreadable is not None:
        problems.append(
            f"this {_door(reading.item)} could not be read ({reading.unreadable}); the original is kept: "
            f"`meldpunt inbox show {number}`"
        )
    if arrival.truncated:
        problems.append(
            f"the mail is {arrival.size} bytes, over the limit; only its first {len(arrival.raw)} bytes were read, "
            "the rest is where it was found"
        )
    return tuple(problems)
