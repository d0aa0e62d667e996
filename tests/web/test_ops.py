"""What the health pages say: alive is about the bot alone, ready about every door."""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from bot.errors import SettingsError
from bot.ports import Bot
from bot.schedule import Job, ticking
from bot.web.app import serve
from tests.rigs.bots import Clock, idle_bot

QUICK = timedelta(milliseconds=10)
LONG = 10


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bot(tmp_path: Path, clock: Clock) -> Iterator[Bot]:
    with idle_bot(tmp_path, clock) as built:
        yield built


def get(port: int, path: str) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{port}/{path}", timeout=LONG)


def test_a_door_that_shuts_is_told_with_its_reason_until_it_opens_and_the_bot_stays_alive(
    bot: Bot, clock: Clock
) -> None:
    with serve(bot, []) as port:
        bot.doors.saw("mailbox", clock())
        bot.doors.saw("mailer", clock(), "nothing listens on that port")
        shut = get(port, "readyz")
        assert (shut.status_code, shut.json()) == (
            503,
            {
                "ready": False,
                "doors": {
                    "mailbox": {"open": True, "since": "2026-11-23T08:00:00+00:00", "problem": None},
                    "mailer": {
                        "open": False,
                        "since": "2026-11-23T08:00:00+00:00",
                        "problem": "nothing listens on that port",
                    },
                },
            },
        )
        assert get(port, "healthz").status_code == 200
        clock.passes(timedelta(minutes=5))
        bot.doors.saw("mailer", clock())
        ready = get(port, "readyz")
        assert (ready.status_code, ready.json()["doors"]["mailer"]["since"]) == (
            200,
            "2026-11-23T08:05:00+00:00",
        )


def test_a_job_that_hangs_makes_the_bot_unwell_and_one_that_goes_on_well_again(
    bot: Bot, clock: Clock
) -> None:
    stuck, freed, again, times = threading.Event(), threading.Event(), threading.Event(), iter([1])

    def work(_: Bot) -> None:
        if next(times, None) is None:
            again.set()
        else:
            stuck.set()
            freed.wait(LONG)

    table = [Job("work", work, every=QUICK, silence=timedelta(minutes=3))]
    with serve(bot, table) as port, ticking(bot, table):
        assert stuck.wait(LONG)
        clock.passes(timedelta(minutes=3))
        assert get(port, "healthz").json() == {"alive": True, "silent_seconds": {}}
        clock.passes(timedelta(seconds=1))
        hung = get(port, "healthz")
        assert (hung.status_code, hung.json()) == (503, {"alive": False, "silent_seconds": {"work": 181}})
        freed.set()
        assert again.wait(LONG)
        assert get(port, "healthz").status_code == 200


def test_nothing_else_is_served(bot: Bot) -> None:
    with serve(bot, []) as port:
        assert [get(port, path).status_code for path in ("", "docs", "openapi.json", "metrics")] == [404] * 4


def test_a_port_that_is_taken_is_named(tmp_path: Path, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            idle_bot(tmp_path, clock, port=port) as bot,
            pytest.raises(SettingsError, match=f"MELDPUNT_WEB__PORT: cannot listen on 127.0.0.1:{port}"),
            serve(bot, []),
        ):
            pass


def test_the_port_is_free_again_afterwards(bot: Bot) -> None:
    with serve(bot, []) as port:
        assert get(port, "healthz").status_code == 200
    with pytest.raises(requests.ConnectionError):
        get(port, "healthz")
