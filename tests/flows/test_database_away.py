"""A PostgreSQL that goes away, and one that lets nobody in, are said plainly; the bot goes on when it is back."""

import re
from pathlib import Path

import pytest

from tests.builders import mail
from tests.flows.test_run import log, readiness, running, stop, until
from tests.rigs.desk import Desk
from tests.rigs.maildir import Maildir
from tests.rigs.postgres import Postgres
from tests.rigs.sandbox import Sandbox

pytestmark = pytest.mark.needs_postgres


def test_a_bot_says_that_its_database_is_away_and_goes_on_when_it_is_back(
    tmp_path: Path, sandbox: Sandbox, maildir: Maildir
) -> None:
    with Postgres() as server, server.desk() as pair:
        settings = {**maildir.settings, "MAILBOX__POLL_SECONDS": "1"}
        desk = Desk(tmp_path, sandbox, settings, database=pair.settings)
        with running(desk) as (bot, address):
            until(lambda: readiness(address)[0] == 200)
            server.kill()
            maildir.deliver(mail())
            # What was under way when it went away says first that its line broke.
            until(lambda: "cannot be reached" in (readiness(address)[1].get("store") or ""))
            assert readiness(address)[0] == 503
            problem = readiness(address)[1]["store"]
            server.start()
            until(lambda: readiness(address)[0] == 200)
            until(lambda: len(sandbox.mails()) == 1)
            assert stop(bot) == 0
    assert problem
    assert "cannot be reached" in problem
    assert "Traceback" not in log(desk)
    assert "sesame" not in log(desk) + problem


@pytest.mark.parametrize("command", ["check", "report list", "once", "run"])
@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ("open-sesame", "geheim", "refuses the password"),
        ("/desk_", "/none_", "does not exist"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:1", "cannot be reached"),
    ],
)
def test_each_command_says_what_is_wrong_with_the_database(  # noqa: PLR0917 - each is one part of a command
    tmp_path: Path, postgres: Postgres, command: str, wrong: str, right: str, words: str
) -> None:
    with postgres.desk() as pair:
        database = {**pair.settings, "DATABASE_URL": re.sub(wrong, right, pair.main)}
        desk = Desk(tmp_path, Sandbox(tmp_path), {}, database=database)
        tracker = {"MELDPUNT_TRACKERS__MAIN__URL": "http://127.0.0.1:9", "MELDPUNT_MAILER__PORT": ""}
        done = desk.command(*command.split(), env=tracker)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert words in said
    assert not re.search("Traceback|geheim|sesame", said)
