"""Is the desk ready: settings and mappings always, each door when asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.routing import check_routes
from bot.errors import MeldpuntError
from bot.ports import Bot, IssueTracker
from bot.setting_values import is_loopback


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, with what is wrong as sentences; none when all is well.

    `notes` are what a person should know and judge.
    """

    name: str
    problems: Sequence[str]
    notes: Sequence[str] = ()


def check_desk(bot: Bot, *, online: bool) -> Sequence[Check]:
    """Look at everything that can be wrong before the first mail; with `online` knock at each door."""
    checks = [
        Check("settings", _settings_problems(bot)),
        Check("mappings", _routing_problems(bot)),
        Check("store", _ask(bot.store.check)),
    ]
    if online:
        doors = {"mailbox": bot.mailbox, "mailer": bot.mailer}
        checks += [Check(name, _ask(door.check)) for name, door in doors.items() if door is not None]
        checks += [_check_tracker(name, tracker) for name, tracker in bot.trackers.items()]
    return checks


def _check_tracker(name: str, tracker: IssueTracker) -> Check:
    """Look at a tracker, and ask who can read there; one that does not tell has been complained about already."""
    problems = _ask(tracker.check)
    notes = _ask(tracker.who_can_read)
    return Check(f"tracker {name}", problems, [note for note in notes if note not in problems])


def _ask(check: Callable[[], Sequence[str]]) -> Sequence[str]:
    try:
        return check()
    except MeldpuntError as error:
        return (str(error),)


def _routing_problems(bot: Bot) -> Sequence[str]:
    rules = bot.mappings.routing
    problems = list(check_routes(rules))
    if rules.default.tracker is None and len(bot.trackers) > 1:
        first = next(iter(bot.trackers))
        problems.append(
            f"routing.yaml: several trackers are set and the default names none, so it is {first}; write "
            f"`default: {{tracker: {first}}}`"
        )
    for key, destination in rules.destinations.items():
        name = destination.tracker or next(iter(bot.trackers))
        if destination.priorities and bot.settings.trackers[name].kind == "gitlab":
            problems.append(
                f"routing.yaml: {key}.priorities has no effect, for the tracker {name} is a GitLab; "
                "write `priorities: {}` there"
            )
    return problems


def _settings_problems(bot: Bot) -> Sequence[str]:
    settings = bot.settings
    problems = []
    if bot.mailbox is None and not settings.form.keys:
        problems.append("no mailbox is set: write MELDPUNT_MAILBOX__KIND=imap (or maildir) and what it needs")
    if bot.mailer is None:
        problems.append("no mail server is set, so no receipt can be sent: write MELDPUNT_MAILER__HOST")
    if settings.sender is None:
        problems.append("notices have no sender: write MELDPUNT_TEAM__ADDRESS or MELDPUNT_MAILER__SENDER")
    if bot.mailer is not None and not is_loopback(settings.mailer.host or "") and settings.policy_url is None:
        problems.append("receipts link to no public policy: write MELDPUNT_POLICY_URL")
    return problems
