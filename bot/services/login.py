"""A person logs in to the mail account once, and the bot goes on by itself."""

from collections.abc import Callable

from bot.errors import TransientError
from bot.ports import Grant, LoginDesk


def log_in(desk: LoginDesk, say: Callable[[str], None]) -> Grant:
    """Lead a person through a login, try it at the mail server, and keep it; return what was granted.

    What the mail server does not take is not kept: TransientError says why.
    """
    grant = desk.ask(say)
    problems = desk.knock(grant)
    if problems:
        raise TransientError(f"nothing is kept: {problems[0]}")
    desk.keep(grant)
    say(f"The login of {desk.account} works and is kept, sealed; the bot goes on by itself.")
    return grant
