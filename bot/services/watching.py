"""Mail is taken as it comes: the mailbox is watched, and rings for a poll; polling goes on beneath."""

import time
from collections.abc import Callable

from bot.ports import Bot
from bot.services.intake import may_poll


def watch_mailbox(bot: Bot) -> None:
    """Ring for a poll whenever mail may have come, for as long as this bot is the one that polls."""
    if bot.mailbox is not None and bot.settings.mailbox.idle and may_poll(bot):
        bot.mailbox.watch(lambda: bot.bells.ring("poll_mailbox"), _while_it_polls(bot))


def _while_it_polls(bot: Bot) -> Callable[[], bool]:
    """Make the question whether to watch on: until the bot stops, or another has the lease, looked at now and then."""
    between = bot.lease.total_seconds() / 4
    asked_at = time.monotonic()

    def goes_on() -> bool:
        nonlocal asked_at
        if bot.stopping.is_set():
            return False
        bot.doors.beat("watch_mailbox", bot.now())
        if time.monotonic() - asked_at < between:
            return True
        asked_at = time.monotonic()
        return may_poll(bot)

    return goes_on
