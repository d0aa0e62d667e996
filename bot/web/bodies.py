"""Reading the body of a request that nobody has vouched for yet: bounded in bytes, in time and all together."""

import asyncio
from contextlib import suppress

from fastapi import Request
from starlette.requests import ClientDisconnect

from bot.web.problems import BUSY, OTHER, TOO_LARGE, TOO_SLOW, ProblemError

# So many of the largest bodies may be in memory at once.
TOGETHER = 4
# How long what follows is thrown away after a refusal: a client that is cut off in the middle of its request
# may never read why.
LINGER = 1.0
_LAST = {"Connection": "close"}


class Bodies:
    """Reads bodies on one event loop and counts their bytes until each was dealt with."""

    def __init__(self, *, most_bytes: int, seconds: float) -> None:
        """Take what one body may have, and how long it may take to arrive."""
        self._most, self._seconds = most_bytes, seconds
        self._room = TOGETHER * most_bytes

    async def read(self, request: Request) -> bytes:
        """Return the whole body, whatever its length was said to be; ProblemError when it is over a limit.

        The caller gives it back with `let_go` when it is done with it.
        """
        said = request.headers.get("content-length", "")
        try:
            if said.isascii() and said.isdigit() and int(said) > self._most:
                raise self._too_large()
            async with asyncio.timeout(self._seconds):
                return await self._collect(request)
        except TimeoutError:
            detail = f"A request must arrive within {self._seconds:g} seconds."
            raise ProblemError(TOO_SLOW, detail, headers=_LAST) from None
        except ClientDisconnect:
            raise ProblemError(OTHER, "The request broke off.", counted="broken-off") from None
        except ProblemError:
            await self._throw_away(request)
            raise

    def let_go(self, body: bytes) -> None:
        """Note that a body is not needed any more."""
        self._room += len(body)

    async def _collect(self, request: Request) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in request.stream():
                self._admit(len(chunk), size)
                size += len(chunk)
                chunks.append(chunk)
        except BaseException:
            self._room += size
            raise
        return b"".join(chunks)

    def _admit(self, more: int, size: int) -> None:
        """Make room for more of a body that has `size` bytes so far, where there is room."""
        if size + more > self._most:
            raise self._too_large()
        if more > self._room:
            raise ProblemError(BUSY, "Try again in a moment.", headers=_LAST | {"Retry-After": "5"})
        self._room -= more

    def _too_large(self) -> ProblemError:
        return ProblemError(TOO_LARGE, f"A request may have {self._most} bytes.", headers=_LAST)

    async def _throw_away(self, request: Request) -> None:
        if "expect" in request.headers:  # it waits for leave to go on, and this is the answer
            return
        with suppress(TimeoutError, ClientDisconnect, RuntimeError):
            async with asyncio.timeout(LINGER):
                async for _ in request.stream():
                    pass
