"""Several bots on one PostgreSQL and one mailbox share the work; one that is killed loses and doubles nothing."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.rigs.crowd import check_all_are_there, report_mail
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.maildir import Maildir
from tests.rigs.postgres import Postgres
from tests.rigs.trackers import KINDS, Kind, Town, open_town
from tests.rigs.waiting import wait_for

pytestmark = pytest.mark.needs_postgres

Bot = subprocess.Popen[bytes]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """The GitLab of a sandbox."""
    with open_town("gitlab", tmp_path / "sandbox") as opened:
        yield opened


@pytest.fixture
def shared(postgres: Postgres) -> Iterator[dict[str, str]]:
    """The settings of a pair of databases that bots share."""
    with postgres.desk() as pair:
        yield pair.settings


def stop(*bots: Bot) -> None:
    for bot in bots:
        bot.send_signal(signal.SIGTERM)
    for bot in bots:
        bot.wait(60)


def all_done(desk: Desk, town: Town, mails: int) -> bool:
    """Whether every mail has its issue and its receipt, and nothing is left to do."""
    if len(town.sandbox.mails()) < mails or len(town.issues()) < mails:
        return False
    with psycopg.connect(desk.database["DATABASE_URL"].replace("+psycopg", "")) as connection:
        asked = "SELECT (SELECT count(*) FROM inbox WHERE state = 'new') + count(*) FROM outbox WHERE state = 'waiting'"
        return connection.execute(asked).fetchone() == (0,)


def taken(desk: Desk) -> int:
    """How many mails were taken."""
    with psycopg.connect(desk.database["DATABASE_URL"].replace("+psycopg", "")) as connection:
        [count] = connection.execute("SELECT count(*) FROM inbox").fetchone() or (0,)
        return int(count)


@pytest.mark.needs_dovecot
@pytest.mark.parametrize(
    ("kind", "mails", "kills"),
    [
        pytest.param("gitlab", 30, 3, id="3-kills"),
        *(pytest.param(kind, 200, 25, id=f"{kind}-25-kills", marks=pytest.mark.long) for kind in KINDS),
    ],
)
def test_two_bots_of_which_one_is_killed_again_and_again_lose_and_double_nothing(
    tmp_path: Path, shared: dict[str, str], kind: Kind, mails: int, kills: int
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    dice = random.Random(seed)
    with open_town(kind, tmp_path / "sandbox") as town, Dovecot() as dovecot:
        if kind != "gitlab":
            town.sandbox.set_jira(index_lag_seconds=1)
        settings = dovecot.settings | {"MAILBOX__POLL_SECONDS": "1"}
        desk = Desk(tmp_path, town.sandbox, settings, kind, database=shared)
        bots = [desk.start(), desk.start()]
        for kill in range(kills):
            for number in range(mails * kill // kills, mails * (kill + 1) // kills):
                dovecot.deliver(report_mail(number))
            time.sleep(dice.uniform(0.5, 2.0))
            victim = dice.randrange(2)
            bots[victim].send_signal(signal.SIGKILL)
            bots[victim].wait()
            bots[victim] = desk.start()
        done = wait_for(lambda: all_done(desk, town, mails))
        stop(*bots)
        assert done, (seed, desk.listing("inbox", "list", "--open"), desk.listing("outbox", "list", "--open"))
        check_all_are_there(town, mails, f"seed {seed}")


def test_what_a_bot_without_a_mailbox_shares_with_one_that_polls_is_all_but_the_polling(
    tmp_path: Path, town: Town, maildir: Maildir, shared: dict[str, str]
) -> None:
    polling = Desk(tmp_path, town.sandbox, maildir.settings | {"MAILBOX__POLL_SECONDS": "1"}, database=shared)
    helping = replace(polling, mailbox={})
    for number in range(30):
        maildir.deliver(report_mail(number))
    town.fault(kind="delay_ms", path="", milliseconds=50, count=10_000)
    bots = [polling.start(), helping.start()]
    done = wait_for(lambda: all_done(polling, town, 30))
    stop(*bots)
    assert done
    check_all_are_there(town, 30, "two bots")


def test_the_same_mail_in_two_mailboxes_of_two_bots_is_one_report(
    tmp_path: Path, town: Town, shared: dict[str, str]
) -> None:
    boxes = Maildir(tmp_path / "one"), Maildir(tmp_path / "two")
    one = Desk(tmp_path, town.sandbox, boxes[0].settings | {"MAILBOX__POLL_SECONDS": "1"}, database=shared)
    two = replace(one, mailbox=boxes[1].settings | {"MAILBOX__POLL_SECONDS": "1"})
    for raw in map(report_mail, range(20)):
        for box in boxes:
            box.deliver(raw)
    bots = [one.start(), two.start()]
    done = wait_for(lambda: taken(one) == 40 and all_done(one, town, 20))
    stop(*bots)
    assert done
    check_all_are_there(town, 20, "two mailboxes")


def test_the_work_of_a_bot_that_was_killed_elsewhere_is_taken_over_when_its_lease_ends(
    tmp_path: Path, town: Town, maildir: Maildir, shared: dict[str, str]
) -> None:
    desk = Desk(tmp_path, town.sandbox, maildir.settings | {"MAILBOX__POLL_SECONDS": "1"}, database=shared)
    maildir.deliver(report_mail(0))
    town.fault(kind="delay_ms", path="", milliseconds=1500, count=1)
    killed = desk.start()
    assert wait_for(lambda: (rows := desk.listing("outbox", "list")) and rows[0]["attempts"])
    living = desk.start()  # buries only the dead, and the other still lives
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = wait_for(lambda: all_done(desk, town, 1))
    stop(living)
    assert done
    check_all_are_there(town, 1, "taken over")
