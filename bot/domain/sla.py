"""The clocks of a report, from mappings/sla.yaml.

The first response within two working days is policy promise P3; remediation times follow P10.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from bot.domain.severity import Severity
from bot.domain.workdays import Calendar


class Unit(StrEnum):
    """What a span counts in."""

    WORKING_DAYS = "wd"
    DAYS = "d"


class Span(BaseModel):
    """A number of working days or of calendar days, written `2 wd` or `30 d`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=1, le=999)
    unit: Unit

    @model_validator(mode="before")
    @classmethod
    def _accept_its_short_form(cls, value: Any) -> Any:  # noqa: ANN401 - pydantic hands over what the owner wrote
        if not isinstance(value, str):
            return value
        short = re.fullmatch(r"\s*([1-9][0-9]{0,2})\s*(wd|d)\s*", value)
        if short is None:
            raise ValueError(f'"{value}" is not a number of working days (wd) or days (d)')
        return {"count": short[1], "unit": short[2]}


class Clocks(BaseModel):
    """The clocks of one severity; what is left out does not run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_response_goal: Span | None = Field(default=None, examples=["1 wd"])
    triage: Span = Field(examples=["5 wd"])
    update: Span | None = Field(default=None, examples=["14 d"])
    remediation: Span | None = Field(default=None, examples=["60 d"])

    @field_validator("first_response_goal")
    @classmethod
    def _is_in_working_days(cls, value: Span | None) -> Span | None:
        return _in_working_days(value)


class SlaRules(BaseModel):
    """mappings/sla.yaml: the promised first response, and the clocks of each severity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_response: Span = Field(examples=["2 wd"])
    severities: dict[Severity, Clocks] = Field(examples=["{high: {triage: 3 wd, remediation: 30 d}}"])

    @field_validator("first_response")
    @classmethod
    def _is_in_working_days(cls, value: Span) -> Span | None:
        return _in_working_days(value)

    @field_validator("severities")
    @classmethod
    def _are_complete_and_no_goal_is_later(
        cls, value: dict[Severity, Clocks], info: ValidationInfo
    ) -> dict[Severity, Clocks]:
        if missing := [severity for severity in Severity if severity not in value]:
            raise ValueError(f"has no line for {', '.join(missing)}")
        promise: Span | None = info.data.get("first_response")
        for severity, clocks in value.items():
            goal = clocks.first_response_goal
            if goal and promise and goal.count > promise.count:
                raise ValueError(f"the first_response_goal of {severity} is later than first_response")
        return value


def _in_working_days(span: Span | None) -> Span | None:
    if span is not None and span.unit is not Unit.WORKING_DAYS:
        raise ValueError("must be in working days (wd)")
    return span


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last day of a promise, and its exclusive end: what is accepted before `due_at` is in time."""

    due_on: date
    due_at: datetime


def first_response_deadline(received_at: datetime, rules: SlaRules, calendar: Calendar) -> Deadline:
    """Return when a person must have answered: the end of working day 2 (or what the rules say).

    The local day of receipt is day 0, whatever the hour. `due_at` is 00:00 of the day after `due_on`
    in the calendar's zone, with its offset. A `received_at` without an offset is a ValueError.
    Source: policy promise P3, "binnen 2 werkdagen".
    """
    if received_at.utcoffset() is None:
        raise ValueError("received_at must carry its offset")
    received_on = received_at.astimezone(calendar.zone).date()
    due_on = calendar.add_workdays(received_on, rules.first_response.count)
    due_at = datetime.combine(due_on + timedelta(days=1), time.min, calendar.zone)
    return Deadline(due_on, due_at)
