"""What becomes of an attempt whose end is not known yet, or cannot be written yet."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.issue import IssueDraft, IssueLink
from bot.errors import OutcomeUnknownError, StoreAwayError
from bot.ports import Bot, Transaction
from bot.services.delivery import deliver_issues
from bot.services.intake import poll_mailbox, process_inbox
from bot.settings import MailboxSettings
from tests.builders import mail
from tests.rigs.bots import Clock, idle_bot
from tests.rigs.maildir import Maildir

SETTLES = timedelta(seconds=60)


@dataclass
class Tracker:
    """Takes issues; at first as many calls are cut short as it is told, and nothing is ever found."""

    cut_short: int = 0
    created: list[str] = field(default_factory=list)

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


@contextmanager
def bot_with_one_report(folder: Path, clock: Clock, tracker: Tracker) -> Iterator[Bot]:
    maildir = Maildir(folder / "Maildir")
    maildir.deliver(mail())
    mailbox = MailboxSettings(kind="maildir", path=maildir.path, folders=("INBOX",))
    with idle_bot(folder, clock, mailbox=mailbox) as idle:
        poll_mailbox(idle)
        process_inbox(idle)
        yield replace(idle, trackers={"main": tracker})  # type: ignore[dict-item]  # what is asked of it is there


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
