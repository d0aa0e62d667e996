"""A client of the form's door, as a website's server may have it."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from bot.domain.signature import HEADER, draft_signature

KEY_ID, SECRET = "website", "an-invented-word-of-a-website"
KEYS = f"{KEY_ID}:{SECRET},partner:an-invented-word-of-a-partner"
PATH = "/api/v1/reports"
TIMEOUT = 30
ADDRESS = "joris.bedacht@example.org"


def report(**fields: Any) -> dict[str, Any]:
    """A report with nothing but its description, unless more is given."""
    return {"description": "In het zoekveld kan ik SQL meegeven.", **fields}


def written(said: Mapping[str, Any]) -> bytes:
    """A report as bytes."""
    return json.dumps(said).encode()


@dataclass
class FormClient:
    """Signs and sends; `now` says the time, and each signature is made a second after the one before."""

    address: str
    key_id: str = KEY_ID
    secret: str = SECRET
    now: Callable[[], float] = time.time
    sent: int = field(default=0, init=False)

    def headers(self, body: bytes, **headers: str) -> dict[str, str]:
        """The headers of a request that is signed anew; underscores in names are dashes."""
        signature = draft_signature(self.key_id, self.secret, int(self.now()) + self.sent, body)
        self.sent += 1
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {HEADER: signature, "Content-Type": "application/json", **named}

    def send(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        """Send bytes with exactly these headers."""
        return requests.post(f"{self.address}{PATH}", data=body, headers=headers, timeout=TIMEOUT)

    def post(self, said: Mapping[str, Any] | bytes, **headers: str) -> requests.Response:
        """Sign and send a report."""
        body = said if isinstance(said, bytes) else written(said)
        return self.send(body, self.headers(body, **headers))
