from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.workdays import Calendar, Weekday, WorkdayRules, build_calendar
from bot.errors import PermanentError, SettingsError
from bot.mappings import load_mappings

RULES = load_mappings(Path(__file__).parents[2] / "mappings").workdays
STRICT, ATW = build_calendar(RULES, "strict"), build_calendar(RULES, "atw")
DAYS = st.dates(date(1990, 1, 1), date(2090, 12, 31))


def calendar_of(rule: dict[str, Any], **more: object) -> Calendar:
    calendars = {"only": rule}
    rules = WorkdayRules.model_validate(
        {"time_zone": "Europe/Amsterdam", "calendars": calendars, "default_calendar": "only"} | more
    )
    return build_calendar(rules)


def complaint_about(rule: dict[str, Any], **more: object) -> str:
    with pytest.raises(ValidationError) as caught:
        calendar_of(rule, **more)
    return str(caught.value)


def test_good_friday_is_a_working_day_in_strict_and_free_in_atw() -> None:
    assert STRICT.is_workday(date(2027, 3, 26))
    assert not ATW.is_workday(date(2027, 3, 26))


@pytest.mark.parametrize("year", range(2020, 2045))
def test_liberation_day_is_free_in_atw_and_in_strict_only_in_lustrum_years(year: int) -> None:
    liberation_day = date(year, 5, 5)
    on_a_weekend = liberation_day.weekday() >= 5
    ascension_day = year in {2016, 2035, 2046}  # both fall on the same day
    assert not ATW.is_workday(liberation_day)
    assert STRICT.is_workday(liberation_day) == (year % 5 != 0 and not on_a_weekend and not ascension_day)


def test_kings_day_on_a_sunday_is_kept_on_saturday() -> None:
    assert STRICT.is_workday(date(2031, 4, 28))
    assert not STRICT.is_workday(date(2026, 4, 27))


def test_an_extra_free_day_is_free_and_an_extra_working_day_wins_from_christmas() -> None:
    calendar = calendar_of(
        {"country": "NL"}, extra_free=["2026-05-15"], extra_working=["2026-12-25", "2026-12-27"]
    )
    assert not calendar.is_workday(date(2026, 5, 15))
    assert calendar.is_workday(date(2026, 12, 25))
    assert calendar.is_workday(date(2026, 12, 27))


def test_another_country_is_one_line_and_keeps_its_public_holidays() -> None:
    belgium = calendar_of({"country": "BE"})
    assert not belgium.is_workday(date(2026, 7, 21))
    assert belgium.is_workday(date(2026, 4, 27))


def test_a_subdivision_has_its_own_holidays() -> None:
    epiphany = date(2026, 1, 6)
    assert not calendar_of({"country": "DE", "subdivision": "BY"}).is_workday(epiphany)
    assert calendar_of({"country": "DE", "subdivision": "BE"}).is_workday(epiphany)


def test_a_calendar_may_have_another_weekend() -> None:
    calendar = calendar_of({"country": "NL", "weekend": ["friday", "saturday"]})
    assert calendar.is_workday(date(2026, 11, 29))
    assert not calendar.is_workday(date(2026, 11, 27))


def test_names_of_holidays_do_not_follow_the_machines_locale() -> None:
    named = calendar_of({"country": "NL", "holidays": ["Koningsdag"]})
    assert not named.is_workday(date(2026, 4, 27))
    assert "Paasmaandag" in complaint_about(
        {"country": "BE", "language": "nl", "holidays": ["Easter Monday"]}
    )


def test_a_misspelled_holiday_is_refused_with_the_nearest_name_and_all_names() -> None:
    complaint = complaint_about({"country": "NL", "holidays": ["Koningdag"]})
    assert 'knows no holiday "Koningdag" (did you mean "Koningsdag"?)' in complaint
    assert "Bevrijdingsdag, Eerste kerstdag, Eerste paasdag" in complaint


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"country": "XX"}, 'does not know "XX"'),
        ({"country": "nl"}, "should match pattern"),
        ({"country": "DE", "subdivision": "QQ"}, 'does not know "QQ"'),
        ({"country": "NL", "language": "de"}, 'no holiday names in "de"; there are: en_US, fy, nl'),
        ({"country": "NL", "weekend": ["caturday"]}, "'saturday' or 'sunday'"),
        (
            {"country": "NL", "weekend": list(Weekday)},
            "at most 6 items",
        ),
    ],
)
def test_a_wrong_calendar_rule_is_refused(rule: dict[str, Any], complaint: str) -> None:
    assert complaint in complaint_about(rule)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"time_zone": "Europe/Utrecht"}, 'no time zone "Europe/Utrecht"'),
        ({"default_calendar": "stricter"}, 'no calendar "stricter"; there are: only'),
        ({"extra_free": ["2026-02-30"]}, '"2026-02-30" is not a date'),
        (
            {"extra_free": ["2026-05-15"], "extra_working": ["2026-05-15"]},
            "2026-05-15 stands in extra_working too",
        ),
    ],
)
def test_wrong_rules_are_refused(more: dict[str, Any], complaint: str) -> None:
    assert complaint in complaint_about({"country": "NL"}, **more)


def test_a_calendar_that_is_not_there_is_refused_with_the_names_that_are() -> None:
    with pytest.raises(SettingsError, match="Use one of: strict, atw"):
        build_calendar(RULES, "lenient")


def test_a_year_without_known_holidays_is_refused_rather_than_guessed() -> None:
    with pytest.raises(PermanentError, match="strict knows no holidays of the year 2101"):
        STRICT.add_workdays(date(2100, 12, 31), 1)


@pytest.mark.parametrize("count", [0, -1])
def test_less_than_one_working_day_cannot_be_added(count: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        STRICT.add_workdays(date(2026, 11, 23), count)


@given(day=DAYS, count=st.integers(1, 600))
def test_exactly_as_many_working_days_lie_after_the_day_as_were_added(day: date, count: int) -> None:
    due_on = STRICT.add_workdays(day, count)
    after = (day + timedelta(days=step) for step in range(1, (due_on - day).days + 1))
    assert STRICT.is_workday(due_on)
    assert sum(STRICT.is_workday(each) for each in after) == count


@given(day=DAYS, first=st.integers(1, 300), second=st.integers(1, 300))
def test_adding_in_two_steps_is_adding_at_once(day: date, first: int, second: int) -> None:
    assert ATW.add_workdays(ATW.add_workdays(day, first), second) == ATW.add_workdays(day, first + second)
