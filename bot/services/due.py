"""When a person must have answered, without a store or a mailbox: for people who plan, and for checks."""

from datetime import datetime

from bot.domain.sla import Deadline, first_response_deadline
from bot.domain.workdays import build_calendar
from bot.errors import PermanentError, SettingsError
from bot.mappings import Mappings


def due_for(received: str, calendar: str | None, mappings: Mappings) -> Deadline:
    """Return the first-response deadline of a report received at an ISO 8601 time; without offset it is local."""
    rules = build_calendar(mappings.workdays, calendar)
    try:
        at = datetime.fromisoformat(received)
        return first_response_deadline(
            at if at.tzinfo else at.replace(tzinfo=rules.zone), mappings.sla, rules
        )
    except ValueError:
        problem = f"`{received[:40]}` is no time"
    except (OverflowError, PermanentError):
        problem = f"the holidays of `{received[:40]}` are not known"
    raise SettingsError("command line", "--received", problem, "Write 2026-12-24T17:00+01:00.")
