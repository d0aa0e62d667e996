"""The HTTP under the trackers' libraries: what those leave open is decided here.

Every request has its time limits, goes to the one server that was set, follows no redirect, is made once,
and fails only with an error of `bot.errors`.
"""

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from bot.adapters.tracker_errors import broken_line, odd_answer
from bot.errors import MeldpuntError, PermanentError
from bot.setting_values import is_loopback

_CHUNK = 1 << 16
_LARGEST = 64 << 20
_SUCCESS = 2


class Refusal(Protocol):
    """How one kind of tracker says what a status outside 2xx means."""

    def __call__(
        self, name: str, response: requests.Response, *, sent: str | None, now: datetime
    ) -> MeldpuntError:
        """Take the tracker's name and its answer; `sent` is the text of a request that writes, else None."""


class TrackerSession(requests.Session):
    """A session for one server and one thread."""

    def __init__(  # noqa: PLR0913 - the limits, and who says what a refusal means
        self,
        name: str,
        url: str,
        *,
        refusal: Refusal,
        timeout: tuple[float, float],
        whole: float,
        now: Callable[[], datetime],
    ) -> None:
        """Take the tracker's name and address, seconds to connect and between two reads, and for a whole answer."""
        super().__init__()
        self._name, self._base, self._timeout, self._whole, self._now = name, f"{url}/", timeout, whole, now
        self._refusal = refusal
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # What stands on this machine is not asked for by way of a proxy.
        self.trust_env = not is_loopback(urlsplit(url).hostname or "")

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401 - passed on as they come
        """Make one request and read its answer whole, or raise what its failure means."""
        if not url.startswith(self._base):
            raise PermanentError(
                f"tracker {self._name} pointed to an address outside itself, which was not asked"
            )
        writes = method.lower() != "get"
        kwargs |= {"timeout": self._timeout, "allow_redirects": False, "stream": True}
        try:
            response = super().request(method, url, **kwargs)
            _read_whole(response, time.monotonic() + self._whole)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise broken_line(self._name, error, writes=writes) from None
        if response.status_code // 100 != _SUCCESS:
            sent = "\n".join(_texts(_sent(kwargs))) if writes else None
            raise self._refusal(self._name, response, sent=sent, now=self._now())
        if "json" not in response.headers.get("Content-Type", ""):
            raise odd_answer(self._name, "a page instead of JSON, as a log-in page is", writes=writes)
        return response


def _read_whole(response: requests.Response, deadline: float) -> None:
    """Read the body as it drips in, but not for ever: the read limit alone starts anew with every byte."""
    body = bytearray()
    while piece := response.raw.read1(_CHUNK, decode_content=True):
        body += piece
        if time.monotonic() > deadline or len(body) > _LARGEST:
            response.close()
            raise requests.ReadTimeout("the answer was timed out")
    response.raw.read()
    response.raw = io.BytesIO(bytes(body))


def _sent(kwargs: Mapping[str, Any]) -> object:
    """Find what a request carried; one of the libraries writes its JSON itself."""
    data = kwargs.get("data")
    return json.loads(data) if isinstance(data, str) else kwargs.get("json")


def _texts(sent: object) -> Iterator[str]:
    """Find the texts in it, to recognise them in an answer."""
    if isinstance(sent, str):
        yield sent
    elif isinstance(sent, dict):
        for each in sent.values():
            yield from _texts(each)
    elif isinstance(sent, list | tuple):
        for each in sent:
            yield from _texts(each)
