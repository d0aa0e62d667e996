"""`meldpunt run`: ticks jobs and serves health until it is told to stop."""

import os
import signal
import sys
import time

from bot.log import get_log
from bot.ports import Bot
from bot.schedule import jobs, ticking
from bot.web.ops import serve

NAP = 0.1


def run_bot(bot: Bot) -> None:
    """Run until SIGTERM or SIGINT, then stop gracefully within `MELDPUNT_STOP_SECONDS`."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        # Setting a threading.Event here could deadlock: the handler runs inside whatever the thread is doing.
        signal.signal(number, lambda number, _: told.append(number))
    with serve(bot) as port, ticking(bot, jobs(bot)):
        get_log().info("bot-started", port=port)
        while not told:
            time.sleep(NAP)
        get_log().info("bot-stopping")
    get_log().info("bot-stopped")


def leave(bot: Bot) -> None:
    """End the process although a job was left behind, once all is closed; Python itself would wait for its thread."""
    if bot.doors.running():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
