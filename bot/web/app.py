"""The HTTP face of a running bot: its health pages, and the form's door where that is open."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from bot.errors import SettingsError
from bot.ports import Bot
from bot.schedule import Job
from bot.web.documentation import add_documentation
from bot.web.ops import add_health
from bot.web.problems import answer_problems
from bot.web.reports import add_door


def build_web(bot: Bot, table: Sequence[Job]) -> FastAPI:
    """Return the HTTP face of a running bot that ticks these jobs."""
    app = FastAPI(title="Meldpunt", docs_url=None, redoc_url=None, openapi_url=None)
    answer_problems(app, bot.settings.base_url)
    add_health(app, bot, table)
    if bot.settings.form.keys:
        add_door(app, bot)
        add_documentation(app, bot)
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
