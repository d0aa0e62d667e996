"""What becomes of an attempt whose end is not known yet, or cannot be written yet."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.issue import Block, IssueDraft, IssueLink
from bot.errors import OutcomeUnknownError, StoreAwayError
from bot.ports import Bot
from bot.services.delivery import deliver_issues
from bot.services.intake import poll_mailbox, process_inbox
from bot.settings import MailboxSettings
from bot.store_port import Transaction
from tests.builders import mail
from tests.rigs.bots import Clock, idle_bot
from tests.rigs.maildir import Maildir
from tests.rigs.waiting import wait_for

SETTLES = timedelta(seconds=60)


@dataclass
class Tracker:
    """Takes issues; at first as many calls are cut short as it is told, and nothing is ever found."""

    cut_short: int = 0
    created: list[str] = field(default_factory=list)

    def fits(self, body: Sequence[Block]) -> bool:
        return bool(body)

    def create_issue(self, draft: IssueDraft) -> IssueLink:
        if self.cut_short:
            self.cut_short -= 1
            raise OutcomeUnknownError("the line broke")
        self.created.append(draft.reference)
        return IssueLink("1", "http://127.0.0.1/1")

    def find_issue(self, reference: str, marker: str) -> None:
        del reference, marker


@dataclass
class AwayForAMoment:
    """A store that cannot be used the second time that it is asked for a transaction."""

    store: Any
    asked: int = 0

    def begin(self) -> AbstractContextManager[Transaction]:
        self.asked += 1
        if self.asked == 2:
            raise StoreAwayError("the database is locked")
        transaction: AbstractContextManager[Transaction] = self.store.begin()
        return transaction


@dataclass
class SlowTracker(Tracker):
    """Gives the first issue only when it is freed; the threads that asked are noted."""

    freed: threading.Event = field(default_factory=threading.Event)
    threads: set[int] = field(default_factory=set)

    def create_issue(self, draft: IssueDraft) -> IssueLink:
        self.threads.add(threading.get_ident())
        if draft.reference.endswith("-0001"):
            assert self.freed.wait(60)
        return super().create_issue(draft)


@contextmanager
def bot_with_one_report(folder: Path, clock: Clock, tracker: Tracker) -> Iterator[Bot]:
    maildir = Maildir(folder / "Maildir")
    maildir.deliver(mail())
    mailbox = MailboxSettings(kind="maildir", path=maildir.path, folders=("INBOX",))
    with idle_bot(folder, clock, mailbox=mailbox) as idle:
        poll_mailbox(idle)
        process_inbox(idle)
        yield replace(idle, trackers={"main": tracker})  # type: ignore[dict-item]  # what is asked of it is there


def one_more(bot: Bot, number: int) -> None:
    assert bot.settings.mailbox.path is not None
    raw = mail(message_id=f"<{number}@example.org>", sender=f"melder{number}@example.org")
    (bot.settings.mailbox.path / "new" / f"9.{number}.example").write_bytes(raw)
    poll_mailbox(bot)
    process_inbox(bot)


def due_at(bot: Bot) -> datetime:
    with bot.store.begin() as tx:
        (row,) = tx.outbox.rows(only_open=True)
    return row.due_at


@pytest.mark.parametrize("kills", [0, 9])
def test_a_call_cut_short_settles_in_its_own_time_however_often_the_bot_was_killed(
    tmp_path: Path, kills: int
) -> None:
    clock, tracker = Clock(), Tracker(cut_short=1)
    with bot_with_one_report(tmp_path, clock, tracker) as bot:
        deliver_issues(bot)
        for _ in range(kills):
            clock.at = max(clock.at, due_at(bot))
            with bot.store.begin() as tx:
                assert len(tx.outbox.claim(clock.at, 1, mail=False)) == 1
            bot.store.release()
        tried_at = clock.at
        clock.at = max(clock.at, due_at(bot))
        deliver_issues(bot)
        assert tracker.created == []
        assert due_at(bot) == tried_at + SETTLES
        clock.at = tried_at + SETTLES
        deliver_issues(bot)
        assert tracker.created == ["CVD-2026-0001"]


def test_what_was_done_while_the_store_was_away_is_written_when_it_is_back(tmp_path: Path) -> None:
    tracker = Tracker()
    with bot_with_one_report(tmp_path, Clock(), tracker) as bot:
        deliver_issues(replace(bot, store=AwayForAMoment(bot.store)))  # type: ignore[arg-type]  # as above
        assert tracker.created == ["CVD-2026-0001"]
        assert bot.doors.shut() == {}
        with bot.store.begin() as tx:
            assert tx.outbox.count_waiting() == 0


def test_what_comes_in_is_begun_beside_a_call_that_takes_long(tmp_path: Path) -> None:
    tracker = SlowTracker()
    with bot_with_one_report(tmp_path, Clock(), tracker) as bot, ThreadPoolExecutor(1) as job:
        delivering = job.submit(deliver_issues, bot)
        assert wait_for(lambda: tracker.threads)
        one_more(bot, 2)
        assert wait_for(lambda: tracker.created == ["CVD-2026-0002"])
        tracker.freed.set()
        assert delivering.result(60) == 2
    assert sorted(tracker.created) == ["CVD-2026-0001", "CVD-2026-0002"]


def test_a_store_that_is_away_when_more_is_asked_for_loses_nothing_that_is_under_way(tmp_path: Path) -> None:
    tracker = SlowTracker()
    with bot_with_one_report(tmp_path, Clock(), tracker) as bot, ThreadPoolExecutor(1) as job:
        store = AwayForAMoment(bot.store)
        delivering = job.submit(deliver_issues, replace(bot, store=store))  # type: ignore[arg-type]  # as above
        assert wait_for(lambda: store.asked > 2)
        tracker.freed.set()
        assert delivering.result(60) == 1
        assert bot.doors.shut() == {}
        with bot.store.begin() as tx:
            assert tx.outbox.count_waiting() == 0


def test_threads_that_talk_to_the_tracker_stay_for_their_clients_do(tmp_path: Path) -> None:
    tracker = SlowTracker()
    tracker.freed.set()
    with bot_with_one_report(tmp_path, Clock(), tracker) as bot:
        for number in range(2, 2 + 2 * bot.settings.workers):
            deliver_issues(bot)
            one_more(bot, number)
        assert len(tracker.created) == 2 * bot.settings.workers
    assert len(tracker.threads) <= bot.settings.workers
