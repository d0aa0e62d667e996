"""Signed requests: who may hand in reports by form, and how a request proves it.

The signature is `HMAC-SHA256(secret, "UNIX." + body)`, in hex, in a header `t=UNIX,id=ID,v1=HEX`.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

HEADER = "X-Meldpunt-Signature"
SHORTEST_SECRET = 16
# The most seconds that a signature may be away from our time, either way.
LONGEST_WINDOW = 3600

_KEY_ID = r"[A-Za-z0-9_.-]{1,32}"
_SIGNATURE = re.compile(rf"t=([1-9][0-9]{{0,10}}),id=({_KEY_ID}),v1=([0-9a-f]{{64}})", re.ASCII)
# What an unknown id is checked with, so that the time it takes tells nobody which ids there are.
_NOBODYS_SECRET = secrets.token_hex(32)


class Refusal(StrEnum):
    """Why a request was not believed."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    STALE = "stale"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as the header has it; `signed_at` is the signer's word, aware UTC."""

    signed_at: datetime
    key_id: str
    mac: str


def parse_signing_keys(text: str) -> Mapping[str, str]:
    """Read a comma list of `id:secret`; ValueError with a sentence that repeats no secret."""
    keys: dict[str, str] = {}
    for position, entry in enumerate(text.split(","), start=1):
        key_id, colon, secret = entry.strip().partition(":")
        if not colon or not re.fullmatch(_KEY_ID, key_id):
            raise ValueError(f"key {position} of the list is not id:secret")
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"the secret of key {position} has fewer than {SHORTEST_SECRET} characters")
        if key_id in keys:
            raise ValueError(f"key {position} of the list has the id of another")
        keys[key_id] = secret
    return keys


def sign(secret: str, signed_at: int, body: bytes) -> str:
    """Return the hex digest over `signed_at` (Unix seconds), a dot and the body."""
    mac = hmac.new(secret.encode(), f"{signed_at}.".encode(), hashlib.sha256)
    mac.update(body)
    return mac.hexdigest()


def draft_signature(key_id: str, secret: str, signed_at: int, body: bytes) -> str:
    """Return the whole value of the header for a body."""
    return f"t={signed_at},id={key_id},v1={sign(secret, signed_at, body)}"


def parse_signature(values: Sequence[str]) -> Signature | None:
    """Read the header, which must be there once and have exactly its three parts in their order; else None."""
    match = _SIGNATURE.fullmatch(values[0]) if len(values) == 1 else None
    return Signature(datetime.fromtimestamp(int(match[1]), UTC), match[2], match[3]) if match else None


def check_signature(
    values: Sequence[str], body: bytes, keys: Mapping[str, str], now: datetime, window: timedelta
) -> Signature | Refusal:
    """Return the signature that a request bears, or why it is refused; takes equally long for an unknown id.

    It must be of a known key, over exactly this body, and no more than `window` away from `now`, either way.
    Whether it was used before only the store knows.
    """
    signature = parse_signature(values)
    if signature is None:
        return Refusal.MALFORMED
    secret = keys.get(signature.key_id)
    expected = sign(secret or _NOBODYS_SECRET, int(signature.signed_at.timestamp()), body)
    genuine = hmac.compare_digest(expected, signature.mac)
    if secret is None:
        return Refusal.UNKNOWN_KEY
    if not genuine:
        return Refusal.FORGED
    return signature if abs(now - signature.signed_at) <= window else Refusal.STALE
