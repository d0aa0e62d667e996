"""A desk whose mail servers take tokens only: it works as any other, renews in time, and says when it cannot."""

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.builders import mail
from tests.rigs.certificates import make_certificate
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot, free_port
from tests.rigs.sandbox import Sandbox
from tests.rigs.smtp import SmtpServer
from tests.rigs.tokens import FIRST, SECRET, Provider, browse
from tests.rigs.waiting import wait_for

pytestmark = pytest.mark.needs_dovecot


class Town:
    """A provider of tokens, and two mail servers that ask it whom to let in."""

    def __init__(
        self, folder: Path, sandbox: Sandbox, provider: Provider, imap: Dovecot, smtp: SmtpServer
    ) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.provider, self.imap, self.smtp = provider, imap, smtp

    def desk(self, oauth: dict[str, str]) -> Desk:
        imap = {name: value for name, value in self.imap.settings.items() if "PASSWORD" not in name}
        smtp = {
            "MAILER__HOST": self.smtp.host,
            "MAILER__PORT": str(self.smtp.port),
            "MAILER__USERNAME": self.smtp.username,
            "MAILBOX__POLL_SECONDS": "1",
            "LOG_LEVEL": "debug",
        }
        return Desk(self.folder, self.sandbox, imap | smtp | oauth)

    def tokens(self, **more: str) -> dict[str, str]:
        """Settings by which both lines log in at Microsoft."""
        return self.provider.microsoft("MAILBOX", **more) | self.provider.microsoft("MAILER", **more)


@pytest.fixture
def town(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    with Provider(make_certificate(tmp_path)) as provider:
        for name, value in provider.trust.items():
            monkeypatch.setenv(name, value)
        tokens = provider.tokens
        with (
            Dovecot(introspection_url=provider.introspection_url) as imap,
            SmtpServer(login=True, tokens=tokens) as smtp,
        ):
            yield Town(tmp_path, sandbox, provider, imap, smtp)


def secrets_in(desk: Desk, *texts: str) -> list[str]:
    """Secrets that a log or a file of the desk shows."""
    files = [path.read_bytes() for path in desk.folder.glob("meldpunt*")]
    shown = "\n".join(texts).encode() + b"".join(files)
    return [found.decode() for found in re.findall(rb"(?:access|refresh)-token-[\w-]{1,20}|s3cret", shown)]


@pytest.mark.parametrize("way", ["application", "person", "google"])
def test_a_mail_comes_in_and_its_receipt_goes_out_by_tokens_alone(town: Town, way: str) -> None:
    google = town.provider.google("MAILBOX", REFRESH_TOKEN=FIRST) | town.provider.google(
        "MAILER", REFRESH_TOKEN=FIRST
    )
    town.provider.rotates = way == "person"
    ways = {
        "application": town.tokens(CLIENT_SECRET=SECRET),
        "person": town.tokens(REFRESH_TOKEN=FIRST),
        "google": google,
    }
    desk = town.desk(ways[way])
    town.imap.deliver(mail())
    first = desk.once()
    assert (first["exit"], first["taken"]) == (0, 1), first
    town.imap.deliver(mail(message_id="<melding-2@example.org>", subject="Nog een lek"))
    second = desk.once()
    assert (second["exit"], second["taken"]) == (0, 1), second
    assert len(town.sandbox.issues()) == len(town.smtp.messages) == 2
    assert secrets_in(desk, first["log"], second["log"]) == []
    assert desk.command("check", "--online").returncode == 0


def test_a_token_that_ended_is_renewed_while_the_bot_runs(town: Town) -> None:
    desk = town.desk(town.tokens(CLIENT_SECRET=SECRET))
    bot = desk.start()
    try:
        town.imap.deliver(mail())
        assert wait_for(lambda: len(town.smtp.messages) == 1)
        given = len(town.provider.given)
        town.provider.end_tokens()
        town.smtp.hang_up()
        town.imap.stop()
        town.imap.start()
        town.imap.deliver(mail(message_id="<melding-2@example.org>", subject="Nog een lek"))
        assert wait_for(lambda: len(town.smtp.messages) == 2), (desk.folder / "bot.log").read_text()
        assert len(town.provider.given) > given
    finally:
        bot.terminate()
        assert bot.wait(30) == 0
    assert secrets_in(desk, (desk.folder / "bot.log").read_text()) == []


def test_a_login_that_was_withdrawn_is_told_in_plain_words_and_no_mail_is_lost(town: Town) -> None:
    desk = town.desk({**town.tokens(REFRESH_TOKEN=FIRST), "WEB__PORT": str(free_port())})
    assert desk.once()["exit"] == 0
    town.provider.withdraw()
    town.imap.deliver(mail())
    words = "Microsoft: the login of security has ended or was withdrawn (AADSTS700082)"
    checked = desk.command("check", "--online")
    assert checked.returncode == 1
    assert f"{words}. Run `meldpunt mailbox login`\n" in checked.stdout
    bot = desk.start()
    try:
        assert wait_for(lambda: words in str(ready(desk)["doors"].get("mailbox")))
        assert ready(desk)["ready"] is False
        assert desk.command("mailbox", "login").returncode == 0
        assert wait_for(lambda: len(town.smtp.messages) == 1), (desk.folder / "bot.log").read_text()
        assert wait_for(lambda: ready(desk)["ready"])
    finally:
        bot.terminate()
        assert bot.wait(30) == 0
    assert len(town.sandbox.issues()) == 1
    assert secrets_in(desk, (desk.folder / "bot.log").read_text(), checked.stdout) == []


def test_one_login_serves_both_lines_and_never_shows_its_token_unasked(town: Town) -> None:
    desk = town.desk(town.tokens())
    before = desk.command("check", "--online")
    assert before.stdout.count("nobody has logged in as security yet") == 2
    town.provider.pending.append("authorization_pending")
    done = desk.command("mailbox", "login")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "type the code ABCD-1234" in done.stderr
    assert done.stderr.endswith(
        "The login of security works and is kept, sealed; the bot goes on by itself.\n"
    )
    assert desk.command("check", "--online").returncode == 0
    shown = desk.command("mailbox", "login", "--mailer", "--print")
    assert shown.stdout.strip() in town.provider.refresh_tokens
    assert secrets_in(desk, done.stderr, shown.stderr) == []
    with sqlite3.connect(desk.folder / "meldpunt.db") as database:
        assert database.execute("SELECT count(*) FROM kept_logins").fetchone() == (1,)
    database.close()


def test_a_login_that_the_mail_server_does_not_take_is_not_kept(town: Town) -> None:
    desk = town.desk(town.tokens())
    town.provider.username = "somebody-else"
    done = desk.command("mailbox", "login")
    assert done.returncode == 1
    assert "nothing is kept: IMAP server 127.0.0.1 refuses the token for security" in done.stderr
    assert "nobody has logged in as security yet" in desk.command("check", "--online").stdout


@pytest.mark.parametrize("pasted", [False, True])
def test_a_person_logs_in_at_google_with_a_browser_here_or_on_another_machine(
    town: Town, *, pasted: bool
) -> None:
    desk = town.desk(town.provider.google("MAILBOX") | town.provider.google("MAILER"))
    with logging_in(desk, *(["--no-browser"] if pasted else [])) as (login, lines):
        assert next(lines) == "Open this address in a browser and log in as security:\n"
        back = town.provider.visit(next(lines).strip())
        if pasted:
            _, said = login.communicate(f"{back}\n", timeout=30)
        else:
            assert browse(back) == 200
            _, said = login.communicate(timeout=30)
    assert (login.returncode, "works and is kept, sealed" in said) == (0, True)
    assert desk.command("check", "--online").returncode == 0


def test_a_person_may_give_up_waiting(town: Town) -> None:
    desk = town.desk(town.tokens())
    town.provider.pending.extend(["authorization_pending"] * 100)
    with logging_in(desk) as (login, lines):
        assert "type the code" in next(lines)
        assert next(lines) == "Waiting for the login ...\n"
        login.send_signal(signal.SIGINT)
        _, said = login.communicate(timeout=30)
    assert (login.returncode, "Traceback" in said) == (130, False), "as every program that a SIGINT ends"


@contextmanager
def logging_in(desk: Desk, *words: str) -> Iterator[tuple[subprocess.Popen[str], Iterator[str]]]:
    """A login under way, and what it says line by line."""
    login = subprocess.Popen(
        [sys.executable, "-m", "bot", "mailbox", "login", *words],
        cwd=desk.folder,
        env=desk.env,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert login.stderr is not None
    try:
        yield login, iter(login.stderr.readline, "")
    finally:
        login.kill()
        login.communicate()


@pytest.mark.parametrize(
    ("oauth", "sentence"),
    [
        ({"MAILBOX__PASSWORD": "x"}, "MELDPUNT_MAILBOX__OAUTH__PROVIDER: is not set"),
        ({"CLIENT_SECRET": SECRET}, "lets the application log in by itself, so nobody needs to"),
    ],
)
def test_a_line_where_nobody_needs_to_log_in_is_told(
    town: Town, oauth: dict[str, str], sentence: str
) -> None:
    desk = town.desk(oauth if "MAILBOX__PASSWORD" in oauth else town.tokens(**oauth))
    without_a_mailer = {"MELDPUNT_MAILER__USERNAME": ""} if "MAILBOX__PASSWORD" in oauth else {}
    done = desk.command("mailbox", "login", env=without_a_mailer)
    assert done.returncode == 2
    assert sentence in done.stderr


def ready(desk: Desk) -> dict[str, Any]:
    """What /readyz says; nothing while nobody listens."""
    try:
        answer = requests.get(f"http://127.0.0.1:{desk.env['MELDPUNT_WEB__PORT']}/readyz", timeout=5)
    except requests.ConnectionError:
        return {"ready": None, "doors": {}}
    return dict(answer.json())
