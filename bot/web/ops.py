"""`/healthz` and `/readyz`: both answer from memory, at once, and say nothing that must not be seen."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from bot.ports import Bot
from bot.schedule import Job


def add_health(app: FastAPI, bot: Bot, table: Sequence[Job]) -> None:
    """Add the health pages of a running bot that ticks these jobs."""
    allowed = {job.name: job.silence for job in table}

    @app.get("/healthz", include_in_schema=False)
    def healthz() -> JSONResponse:
        """Return 200 while every job gave a sign of life in time; says nothing about the outside."""
        late = bot.doors.late(allowed, bot.now())
        seconds = {job: round(silence.total_seconds()) for job, silence in late.items()}
        return JSONResponse({"alive": not late, "silent_seconds": seconds}, 503 if late else 200)

    @app.get("/readyz", include_in_schema=False)
    def readyz() -> JSONResponse:
        """Return 200 while every door that was tried is open, with the last result of each."""
        doors = {
            name: {"open": door.problem is None, "since": door.since.isoformat(), "problem": door.problem}
            for name, door in bot.doors.all().items()
        }
        shut = bot.doors.shut()
        said: dict[str, Any] = {"ready": not shut, "doors": doors}
        if bot.settings.form.keys:
            said["form_refused"] = bot.refused.all()
        return JSONResponse(said, 503 if shut else 200)
