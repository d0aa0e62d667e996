"""`meldpunt run`: tells how it is, and stops in time with nothing lost."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.builders import mail
from tests.rigs.desk import Desk
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import Sandbox

PATIENCE = 30.0


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true; fails when it does not."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.05)


def log(desk: Desk) -> str:
    path = desk.folder / "bot.log"
    return path.read_text() if path.exists() else ""


@contextmanager
def running(desk: Desk) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run the bot for the time of the block; gives its process and the address of its pages."""
    bot = desk.start()
    try:
        until(lambda: "bot-started" in log(desk))
        yield bot, f"http://127.0.0.1:{json.loads(re.findall(r'.*bot-started.*', log(desk))[-1])['port']}"
    finally:
        bot.kill()
        bot.wait()


def stop(bot: subprocess.Popen[bytes]) -> int:
    bot.send_signal(signal.SIGTERM)
    return bot.wait(PATIENCE)


def readiness(address: str) -> tuple[int, dict[str, str | None]]:
    answer = requests.get(f"{address}/readyz", timeout=PATIENCE)
    return answer.status_code, {name: door["problem"] for name, door in answer.json()["doors"].items()}


def test_a_bot_tells_which_door_is_shut_and_stays_alive_until_it_is_told_to_stop(
    tmp_path: Path, sandbox: Sandbox, maildir: Maildir
) -> None:
    desk = Desk(tmp_path, sandbox, {**maildir.settings, "MAILBOX__POLL_SECONDS": "1"})
    away = maildir.path.with_name("away")
    maildir.deliver(mail())
    with running(desk) as (bot, address):
        until(lambda: readiness(address) == (200, {"mailbox": None, "mailer": None, "tracker main": None}))
        maildir.path.rename(away)
        until(lambda: readiness(address)[0] == 503)
        problem = readiness(address)[1]["mailbox"]
        assert problem
        assert "there is no Maildir" in problem
        assert requests.get(f"{address}/healthz", timeout=PATIENCE).status_code == 200
        away.rename(maildir.path)
        until(lambda: readiness(address)[0] == 200)
        second = desk.command("run", env={"MELDPUNT_WEB__PORT": address.rpartition(":")[2]})
        assert (second.returncode, second.stderr.count("\n")) == (2, 1)
        assert "MELDPUNT_WEB__PORT: cannot listen" in second.stderr
        assert stop(bot) == 0
    assert "Traceback" not in log(desk)


def test_a_bot_that_is_told_to_stop_amid_its_work_loses_and_doubles_nothing(
    desk: Desk, maildir: Maildir
) -> None:
    for number in range(40):
        maildir.deliver(mail(message_id=f"<{number}@example.org>", sender=f"melder{number}@example.org"))
    with running(desk) as (bot, _):
        until(lambda: len(desk.sandbox.mails()) >= 3)
        assert stop(bot) == 0
    assert "job-left-behind" not in log(desk)
    assert desk.once()["exit"] == 0
    assert len(desk.sandbox.issues()) == 40
    assert sorted(caught["recipients"][0] for caught in desk.sandbox.mails()) == sorted(
        f"melder{number}@example.org" for number in range(40)
    )


def test_a_bot_that_is_stuck_in_a_call_stops_all_the_same_and_its_work_is_taken_up_again(
    tmp_path: Path, sandbox: Sandbox, maildir: Maildir
) -> None:
    desk = Desk(tmp_path, sandbox, {**maildir.settings, "STOP_SECONDS": "1"})
    sandbox.fault(protocol="smtp", kind="delay_ms", milliseconds=60_000, count=1)
    maildir.deliver(mail())
    with running(desk) as (bot, _):
        until(
            lambda: any(row["attempts"] for row in desk.listing("outbox", "list") if row["kind"] == "receipt")
        )
        assert stop(bot) == 0
    assert "job-left-behind" in log(desk)
    (left,) = desk.listing("outbox", "list", "--open")
    desk.command("outbox", "retry", str(left["number"]))
    assert desk.once()["exit"] == 0
    assert len(sandbox.issues()) == 1
    assert len({caught["message_id"] for caught in sandbox.mails()}) == 1
