"""What a delivery report says about a mail of ours."""

from pathlib import Path

import pytest

from bot.domain.mime import parse_mail
from bot.domain.submission import Bounce

MAILS = Path(__file__).parents[1] / "mails"


@pytest.mark.parametrize(
    ("name", "status", "recipient", "permanent", "original"),
    [
        ("bounce_postfix", "5.1.1", "gone@example.org", True, "<receipt-9@meldpunt.example.nl>"),
        ("bounce_delayed", "4.4.1", "slow@example.org", False, "<receipt-10@meldpunt.example.nl>"),
        ("bounce_qmail", "5.7.1", "gone@example.org", True, "<receipt-11@meldpunt.example.nl>"),
    ],
)
def test_a_bounce_tells_status_recipient_and_the_mail_that_came_back(
    name: str, status: str, recipient: str, *, permanent: bool, original: str
) -> None:
    bounce = parse_mail((MAILS / f"{name}.eml").read_bytes()).bounce
    assert bounce == Bounce(status, recipient, permanent=permanent, original_message_id=original)


@pytest.mark.parametrize("name", ["out_of_office_nl", "read_receipt", "gmail_en_report", "foreign_list"])
def test_other_mail_is_no_bounce(name: str) -> None:
    assert parse_mail((MAILS / f"{name}.eml").read_bytes()).bounce is None


def report(fields: str) -> Bounce | None:
    return parse_mail(
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        b"--b\nContent-Type: message/delivery-status\n\n" + fields.encode() + b"\n--b--\n"
    ).bounce


def test_of_several_recipients_the_failed_one_counts() -> None:
    found = report(
        "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@example.org\nAction: relayed\nStatus: 2.0.0\n\n"
        "Final-Recipient: rfc822; b@example.org\nAction: failed\nStatus: 5.2.2 (full)\n"
    )
    assert found == Bounce("5.2.2", "b@example.org", permanent=True, original_message_id=None)


def test_a_report_of_success_is_no_permanent_failure() -> None:
    found = report("Final-Recipient: rfc822; a@example.org\nAction: delivered\nStatus: 2.0.0\n")
    assert found == Bounce("2.0.0", "a@example.org", permanent=False, original_message_id=None)


def test_an_empty_report_is_a_bounce_that_says_nothing() -> None:
    assert report("") == Bounce(None, None, permanent=False, original_message_id=None)


def test_a_daemon_s_name_without_a_null_sender_is_no_bounce() -> None:
    raw = b"Return-Path: <a@example.org>\nFrom: MAILER-DAEMON@example.org\n\n550 5.1.1 no such user"
    assert parse_mail(raw).bounce is None


def test_a_daemon_without_a_domain_is_known_by_its_name() -> None:
    bounce = parse_mail(
        b"Return-Path: <>\nFrom: MAILER-DAEMON (Mail System)\n\nerror 550 5.1.1 unknown"
    ).bounce
    assert bounce == Bounce("5.1.1", None, permanent=True, original_message_id=None)
