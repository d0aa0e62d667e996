"""Reports that a form or another program hands in: stored sealed before they are answered, and only once."""

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.form import FormReport, submission_of
from bot.domain.inbox import FORM, Arrival, Origin
from bot.domain.repeats import Accepted, Verdict, judge
from bot.domain.routing import follow
from bot.domain.signature import LONGEST_WINDOW, Signature
from bot.domain.sla import first_response_deadline
from bot.domain.understanding import route_of
from bot.domain.workdays import Calendar
from bot.errors import TransientError
from bot.log import get_log
from bot.ports import Bot
from bot.services.intake import next_reference
from bot.store_port import Transaction

# Another bot can be quicker once; then its row is there to be found.
TRIES = 3
# A signature outlives every window and every difference between the clocks of two machines.
KEPT = 2 * timedelta(seconds=LONGEST_WINDOW)


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose signature is genuine; `form` is what `body` says, `idempotency_key` the client's word."""

    form: FormReport
    body: bytes
    signature: Signature
    idempotency_key: str | None


class _OvertakenError(Exception):
    """Another bot takes the same request at this moment; nothing of this transaction may stay."""


def take_report(bot: Bot, request: Request) -> Accepted | Verdict:
    """Store the report of a request and return what to answer; a repeat gets the answer of the first.

    A replay, and a key that served for another body, come back as their verdict, and no report is stored.
    StoreError when the store could not be used; where the line broke in the commit it may be there all the same.
    """
    for _ in range(TRIES):
        try:
            with bot.store.begin() as tx:
                taken = _take(bot, tx, request)
        except _OvertakenError:
            continue
        if isinstance(taken, Accepted):
            bot.bells.ring("process_inbox")
        return taken
    raise TransientError("several bots took the same request at once")


def _take(bot: Bot, tx: Transaction, request: Request) -> Accepted | Verdict:
    signature, hashed = request.signature, tx.requests.hashed
    key_id, keyed = signature.key_id, request.idempotency_key is not None
    mac, body = hashed("signature", f"{key_id} {signature.mac}".encode()), hashed("body", request.body)
    name = hashed("name", f"{key_id} {request.idempotency_key}".encode()) if keyed else mac
    used_for, known = tx.requests.used_for(mac), tx.requests.find(name)
    verdict = judge(name=name, keyed=keyed, body=body, used_for=used_for, known=known)
    if verdict is Verdict.REPLAYED:
        return verdict
    if used_for is None and not tx.requests.note_use(mac, name, signature.signed_at):
        raise _OvertakenError
    if verdict is Verdict.NEW:
        return _store(bot, tx, request, name, body)
    return known if known is not None and verdict is Verdict.REPEAT else verdict


def _store(bot: Bot, tx: Transaction, request: Request, name: str, body: str) -> Accepted:
    """Put the report into the inbox under a reference of its own."""
    at, key_id = bot.now(), request.signature.key_id
    due_on = first_response_deadline(at, bot.mappings.sla, _calendar(bot, request.form)).due_on
    accepted = Accepted(name, body, next_reference(bot, tx, at), at, due_on)
    reporter = request.form.reporter
    arrival = Arrival(
        Origin(FORM, key_id, 0, name),
        request.body,
        len(request.body),
        at,
        reference=accepted.reference,
        no_receipt=None if reporter and reporter.address else "the form gives no address",
    )
    if not tx.requests.add(accepted) or not tx.inbox.add([arrival], at):
        raise _OvertakenError
    get_log().info("form-taken", reference=accepted.reference, key=key_id)
    return accepted


def _calendar(bot: Bot, form: FormReport) -> Calendar:
    """Return the calendar of the route that the report will take."""
    rules, said = bot.mappings.routing, submission_of(form, language=bot.settings.team.language)
    return bot.calendar_named(follow(rules, route_of(said, rules), bot.trackers).destination.calendar)


def forget_signatures(bot: Bot) -> int:
    """Forget signatures that no window lets in any more, and return how many."""
    with bot.store.begin() as tx:
        return tx.requests.forget_signatures(bot.now() - KEPT)
