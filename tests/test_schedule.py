"""Jobs tick: again and again, never twice at once, and they end in time."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from bot.errors import TransientError
from bot.ports import Bot
from bot.schedule import Job, jobs, ticking
from tests.rigs.bots import Clock, idle_bot

QUICK = timedelta(milliseconds=10)
LONG = 10


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    with idle_bot(tmp_path, Clock()) as built:
        yield built


def test_the_table_tells_what_runs_how_often(bot: Bot) -> None:
    assert {job.name: job.every for job in jobs(bot)} == {
        "poll_mailbox": timedelta(seconds=45),
        "watch_mailbox": timedelta(seconds=5),
        "process_inbox": timedelta(seconds=1),
        "deliver_mail": timedelta(seconds=1),
        "deliver_issues": timedelta(seconds=1),
        "renew_leases": timedelta(seconds=5),
    }


def test_no_job_may_be_silent_for_less_than_two_of_its_ticks(bot: Bot) -> None:
    assert [job.name for job in jobs(bot) if job.silence <= 2 * job.every] == []


def test_leases_are_renewed_well_before_they_end(bot: Bot) -> None:
    (renewal,) = [job for job in jobs(bot) if job.name == "renew_leases"]
    assert renewal.every * 3 < bot.lease


def test_a_job_ticks_at_once_and_again_and_again(bot: Bot) -> None:
    enough, count = threading.Event(), iter(range(3))
    job = Job("count", lambda _: enough.set() if next(count, None) is None else None, every=QUICK)
    with ticking(bot, [job]):
        assert enough.wait(LONG)


def test_a_job_never_runs_twice_at_once(bot: Bot) -> None:
    here, met, done, times = [], threading.Event(), threading.Event(), iter(range(3))

    def work(_: Bot) -> None:
        here.append(1)
        if len(here) > 1:
            met.set()
        time.sleep(5 * QUICK.total_seconds())
        here.pop()
        if next(times, None) is None:
            done.set()

    with ticking(bot, [Job("work", work, every=QUICK)]):
        assert done.wait(LONG)
    assert not met.is_set()


def test_a_ring_is_answered_at_once_however_seldom_a_job_ticks(bot: Bot) -> None:
    first, second = threading.Event(), threading.Event()

    def work(_: Bot) -> None:
        (second if first.is_set() else first).set()

    with ticking(bot, [Job("work", work, every=timedelta(hours=1))]):
        assert first.wait(LONG)
        bot.bells.ring("work")
        assert second.wait(LONG)


def test_rings_that_come_while_a_job_runs_are_answered_by_one_more_run(bot: Bot) -> None:
    begun, rung, again, runs = threading.Event(), threading.Event(), threading.Event(), []

    def work(_: Bot) -> None:
        runs.append(1)
        (again if begun.is_set() else begun).set()
        assert rung.wait(LONG)

    table = [Job("work", work, every=timedelta(hours=1))]
    with structlog.testing.capture_logs() as told, ticking(bot, table):
        assert begun.wait(LONG)
        for _ in range(100):
            bot.bells.ring("work")
        rung.set()
        assert again.wait(LONG)
        bot.bells.ring("a job that nobody has")
    assert len(runs) == 2
    assert told == []


def test_a_ring_after_the_end_starts_nothing(bot: Bot) -> None:
    begun, runs = threading.Event(), []

    def work(_: Bot) -> None:
        runs.append(1)
        begun.set()

    with ticking(bot, [Job("work", work, every=timedelta(hours=1))]):
        assert begun.wait(LONG)
    bot.bells.ring("work")
    assert bot.doors.running() == frozenset()
    assert len(runs) == 1


def test_a_job_that_fails_is_told_and_tried_again_and_stops_no_other(bot: Bot) -> None:
    again, other, times = threading.Event(), threading.Event(), iter([1])

    def fail(_: Bot) -> None:
        if next(times, None) is None:
            again.set()
        raise ZeroDivisionError("words of jan@example.org")

    table = [Job("fail", fail, every=QUICK), Job("other", lambda _: other.set(), every=QUICK)]
    with structlog.testing.capture_logs() as told, ticking(bot, table):
        assert again.wait(LONG)
        assert other.wait(LONG)
    (first, *_) = [each for each in told if each["event"] == "job-failed"]
    assert (first["job"], first["fault"]) == ("fail", "ZeroDivisionError")
    assert first["where"].startswith("test_schedule.py:")
    assert "jan@example.org" not in str(told)


def test_a_job_that_fails_gives_no_sign_of_life(tmp_path: Path) -> None:
    clock, tried = Clock(), threading.Event()

    def fail(_: Bot) -> None:
        tried.set()
        raise ZeroDivisionError

    job = Job("fail", fail, every=QUICK, silence=timedelta(minutes=3))
    with idle_bot(tmp_path, clock) as bot, structlog.testing.capture_logs(), ticking(bot, [job]):
        assert tried.wait(LONG)
        clock.passes(timedelta(minutes=4))
        assert bot.doors.late({"fail": job.silence}, clock()) == {"fail": timedelta(minutes=4)}


def test_what_hinders_a_job_is_told_once_as_a_door_and_the_bot_stays_alive(tmp_path: Path) -> None:
    clock, hindered, freed, free = Clock(), threading.Event(), threading.Event(), threading.Event()
    times = iter(range(3))

    def work(_: Bot) -> None:
        if freed.is_set():
            free.set()
            return
        if next(times, None) is None:
            hindered.set()
        raise TransientError("database meldpunt.db is locked by another process")

    job = Job("work", work, every=QUICK)
    with (
        structlog.testing.capture_logs() as told,
        idle_bot(tmp_path, clock) as bot,
        ticking(bot, [job]),
    ):
        clock.passes(timedelta(minutes=4))
        assert hindered.wait(LONG)
        assert bot.doors.shut() == {"work": "database meldpunt.db is locked by another process"}
        assert bot.doors.late({"work": job.silence}, clock()) == {}
        freed.set()
        assert free.wait(LONG)
    assert bot.doors.shut() == {}
    assert [each["event"] for each in told if each.get("job") == "work"] == ["job-hindered"]


def test_the_end_of_the_block_asks_jobs_to_stop_and_waits_for_them(bot: Bot) -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(bot: Bot) -> None:
        begun.set()
        if bot.stopping.wait(LONG):
            ended.set()

    with ticking(bot, [Job("work", work, every=QUICK)]):
        assert begun.wait(LONG)
    assert ended.is_set()
    assert bot.doors.running() == frozenset()


def test_a_job_that_does_not_stop_is_left_behind_and_named(bot: Bot) -> None:
    begun, freed = threading.Event(), threading.Event()

    def work(_: Bot) -> None:
        begun.set()
        freed.wait(LONG)

    with structlog.testing.capture_logs() as told:
        with ticking(bot, [Job("stuck", work, every=QUICK)]):
            assert begun.wait(LONG)
        assert bot.doors.running() == {"stuck"}
        freed.set()
    assert {"event": "job-left-behind", "job": "stuck", "log_level": "warning"} in told
