"""The door that forms and other programs hand reports in by: `POST /api/v1/reports`."""

import traceback
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from bot.domain.form import FormReport, TooManyNamesError, read_form
from bot.domain.repeats import Accepted, Verdict, parse_idempotency_key
from bot.domain.signature import HEADER, Refusal, Signature, check_signature
from bot.errors import MeldpuntError, StoreError
from bot.log import get_log
from bot.ports import Bot
from bot.services.form import Request as SignedRequest
from bot.services.form import take_report
from bot.web.api_schema import Answer, request_body, responses
from bot.web.bodies import Bodies
from bot.web.problems import (
    AWAY,
    FAULT,
    HEADERS,
    KEY_REUSED,
    NOT_JSON,
    NOT_SIGNED,
    REPLAYED,
    STALE,
    WRONG_FIELDS,
    WRONG_KEY,
    WRONG_TYPE,
    ProblemError,
)

PATH = "/api/v1/reports"
# Requests that are checked and stored at once; the others wait.
AT_ONCE = 4
_MOST_ERRORS = 20
_LONGEST_POINTER = 200
_CHALLENGE = {"WWW-Authenticate": "Meldpunt-Signature"}


def add_door(app: FastAPI, bot: Bot) -> None:
    """Open the door; what is refused leaves nothing behind but a count."""
    form = bot.settings.form
    bodies = Bodies(most_bytes=form.max_bytes, seconds=form.read_seconds)
    limiter = CapacityLimiter(AT_ONCE)

    async def post_report(request: Request) -> JSONResponse:
        """Hand in a report. It is stored sealed before this is answered, and opened as an issue soon after."""
        try:
            body = await bodies.read(request)
            try:
                accepted = await to_thread.run_sync(_take, bot, request, body, limiter=limiter)
            finally:
                bodies.let_go(body)
        except ProblemError as error:
            bot.refused.add(error.counted)
            raise
        return JSONResponse(_answer(bot, accepted), 201, HEADERS)

    app.add_api_route(
        PATH,
        post_report,
        methods=["POST"],
        status_code=201,
        response_model=None,
        responses=responses(),
        openapi_extra=request_body(),
    )


def _answer(bot: Bot, accepted: Accepted) -> dict[str, Any]:
    return Answer(
        reference=accepted.reference,
        received_at=accepted.received_at.astimezone(bot.calendar.zone).replace(microsecond=0),
        first_response_due_on=accepted.due_on,
    ).model_dump(mode="json")


def _take(bot: Bot, request: Request, body: bytes) -> Accepted:
    """Check a request in the order that tells a stranger least, and store its report."""
    signature = _check_signature(bot, request, body)
    key = _idempotency_key(request)
    _check_media_type(request)
    signed = SignedRequest(_read(body), body, signature, key)
    try:
        taken = take_report(bot, signed)
    except MeldpuntError as error:
        raise _away(bot, error) from error
    except Exception as error:  # noqa: BLE001 - a traceback in the log could hold what somebody wrote
        raise _fault(error) from None
    if "form" in bot.doors.shut():
        bot.doors.saw("form", bot.now())
    if taken is Verdict.REPLAYED:
        raise ProblemError(
            REPLAYED,
            "Sign each request anew, with the time of sending; a repeat bears the Idempotency-Key of the first.",
            counted=Refusal.REPLAYED,
            headers=_CHALLENGE,
        )
    if not isinstance(taken, Accepted):
        raise ProblemError(KEY_REUSED, "Take a new key for each report; repeat a report byte for byte.")
    return taken


def _check_signature(bot: Bot, request: Request, body: bytes) -> Signature:
    form = bot.settings.form
    window = timedelta(seconds=form.window_seconds)
    checked = check_signature(request.headers.getlist(HEADER), body, form.keys, bot.now(), window)
    if isinstance(checked, Signature):
        return checked
    if checked is Refusal.STALE:
        detail = f"It may be {form.window_seconds} seconds away; look at your clock and sign anew."
        raise ProblemError(STALE, detail, counted=checked, headers=_CHALLENGE)
    detail = f"{HEADER} must be t=UNIX,id=ID,v1=HEX over the time, a dot and the body; /api says how."
    raise ProblemError(NOT_SIGNED, detail, counted=checked, headers=_CHALLENGE)


def _idempotency_key(request: Request) -> str | None:
    try:
        return parse_idempotency_key(request.headers.getlist("Idempotency-Key"))
    except ValueError as error:
        raise ProblemError(WRONG_KEY, f"It {error}.") from None


def _check_media_type(request: Request) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    encoded = request.headers.get("content-encoding", "identity").lower() != "identity"
    if media_type.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"} or encoded:
        raise ProblemError(WRONG_TYPE, "Send Content-Type: application/json, in UTF-8 and not compressed.")


def _read(body: bytes) -> FormReport:
    try:
        return read_form(body)
    except TooManyNamesError:
        raise ProblemError(WRONG_FIELDS, "An object has far more names than a report knows.") from None
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)[:_MOST_ERRORS]
    if faults[0]["type"] == "json_invalid":
        raise ProblemError(NOT_JSON, f"{faults[0]['msg']}.")
    errors = [{"pointer": _pointer(fault["loc"]), "detail": _sentence(fault)} for fault in faults]
    raise ProblemError(WRONG_FIELDS, "Mend what is named under errors; nothing was stored.", errors=errors)


def _pointer(place: Sequence[str | int]) -> str:
    """Write a place as a JSON Pointer in a URI fragment (RFC 6901, section 6)."""
    parts = (quote(str(part).replace("~", "~0").replace("/", "~1"), safe="~") for part in place)
    return "#" + "".join(f"/{part}" for part in parts)[:_LONGEST_POINTER]


def _sentence(fault: Any) -> str:  # noqa: ANN401 - pydantic's own dictionary
    known = {"extra_forbidden": "is no field of a report", "missing": "is required"}
    said: str = known.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


def _away(bot: Bot, error: MeldpuntError) -> ProblemError:
    """Say that it was not our day, and let the team see which door is shut."""
    door = "store" if isinstance(error, StoreError) else "form"
    if bot.doors.saw(door, bot.now(), str(error)):
        get_log().warning("form-hindered", reason=str(error))
    detail = (
        "It may be stored or not: send the same again under the same Idempotency-Key, and it is one report."
    )
    return ProblemError(AWAY, detail, headers={"Retry-After": "10"})


def _fault(error: Exception) -> ProblemError:
    """Tell kind and place of a fault of ours, for its words may hold what somebody wrote."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
    get_log().error("form-failed", fault=type(error).__name__, where=where)
    return ProblemError(FAULT, "It may be stored or not; the desk has been told.")
