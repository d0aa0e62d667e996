"""Which mail is a robot's, and which only looks like one."""

from pathlib import Path

import pytest

from bot.domain.mime import parse_mail

MAILS = Path(__file__).parents[1] / "mails"


def reason(headers: str) -> str | None:
    return parse_mail(
        f"From: a@example.org\n{headers}\n\nhello".encode(), own_domains=["Example.nl"]
    ).automatic


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("Auto-Submitted: auto-replied", "it says that no person sent it: Auto-Submitted (auto-replied)"),
        (
            "Auto-Submitted: auto-generated; x=y",
            "it says that no person sent it: Auto-Submitted (auto-generated)",
        ),
        ("Auto-Submitted: whatever", "it says that no person sent it: Auto-Submitted"),
        ("Precedence: bulk", "its precedence is bulk"),
        ("Precedence: Junk", "its precedence is junk"),
        ("Precedence: list", "its precedence is list"),
        ("Precedence: auto_reply", "its precedence is auto_reply"),
        ("X-Autoreply: yes", "an answering machine wrote it"),
        ("X-Autorespond: Vakantie", "an answering machine wrote it"),
        ("X-Auto-Reply-From: x@example.org", "an answering machine wrote it"),
        (
            "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b",
            "it is an abuse report of a mail service",
        ),
        ("Return-Path: <>\nSubject: Out of Office: away", "it is an out-of-office answer"),
        ("Return-Path: <>\nSubject: Ik ben afwezig", "it is an out-of-office answer"),
        ("List-Id: News <news.example.org>", "it came through a mailing list of others"),
        ("List-Post: <mailto:news@example.org>", "it came through a mailing list of others"),
        (
            "List-Id: <desk.example.nl>\nList-Id: <news.example.org>",
            "it came through a mailing list of others",
        ),
        ("List-Id: <desk.notexample.nl>", "it came through a mailing list of others"),
        ("List-Id: <desk.example.nl>\nPrecedence: junk", "its precedence is junk"),
    ],
)
def test_a_robot_is_recognised_and_the_reason_is_plain(headers: str, expected: str) -> None:
    assert reason(headers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        "X-Auto-Response-Suppress: All",
        "List-Unsubscribe: <mailto:u@example.org>",
        "Auto-Submitted: no",
        "Auto-Submitted: No (a person)",
        "Precedence: first-class",
        "Return-Path: <>",
        "Return-Path: <a@example.org>\nSubject: Out of office portal leaks data",
        "Subject: Automatisch antwoord lekt gegevens",
        "List-Id: Desk <desk.example.nl>\nPrecedence: list",
        "List-Id: Desk <desk.lists.example.nl>\nList-Post: <mailto:desk@lists.example.nl>\nPrecedence: bulk",
        "X-Autoreply: no",
    ],
)
def test_a_person_is_not_taken_for_a_robot(headers: str) -> None:
    assert reason(headers) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("out_of_office_nl", "it is an out-of-office answer"),
        ("read_receipt", "it is a read receipt"),
        ("foreign_list", "it came through a mailing list of others"),
        ("own_list", None),
        ("html_only_en", None),
        ("outlook_nl_report", None),
    ],
)
def test_sample_mails_are_told_apart(name: str, expected: str | None) -> None:
    raw = (MAILS / f"{name}.eml").read_bytes()
    assert parse_mail(raw, own_domains=["example.nl"]).automatic == expected
