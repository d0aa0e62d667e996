"""A provider of tokens on loopback that speaks as Microsoft and Google do, and tells a mail server what holds."""

import base64
import hashlib
import itertools
import json
import secrets
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import requests

from tests.rigs.certificates import Certificate

TENANT = "example.onmicrosoft.com"
CLIENT = "a-desk"
SECRET = "s3cret~of~the~client"
FIRST = "refresh-token-number-1"
ENDED = "AADSTS700082: The refresh token has expired due to inactivity. Trace ID: 1f2e"


@dataclass
class Provider:
    """What it knows; a test turns its knobs while it runs.

    `lasts` is the life of a token in seconds as it says, `tokens` are those that a mail server accepts,
    `planned` answers the next requests for a token instead, `rotates` voids a refresh token with each use.
    """

    certificate: Certificate
    username: str = "security"
    lasts: int = 3600
    length: int = 1800
    rotates: bool = True
    refresh_tokens: set[str] = field(default_factory=lambda: {FIRST})
    tokens: set[str] = field(default_factory=set)
    given: list[str] = field(default_factory=list)
    planned: deque[tuple[int, str]] = field(default_factory=deque)
    pending: deque[str] = field(default_factory=deque)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    paths: set[tuple[str, str]] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._numbers = itertools.count(1)
        self._plain, self._tls = (ThreadingHTTPServer(("127.0.0.1", 0), _Answering) for _ in range(2))
        self._tls.socket = self.certificate.serving().wrap_socket(self._tls.socket, server_side=True)
        for server in (self._plain, self._tls):
            server.daemon_threads = True
            server.RequestHandlerClass = type("Answering", (_Answering,), {"provider": self})
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for server in (self._plain, self._tls):
            server.shutdown()
            server.server_close()

    @property
    def authority(self) -> str:
        return f"https://127.0.0.1:{self._tls.server_port}"

    @property
    def token_url(self) -> str:
        return f"http://127.0.0.1:{self._plain.server_port}/token"

    @property
    def introspection_url(self) -> str:
        return f"http://127.0.0.1:{self._plain.server_port}/introspect"

    @property
    def trust(self) -> dict[str, str]:
        """What tells a process to believe its certificate."""
        return {"REQUESTS_CA_BUNDLE": str(self.certificate.certificate)}

    def microsoft(self, line: str, **more: str) -> dict[str, str]:
        """Settings of a line that asks here."""
        named = {"PROVIDER": "microsoft", "TENANT": TENANT, "CLIENT_ID": CLIENT, "AUTHORITY": self.authority}
        return {f"{line}__OAUTH__{name}": value for name, value in (named | more).items()}

    def google(self, line: str, **more: str) -> dict[str, str]:
        named = {
            "PROVIDER": "google",
            "CLIENT_ID": CLIENT,
            "CLIENT_SECRET": SECRET,
            "TOKEN_URL": self.token_url,
        }
        return {f"{line}__OAUTH__{name}": value for name, value in (named | more).items()}

    def end_tokens(self) -> None:
        """Let no token hold any more, as when their time is up."""
        self.tokens.clear()

    def withdraw(self) -> None:
        """Let no token and no login hold any more, as when a person withdraws what he allowed."""
        self.tokens.clear()
        self.refresh_tokens.clear()

    def visit(self, address: str, *, allow: bool = True) -> str:
        """Do what a person does on Google's consent page, and return where the browser is sent."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = query["code_challenge"]
        outcome = f"code={code}" if allow else "error=access_denied"
        return f"{query['redirect_uri']}?state={query['state']}&{outcome}"

    def grant(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer one request for a token."""
        if self.planned:
            status, text = self.planned.popleft()
            return status, {"raw": text}
        kind = form["grant_type"]
        refused = self._refuse(kind, form)
        if refused is not None:
            error, description = refused
            status = 401 if error == "invalid_client" else 400
            return status, {"error": error, "error_description": description}
        return 200, self._give(kind, form)

    def _refuse(self, kind: str, form: Mapping[str, str]) -> tuple[str, str] | None:
        proves = kind == "client_credentials" or "client_secret" in form
        if form.get("client_id") != CLIENT:
            return "unauthorized_client", "AADSTS700016: not found"
        if proves and form.get("client_secret") != SECRET:
            return "invalid_client", "AADSTS7000215: Invalid client secret provided."
        if kind.endswith(":device_code") and self.pending:
            return self.pending.popleft(), ""
        if kind == "refresh_token" and form["refresh_token"] not in self.refresh_tokens:
            return "invalid_grant", ENDED
        if kind == "authorization_code" and not self._proven(form):
            return "invalid_grant", ""
        return None

    def _proven(self, form: Mapping[str, str]) -> bool:
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        return self.codes.pop(form["code"], "") == proof.decode().rstrip("=")

    def _give(self, kind: str, form: Mapping[str, str]) -> dict[str, Any]:
        number = next(self._numbers)
        token = f"access-token-{number}-".ljust(self.length, "x")
        self.tokens.add(token)
        self.given.append(token)
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "expires_in": self.lasts}
        if kind == "refresh_token" and self.rotates:
            self.refresh_tokens.discard(form["refresh_token"])
        if kind != "client_credentials" and (kind != "refresh_token" or self.rotates):
            answer["refresh_token"] = f"refresh-token-number-{number + 1}"
            self.refresh_tokens.add(answer["refresh_token"])
        return answer


class _Answering(BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.provider.paths.add(("GET", urlsplit(self.path).path))
        if self.path.startswith("/introspect"):
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            good = token in self.provider.tokens
            self._say(200 if good else 401, {"active": good, "username": self.provider.username})
        elif self.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            here = f"{self.provider.authority}/{TENANT}/oauth2/v2.0"
            self._say(
                200,
                {
                    "issuer": here,
                    "authorization_endpoint": f"{here}/authorize",
                    "token_endpoint": f"{here}/token",
                    "device_authorization_endpoint": f"{here}/devicecode",
                },
            )
        else:
            self._say(400, {"error": "invalid_tenant", "error_description": "AADSTS90002: not found"})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        self.provider.asked.append((self.path, form))
        self.provider.paths.add(("POST", urlsplit(self.path).path))
        if self.path.endswith("/devicecode"):
            self._say(
                200,
                {
                    "device_code": "d-1",
                    "user_code": "ABCD-1234",
                    "verification_uri": "https://login.example.org/device",
                    "expires_in": 900,
                    "interval": 0,
                },
            )
        else:
            status, answer = self.provider.grant(form)
            self._say(status, answer)

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        body = answer["raw"].encode() if "raw" in answer else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def browse(address: str) -> int:
    """Open an address as a browser does, and return the status of the page."""
    return requests.get(address, timeout=10).status_code
