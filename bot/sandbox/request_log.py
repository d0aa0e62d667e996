"""The last requests to the sandbox's GitLab, so that tests can look for what must not be in them."""

import json
from collections import deque
from dataclasses import dataclass, replace

_MOST_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as it came in; `number` counts from 1 and never repeats within a process."""

    number: int
    at: str
    method: str
    path: str
    query: str
    content_type: str
    body: bytes


class RequestLog:
    """A ring that drops the oldest requests when their bodies together grow too large."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        """Take how many bytes of bodies are kept."""
        self._most_bytes, self._bytes, self._count = most_bytes, 0, 0
        self._ring: deque[LoggedRequest] = deque()

    def add(self, request: LoggedRequest) -> None:
        """Append a request and give it its number."""
        self._count += 1
        self._bytes += len(request.body)
        self._ring.append(replace(request, number=self._count))
        while self._bytes > self._most_bytes and len(self._ring) > 1:
            self._bytes -= len(self._ring.popleft().body)

    def clear(self) -> None:
        """Forget all; the numbers go on."""
        self._ring.clear()
        self._bytes = 0

    def entries(self, *, containing: str = "", after: int = 0) -> list[LoggedRequest]:
        """Return what is kept after a number; with a text, only what holds it in any letter case."""
        wanted = containing.casefold()
        return [
            each
            for each in self._ring
            if each.number > after
            and (not wanted or wanted in f"{each.path}?{each.query} {body_text(each)}".casefold())
        ]


def body_text(request: LoggedRequest) -> str:
    r"""Return the body as text; JSON escapes (`\u00e9`) are undone so that a search finds names."""
    if request.content_type.startswith("application/json"):
        return _undo_json_escapes(request.body)
    return request.body.decode("utf-8", errors="replace")


def _undo_json_escapes(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return body.decode("utf-8", errors="replace")
