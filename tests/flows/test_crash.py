"""The bot is killed at random moments: nothing is lost, nothing is there twice, whatever tracker and database."""

import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rigs.crowd import check_all_are_there, report_mail
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.postgres import Postgres
from tests.rigs.trackers import KINDS, Kind, open_town

pytestmark = pytest.mark.needs_dovecot


@contextmanager
def opened(database: str) -> Iterator[Mapping[str, str]]:
    """The settings of the databases; the server keeps what it said it has, as one in earnest does."""
    if database == "sqlite":
        yield {}
        return
    with Postgres({}) as server, server.desk() as pair:
        yield pair.settings


def matrix() -> Iterator[object]:
    """Each tracker and each database once in short, every pair of them in full."""
    for kind in KINDS:
        for database in ("sqlite", "postgresql"):
            marks = [pytest.mark.needs_postgres] if database == "postgresql" else []
            if (kind, database) != ("jira-cloud", "sqlite") and (kind, database) != (
                "jira-datacenter",
                "postgresql",
            ):
                yield pytest.param(kind, database, 40, 5, id=f"{kind}-{database}-5-kills", marks=marks)
            full = [*marks, pytest.mark.long]
            yield pytest.param(kind, database, 200, 50, id=f"{kind}-{database}-50-kills", marks=full)


@pytest.mark.parametrize(("kind", "database", "mails", "kills"), [*matrix()])
def test_killed_at_random_moments_the_desk_loses_and_doubles_nothing(
    tmp_path: Path, kind: Kind, database: str, mails: int, kills: int
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    dice = random.Random(seed)
    with opened(database) as databases, open_town(kind, tmp_path / "sandbox") as town, Dovecot() as dovecot:
        if kind != "gitlab":
            town.sandbox.set_jira(index_lag_seconds=1)
        settings = dovecot.settings | {"MAILBOX__POLL_SECONDS": "1"}
        desk = Desk(tmp_path, town.sandbox, settings, kind, database=databases)
        delivered = 0
        for kill in range(kills):
            upto = mails * (kill + 1) // kills
            for number in range(delivered, upto):
                dovecot.deliver(report_mail(number))
            delivered = upto
            bot = desk.start()
            time.sleep(dice.uniform(0.5, 2.0))
            bot.send_signal(signal.SIGKILL)
            bot.wait()
        last = desk.once()
        assert last["exit"] == 0, (seed, last, desk.listing("inbox", "list", "--open"))
        check_all_are_there(town, mails, f"seed {seed}")
