"""What stands before a vendor's API: it logs each request and makes the trouble that a test asked for."""

import asyncio
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.sandbox.clock import now
from bot.sandbox.faults import Fault, Faults
from bot.sandbox.request_log import LoggedRequest, RequestLog

_SIGN_IN = "<!DOCTYPE html><html lang=en><title>Sign in</title><h1>Sign in to continue</h1></html>"


class DroppableProtocol(H11Protocol):
    """HTTP whose requests can reach their own connection, to break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport where a request finds it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


Refuse = Callable[[Fault], Response]


class Gate:
    """An ASGI application around another one."""

    def __init__(
        self, app: ASGIApp, faults: Faults, log: RequestLog, guarded: tuple[str, ...], refuse: Refuse
    ) -> None:
        """Take the API, the trouble, the log, where the API's paths begin and how the vendor refuses."""
        self._app, self._faults, self._log = app, faults, log
        self._guarded, self._refuse = guarded, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole request first, as a proxy does, then let it through or not."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        # Routes are matched on the path as sent: a project's path has its slash encoded.
        scope["path"] = scope["raw_path"].decode("ascii")
        if not scope["path"].startswith(self._guarded):
            return await self._app(scope, receive, send)
        body = await _read_body(receive)
        self._log_request(scope, body)
        await asyncio.sleep(self._faults.delay_seconds)
        fault = self._faults.take("http", scope["method"], scope["path"])
        if fault is None:
            return await self._app(scope, _replay(body), send)
        return await self._make_trouble(fault, scope, body, receive, send)

    def _log_request(self, scope: Scope, body: bytes) -> None:
        content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        self._log.add(
            LoggedRequest(
                number=0,
                at=now(),
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("ascii", "replace"),
                content_type=content_type.decode("ascii", "replace"),
                body=body,
            )
        )

    async def _make_trouble(
        self, fault: Fault, scope: Scope, body: bytes, receive: Receive, send: Send
    ) -> None:
        if fault.kind == "html_200":
            await HTMLResponse(_SIGN_IN)(scope, receive, send)
        elif fault.kind == "status":
            await self._refuse(fault)(scope, receive, send)
        elif fault.kind == "delay_ms":
            await asyncio.sleep(fault.milliseconds / 1000)
            await self._app(scope, _replay(body), send)
        elif fault.kind == "slow_body":
            await self._app(scope, _replay(body), _trickling(scope, send, fault.milliseconds / 1000))
        else:
            if fault.kind == "reply_lost_after_commit":
                await self._app(scope, _replay(body), _to_nowhere)
            await _hang_up(scope, receive)


async def _read_body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes) -> Receive:
    messages: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    return receive


async def _to_nowhere(_message: MutableMapping[str, Any]) -> None:
    return None


def _trickling(scope: Scope, send: Send, pause: float) -> Send:
    transport: asyncio.Transport = scope["state"]["transport"]

    async def trickle(message: Message) -> None:
        body: bytes = message.get("body", b"")
        if message["type"] != "http.response.body" or not body:
            return await send(message)
        for at in range(len(body)):
            if transport.is_closing():
                break
            await send({"type": "http.response.body", "body": body[at : at + 1], "more_body": True})
            await asyncio.sleep(pause)
        return await send({**message, "body": b""})

    return trickle


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Break the connection and wait until the server has seen it, so that it answers nothing."""
    scope["state"]["transport"].abort()
    await receive()
