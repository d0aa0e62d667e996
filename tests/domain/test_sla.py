from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.severity import Severity
from bot.domain.sla import SlaRules, Span, Unit, first_response_deadline
from bot.domain.workdays import build_calendar
from bot.mappings import load_mappings

MAPPINGS = load_mappings(Path(__file__).parents[2] / "mappings")
RULES = MAPPINGS.sla
CALENDARS = {name: build_calendar(MAPPINGS.workdays, name) for name in ("strict", "atw")}
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is the next argument

# Received (local), due in the calendar strict, due in atw.
VECTORS = [
    ("2025-05-02", "2025-05-07", "2025-05-07"),  # lustrum year
    ("2026-03-27 18:00", "2026-03-31", "2026-03-31"),  # clock change
    ("2026-10-24 23:30", "2026-10-27", "2026-10-27"),  # clock change
    ("2026-11-23 09:00", "2026-11-25", "2026-11-25"),
    ("2026-11-27 18:00", "2026-12-01", "2026-12-01"),
    ("2026-11-28", "2026-12-01", "2026-12-01"),
    ("2026-12-23", "2026-12-28", "2026-12-28"),
    ("2026-12-24", "2026-12-29", "2026-12-29"),
    ("2026-12-31", "2027-01-05", "2027-01-05"),
    ("2027-03-25", "2027-03-30", "2027-03-31"),
    ("2027-04-26", "2027-04-29", "2027-04-29"),
    ("2027-05-04", "2027-05-07", "2027-05-10"),
    ("2027-05-14", "2027-05-19", "2027-05-19"),
    ("2028-04-13", "2028-04-18", "2028-04-19"),
    ("2031-04-25", "2031-04-29", "2031-04-29"),
    ("2026-11-24T23:30+00:00", "2026-11-27", "2026-11-27"),  # 25 November in Amsterdam
]


def due_on(received: str | date, calendar: str = "strict") -> date:
    moment = datetime.fromisoformat(str(received))
    local = moment if moment.tzinfo else moment.replace(tzinfo=AMSTERDAM)
    return first_response_deadline(local, RULES, CALENDARS[calendar]).due_on


def easter(year: int) -> date:
    """Return Easter Sunday by the anonymous Gregorian computus, apart from any package."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    i = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * i) // 451
    month, day = divmod(h + i - 7 * m + 114, 31)
    return date(year, month, day + 1)


def free_days(year: int, calendar: str) -> list[date]:
    sunday = easter(year)
    kings_day = date(year, 4, 27)
    after_easter = [1, 39, 50] if calendar == "strict" else [-2, 1, 39, 50]
    fixed = [date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)]
    if calendar == "atw" or year % 5 == 0:
        fixed.append(date(year, 5, 5))
    moved = kings_day - timedelta(days=kings_day.weekday() == 6)
    return [*fixed, moved, *(sunday + timedelta(days=step) for step in after_easter)]


@pytest.mark.parametrize(("received", "strict", "atw"), VECTORS)
def test_a_person_answers_by_the_second_working_day(received: str, strict: str, atw: str) -> None:
    assert due_on(received).isoformat() == strict
    assert due_on(received, "atw").isoformat() == atw


@pytest.mark.parametrize("calendar", ["strict", "atw"])
def test_every_day_from_2024_to_2050_agrees_with_numpy(calendar: str) -> None:
    free = [day for year in range(2024, 2052) for day in free_days(year, calendar)]
    days = np.arange("2024-01-01", "2051-01-01", dtype="datetime64[D]")
    expected = np.busday_offset(days, 2, roll="backward", holidays=np.array(free, dtype="datetime64[D]"))
    assert [due_on(day, calendar) for day in days.tolist()] == expected.tolist()


@pytest.mark.parametrize(
    ("received", "due_at"),
    [
        ("2026-11-23T09:00+01:00", "2026-11-26T00:00:00+01:00"),
        ("2026-07-01T09:00+02:00", "2026-07-04T00:00:00+02:00"),
        ("2026-03-26T12:00+01:00", "2026-03-31T00:00:00+02:00"),  # the clock goes forward in between
        ("2026-10-22T12:00+02:00", "2026-10-27T00:00:00+01:00"),  # and back
    ],
)
def test_a_promise_ends_at_local_midnight_after_its_last_day(received: str, due_at: str) -> None:
    deadline = first_response_deadline(datetime.fromisoformat(received), RULES, CALENDARS["strict"])
    assert deadline.due_at.isoformat() == due_at
    assert deadline.due_at.date() == deadline.due_on + timedelta(days=1)


def test_the_last_second_of_a_day_and_the_first_of_the_next_are_a_day_apart() -> None:
    assert due_on("2026-11-23T23:59:59+01:00") == date(2026, 11, 25)
    assert due_on("2026-11-24T00:00:00+01:00") == date(2026, 11, 26)


def test_the_same_moment_in_another_offset_is_due_on_the_same_day() -> None:
    assert due_on("2026-11-25T00:30+01:00") == due_on("2026-11-24T18:30-05:00") == date(2026, 11, 27)


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        first_response_deadline(datetime(2026, 11, 23), RULES, CALENDARS["strict"])  # noqa: DTZ001 - what is tested


@given(one=MOMENTS, other=MOMENTS, calendar=st.sampled_from(["strict", "atw"]))
def test_a_later_receipt_is_never_due_earlier(one: datetime, other: datetime, calendar: str) -> None:
    first, second = sorted([one, other])
    due = [first_response_deadline(each, RULES, CALENDARS[calendar]) for each in (first, second)]
    assert due[0].due_at <= due[1].due_at


@given(received_at=MOMENTS, calendar=st.sampled_from(["strict", "atw"]))
def test_two_working_days_lie_after_the_day_of_receipt(received_at: datetime, calendar: str) -> None:
    works = CALENDARS[calendar]
    deadline = first_response_deadline(received_at, RULES, works)
    day = received_at.astimezone(AMSTERDAM).date()
    worked = 0
    while day < deadline.due_on:
        day += timedelta(days=1)
        worked += works.is_workday(day)
    assert worked == 2
    assert works.is_workday(deadline.due_on)
    assert deadline.due_at > received_at


def test_the_shipped_clocks_are_those_of_the_policy() -> None:
    assert RULES.first_response == Span(count=2, unit=Unit.WORKING_DAYS)
    assert RULES.severities[Severity.CRITICAL].remediation == Span(count=7, unit=Unit.DAYS)
    assert RULES.severities[Severity.LOW].remediation == Span(count=60, unit=Unit.DAYS)
    assert RULES.severities[Severity.UNRATED].triage == Span(count=5, unit=Unit.WORKING_DAYS)
    assert RULES.severities[Severity.NONE].update is None


ALL = {str(severity): {"triage": "5 wd"} for severity in Severity}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"first_response": "two", "severities": ALL}, '"two" is not a number of working days'),
        ({"first_response": "0 wd", "severities": ALL}, '"0 wd" is not a number'),
        ({"first_response": "2 d", "severities": ALL}, "must be in working days"),
        (
            {
                "first_response": "2 wd",
                "severities": ALL | {"high": {"triage": "3 wd", "first_response_goal": "3 wd"}},
            },
            "first_response_goal of high is later",
        ),
        (
            {
                "first_response": "2 wd",
                "severities": ALL | {"high": {"triage": "3 wd", "first_response_goal": "1 d"}},
            },
            "must be in working days",
        ),
        (
            {"first_response": "2 wd", "severities": {"high": {"triage": "1 wd"}}},
            "has no line for critical, medium",
        ),
    ],
)
def test_wrong_clocks_are_refused(content: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        SlaRules.model_validate(content)
