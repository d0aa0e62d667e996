"""How the code of a consent page comes back to a command: over a loopback port (RFC 8252, 7.3), or pasted."""

import hmac
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from bot.errors import TransientError

# How long a person may take, in seconds.
PATIENCE = 600.0
# Seconds that one visitor of the port may take.
VISIT = 5.0
THANKS = b"<!doctype html><meta charset=utf-8><title>Meldpunt</title><p>Done. You may close this page.</p>"


class Redirect(Protocol):
    """Where a consent page sends the person's browser."""

    @property
    def address(self) -> str:
        """The redirect address that is registered with the request."""

    def code(self, state: str, say: Callable[[str], None]) -> SecretStr:
        """Wait for the code; TransientError when it does not come or the person said no."""


class PastedRedirect:
    """For a browser on another machine: nothing listens, and the person pastes where the browser ended up."""

    address = "http://127.0.0.1:1/"

    def __init__(self, ask: Callable[[], str]) -> None:
        """Take how the person is asked for one line."""
        self._ask = ask

    def code(self, state: str, say: Callable[[str], None]) -> SecretStr:
        """See `Redirect.code`."""
        say("At the end the browser shows an error page: copy the whole address of that page.")
        code = _parse_code(self._ask().strip(), state)
        if code is None:
            raise TransientError("that is not the address of this login. Run the command again")
        return code


class LoopbackRedirect:
    """A port on this machine that takes one good visit."""

    def __init__(self, server: "_Listener") -> None:
        """Take the port that listens."""
        self._server = server

    @property
    def address(self) -> str:
        """See `Redirect.address`."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def code(self, state: str, say: Callable[[str], None]) -> SecretStr:
        """See `Redirect.code`; visits that are not of this login get 400 and change nothing."""
        say("Waiting for the login ...")
        self._server.state = state
        ends = time.monotonic() + PATIENCE
        while self._server.outcome is None:
            if time.monotonic() > ends:
                raise TransientError("nobody logged in within ten minutes. Run the command again")
            self._server.handle_request()
        if isinstance(self._server.outcome, TransientError):
            raise self._server.outcome
        return self._server.outcome


@contextmanager
def listening() -> Iterator[LoopbackRedirect]:
    """Listen on a free loopback port while the block runs."""
    server = _Listener(("127.0.0.1", 0), _Visit)
    server.timeout = 1.0
    try:
        yield LoopbackRedirect(server)
    finally:
        server.server_close()


class _Listener(HTTPServer):
    state = ""
    outcome: SecretStr | TransientError | None = None


class _Visit(BaseHTTPRequestHandler):
    timeout = VISIT
    server: _Listener

    def do_GET(self) -> None:
        """Take the code when the visit belongs to this login."""
        try:
            self.server.outcome = _parse_code(self.path, self.server.state)
        except TransientError as error:
            self.server.outcome = error
        good = self.server.outcome is not None
        self.send_response(200 if good else 400)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(THANKS if good else b"This is not the login that is waited for.")

    def log_message(self, *_: object) -> None:
        """Say nothing: the code stands in the path."""


def _parse_code(address: str, state: str) -> SecretStr | None:
    """Return the code of a redirect (RFC 6749, 4.1.2), None when it is not of this login."""
    query = parse_qs(urlsplit(address).query)
    given = query.get("state", [""])[0]
    if not state or not hmac.compare_digest(given.encode(), state.encode()):
        return None
    if "code" in query:
        return SecretStr(query["code"][0])
    raise TransientError("the login was refused on the consent page. Run the command again")
