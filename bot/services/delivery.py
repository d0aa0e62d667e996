"""What goes out: orders are carried out lane by lane, several lanes at once, each with a recorded outcome."""

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
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
from bot.errors import OutcomeUnknownError, PermanentError, TransientError
from bot.log import get_log
from bot.ports import Bot, Consequence, Transaction
from bot.services.notices import send_mail
from bot.services.tracking import add_comment, create_issue, link_files, queue_warning, upload_file

# How long finished deliveries wait for others, so that they share one commit.
LINGER = 0.01


@dataclass(frozen=True, slots=True)
class _Finished:
    """An outcome with what else must be written in the same commit."""

    outcome: Outcome
    consequence: Consequence


def deliver_outbox(bot: Bot) -> int:
    """Carry out what is due, several lanes at once, until nothing more is; return how many attempts were made."""
    attempts = 0
    most = bot.settings.workers * 2
    with ThreadPoolExecutor(bot.settings.workers, "deliver") as pool:
        flying: set[Future[_Finished]] = set()
        while True:
            if len(flying) <= bot.settings.workers and not bot.stopping.is_set():
                with bot.store.begin() as tx:
                    claimed = tx.outbox.claim(bot.now(), most - len(flying))
                flying |= {pool.submit(_attempt, bot, delivery) for delivery in claimed}
                attempts += len(claimed)
            if not flying:
                return attempts
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            done, flying = wait(flying, timeout=LINGER)
            _record(bot, [future.result() for future in done])
            bot.doors.beat("deliver_outbox", bot.now())


def _record(bot: Bot, finished: list[_Finished]) -> None:
    with bot.store.begin() as tx:
        tx.outbox.record([each.outcome for each in finished], bot.now())
        for each in finished:
            each.consequence(tx)


def _attempt(bot: Bot, delivery: Delivery) -> _Finished:
    """Try one delivery; every failure becomes an outcome, so that one order never stops the others."""
    door = delivery.payload.tracker if not isinstance(delivery.payload, SendMail) else "mailer"
    try:
        consequence = _carry_out(bot, delivery)
    except TransientError as error:
        # Whether an earlier attempt had its effect is as unknown as before.
        result = Result.UNCERTAIN if delivery.uncertain else Result.AGAIN
        _door(bot, door, str(error))
        return _later(bot, delivery, result, str(error), error.retry_after)
    except OutcomeUnknownError as error:
        return _later(bot, delivery, Result.UNCERTAIN, str(error), error.retry_after)
    except PermanentError as error:
        return _held(bot, delivery, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other lanes go on and a person is told
        return _held(bot, delivery, f"failed in an unforeseen way ({type(error).__name__})")
    _door(bot, door, None)
    return _Finished(Outcome(delivery, Result.DONE), consequence)


def _door(bot: Bot, name: str, problem: str | None) -> None:
    if bot.doors.saw(name, bot.now(), problem) and problem:
        get_log().warning("door-shut", door=name, reason=problem)


def _later(bot: Bot, delivery: Delivery, result: Result, reason: str, asked: timedelta | None) -> _Finished:
    again_at = bot.now() + pause_after(delivery.attempts, asked)
    return _Finished(Outcome(delivery, result, reason, again_at), _nothing)


def _nothing(_: Transaction) -> None:
    """Nothing else to write."""


def _held(bot: Bot, delivery: Delivery, reason: str) -> _Finished:
    """Step out of the lane, keep the record and tell the team in the issue."""
    what = type(delivery.payload).__name__
    get_log().error("delivery-held", reference=delivery.reference, what=what, reason=reason)

    def consequence(tx: Transaction) -> None:
        tx.events.append("delivery-held", bot.now(), report_id=delivery.report_id, what=what, reason=reason)
        queue_warning(bot, tx, delivery, reason)

    return _Finished(Outcome(delivery, Result.HELD, reason), consequence)


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
