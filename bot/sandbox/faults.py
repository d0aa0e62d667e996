"""Failures that a test asks for, at a tracker (HTTP) or at the mail server (SMTP)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

Kind = Literal["reply_lost_after_commit", "slow_body", "status", "html_200", "drop", "delay_ms"]
Protocol = Literal["http", "smtp"]
Stage = Literal["mail", "rcpt", "data"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One order for trouble.

    `method` and `path` (a regular expression, searched) choose requests at a tracker; at the mail server
    `stage` and `path` (searched in the address) do. The first `skip` matches go through unharmed, the next
    `count` fail. `status` and `retry_after` (sent as it stands: a number or an HTTP date) belong to kind
    `status`, `milliseconds` to `delay_ms` (before the work) and `slow_body` (between two bytes).
    """

    kind: Kind
    protocol: Protocol = "http"
    method: str = "*"
    path: str = ""
    stage: Stage = "rcpt"
    count: int = 1
    skip: int = 0
    status: int = 503
    retry_after: str | None = None
    milliseconds: int = 100

    def hits(self, protocol: Protocol, method: str, path: str) -> bool:
        """Say whether this fault is meant for that request or SMTP stage (`method` is then the stage)."""
        if protocol != self.protocol or not re.search(self.path, path):
            return False
        if protocol == "smtp":
            # Only a refusal knows stages; the rest happens when the mail is handed over.
            return method == (self.stage if self.kind == "status" else "data")
        return self.method in {"*", method}


class FaultError(ValueError):
    """The order cannot be read; the sentence says what is wrong."""


def parse_fault(value: object) -> Fault:
    """Read a fault from JSON; raises FaultError with the name of the key at fault."""
    if not isinstance(value, Mapping):
        raise FaultError("a fault is a JSON object")
    fields = dict(value)
    unknown = fields.keys() - Fault.__dataclass_fields__.keys()
    if unknown:
        raise FaultError(f"unknown keys: {', '.join(sorted(map(str, unknown)))}")
    for key, allowed in (("kind", Kind), ("protocol", Protocol), ("stage", Stage)):
        if (key == "kind" or key in fields) and fields.get(key) not in get_args(allowed):
            raise FaultError(f"{key} must be one of {', '.join(get_args(allowed))}")
    for key in ("count", "skip", "status", "milliseconds"):
        if not isinstance(fields.get(key, 0), int):
            raise FaultError(f"{key} must be a whole number")
    if fields.get("retry_after") is not None:
        fields["retry_after"] = str(fields["retry_after"])
    return _compiled(Fault(**fields))


def _compiled(fault: Fault) -> Fault:
    try:
        re.compile(fault.path)
    except re.error as error:
        raise FaultError("path must be a regular expression") from error
    return fault


class Faults:
    """The orders that still stand; they do not outlive the process.

    `delay_seconds` is how long every answer of a tracker waits before its work begins.
    """

    def __init__(self) -> None:
        """Start without any."""
        self._standing: list[Fault] = []
        self.delay_seconds = 0.0

    def add(self, fault: Fault) -> None:
        """Place an order behind the others."""
        self._standing.append(fault)

    def clear(self) -> None:
        """Withdraw all."""
        self._standing.clear()

    def standing(self) -> list[Fault]:
        """Return what still stands, with what is left of each count."""
        return list(self._standing)

    def take(self, protocol: Protocol, method: str, path: str) -> Fault | None:
        """Use up one match of the first fault that is meant for this, or let it pass."""
        for at, fault in enumerate(self._standing):
            if fault.hits(protocol, method, path):
                return self._use(at, fault)
        return None

    def _use(self, at: int, fault: Fault) -> Fault | None:
        if fault.skip:
            self._standing[at] = replace(fault, skip=fault.skip - 1)
            return None
        if fault.count > 1:
            self._standing[at] = replace(fault, count=fault.count - 1)
        else:
            del self._standing[at]
        return fault
