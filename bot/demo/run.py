"""`meldpunt demo`: sandbox and bot on SQLite in a folder of their own, fed with a handful of reports."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import typer

from bot.adapters.vault import new_secret_key
from bot.app import build_bot
from bot.demo.reports import TO, demo_stories
from bot.errors import PermanentError
from bot.log import Facts, start_log
from bot.ports import Bot
from bot.schedule import jobs, ticking
from bot.setting_files import load_settings
from bot.settings import PREFIX
from bot.web.app import serve

GITLAB_PORT, SMTP_PORT, JIRA_PORT = 8026, 8027, 8028
TOKEN = "sandbox-token"  # noqa: S105 - the sandbox's own word, good for nothing else
START_SECONDS = 30

Tracker = Literal["gitlab", "jira", "jira-datacenter"]
DEPLOYMENTS: Mapping[Tracker, str] = {"jira": "cloud", "jira-datacenter": "datacenter"}


def run_demo(folder: Path, *, tracker: Tracker, web_port: int, exit_after: bool) -> None:
    """Start sandbox and bot in `folder`, feed the stories and tell each step until Ctrl+C."""
    (folder / "secrets").mkdir(parents=True, exist_ok=True)
    _forget_settings()
    with _sandbox(folder, web_port, tracker) as addresses:
        settings_file = _write_settings(folder, addresses, tracker)
        settings = load_settings(settings_file=settings_file, secrets_dir=folder / "secrets")
        start_log("info", tell=_tell)
        with build_bot(settings) as bot, serve(bot, jobs(bot)) as port, ticking(bot, jobs(bot)):
            _feed(folder, bot)
            _say(_farewell(addresses["web"], port))
            if not exit_after:
                _say(f"Stop with Ctrl+C; everything stays in {folder}, and the same command goes on with it.")
                _wait_for_stop()


def _forget_settings() -> None:
    """Drop settings of a real desk from the environment: the demo must never reach its mailbox or tracker."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        del os.environ[name]


def _write_settings(folder: Path, addresses: Mapping[str, str], tracker: Tracker) -> Path:
    """Write the demo's settings; keys are made once here and never a default."""
    keys = folder / "keys.env"
    if not keys.exists():
        keys.touch(mode=0o600)
        keys.write_text(
            f"MELDPUNT_SECRET_KEYS={new_secret_key()}\nMELDPUNT_INDEX_SECRET={secrets.token_urlsafe(32)}\n",
            encoding="utf-8",
        )
    smtp_host, _, smtp_port = addresses["smtp"].partition(":")
    lines = {
        "DATABASE_URL": f"sqlite:///{folder}/meldpunt.db",
        "ORGANISATION": "Voorbeeld Cloud",
        "POLICY_URL": "https://www.example.nl/responsible-disclosure",
        "TEAM__NAME": "Meldpunt Kwetsbaarheden",
        "TEAM__ADDRESS": TO,
        "MAILBOX__KIND": "maildir",
        "MAILBOX__PATH": f"{folder}/Maildir",
        "MAILBOX__FOLDERS": "INBOX",
        "MAILBOX__POLL_SECONDS": "1",
        "MAILER__HOST": smtp_host,
        "MAILER__PORT": smtp_port,
        "MAILER__SECURITY": "none",
        **_tracker_settings(addresses, tracker),
        "WEB__PORT": "0",
    }
    settings = folder / "settings.env"
    rest = "".join(f"MELDPUNT_{name}={value}\n" for name, value in lines.items())
    settings.write_text(keys.read_text(encoding="utf-8") + rest, encoding="utf-8")
    return settings


def _tracker_settings(addresses: Mapping[str, str], tracker: Tracker) -> Mapping[str, str]:
    """Give what the settings say of the tracker that the team works in."""
    settings = {"KIND": "gitlab", "URL": addresses["gitlab"], "PROJECT": "security/reports"}
    if tracker != "gitlab":
        settings = {
            "KIND": "jira",
            "DEPLOYMENT": DEPLOYMENTS[tracker],
            "URL": addresses["jira"],
            "PROJECT": "SEC",
            "ISSUE_TYPE": "Task",
            "SECURITY_LEVEL": "Team",
        }
    if tracker == "jira":
        settings["USERNAME"] = "bot@example.nl"
    return {f"TRACKERS__MAIN__{name}": value for name, value in {**settings, "TOKEN": TOKEN}.items()}


@contextmanager
def _sandbox(folder: Path, web_port: int, tracker: Tracker) -> Iterator[Mapping[str, str]]:
    """Run the sandbox as a process of its own and give its addresses."""
    for name in ("new", "cur", "tmp"):
        (folder / "Maildir" / name).mkdir(parents=True, exist_ok=True)
    ports = [free_port(web_port), free_port(GITLAB_PORT), free_port(SMTP_PORT)]
    command = [
        sys.executable,
        "-m",
        "bot",
        "sandbox",
        "--folder",
        str(folder / "sandbox"),
        "--maildir",
        str(folder / "Maildir"),
    ]
    for name, port in zip(("--web-port", "--gitlab-port", "--smtp-port"), ports, strict=True):
        command += [name, str(port)]
    if tracker != "gitlab":
        deployment = ["--jira-deployment", DEPLOYMENTS[tracker]]
        command += ["--jira-port", str(free_port(JIRA_PORT)), *deployment]
    # A group of its own: Ctrl+C reaches the bot first, which stops before the sandbox does.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603 - our own
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("sandbox "):
            raise PermanentError("the sandbox did not start; its own message stands above")
        yield dict(part.split("=", 1) for part in line.split()[1:])
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def free_port(wanted: int) -> int:
    """Return the wanted port when nobody has it, else 0: any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


def _feed(folder: Path, bot: Bot) -> None:
    """Put the stories into the mailbox, one after another, where an earlier demo stopped."""
    fed = folder / "fed"
    done = int(fed.read_text(encoding="ascii")) if fed.exists() else 0
    if done:
        _say("The reports of an earlier demo are still here; delete the folder to begin anew.")
    for number, story in list(enumerate(demo_stories(), start=1))[done:]:
        _say(f"\n{number}. {story.why}")
        deliver(folder / "Maildir", story.mail)
        fed.write_text(str(number), encoding="ascii")
        _wait_until_through(bot, number)


def deliver(maildir: Path, mail: bytes) -> None:
    """Put one mail into a Maildir as a mail server does: whole, or not at all."""
    name = f"{time.time_ns()}.{secrets.token_hex(4)}.demo"
    (maildir / "tmp" / name).write_bytes(mail)
    (maildir / "tmp" / name).rename(maildir / "new" / name)


def _wait_until_through(bot: Bot, mails: int) -> None:
    """Wait until so many mails came in and nothing waits any more; a fault must not keep the watcher here."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.3)
        with bot.store.begin() as tx:
            waiting = tx.inbox.count_waiting() + tx.outbox.count_waiting()
            if len(tx.inbox.rows()) >= mails and not waiting:
                return
    _say("   this one takes longer; it goes on by itself, and the health page below says what it waits for")


SENTENCES = {
    "mail-taken": "   stored, sealed, before anything looked inside",
    "report-opened": "   understood: {reference}, first response due {due_on}, suggested severity {suggested}",
    "mail-filed": "   filed as {kind} ({reason}): no report, no answer",
    "issue-created": "   {reference}: one confidential issue, {url}",
    "notice-sent": "   {reference}: {kind} accepted by the mail server",
    "files-attached": "   {reference}: {count} attachment(s), cleaned, in the issue",
}


def _tell(event: str, facts: Facts) -> str | None:
    """Put a log line into a sentence for the one who watches."""
    return SENTENCES[event].format_map(facts) if event in SENTENCES else None


def _farewell(web: str, port: int) -> str:
    return (
        f"\nThe desk is running. Open {web}\n"
        "  - be the team: the board with the issues, comment, label, close\n"
        "  - be the reporter: write a mail and read the receipt\n"
        f"The bot's own health: http://127.0.0.1:{port}/readyz"
    )


def _wait_for_stop() -> None:
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.append(number))
    while not told:
        time.sleep(0.2)
    _say("\nStopping ...")


def _say(text: str) -> None:
    typer.echo(text)
