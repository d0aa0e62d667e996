"""Requests that come twice: a client that heard no answer asks again, and a thief plays back what he overheard."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

# draft-ietf-httpapi-idempotency-key-header: a string of RFC 9651 in quotes; many clients leave the quotes out.
_KEY = re.compile(r'"([!#-\[\]-~]{1,200})"|([!#-\[\]-~]{1,200})')


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that was stored, and what was answered; `body` is a keyed hash of the bytes that came."""

    name: str
    body: str
    reference: str
    received_at: datetime
    due_on: date


class Verdict(StrEnum):
    """What a signed request is."""

    NEW = "new"
    REPEAT = "repeat"
    REPLAYED = "replayed"
    REUSED = "reused"


def parse_idempotency_key(values: Sequence[str]) -> str | None:
    """Read the `Idempotency-Key` header, None when there is none; ValueError when it is not one key."""
    if not values:
        return None
    match = _KEY.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        raise ValueError("is not one word of 1 to 200 visible characters, plain or in quotes")
    return match[1] or match[2]


def judge(*, name: str, keyed: bool, body: str, used_for: str | None, known: Accepted | None) -> Verdict:
    """Tell what a request is whose signature is genuine.

    `name` is what it calls itself: a hash of its `Idempotency-Key` where it is `keyed`, else of its signature;
    `used_for` the name that this signature went with before, `known` the request accepted under that name.
    A used signature serves again only for the request it was made for, and only where that has a key.
    """
    if used_for is not None and (used_for != name or not keyed):
        return Verdict.REPLAYED
    if known is None:
        return Verdict.NEW
    if not keyed:
        return Verdict.REPLAYED
    return Verdict.REPEAT if known.body == body else Verdict.REUSED
