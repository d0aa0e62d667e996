"""IDLE on a real Dovecot: it says that somebody should look, and lives through what servers do to it."""

from collections.abc import Iterator, Sequence

import pytest
from imapclient import IMAPClient
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.adapters.imap_idle import ImapWatch
from bot.adapters.mail_server import MailServer
from tests.builders import mail
from tests.rigs.dovecot import Dovecot
from tests.rigs.imap_relay import ImapRelay
from tests.rigs.waiting import wait_for
from tests.rigs.watching import Watch, watched

pytestmark = pytest.mark.needs_dovecot

HOUR = 3600.0


def idle(
    dovecot: Dovecot,
    server: Dovecot | ImapRelay | None = None,
    *,
    folders: Sequence[str] = ("INBOX",),
    renewal: float = HOUR,
    timeout: float = 30.0,
) -> Watch:
    """Return a watch on Dovecot itself, or on a relay before it."""
    at = server or dovecot
    door = MailServer(at.host, at.port, "none", dovecot.username, SecretStr(dovecot.password), timeout)
    return ImapWatch(door, folders, mailbox="imap:desk", renewal=renewal, pause=0.05).run


@pytest.fixture
def client(dovecot: Dovecot) -> Iterator[IMAPClient]:
    with IMAPClient(dovecot.host, dovecot.port, ssl=False) as logged_in:
        logged_in.login(dovecot.username, dovecot.password)
        yield logged_in


def test_mail_in_any_watched_folder_calls_for_a_look(dovecot: Dovecot) -> None:
    with ImapRelay(dovecot.port) as relay, watched(idle(dovecot, relay, folders=["INBOX", "Junk"])) as looks:
        assert wait_for(lambda: relay.said.count(b"+ idling") == 2)
        assert looks.after(lambda: dovecot.deliver(mail(), "Spam"))
        assert looks.after(lambda: dovecot.deliver(mail()))


@pytest.mark.parametrize("move", [False, True])
def test_marks_that_change_and_mail_that_goes_call_for_none(
    dovecot: Dovecot, client: IMAPClient, *, move: bool
) -> None:
    dovecot.deliver(mail())
    dovecot.add_folder("Taken")
    client.select_folder("INBOX")
    with ImapRelay(dovecot.port) as relay, watched(idle(dovecot, relay)) as looks:
        if move:
            client.move([1], "Taken")
            assert wait_for(lambda: b"EXPUNGE" in relay.said)
        else:
            client.add_flags([1], [b"$MeldpuntTaken"])
            assert wait_for(lambda: b"FETCH (FLAGS" in relay.said)
        assert looks.after(lambda: dovecot.deliver(mail()))
        assert looks.count == 2


def test_a_dropped_line_is_told_once_calls_for_a_look_and_is_made_anew(dovecot: Dovecot) -> None:
    with (
        capture_logs() as told,
        ImapRelay(dovecot.port) as relay,
        watched(idle(dovecot, relay, renewal=0.5)) as looks,
    ):
        assert looks.after(relay.hang_up)
        assert wait_for(lambda: any(line["event"] == "watch-again" for line in told))
        assert looks.after(lambda: dovecot.deliver(mail()))
    assert [line["event"] for line in told] == ["watch-lost", "watch-again"]
    assert told[0]["reason"].endswith("it closed the connection (watching folder INBOX)")


def test_idle_is_renewed_and_hears_on(dovecot: Dovecot) -> None:
    with (
        capture_logs() as told,
        ImapRelay(dovecot.port) as relay,
        watched(idle(dovecot, relay, renewal=0.1)) as looks,
    ):
        assert wait_for(lambda: relay.heard.count(b"DONE") >= 3)
        assert looks.after(lambda: dovecot.deliver(mail()))
        assert relay.connections == 1
    assert told == []


def test_a_server_that_gives_no_answer_any_more_is_found_out_at_the_renewal(dovecot: Dovecot) -> None:
    with (
        capture_logs() as told,
        ImapRelay(dovecot.port, rules=[("DONE", "ignore")]) as relay,
        watched(idle(dovecot, relay, renewal=0.1, timeout=0.5)),
    ):
        assert wait_for(lambda: relay.connections >= 3)
    assert [line["event"] for line in told] == ["watch-lost"]
    assert "it gave no answer within 0.5 s" in told[0]["reason"]


def test_a_server_without_idle_is_told_once_and_left_to_polling(dovecot: Dovecot) -> None:
    with (
        capture_logs() as told,
        ImapRelay(dovecot.port, hidden=["IDLE"]) as relay,
        watched(idle(dovecot, relay, folders=["INBOX", "Junk"], renewal=0.1)) as looks,
    ):
        assert wait_for(lambda: relay.heard.count(b" LIST ") >= 2)
        assert looks.count == 1
    assert [line["event"] for line in told] == ["watch-impossible"]
    assert b" IDLE" not in relay.heard


def test_a_server_that_refuses_idle_is_asked_again_and_told_once(dovecot: Dovecot) -> None:
    with (
        capture_logs() as told,
        ImapRelay(dovecot.port, rules=[(" IDLE", "refuse")]) as relay,
        watched(idle(dovecot, relay)),
    ):
        assert wait_for(lambda: relay.heard.count(b" IDLE") >= 3)
    assert [line["event"] for line in told] == ["watch-lost"]


@pytest.mark.parametrize("nonsense", [b"* 1 FETCH (FLAGS (((", b"* 7 EXISTS {99}", b"no answer at all", b"*"])
def test_a_server_that_makes_no_sense_brings_nobody_down(dovecot: Dovecot, nonsense: bytes) -> None:
    rewrites = [(rb"\* OK Still here|\* \d+ EXISTS\r\n\* \d+ RECENT\r\n$", nonsense + b"\r\n")]
    with (
        capture_logs() as told,
        ImapRelay(dovecot.port, rewrites=rewrites) as relay,
        watched(idle(dovecot, relay)) as looks,
    ):
        assert looks.after(lambda: dovecot.deliver(mail()))
        assert looks.after(lambda: dovecot.deliver(mail()))
    assert {line["event"] for line in told} <= {"watch-lost"}


def test_a_folder_that_is_missing_does_not_keep_the_others_from_being_watched(dovecot: Dovecot) -> None:
    with capture_logs() as told, watched(idle(dovecot, folders=["Reports", "INBOX"])) as looks:
        assert looks.after(lambda: dovecot.deliver(mail()))
    assert told == []


def test_no_more_than_four_folders_are_watched(dovecot: Dovecot) -> None:
    folders = ["INBOX", "Junk", "Three", "Four", "Five"]
    for name in folders[2:]:
        dovecot.add_folder(name)
    with ImapRelay(dovecot.port) as relay, watched(idle(dovecot, relay, folders=folders)) as looks:
        assert wait_for(lambda: looks.count == 4)
        assert relay.connections == 4


def test_the_end_does_not_wait_for_a_server_that_hangs() -> None:
    with Dovecot() as server:
        server.new_user()
        with watched(idle(server, renewal=0.1)):
            server.freeze()
        server.thaw()
