"""The commands as a person types them: what they print, how they end, and that none ever shows a traceback."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.adapters.vault import new_secret_key, parse_secret_keys
from bot.domain.inbox import InboxItem
from bot.domain.issue import IssueLink
from bot.domain.outbox import Outcome, Result
from bot.domain.submission import Kind, Submission, submission_json
from tests.builders import PIXEL, mail
from tests.domain.test_sla import VECTORS
from tests.rigs.command_line import Done, TypeIn
from tests.rigs.stores import NOW, Stores, create_issue, file_report, receipt, take

ROOT = Path(__file__).parents[1]
MAPPINGS = str(ROOT / "mappings")
URL = "https://gitlab.example.nl/security/reports/-/issues/1"
COMMANDS = (
    "run",
    "once",
    "check",
    "demo",
    "sandbox",
    "due",
    "parse",
    "report list",
    "report show",
    "inbox list",
    "inbox show",
    "inbox retry",
    "inbox drop",
    "outbox list",
    "outbox retry",
    "outbox drop",
    "keys new",
    "database copy",
)


Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(type_in: TypeIn) -> Say:
    """Type a command without any setting."""

    def said(*words: str | Path) -> tuple[int, str, str]:
        done = type_in(*words)
        return done.returncode, done.stdout, done.stderr

    return said


class Office:
    """A desk's store with one report, one mail that is held and one receipt that is held."""

    def __init__(self, folder: Path, typed: TypeIn) -> None:
        self.folder, self._typed = folder, typed
        stores = Stores(f"sqlite:///{folder}/meldpunt.db", f"sqlite:///{folder}/meldpunt-keys.db")
        self.settings: dict[str, str | Path] = {
            "SECRET_KEYS": stores.secret_keys,
            "INDEX_SECRET": stores.index_secret,
            "MAPPINGS": MAPPINGS,
        }
        store = stores.open()
        first, second = take(store, "1", "2")
        with store.begin() as tx:
            report = file_report(tx, first)
            tx.events.append("report-received", NOW, report_id=report.id, inbox=1)
            tx.outbox.add([create_issue(report.id), receipt(report.id)], NOW)
            self._hold(tx.inbox.finish, second)
        with store.begin() as tx:
            made, refused = tx.outbox.claim(NOW, 2)
            outcomes = [
                Outcome(made, Result.DONE),
                Outcome(refused, Result.HELD, "the recipient was refused (550)"),
            ]
            tx.outbox.record(outcomes, NOW)
            tx.reports.set_issue(report.id, IssueLink("1", URL))
        store.release()
        stores.close()

    @staticmethod
    def _hold(finish: Callable[..., None], item: InboxItem) -> None:
        finish(item, kind=Kind.HELD, report_id=None, reason="the mail could not be read", now=NOW)

    def type_in(self, *words: str, answer: str = "", **settings: str | Path) -> Done:
        return self._typed(*words, answer=answer, **(self.settings | settings))

    def listing(self, *words: str) -> Any:
        return json.loads(self.type_in(*words, "--json").stdout)


@pytest.fixture
def office(tmp_path: Path, type_in: TypeIn) -> Office:
    return Office(tmp_path, type_in)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(say: Say, command: str) -> None:
    code, told, _ = say(*command.split(), "--help")
    assert code == 0
    assert f"Example: meldpunt {command}" in " ".join(told.split())


def test_no_command_is_missing_from_these_tests(say: Say) -> None:
    seen = []
    for group in ((), ("report",), ("inbox",), ("outbox",), ("keys",), ("database",)):
        lines = say(*group, "--help")[1].partition("Commands:")[2].splitlines()
        seen += [
            " ".join((*group, line.split()[0]))
            for line in lines
            if line.startswith("  ") and line[2:3].strip()
        ]
    assert {*seen} - {"report", "inbox", "outbox", "keys", "database"} == {*COMMANDS}


def test_an_unknown_command_is_named(say: Say) -> None:
    code, _, told = say("frobnicate")
    assert (code, "No such command 'frobnicate'" in told) == (2, True)


@pytest.mark.parametrize(("received", "strict", "atw"), VECTORS)
def test_due_tells_the_last_day_in_both_calendars(say: Say, received: str, strict: str, atw: str) -> None:
    for calendar, day in (("strict", strict), ("atw", atw)):
        code, told, _ = say("due", "--received", received, "--calendar", calendar, "--json")
        due = json.loads(told)
        assert (code, due["due_on"]) == (0, day)
        assert due["promises"] == [
            {"promise": "first_response", "due_on": due["due_on"], "due_at": due["due_at"]}
        ]
        end = datetime.fromisoformat(due["due_at"])
        assert (end.date() - timedelta(days=1)).isoformat() == day
        assert (end.hour, end.minute) == (0, 0)


def test_due_without_a_calendar_uses_the_default_one_and_tells_people_the_day(say: Say) -> None:
    code, told, _ = say("due", "--received", "2026-12-24T17:00+01:00")
    assert (code, told) == (
        0,
        "first response by Tuesday 29 December 2026 (before 2026-12-30T00:00:00+01:00)\n",
    )


@pytest.mark.parametrize(
    "received", ["", "soon", "2026-13-01", "24-12-2026", "2101-01-01", "9999-12-31", "0001-01-01T00:00+14:00"]
)
def test_a_time_that_is_none_is_refused_in_one_sentence(say: Say, received: str) -> None:
    code, told, problem = say("due", "--received", received)
    assert (code, told, problem.count("\n")) == (2, "", 1)
    assert "--received" in problem


def test_an_unknown_calendar_is_refused_with_those_that_are_known(say: Say) -> None:
    code, _, problem = say("due", "--received", "2026-12-24", "--calendar", "loose")
    assert code == 2
    assert "Use one of: strict, atw" in problem


KEYS = ("file", *submission_json(Submission(), Kind.REPORT))


def test_parse_gives_one_line_a_file_and_never_stops_at_one(say: Say, tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "a.eml").write_bytes(mail(files=(("scherm.png", "image/png", PIXEL),)))
    (folder / "b-empty").touch()
    (folder / "c-rubbish").write_bytes(bytes(range(256)) * 40)
    (folder / "deeper").mkdir()
    (folder / "deeper" / "d.eml").write_bytes(mail(Auto_Submitted="auto-replied"))
    (folder / "dangling").symlink_to("nowhere")
    shutil.copy(ROOT / "tests/mails/bounce_postfix.eml", folder / "e.eml")
    code, told, _ = say("parse", folder, "--json")
    lines = [json.loads(line) for line in told.splitlines()]
    assert code == 0
    assert [Path(line["file"]).name for line in lines] == ["a.eml", "b-empty", "c-rubbish", "d.eml", "e.eml"]
    assert [line["kind"] for line in lines] == ["report", "report", "report", "automatic", "bounce"]
    assert all(tuple(line) == KEYS for line in lines)
    assert lines[0]["attachments"] == [
        {
            "name": "scherm.png",
            "media_type": "image/png",
            "size": len(PIXEL),
            "sha256": lines[0]["attachments"][0]["sha256"],
        }
    ]
    assert lines[4]["bounce"].keys() == {"status", "recipient", "permanent", "original_message_id"}


def test_parse_names_the_interface_of_its_lines() -> None:
    assert " ".join(KEYS) == (
        "file kind from from_name subject text language new_text quoted_text attachments message_id references "
        "encrypted signed authenticated bounce problems"
    )


def test_parse_prints_utf_8_on_any_machine_and_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"m\xff\xe9l.eml")
    odd.write_bytes(mail(subject="\U0001f41b ' [link]"))
    command = [sys.executable, "-m", "bot", "parse", str(odd), "--json"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    line = json.loads(done.stdout)
    assert line["subject"] == "\U0001f41b ' [link]"
    assert line["file"] == str(odd)


def test_parse_of_nothing_says_so(say: Say) -> None:
    assert say("parse", "nowhere", "--json") == (1, "", "meldpunt: nowhere: no such file or folder\n")


def test_a_new_key_is_one_that_the_vault_takes(say: Say) -> None:
    keys = [say("keys", "new")[1].strip() for _ in range(2)]
    assert len(parse_secret_keys(SecretStr(",".join(keys)))) == 2


SECRETS = {
    "SECRET_KEYS": new_secret_key(),
    "INDEX_SECRET": "a-random-word-nobody-guesses",
    "MAPPINGS": MAPPINGS,
}
GITLAB = {
    "TRACKERS__MAIN__KIND": "gitlab",
    "TRACKERS__MAIN__URL": "http://127.0.0.1:9",
    "TRACKERS__MAIN__TOKEN": "t",
    "TRACKERS__MAIN__PROJECT": "security/reports",
}


@pytest.mark.parametrize(
    ("command", "settings", "named"),
    [
        ("once", {"SECRET_KEYS": ""}, "MELDPUNT_SECRET_KEYS"),
        ("once", {"SECRET_KEYS": "geheim"}, "MELDPUNT_SECRET_KEYS"),
        ("report list", {"INDEX_SECRET": ""}, "MELDPUNT_INDEX_SECRET"),
        ("once", {"TRACKERS__MAIN__KIND": ""}, "MELDPUNT_TRACKERS__MAIN__KIND"),
        ("inbox list", {"DATABASE_URL": "postgres"}, "MELDPUNT_DATABASE_URL"),
        ("check", {"MAPPINGS": "/nowhere"}, "/nowhere/workdays.yaml"),
    ],
)
def test_a_wrong_setting_ends_a_command_with_2_and_its_name(
    type_in: TypeIn, command: str, settings: dict[str, str], named: str
) -> None:
    done = type_in(*command.split(), **(SECRETS | GITLAB | settings))
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert "geheim" not in done.stderr


def test_no_tracker_at_all_is_named(type_in: TypeIn) -> None:
    done = type_in("check", **SECRETS)
    assert done.returncode == 2
    assert "MELDPUNT_TRACKERS__MAIN__KIND" in done.stderr


def test_a_wrong_mapping_ends_a_command_with_2_and_its_file_and_key(say: Say, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MAPPINGS, tmp_path / "mappings"))
    path = folder / "sla.yaml"
    path.write_text(path.read_text("utf-8").replace("first_response: 2 wd", "first_response: soon"), "utf-8")
    code, _, problem = say("due", "--received", "2026-12-24")
    assert code == 2
    assert "sla.yaml: first_response:" in problem


def test_an_empty_desk_is_shown_as_empty(type_in: TypeIn) -> None:
    assert type_in("report", "list", "--json", **SECRETS).stdout == "[]\n"
    done = type_in("once", "--json", **(SECRETS | GITLAB))
    assert (done.returncode, json.loads(done.stdout)["taken"]) == (0, 0), done.stderr


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("sqlite:////nowhere/at/all.db", "cannot be opened"),
        ("sqlite:///text.db", "is not a database of this bot"),
        ("sqlite:////proc/x.db", "cannot be opened"),  # a folder that not even root may write
    ],
)
def test_a_database_that_cannot_be_is_said_plainly(
    type_in: TypeIn, tmp_path: Path, where: str, words: str
) -> None:
    (tmp_path / "text.db").write_text("Beste bot, dit is geen database." * 200)
    for command in ("report list", "check", "once"):
        done = type_in(*command.split(), DATABASE_URL=where, **(SECRETS | GITLAB))
        assert done.returncode == 1
        assert words in done.stdout + done.stderr


def test_other_keys_than_the_store_was_sealed_with_are_refused_in_plain_words(office: Office) -> None:
    other = office.type_in("check", SECRET_KEYS=new_secret_key(), **GITLAB)
    assert other.returncode == 1
    assert "which is not in MELDPUNT_SECRET_KEYS" in other.stdout
    known_id = str(office.settings["SECRET_KEYS"]).partition(":")[0]
    same_id = f"{known_id}:{new_secret_key().partition(':')[2]}"
    assert "put the right one back" in office.type_in("inbox", "show", "1", SECRET_KEYS=same_id).stderr
    changed = office.type_in("report", "list", INDEX_SECRET="another-word-than-before")
    assert changed.returncode == 1
    assert "MELDPUNT_INDEX_SECRET has changed" in changed.stderr


def test_a_report_is_shown_with_promises_events_and_times_in_the_desks_own_zone(office: Office) -> None:
    shown = office.listing("report", "show", "cvd-2026-0001")
    assert shown["ref"] == "CVD-2026-0001"
    assert (shown["status"], shown["severity"], shown["suggested"]) == ("received", "unrated", "high")
    assert shown["received_at"] == "2026-11-23T09:00:00+01:00"
    assert shown["promises"] == [
        {
            "promise": "first_response",
            "due_at": "2026-11-26T00:00:00+01:00",
            "due_on": "2026-11-25",
            "state": "running",
        }
    ]
    assert shown["issue"] == shown["issue_url"] == URL
    assert shown["events"] == [{"at": "2026-11-23T09:00:00+01:00", "event": "report-received", "inbox": 1}]
    told = office.type_in("report", "show", "CVD-2026-0001").stdout
    assert "2026-11-23 09:00  report-received  inbox=1" in told
    assert "jan" not in told.lower() + json.dumps(shown).lower()


def test_a_report_that_is_not_there_is_said_plainly(office: Office) -> None:
    done = office.type_in("report", "show", "NOPE")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "meldpunt: there is no report `NOPE`; `meldpunt report list` shows all\n"


def test_lists_are_the_same_as_tables_of_80_columns_and_as_json(office: Office) -> None:
    for command, columns, below in (
        ("report list", ("ref", "status", "severity", "suggested", "due_on"), "issue"),
        ("inbox list", ("number", "state", "kind", "folder"), "reason"),
        ("outbox list", ("number", "state", "kind", "ref", "attempts"), "reason"),
    ):
        rows = office.listing(*command.split())
        table = office.type_in(*command.split()).stdout
        assert rows
        assert max(map(len, table.splitlines())) <= 80
        for row in rows:
            assert all(str(row[name] if row[name] is not None else "-") in table for name in columns)
            assert row[below] is None or f"\n    {row[below]}\n" in table


def test_only_what_is_not_done_is_listed_when_that_is_asked(office: Office) -> None:
    assert [row["number"] for row in office.listing("inbox", "list", "--open")] == [2]
    assert [row["number"] for row in office.listing("outbox", "list", "--open")] == [2]


@pytest.mark.parametrize("queue", ["inbox", "outbox"])
def test_what_is_held_is_dropped_when_a_person_says_yes_and_a_record_is_kept(
    office: Office, queue: str
) -> None:
    for answer in ("", "n\n", "perhaps\n"):
        asked = office.type_in(queue, "drop", "2", answer=answer)
        assert asked.returncode == 1
        assert f"Drop {queue} 2?" in asked.stdout
    assert [row["state"] for row in office.listing(queue, "list")] == ["done", "held"]
    dropped = office.type_in(queue, "drop", "2", answer="y\n")
    assert (dropped.returncode, dropped.stdout.endswith(f"{queue} 2 is dropped\n")) == (0, True)
    assert [row["state"] for row in office.listing(queue, "list")] == ["done", "dropped"]
    assert (f"{queue}-dropped", {queue: 2}) in recorded(office)


def recorded(office: Office) -> list[tuple[str, dict[str, Any]]]:
    """Every event of the record, also those of no report, without who it was that typed."""
    import sqlite3  # noqa: PLC0415 - the one place that looks under the store

    with sqlite3.connect(office.folder / "meldpunt.db") as line:
        rows = line.execute("select kind, facts from events order by number").fetchall()
    line.close()
    return [
        (kind, {key: fact for key, fact in json.loads(facts).items() if key != "by"}) for kind, facts in rows
    ]


def test_what_was_never_there_or_is_done_cannot_be_dropped_or_tried_again(office: Office) -> None:
    for words in (
        ("inbox", "drop", "1", "--yes"),
        ("inbox", "drop", "77", "--yes"),
        ("inbox", "retry", "1"),
        ("inbox", "show", "77"),
        ("outbox", "drop", "1", "--yes"),
        ("outbox", "retry", "77"),
    ):
        done = office.type_in(*words)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert done.stderr.startswith("meldpunt: ")
        assert done.stderr.count("\n") == 1
    assert office.type_in("inbox", "drop", "two").returncode == 2
    assert [kind for kind, _ in recorded(office)] == ["report-received"]


def test_what_is_held_is_tried_again_when_a_person_says_so(office: Office) -> None:
    assert office.type_in("inbox", "retry", "2", "--as-report").returncode == 0
    assert office.type_in("outbox", "retry", "2").returncode == 0
    assert [row["state"] for row in office.listing("inbox", "list")] == ["done", "new"]
    assert [row["state"] for row in office.listing("outbox", "list")] == ["done", "waiting"]
    assert recorded(office)[1:] == [
        ("inbox-retried", {"inbox": 2, "as_report": 1}),
        ("outbox-retried", {"outbox": 2}),
    ]


def test_a_look_at_an_original_is_recorded(office: Office) -> None:
    assert office.type_in("inbox", "show", "1").stdout.startswith("From: jan@example.org")
    assert recorded(office)[-1] == ("original-shown", {"inbox": 1})
