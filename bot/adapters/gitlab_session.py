"""The HTTP under python-gitlab: what that library leaves open is decided here.

Every request has its time limits, goes to the one GitLab that was set, follows no redirect, is made once,
and fails only with an error of `bot.errors`.
"""

import io
import time
from collections.abc import Callable
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from bot.adapters.gitlab_errors import broken_line, odd_answer, refusal
from bot.errors import PermanentError
from bot.setting_values import is_loopback

_CHUNK = 1 << 16
_LARGEST = 64 << 20
_SUCCESS = 2


class GitLabSession(requests.Session):
    """A session for one GitLab and one thread."""

    def __init__(
        self, name: str, url: str, *, timeout: tuple[float, float], whole: float, now: Callable[[], datetime]
    ) -> None:
        """Take the tracker's name and address, seconds to connect and between two reads, and for a whole answer."""
        super().__init__()
        self._name, self._base, self._timeout, self._whole, self._now = name, f"{url}/", timeout, whole, now
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
            sent = _text_of(kwargs.get("json")) if writes else None
            raise refusal(self._name, response, sent=sent, now=self._now())
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


def _text_of(sent: object) -> str:
    """Join the texts that a request carried, to recognise them in an answer."""
    return (
        "\n".join(value for value in sent.values() if isinstance(value, str))
        if isinstance(sent, dict)
        else ""
    )
