from datetime import UTC, datetime, timedelta

import pytest

from bot.health import Door, Doors

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def test_a_door_that_opens_at_first_is_no_news_and_one_that_shuts_is() -> None:
    doors = Doors()
    assert doors.saw("mailbox", NOW) is False
    assert doors.saw("tracker", NOW, "connection refused") is True


def test_a_door_is_news_only_when_it_changes_and_keeps_the_time_of_that() -> None:
    doors = Doors()
    assert [doors.saw("mailer", at, "away") for at in (NOW, LATER)] == [True, False]
    assert doors.all() == {"mailer": Door("away", NOW)}
    assert doors.saw("mailer", LATER, "password refused") is True
    assert doors.saw("mailer", LATER) is True
    assert doors.all() == {"mailer": Door(None, LATER)}


def test_only_doors_that_are_shut_now_are_told_as_shut() -> None:
    doors = Doors()
    doors.saw("mailbox", NOW, "away")
    doors.saw("mailer", NOW, "away")
    doors.saw("mailbox", LATER)
    assert doors.shut() == {"mailer": "away"}


def test_a_job_is_late_after_more_silence_than_it_may_have() -> None:
    doors, allowed = Doors(), {"poll": timedelta(minutes=1), "deliver": timedelta(minutes=5)}
    for job in allowed:
        doors.beat(job, NOW)
    assert doors.late(allowed, LATER) == {}
    assert doors.late(allowed, LATER + timedelta(seconds=1)) == {"poll": timedelta(seconds=61)}
    doors.beat("poll", LATER)
    assert doors.late(allowed, LATER + timedelta(seconds=1)) == {}


def test_a_job_that_was_never_started_is_not_late() -> None:
    assert Doors().late({"poll": timedelta(0)}, LATER) == {}


def test_a_job_is_running_while_its_block_runs_also_when_that_fails() -> None:
    doors = Doors()
    with doors.job("poll"), doors.job("deliver"):
        assert doors.running() == {"poll", "deliver"}
    with pytest.raises(ZeroDivisionError):
        fail_in(doors)
    assert doors.running() == frozenset()


def fail_in(doors: Doors) -> None:
    with doors.job("poll"):
        raise ZeroDivisionError
