"""Trouble to order: each kind does what it says, as often as it was told, and nothing else."""

import smtplib

import pytest
import requests

from tests.sandbox.conftest import Visitor

ISSUES = "/issues$"
MAIL = (
    "From: desk@example.nl\r\nTo: robin@example.org\r\nSubject: Receipt\r\n"
    "Message-ID: <r1@example.nl>\r\n\r\nThanks\r\n"
)


def _count(visitor: Visitor, title: str) -> int:
    return len(visitor.call("GET", f"{visitor.project}/issues", params={"search": title}).json())


def test_a_lost_reply_leaves_the_issue_behind(visitor: Visitor) -> None:
    visitor.sandbox.fault(kind="reply_lost_after_commit", method="POST", path=ISSUES)
    with pytest.raises(requests.ConnectionError):
        visitor.create_issue(title="lost-reply")
    assert _count(visitor, "lost-reply") == 1


def test_a_dropped_request_leaves_nothing_behind(visitor: Visitor) -> None:
    visitor.sandbox.fault(kind="drop", method="POST", path=ISSUES)
    with pytest.raises(requests.ConnectionError):
        visitor.create_issue(title="dropped-before")
    assert _count(visitor, "dropped-before") == 0


def test_a_slow_body_outlasts_a_read_timeout_and_the_issue_exists(visitor: Visitor) -> None:
    visitor.sandbox.fault(kind="slow_body", method="POST", path=ISSUES, milliseconds=500)
    with pytest.raises(requests.ConnectionError):
        requests.post(
            f"{visitor.sandbox.gitlab}/api/v4{visitor.project}/issues",
            json={"title": "slow-body"},
            headers=dict(visitor.session.headers),
            timeout=0.2,
        )
    assert _count(visitor, "slow-body") == 1


@pytest.mark.parametrize("retry_after", ["7", "Wed, 25 Nov 2026 08:00:00 GMT", None])
@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_status_comes_with_the_pause_that_was_ordered(
    visitor: Visitor, status: int, retry_after: str | None
) -> None:
    visitor.sandbox.fault(kind="status", status=status, retry_after=retry_after)
    answer = visitor.call("GET", "/user")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert visitor.call("GET", "/user").status_code == 200


def test_a_page_of_html_with_200_is_no_answer_of_the_api(visitor: Visitor) -> None:
    visitor.sandbox.fault(kind="html_200", path=ISSUES)
    answer = visitor.call("POST", f"{visitor.project}/issues", json={"title": "html-200"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert _count(visitor, "html-200") == 0


def test_a_delay_comes_before_the_work(visitor: Visitor) -> None:
    visitor.sandbox.fault(kind="delay_ms", method="POST", path=ISSUES, milliseconds=800)
    with pytest.raises(requests.Timeout):
        requests.post(
            f"{visitor.sandbox.gitlab}/api/v4{visitor.project}/issues",
            json={"title": "delayed"},
            headers=dict(visitor.session.headers),
            timeout=0.1,
        )
    assert _count(visitor, "delayed") == 0


def test_count_skip_method_and_path_choose_what_fails(visitor: Visitor) -> None:
    visitor.sandbox.fault(kind="status", status=503, method="GET", path="/version$", count=2, skip=1)
    assert visitor.call("GET", "/user").status_code == 200
    seen = [visitor.call("GET", "/version").status_code for _ in range(4)]
    assert seen == [200, 503, 503, 200]
    assert visitor.sandbox.control("GET", "faults") == []


def test_faults_can_be_withdrawn(visitor: Visitor) -> None:
    visitor.sandbox.fault(kind="drop", count=1000)
    visitor.sandbox.control("DELETE", "faults")
    assert visitor.call("GET", "/user").status_code == 200


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "odd"}, "kind must be one of"),
        ({"kind": "drop", "colour": "red"}, "unknown keys: colour"),
        ({"kind": "drop", "count": "many"}, "count must be a whole number"),
        ({"kind": "drop", "path": "("}, "regular expression"),
        ("drop", "JSON object"),
    ],
)
def test_an_order_that_cannot_be_read_is_refused_with_the_key_at_fault(
    visitor: Visitor, fault: object, words: str
) -> None:
    answer = requests.post(f"{visitor.sandbox.gitlab}/sandbox/faults", json=fault, timeout=10)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def _send(visitor: Visitor) -> None:
    with smtplib.SMTP(visitor.sandbox.smtp_host, visitor.sandbox.smtp_port, timeout=10) as smtp:
        smtp.sendmail("bounce+1@example.nl", ["robin@example.org"], MAIL)


def _kept(visitor: Visitor) -> int:
    return len(visitor.sandbox.mails())


@pytest.mark.parametrize("status", [451, 550])
def test_a_recipient_is_refused_for_now_or_for_good(visitor: Visitor, status: int) -> None:
    before = _kept(visitor)
    visitor.sandbox.fault(protocol="smtp", kind="status", status=status, path="robin@")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        _send(visitor)
    assert refused.value.recipients["robin@example.org"][0] == status
    _send(visitor)
    assert _kept(visitor) == before + 1


@pytest.mark.parametrize(
    ("stage", "error"), [("mail", smtplib.SMTPSenderRefused), ("data", smtplib.SMTPDataError)]
)
def test_a_mail_is_refused_at_the_stage_that_was_ordered(
    visitor: Visitor, stage: str, error: type[smtplib.SMTPResponseException]
) -> None:
    before = _kept(visitor)
    visitor.sandbox.fault(protocol="smtp", kind="status", status=451, stage=stage)
    with pytest.raises(error):
        _send(visitor)
    assert _kept(visitor) == before


@pytest.mark.parametrize(("kind", "kept"), [("reply_lost_after_commit", 1), ("drop", 0)])
def test_the_line_breaks_after_or_before_the_mail_was_kept(visitor: Visitor, kind: str, kept: int) -> None:
    before = _kept(visitor)
    visitor.sandbox.fault(protocol="smtp", kind=kind)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        _send(visitor)
    assert _kept(visitor) == before + kept


def test_a_mail_is_kept_with_its_envelope_headers_text_and_bytes(visitor: Visitor) -> None:
    visitor.sandbox.control("DELETE", "mails")
    _send(visitor)
    (mail,) = visitor.sandbox.mails()
    assert (mail["sender"], mail["recipients"]) == ("bounce+1@example.nl", ["robin@example.org"])
    assert (mail["subject"], mail["message_id"]) == ("Receipt", "<r1@example.nl>")
    assert mail["text"].strip() == "Thanks"
    assert mail["raw"] == MAIL
    assert ["To", "robin@example.org"] in mail["headers"]


def test_the_null_sender_and_a_login_are_accepted(visitor: Visitor) -> None:
    visitor.sandbox.control("DELETE", "mails")
    with smtplib.SMTP(visitor.sandbox.smtp_host, visitor.sandbox.smtp_port, timeout=10) as smtp:
        smtp.login("desk", "invented")
        smtp.sendmail("", ["robin@example.org"], MAIL)
    (mail,) = visitor.sandbox.mails()
    assert mail["sender"] == ""
