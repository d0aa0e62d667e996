"""The `jira` library with the HTTP of `tracker_session` under it, and its own ways of trouble closed.

The library asks the server what it is when it is made, sleeps, sends a POST again, logs answers, and gives
None for a search that it does not know. None of that is left: it keeps the log-in, the addresses and the
shapes of what it asks.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import requests
from jira import JIRA
from pydantic import SecretStr

from bot.adapters.jira_errors import is_not_logged_in, not_logged_in, refusal
from bot.adapters.tracker_session import TrackerSession

Deployment = Literal["cloud", "datacenter"]

_VERSIONS: Mapping[Deployment, str] = {"cloud": "3", "datacenter": "2"}
_MOST_PAGES = 1000


class JiraSession(TrackerSession):
    """A session that takes an answer meant for nobody as a refusal: it would say that nothing was found."""

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401 - passed on as they come
        """Make one request as `TrackerSession` does."""
        response = super().request(method, url, **kwargs)
        if method.lower() == "get" and is_not_logged_in(response):
            raise not_logged_in(self._name, response)
        return response


class JiraClient(JIRA):
    """A client for one thread."""

    def __init__(  # noqa: PLR0913 - what the settings say, and the limits
        self,
        name: str,
        url: str,
        deployment: Deployment,
        *,
        username: str | None,
        token: SecretStr,
        timeout: tuple[float, float],
        whole: float,
        now: Callable[[], datetime],
    ) -> None:
        """Log in with user name and token, or with the token alone as a bearer; nothing is asked yet."""
        secret = token.get_secret_value()
        super().__init__(
            server=url,
            options={"rest_api_version": _VERSIONS[deployment]},
            basic_auth=(username, secret) if username else None,
            token_auth=None if username else secret,
            get_server_info=False,
            max_retries=0,
            logging=False,
        )
        session = JiraSession(name, url, refusal=refusal, timeout=timeout, whole=whole, now=now)
        session.auth = self._session.auth
        session.headers.update(self._options["headers"] | {"Accept": "application/json"})
        session.headers["User-Agent"] = "meldpunt"
        self._session.close()
        self._session = session  # type: ignore[assignment]  # the library uses what every session has

    def ask(self, path: str, **params: str | int | list[str]) -> Any:  # noqa: ANN401 - JSON
        """GET a path under the REST API."""
        return self._session.get(self._get_url(path), params=params).json()

    def tell(self, path: str, content: Mapping[str, object]) -> requests.Response:
        """POST JSON to a path under the REST API, once."""
        answer: requests.Response = self._session.post(self._get_url(path), json=content)
        return answer

    def attach(self, issue: str, name: str, media_type: str, content: bytes) -> Any:  # noqa: ANN401 - JSON
        """Store a file with an issue; the body is built anew for every call, and an empty file is one too."""
        headers = {"X-Atlassian-Token": "no-check", "Content-Type": None}
        files = {"file": (name, content, media_type)}
        url = self._get_url(f"issue/{issue}/attachments")
        return self._session.post(url, headers=headers, files=files).json()

    def pages(self, path: str, *names: str, size: int = 50, **params: str | list[str]) -> Iterator[Any]:
        """GET every item of a paged list, whose name differs by path and deployment, from start to total.

        A page without any of these names raises LookupError: it is no page of this list.
        """
        start = 0
        for _ in range(_MOST_PAGES):
            page = self.ask(path, startAt=start, maxResults=size, **params)
            items = page[next((name for name in names if name in page), names[0])]
            yield from items
            start += len(items)
            if not items or page.get("isLast") is True or ("total" in page and start >= page["total"]):
                return

    def _get_json(
        self,
        path: str,
        params: dict[str, Any] | None = None,
        base: str = JIRA.JIRA_BASE_URL,
        use_post: bool = False,  # noqa: FBT001, FBT002 - the library's signature
    ) -> Any:  # noqa: ANN401 - JSON
        """GET as the library asks, without its habit of logging an answer that is no JSON."""
        del use_post
        return self._session.get(self._get_url(path, base), params=params).json()
