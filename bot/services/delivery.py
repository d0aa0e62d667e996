"""What goes out: orders are carried out lane by lane, several lanes at once, each with a recorded outcome.

Mail and tracker have workers of their own: a receipt does not wait for a tracker that hangs, nor an issue for
a mail server that does.
"""

import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.outbox import (
    AddComment,
    CreateIssue,
    Delivery,
    LinkFiles,
    Outcome,
    Result,
    SendMail,
    UploadFile,
    pause_after,
)
from bot.domain.turns import turns
from bot.errors import (
    MeldpuntError,
    OutcomeUnknownError,
    PermanentError,
    StoreAwayError,
    StoreError,
    TransientError,
    UnsettledError,
)
from bot.log import get_log
from bot.ports import Bot, Consequence
from bot.services.notices import send_mail
from bot.services.tracking import add_comment, create_issue, link_files, queue_warning, upload_file
from bot.store_port import Transaction

# Seconds that finished deliveries wait for others, so that they share one commit.
LINGER = 0.01
# Seconds after which new orders are looked for while others are still under way.
GLANCE = 0.25
# There is one connection to the mail server; a few mails are claimed at once, since one that is taken over by
# another bot meanwhile goes out with the same Message-ID.
MAIL_WORKERS, MAIL_CLAIMS = 1, 4
LONG_AGO = timedelta(days=1)
# Seconds that a store which is away is waited for before outcomes are given up.
WRITE_TRIES = 120
# How often, and with what pause, it is tried when the bot is told to stop.
LAST_TRIES, LAST_PAUSE = 3, 0.2


@dataclass(frozen=True, slots=True)
class _Finished:
    """An outcome with what else must be written in the same commit."""

    outcome: Outcome
    consequence: Consequence


def deliver_mail(bot: Bot) -> int:
    """Send every notice that is due; return how many attempts were made."""
    with ThreadPoolExecutor(MAIL_WORKERS, "mail") as pool:
        return _deliver(bot, pool, MAIL_CLAIMS, mail=True)


def deliver_issues(bot: Bot) -> int:
    """Write everything to the tracker that is due; return how many attempts were made."""
    return _deliver(bot, bot.workers, bot.settings.workers, mail=False)


def _deliver(bot: Bot, pool: Executor, claims: int, *, mail: bool) -> int:
    """Carry out what is due until nothing more is, as many lanes at once as are claimed.

    A tracker's order is claimed when it is begun: a claim that waits could grow old, and another bot take it.
    While a lane is free, what comes in is begun beside one that takes long.
    """
    attempts, turn, flying = 0, turns(), set[Future[_Finished]]()
    try:
        while True:
            if len(flying) < claims and not bot.stopping.is_set():
                claimed = _claim(bot, claims - len(flying), mail=mail, newest=next(turn), busy=bool(flying))
                flying |= {pool.submit(_attempt, bot, delivery) for delivery in claimed}
                attempts += len(claimed)
            if not flying:
                return attempts
            wait(flying, timeout=GLANCE, return_when=FIRST_COMPLETED)
            done, flying = wait(flying, timeout=LINGER)
            if done:
                _record(bot, [future.result() for future in done])
                bot.doors.beat("deliver_mail" if mail else "deliver_issues", bot.now())
    finally:
        wait(flying)


def _claim(bot: Bot, most: int, *, mail: bool, newest: bool, busy: bool) -> Sequence[Delivery]:
    """Claim what is due; while others are under way a store that is away is no reason to give those up."""
    try:
        with bot.store.begin() as tx:
            return tx.outbox.claim(bot.now(), most, mail=mail, newest=newest)
    except StoreAwayError as error:
        if not busy:
            raise
        bot.doors.saw("store", bot.now(), str(error))
        return ()


def _record(bot: Bot, finished: Sequence[_Finished]) -> None:
    """Write outcomes with what follows from them in one commit; where that fails, each in one of its own.

    While the store is away this waits for it: what was sent must not be forgotten, or it would go out again.
    """
    tries = WRITE_TRIES
    while True:
        try:
            _write(bot, finished)
        except TransientError as error:
            bot.doors.saw("store", bot.now(), str(error))
            tries = min(tries - 1, LAST_TRIES) if bot.stopping.is_set() else tries - 1
            if tries < 0:
                raise
            if bot.stopping.wait(1):
                time.sleep(LAST_PAUSE)
        except Exception as error:  # noqa: BLE001 - the others' outcomes must not be lost with it
            if len(finished) == 1:
                _hold_unwritten(bot, finished[0].outcome.delivery, error)
            for each in finished if len(finished) > 1 else ():
                _record(bot, [each])
            return
        else:
            if "store" in bot.doors.shut():
                bot.doors.saw("store", bot.now())
            return


def _write(bot: Bot, finished: Sequence[_Finished]) -> None:
    """Write outcomes; what follows from one is written only if it still counted."""
    with bot.store.begin() as tx:
        written = tx.outbox.record([each.outcome for each in finished], bot.now())
        # Always in one order: mail and tracker write to the same reports at once, and neither may wait for the other.
        for each in sorted(finished, key=lambda each: each.outcome.delivery.report_id):
            if each.outcome.delivery.id in written:
                each.consequence(tx)
    if any(each.outcome.result is Result.HELD for each in finished):
        bot.bells.ring("deliver_issues")


def _hold_unwritten(bot: Bot, delivery: Delivery, error: Exception) -> None:
    reason = f"it was tried, but what became of it could not be written ({_words(error)})"
    get_log().error("delivery-held", reference=delivery.reference, reason=reason)
    with bot.store.begin() as tx:
        tx.outbox.record([Outcome(delivery, Result.HELD, reason, tried_at=bot.now())], bot.now())


def _attempt(bot: Bot, delivery: Delivery) -> _Finished:
    """Try one delivery; every failure becomes an outcome, so that one order never stops the others."""
    try:
        consequence = _carry_out(bot, delivery)
    except StoreError as error:
        bot.doors.saw("store", bot.now(), str(error))
        return _later(bot, delivery, str(error), pause_after(delivery.attempts))
    except UnsettledError as error:
        # Nothing failed: how often it was tried before says nothing about how long this takes.
        return _later(bot, delivery, str(error), error.retry_after or timedelta(0))
    except TransientError as error:
        _note_door(bot, delivery, str(error))
        return _later(bot, delivery, str(error), pause_after(delivery.attempts, error.retry_after))
    except OutcomeUnknownError as error:
        _note_door(bot, delivery, str(error))
        again_at = bot.now() + pause_after(delivery.attempts)
        tried_at = bot.now() - LONG_AGO if error.over else bot.now()
        return _Finished(Outcome(delivery, Result.UNCERTAIN, str(error), again_at, tried_at), _nothing)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other lanes go on and a person is told
        foreseen = isinstance(error, PermanentError)
        reason = str(error) if foreseen else f"failed in an unforeseen way ({type(error).__name__})"
        open_since = delivery.uncertain_since if foreseen else bot.now()
        return _held(bot, Outcome(delivery, Result.HELD, reason, tried_at=open_since))
    _note_door(bot, delivery, None)
    return _Finished(Outcome(delivery, Result.DONE), consequence)


def _later(bot: Bot, delivery: Delivery, reason: str, pause: timedelta) -> _Finished:
    """Try again after a pause; whether an earlier attempt had its effect is as unknown as before."""
    result = Result.UNCERTAIN if delivery.uncertain else Result.AGAIN
    outcome = Outcome(delivery, result, reason, bot.now() + pause, delivery.uncertain_since)
    return _Finished(outcome, _nothing)


def _note_door(bot: Bot, delivery: Delivery, problem: str | None) -> None:
    payload = delivery.payload
    door = "mailer" if isinstance(payload, SendMail) else f"tracker {payload.tracker}"
    if bot.doors.saw(door, bot.now(), problem) and problem:
        get_log().warning("door-shut", door=door, reason=problem)


def _held(bot: Bot, outcome: Outcome) -> _Finished:
    """Step out of the lane, keep the record and tell the team in the issue."""
    delivery, reason = outcome.delivery, outcome.reason or ""
    what = type(delivery.payload).__name__
    get_log().error("delivery-held", reference=delivery.reference, what=what, reason=reason)

    def consequence(tx: Transaction) -> None:
        tx.events.append("delivery-held", bot.now(), report_id=delivery.report_id, what=what, reason=reason)
        queue_warning(bot, tx, delivery, reason)

    return _Finished(outcome, consequence)


def _words(error: Exception) -> str:
    """Say what an error is; the text of an unforeseen one could hold anything."""
    return str(error) if isinstance(error, MeldpuntError) else type(error).__name__


def _nothing(_: Transaction) -> None:
    """Nothing else to write."""


def _carry_out(bot: Bot, delivery: Delivery) -> Consequence:
    match delivery.payload:
        case CreateIssue() as order:
            return create_issue(bot, delivery, order)
        case UploadFile() as order:
            return upload_file(bot, delivery, order)
        case LinkFiles() as order:
            return link_files(bot, delivery, order)
        case AddComment() as order:
            return add_comment(bot, delivery, order)
        case SendMail() as order:
            return send_mail(bot, delivery, order)
