"""`/healthz` and `/readyz`: both answer from memory, at once, and say nothing that must not be seen."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from bot.errors import SettingsError
from bot.ports import Bot
from bot.schedule import Job


def build_web(bot: Bot, table: Sequence[Job]) -> FastAPI:
    """Return the HTTP face of a running bot that ticks these jobs."""
    app = FastAPI(title="Meldpunt", docs_url=None, redoc_url=None, openapi_url=None)
    allowed = {job.name: job.silence for job in table}

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        """Return 200 while every job gave a sign of life in time; says nothing about the outside."""
        late = bot.doors.late(allowed, bot.now())
        seconds = {job: round(silence.total_seconds()) for job, silence in late.items()}
        return JSONResponse({"alive": not late, "silent_seconds": seconds}, 503 if late else 200)

    @app.get("/readyz")
    def readyz() -> JSONResponse:
        """Return 200 while every door that was tried is open, with the last result of each."""
        doors = {
            name: {"open": door.problem is None, "since": door.since.isoformat(), "problem": door.problem}
            for name, door in bot.doors.all().items()
        }
        shut = bot.doors.shut()
        return JSONResponse({"ready": not shut, "doors": doors}, 503 if shut else 200)

    return app


@contextmanager
def serve(bot: Bot, table: Sequence[Job]) -> Iterator[int]:
    """Serve in a thread while the block runs and give the port; signals stay with the caller.

    Raises SettingsError when the address cannot be had.
    """
    web = bot.settings.web
    try:
        family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
        listener = socket.create_server((web.host, web.port), family=family)
    except OSError as error:
        place = f"{web.host}:{web.port}"
        raise SettingsError(
            "environment",
            "MELDPUNT_WEB__PORT",
            f"cannot listen on {place} ({error.strerror})",
            "Choose a free port.",
        ) from error
    server = uvicorn.Server(uvicorn.Config(build_web(bot, table), log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, args=([listener],), name="web", daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=2)
        listener.close()
