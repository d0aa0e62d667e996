"""The bot is killed at random moments: nothing is lost, nothing is there twice."""

import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.builders import PIXEL, mail
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.postgres import Postgres
from tests.rigs.sandbox import Sandbox

UPLOAD = re.compile(r"/uploads/\w+/(CVD-\d+-\d+-\d+\.\w+)\)")


def report_mail(number: int) -> bytes:
    """Every third mail has two attachments; each has a sender and a word of its own."""
    files = (
        ((f"s{number}.png", "image/png", PIXEL), (f"l{number}.txt", "text/plain", b"GET /\n"))
        if number % 3 == 0
        else ()
    )
    return mail(
        sender=f"Melder {number} <melder{number}@example.org>",
        subject=f"Lek nummer {number:03}",
        message_id=f"<melding-{number}@example.org>",
        files=files,
    )


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgres)])
def database(request: pytest.FixtureRequest) -> Iterator[Mapping[str, str]]:
    """The settings of the databases; the server keeps what it said it has, as one in earnest does."""
    if request.param == "sqlite":
        yield {}
        return
    with Postgres({}) as server, server.desk() as pair:
        yield pair.settings


@pytest.mark.parametrize(
    ("mails", "kills"),
    [pytest.param(40, 5, id="5-kills"), pytest.param(200, 50, id="50-kills", marks=pytest.mark.long)],
)
def test_killed_at_random_moments_the_desk_loses_and_doubles_nothing(
    tmp_path: Path, sandbox: Sandbox, database: Mapping[str, str], mails: int, kills: int
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    dice = random.Random(seed)
    with Dovecot() as dovecot:
        desk = Desk(tmp_path, sandbox, dovecot.settings | {"MAILBOX__POLL_SECONDS": "1"}, database=database)
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
    check_all_are_there(sandbox, mails, f"seed {seed}")


def check_all_are_there(sandbox: Sandbox, mails: int, seed: str) -> None:
    issues = sandbox.issues()
    numbers = Counter(re.findall(r"nummer (\d+)", issue["title"])[0] for issue in issues)
    assert sorted(numbers) == [f"{number:03}" for number in range(mails)], seed
    assert set(numbers.values()) == {1}, seed
    for issue in issues:
        number = int(re.findall(r"nummer (\d+)", issue["title"])[0])
        linked = [name for note in sandbox.notes(issue["iid"]) for name in UPLOAD.findall(note["body"])]
        reference = re.findall(r"\[(CVD-[\d-]+)\]", issue["title"])[0]
        expected = [f"{reference}-1.png", f"{reference}-2.txt"] if number % 3 == 0 else []
        assert linked == expected, (seed, number)
    receipts: dict[str, set[str]] = {}
    for receipt in sandbox.mails():
        receipts.setdefault(receipt["recipients"][0], set()).add(receipt["message_id"])
    assert sorted(receipts) == sorted(f"melder{number}@example.org" for number in range(mails)), seed
    assert all(len(ids) == 1 for ids in receipts.values()), seed
