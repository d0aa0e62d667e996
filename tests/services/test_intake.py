"""A mail that takes its reader down is filed all the same, and the next one goes on."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.child import ChildProcess
from bot.app import build_bot
from bot.domain.understanding import Reading, understand
from bot.ports import Bot
from bot.services.once import run_once
from bot.setting_files import load_settings
from bot.settings import Settings
from tests.builders import PIXEL, mail
from tests.rigs.desk import Desk
from tests.rigs.dying import HANGS, KILLS, dying_in
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def maildir(tmp_path: Path) -> Maildir:
    return Maildir(tmp_path / "Maildir")


@pytest.fixture
def bot(tmp_path: Path, sandbox: Sandbox, maildir: Maildir) -> Iterator[Bot]:
    """A whole bot whose reader dies of mails that say so."""
    with build_bot(_settings(tmp_path, Desk(tmp_path, sandbox, maildir.settings))) as bot:
        reading = Reading((), bot.settings.own_domains, bot.mappings.privacy, bot.mappings.severity)
        with ChildProcess(seconds=2) as child:
            run = dying_in(child)
            yield replace(bot, understand=lambda arrival, alias: understand(arrival, alias, reading, run=run))


def _settings(folder: Path, desk: Desk) -> Settings:
    file = folder / "settings.env"
    ours = {name: value for name, value in desk.env.items() if name.startswith("MELDPUNT_")}
    file.write_text("".join(f"{name}={value}\n" for name, value in ours.items()))
    return load_settings(settings_file=file, environ={})


@pytest.mark.parametrize("header", [KILLS, HANGS])
def test_a_mail_that_takes_its_reader_down_becomes_a_held_report_with_what_its_headers_said(
    bot: Bot, sandbox: Sandbox, maildir: Maildir, header: bytes
) -> None:
    before = len(sandbox.issues())
    maildir.deliver(header + b"\r\n" + mail(subject="Lek gezien door Joris Bedacht"))
    maildir.deliver(mail(message_id="<2@example.org>", subject="De volgende"))
    result = run_once(bot)
    assert (result.taken, result.filed, result.held, result.clean) == (2, 2, 1, False)
    held, next_one = sorted(sandbox.issues()[before:], key=lambda issue: str(issue["title"]))
    assert "Lek gezien door reporter-" in held["title"]
    assert "could not be read" in held["description"]
    assert "no receipt was sent" in held["description"]
    assert held["confidential"] is True
    assert held["due_date"] == next_one["due_date"]
    assert "De volgende" in next_one["title"]
    assert "bedacht" not in json.dumps(sandbox.requests()).lower()
    with bot.store.begin() as tx:
        states = [(row.state, row.kind, row.reference is None) for row in tx.inbox.rows()]
        assert states == [("held", "held", False), ("done", "report", False)]


@pytest.mark.parametrize("sign", [KILLS, HANGS])
def test_a_file_that_takes_its_reader_down_stays_sealed_and_the_report_is_whole(
    bot: Bot, sandbox: Sandbox, maildir: Maildir, sign: bytes
) -> None:
    before = len(sandbox.issues())
    files = (("1.png", "image/png", PIXEL), ("2.png", "image/png", PIXEL + sign))
    maildir.deliver(mail(files=files))
    assert run_once(bot).clean
    (issue,) = sandbox.issues()[before:]
    assert "kan ik SQL meegeven" in issue["description"]
    assert "could not be read" not in issue["description"]
    assert "no receipt was sent" not in issue["description"]
    with bot.store.begin() as tx:
        (view,) = tx.reports.rows()
        opened = tx.reports.get(view.report.reference).report
        assert [(file.number, file.uploadable) for file in opened.files] == [(1, True), (2, False)]
        assert [row.kind for row in tx.inbox.rows()] == ["report"]


def test_what_a_person_decided_about_a_held_mail_ends_it_and_keeps_its_report(
    bot: Bot, maildir: Maildir
) -> None:
    maildir.deliver(mail(X_Kills="yes"))
    run_once(bot)
    with bot.store.begin() as tx:
        tx.inbox.drop(1, bot.now())
    assert run_once(bot).clean
    with bot.store.begin() as tx:
        assert len(tx.reports.rows()) == 1
