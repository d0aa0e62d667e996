"""One report, all the way: what the reporter, the team and the person at the commands see."""

import json
import re
from pathlib import Path

from tests.builders import PIXEL, mail
from tests.rigs.desk import DESK, Desk
from tests.rigs.dovecot import Dovecot
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import Sandbox


def test_a_dutch_mail_becomes_one_confidential_issue_and_a_dutch_receipt(
    desk: Desk, maildir: Maildir
) -> None:
    maildir.deliver(mail(files=(("scherm.png", "image/png", PIXEL),)))
    result = desk.once()
    assert result["exit"] == 0, result
    (issue,) = desk.sandbox.issues()
    (report,) = desk.listing("report", "list")
    assert re.fullmatch(r"CVD-20\d\d-0001", report["ref"])
    assert issue["title"] == f"[{report['ref']}] SQL-injectie in het zoekveld"
    assert issue["confidential"] is True
    assert set(issue["labels"]) >= {"severity::unrated", "suggested::critical"}
    assert issue["due_date"] == report["due_on"]
    assert report["issue"] == issue["web_url"]
    assert report["status"] == "acknowledged"
    (note,) = desk.sandbox.notes(issue["iid"])
    assert note["internal"] is True
    assert f"{report['ref']}-1.png" in note["body"]
    (receipt,) = desk.sandbox.mails()
    assert receipt["subject"] == f"[{report['ref']}] Ontvangstbevestiging"
    assert receipt["recipients"] == ["joris.bedacht@example.org"]
    assert "<melding-1@example.org>" in receipt["raw"]
    assert "Auto-Submitted: auto-replied" in receipt["raw"]


def test_the_same_mail_through_a_real_imap_server_gives_the_same(tmp_path: Path, sandbox: Sandbox) -> None:
    with Dovecot() as dovecot:
        desk = Desk(tmp_path, sandbox, dovecot.settings)
        dovecot.deliver(mail())
        dovecot.deliver(mail(message_id="<melding-2@example.org>", subject="In de ongewenste post"), "Spam")
        first, second = desk.once(), desk.once()
    assert (first["taken"], first["exit"], second["taken"], second["exit"]) == (2, 0, 0, 0), (first, second)
    assert len(sandbox.issues()) == len(sandbox.mails()) == 2


def test_a_second_round_does_nothing_twice(desk: Desk, maildir: Maildir) -> None:
    maildir.deliver(mail())
    desk.once()
    again = desk.once()
    assert (again["taken"], again["filed"], again["attempts"], again["exit"]) == (0, 0, 0, 0)
    assert len(desk.sandbox.issues()) == len(desk.sandbox.mails()) == 1


def test_an_english_mail_gets_an_english_receipt(desk: Desk, maildir: Maildir) -> None:
    text = (
        "Hello team,\n\nComments on your support tickets are shown to other people without any escaping, so that\n"
        "a script in a comment runs in the browser of everybody who opens the ticket.\n\nRobin\n"
    )
    maildir.deliver(
        mail(sender="Robin Sample <robin@example.org>", subject="Stored XSS in comments", text=text)
    )
    desk.once()
    (receipt,) = desk.sandbox.mails()
    assert receipt["subject"].endswith("Acknowledgement of receipt")


def test_what_a_robot_sends_is_filed_and_never_answered(desk: Desk, maildir: Maildir) -> None:
    maildir.deliver(mail(message_id="<1@example.org>", subject="Afwezig", Auto_Submitted="auto-replied"))
    maildir.deliver(mail(message_id="<2@example.org>", Auto_Submitted="auto-generated"))
    maildir.deliver(mail(message_id="<3@example.org>", List_Id="<news.example.com>"))
    maildir.deliver(mail(message_id="<4@example.org>", sender=f"Meldpunt <{DESK}>"))
    maildir.deliver(mail(message_id="<5@example.org>", List_Unsubscribe="<mailto:off@example.org>"))
    assert desk.once()["exit"] == 0
    kinds = [row["kind"] for row in desk.listing("inbox", "list")]
    assert sorted(kinds) == ["automatic", "report", "report", "report", "report"]
    assert len(desk.sandbox.issues()) == 4
    (receipt,) = desk.sandbox.mails()
    assert "<5@example.org>" in receipt["raw"]
    assert all(report["status"] == "acknowledged" for report in desk.listing("report", "list"))


def test_a_person_can_make_a_report_of_what_was_filed_as_something_else(desk: Desk, maildir: Maildir) -> None:
    maildir.deliver(mail(Auto_Submitted="auto-replied"))
    desk.once()
    assert desk.sandbox.issues() == []
    assert desk.command("inbox", "retry", "1", "--as-report").returncode == 0
    assert desk.once()["exit"] == 0
    assert len(desk.sandbox.issues()) == 1
    assert desk.sandbox.mails() == []


def test_report_show_tells_the_promise_and_every_event(desk: Desk, maildir: Maildir) -> None:
    maildir.deliver(mail())
    desk.once()
    (row,) = desk.listing("report", "list")
    shown = desk.listing("report", "show", row["ref"])
    (promise,) = [each for each in shown["promises"] if each["promise"] == "first_response"]
    assert promise["due_on"] == row["due_on"]
    assert promise["due_at"].startswith("20")
    kinds = [event["event"] for event in shown["events"]]
    assert kinds[0] == "report-received"
    assert sorted(kinds[1:]) == ["issue-created", "notice-sent"]
    assert "joris" not in json.dumps(shown).lower()


def test_a_report_is_due_by_when_our_own_server_received_it_not_by_the_senders_date(
    tmp_path: Path, sandbox: Sandbox, maildir: Maildir
) -> None:
    desk = Desk(tmp_path, sandbox, {**maildir.settings, "MAILBOX__OWN_HOSTS": "mx1.example.nl"})
    stamp = "from out.example.org by mx1.example.nl with ESMTPS id 4; Fri, 23 Oct 2026 23:30:00 +0200"
    raw = mail(Date="Thu, 01 Jan 2026 00:00:00 +0000")
    maildir.deliver(f"Received: {stamp}\r\n".encode() + raw)
    desk.once()
    (report,) = desk.listing("report", "list")
    assert (report["ref"], report["due_on"]) == ("CVD-2026-0001", "2026-10-27")
