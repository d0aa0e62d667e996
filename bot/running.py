"""`meldpunt run`: ticks jobs and serves health until it is told to stop."""

import contextlib
import os
import signal
import sys
import time
from typing import NoReturn

from bot.errors import MeldpuntError, PermanentError
from bot.log import get_log
from bot.ports import Bot
from bot.schedule import jobs, ticking
from bot.web.app import serve

NAP = 0.1


def run_bot(bot: Bot) -> None:
    """Run until SIGTERM or SIGINT, then stop gracefully within `MELDPUNT_STOP_SECONDS`."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        # Setting a threading.Event here could deadlock: the handler runs inside whatever the thread is doing.
        signal.signal(number, lambda number, _: told.append(number))
    for problem in bot.store.check():
        raise PermanentError(problem)
    table = jobs(bot)
    with serve(bot, table) as port, ticking(bot, table):
        get_log().info("bot-started", port=port)
        while not told:
            time.sleep(NAP)
        get_log().info("bot-stopping")
    get_log().info("bot-stopped")
    if bot.doors.running():
        _abandon(bot)


def _abandon(bot: Bot) -> NoReturn:
    """End the process although a job is stuck in a call: closing doors, and Python itself, would wait for it.

    Its work is given back; what it had begun is taken up as uncertain.
    """
    with contextlib.suppress(MeldpuntError):
        bot.store.release()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
