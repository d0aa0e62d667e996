"""`meldpunt check --online` knocks at every door and says in plain words what is wrong and how to mend it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.rigs.command_line import Done, TypeIn
from tests.rigs.desk import Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import Sandbox

Check = Callable[..., Done]
READERS = (
    "  * an issue can be read by members of the project and its groups (1 with the role Owner, 1 with the role "
    "Maintainer, 1 with the role Developer, 1 with the role Reporter), whom it is assigned to, and administrators "
    "of the GitLab"
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all of these; whoever changes it puts it back."""
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def check(tmp_path: Path, town: Sandbox, type_in: TypeIn) -> Check:
    """Type `check --online` at a desk where all is well, but for the settings that are named."""
    maildir = Maildir(tmp_path / "Maildir")
    desk = Desk(tmp_path, town, {**maildir.settings, "MAILBOX__FOLDERS": "INBOX"})
    prefix = "MELDPUNT_"
    well = {name.removeprefix(prefix): value for name, value in desk.env.items() if name.startswith(prefix)}
    return lambda **settings: type_in("check", "--online", **(well | settings))


def test_a_desk_where_all_is_well_is_told_so_door_by_door(check: Check) -> None:
    done = check()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "settings: ok",
        "mappings: ok",
        "store: ok",
        "mailbox: ok",
        "mailer: ok",
        "tracker main: ok",
        READERS,
    ]


AWAY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("settings", "door", "sentence"),
    [
        (
            {"TRACKERS__MAIN__PROJECT": "security/public"},
            "tracker main",
            "the project is public, and reports of vulnerabilities must not stand there; set its visibility to private",
        ),
        (
            {"TRACKERS__MAIN__PROJECT": "security/nothing-here"},
            "tracker main",
            "does not show the project to the token's account. Check project and membership",
        ),
        ({"TRACKERS__MAIN__TOKEN": "wrong"}, "tracker main", "does not accept the token"),
        ({"TRACKERS__MAIN__URL": AWAY}, "tracker main", "cannot be reached (connection refused)"),
        ({"MAILER__PORT": "9"}, "mailer", "nothing listens on that port"),
        ({"MAILER__SECURITY": "tls"}, "mailer", "it does not speak TLS here; look at port and security"),
        ({"MAILBOX__FOLDERS": "INBOX,Meldingen"}, "mailbox", "there is no folder Meldingen; create it"),
        ({"MAILBOX__KIND": "none"}, "settings", "no mailbox is set: write MELDPUNT_MAILBOX__KIND"),
        ({"MAILER__HOST": ""}, "settings", "no mail server is set, so no receipt can be sent"),
        ({"TEAM__ADDRESS": ""}, "settings", "notices have no sender: write MELDPUNT_TEAM__ADDRESS"),
    ],
)
def test_what_is_wrong_stands_under_its_door_with_the_mend(
    check: Check, settings: dict[str, str], door: str, sentence: str
) -> None:
    done = check(**settings)
    assert done.returncode == 1
    assert problem_of(done, door).count(sentence) == 1


def problem_of(done: Done, door: str) -> str:
    """What stands under one door, every other being well."""
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if not line.startswith(("  - ", "  * ")) and not line.endswith(": ok")]
    assert wrong == [f"{door}:"]
    return "\n".join(line for line in lines if line.startswith("  - "))


def test_an_internal_project_is_refused_as_a_public_one_is(check: Check, town: Sandbox) -> None:
    town.control("PUT", "project", {"path": "security/reports", "visibility": "internal"})
    try:
        done = check()
    finally:
        town.control("PUT", "project", {"path": "security/reports", "visibility": "private"})
    assert done.returncode == 1
    assert "the project is internal" in problem_of(done, "tracker main")


@pytest.mark.parametrize(
    ("change", "back", "sentence"),
    [
        ({"access_level": 10}, {"access_level": 30}, "give it the role Reporter or a higher one"),
        (
            {"issues_access_level": "disabled"},
            {"issues_access_level": "enabled"},
            "issues are switched off in the project; switch them on",
        ),
    ],
)
def test_a_project_where_no_issue_can_be_made_is_refused(
    check: Check, town: Sandbox, change: dict[str, object], back: dict[str, object], sentence: str
) -> None:
    town.control("PUT", "project", {"path": "security/reports", **change})
    try:
        done = check()
    finally:
        town.control("PUT", "project", {"path": "security/reports", **back})
    assert done.returncode == 1
    assert sentence in problem_of(done, "tracker main")


def test_a_token_that_is_about_to_expire_is_told_with_the_day(check: Check, town: Sandbox) -> None:
    today = datetime.now(UTC).date()
    soon, later = today + timedelta(days=7), today + timedelta(days=300)
    town.control("PUT", "token", {"expires_on": str(soon)})
    try:
        done = check()
    finally:
        town.control("PUT", "token", {"expires_on": str(later)})
    assert done.returncode == 1
    assert f"the token expires on {soon}; make a new one before that day" in problem_of(done, "tracker main")


def test_a_tracker_that_answers_with_a_page_is_told(check: Check, town: Sandbox) -> None:
    town.fault(method="GET", path="/projects/", kind="html_200", count=1)
    done = check()
    assert done.returncode == 1
    assert "a page instead of JSON" in problem_of(done, "tracker main")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"MAILBOX__PASSWORD": "not-this-one"}, "user name or password refused"),
        ({"MAILBOX__FOLDERS": "INBOX,Meldingen"}, "there is no folder Meldingen; create it or take it out"),
        ({"MAILBOX__SECURITY": "tls"}, "it does not speak TLS here"),
        ({"MAILBOX__PORT": "9"}, "nothing listens on that port"),
    ],
)
def test_a_mailbox_on_a_real_server_is_looked_at_folder_by_folder(
    check: Check, dovecot: Dovecot, settings: dict[str, str], sentence: str
) -> None:
    done = check(**(dovecot.settings | {"MAILBOX__FOLDERS": "INBOX,Junk"} | settings))
    assert done.returncode == 1
    assert sentence in problem_of(done, "mailbox")
    assert "not-this-one" not in done.stdout + done.stderr


def test_a_mailbox_on_a_real_server_with_both_folders_is_well(check: Check, dovecot: Dovecot) -> None:
    done = check(**(dovecot.settings | {"MAILBOX__FOLDERS": "INBOX,Junk"}))
    assert (done.returncode, "mailbox: ok" in done.stdout) == (0, True)
