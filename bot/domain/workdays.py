"""Working days, by the named calendars of mappings/workdays.yaml.

The `holidays` package computes the dates; which of its names count is written in the mapping,
because the package's own view of Good Friday and of 5 May has changed over the years.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from holidays import HolidayBase, country_holidays
from holidays.constants import HALF_DAY, PUBLIC, SCHOOL, WORKDAY
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bot.errors import PermanentError, SettingsError

# A name counts as known when the package uses it in one of these years (two of them lustrum years).
_SAMPLE_YEARS = range(2024, 2034)


class Weekday(StrEnum):
    """The days of the week, in the order of `date.weekday()`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


def _parse_day(value: object) -> object:
    """Read `2026-05-15`; pydantic itself would take bare digits for seconds since 1970."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f'"{value}" is not a date') from None


Day = Annotated[date, BeforeValidator(_parse_day)]


class Holiday(BaseModel):
    """One holiday that counts, by the package's name; a plain text stands for the name alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(examples=["Koningsdag"])
    only_years_divisible_by: int = Field(default=1, ge=1, examples=["5"])

    @model_validator(mode="before")
    @classmethod
    def _accept_a_plain_name(cls, value: Any) -> Any:  # noqa: ANN401 - pydantic hands over what the owner wrote
        return {"name": value} if isinstance(value, str) else value


class CalendarRule(BaseModel):
    """One named calendar; without a list of holidays every public holiday of the country counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: str = Field(pattern=r"^[A-Z]{2}$", examples=["NL"])
    subdivision: str | None = Field(default=None, examples=["BY"])
    language: str | None = Field(default=None, examples=["nl"])
    weekend: tuple[Weekday, ...] = Field(
        default=(Weekday.SATURDAY, Weekday.SUNDAY), max_length=6, examples=["[saturday, sunday]"]
    )
    holidays: tuple[Holiday, ...] | None = Field(default=None, examples=["[Nieuwjaarsdag, Koningsdag]"])

    @field_validator("country", "subdivision")
    @classmethod
    def _is_known_to_the_package(cls, value: str, info: ValidationInfo) -> str:
        country = info.data.get("country", value)
        subdivision = value if info.field_name == "subdivision" else None
        try:
            country_holidays(country, subdiv=subdivision, language="en_US")
        except NotImplementedError:
            raise ValueError(f'the holidays package does not know "{value}"') from None
        return value

    @field_validator("language")
    @classmethod
    def _is_a_language_of_the_country(cls, value: str, info: ValidationInfo) -> str:
        # An unknown language would silently follow the machine's locale.
        known = country_holidays(info.data.get("country", "NL"), language="en_US").supported_languages
        if value not in known:
            raise ValueError(f'has no holiday names in "{value}"; there are: {", ".join(known)}')
        return value

    @field_validator("holidays")
    @classmethod
    def _are_names_of_the_package(cls, value: tuple[Holiday, ...], info: ValidationInfo) -> object:
        if not {"country", "subdivision", "language"} <= info.data.keys():
            return value  # those are wrong themselves, and said so
        rule = cls.model_construct(**info.data)
        known = {name for year in _SAMPLE_YEARS for _, name in _named_days(rule, year)}
        for holiday in value:
            if holiday.name not in known:
                near = get_close_matches(holiday.name, known, 1)
                hint = f' (did you mean "{near[0]}"?)' if near else ""
                names = ", ".join(sorted(known))
                raise ValueError(f'knows no holiday "{holiday.name}"{hint}; the names are: {names}')
        return value


class WorkdayRules(BaseModel):
    """mappings/workdays.yaml: the desk's time zone, its calendars and the owner's own days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_zone: str = Field(examples=["Europe/Amsterdam"])
    calendars: dict[str, CalendarRule] = Field(min_length=1, examples=["{belgium: {country: BE}}"])
    default_calendar: str = Field(examples=["strict"])
    extra_working: tuple[Day, ...] = Field(default=(), examples=["[2026-12-26]"])
    extra_free: tuple[Day, ...] = Field(default=(), examples=["[2026-05-15]"])

    @field_validator("time_zone")
    @classmethod
    def _is_a_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f'there is no time zone "{value}"') from None
        return value

    @field_validator("default_calendar")
    @classmethod
    def _is_one_of_the_calendars(cls, value: str, info: ValidationInfo) -> str:
        known = info.data.get("calendars", {value: None})
        if value not in known:
            raise ValueError(f'there is no calendar "{value}"; there are: {", ".join(known)}')
        return value

    @field_validator("extra_free")
    @classmethod
    def _is_not_working_too(cls, value: tuple[date, ...], info: ValidationInfo) -> tuple[date, ...]:
        for day in set(value) & set(info.data.get("extra_working", ())):
            raise ValueError(f"{day} stands in extra_working too")
        return value


@dataclass(frozen=True, slots=True)
class Calendar:
    """Tells working days from free days in one time zone; a year is worked out once, then looked up."""

    name: str
    rule: CalendarRule
    zone: ZoneInfo
    extra_free: frozenset[date] = frozenset()
    extra_working: frozenset[date] = frozenset()
    _years: dict[int, tuple[date, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def is_workday(self, day: date) -> bool:
        """Return whether people work on `day`; an extra working day wins from everything."""
        table = self._workdays(day.year)
        place = bisect_right(table, day)
        return place > 0 and table[place - 1] == day

    def add_workdays(self, day: date, count: int) -> date:
        """Return the `count`-th working day after `day`, which itself is day 0 and may be free.

        Raises ValueError for a count below 1, PermanentError for a year that the package does not know.
        """
        if count < 1:
            raise ValueError("count must be 1 or more")
        year = day.year
        table = self._workdays(year)
        place = bisect_right(table, day) + count - 1
        while place >= len(table):
            place -= len(table)
            year += 1
            table = self._workdays(year)
        return table[place]

    def _workdays(self, year: int) -> tuple[date, ...]:
        """Return the sorted working days of `year`."""
        if year not in self._years:
            self._years[year] = tuple(self._work_out(year))
        return self._years[year]

    def _work_out(self, year: int) -> Iterator[date]:
        if not _covers(self.rule, year):
            raise PermanentError(f"The calendar {self.name} knows no holidays of the year {year}")
        free = _free_days(self.rule, year) | self.extra_free
        weekend = {list(Weekday).index(day) for day in self.rule.weekend}
        day = date(year, 1, 1)
        while day.year == year:
            if day in self.extra_working or not (day in free or day.weekday() in weekend):
                yield day
            day += timedelta(days=1)


def build_calendar(rules: WorkdayRules, name: str | None = None) -> Calendar:
    """Return the calendar called `name`, or the default one; SettingsError when there is none such."""
    chosen = name or rules.default_calendar
    if chosen not in rules.calendars:
        known = ", ".join(rules.calendars)
        raise SettingsError(
            "workdays.yaml", "calendars", f'there is no calendar "{chosen}"', f"Use one of: {known}"
        )
    return Calendar(
        chosen,
        rules.calendars[chosen],
        ZoneInfo(rules.time_zone),
        frozenset(rules.extra_free),
        frozenset(rules.extra_working),
    )


def _free_days(rule: CalendarRule, year: int) -> frozenset[date]:
    """Return the holidays of `year` that the rule counts."""
    if rule.holidays is None:
        return frozenset(_open_book(rule, year, (PUBLIC,)))
    counted = {holiday.name for holiday in rule.holidays if year % holiday.only_years_divisible_by == 0}
    return frozenset(day for day, name in _named_days(rule, year) if name in counted)


def _named_days(rule: CalendarRule, year: int) -> Iterator[tuple[date, str]]:
    """Yield every day of `year` that the package has a name for, whatever its own view of that day."""
    supported = _open_book(rule, year, (PUBLIC,)).supported_categories
    book = _open_book(rule, year, tuple(set(supported) - {SCHOOL, WORKDAY, HALF_DAY}))
    for day in book:
        for name in book.get_list(day):
            yield day, name


def _open_book(rule: CalendarRule, year: int, categories: tuple[str, ...]) -> HolidayBase:
    """Return the package's table of one year, its names in a language that no locale can change."""
    return country_holidays(
        rule.country,
        subdiv=rule.subdivision,
        years=year,
        language=rule.language or _own_language(rule.country),
        categories=categories,
    )


def _own_language(country: str) -> str:
    return country_holidays(country, language="en_US").default_language or "en_US"


def _covers(rule: CalendarRule, year: int) -> bool:
    book = country_holidays(rule.country, subdiv=rule.subdivision, language="en_US")
    return book.start_year <= year <= book.end_year
