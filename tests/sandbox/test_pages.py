"""The pages answer, show hostile text harmlessly, and their forms do what the API does."""

import re
import smtplib
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import requests

from tests.rigs.sandbox import PROJECT, TIMEOUT, Sandbox
from tests.sandbox.conftest import Visitor

RECEIPT = (
    "From: Desk <security@example.nl>\r\nTo: robin@example.org\r\nSubject: Uw melding\r\n"
    "Message-ID: <r9@example.nl>\r\nAuto-Submitted: auto-replied\r\n\r\nBedankt <b>voor</b> uw melding.\r\n"
)


def _page(visitor: Visitor, path: str) -> str:
    answer = requests.get(f"{visitor.sandbox.web}{path}", timeout=TIMEOUT)
    assert answer.status_code == 200
    return answer.text


def _post(visitor: Visitor, path: str, **fields: str) -> requests.Response:
    return requests.post(f"{visitor.sandbox.web}{path}", data=fields, timeout=TIMEOUT)


def _receive(visitor: Visitor) -> int:
    with smtplib.SMTP(visitor.sandbox.smtp_host, visitor.sandbox.smtp_port, timeout=10) as smtp:
        smtp.sendmail("", ["robin@example.org"], RECEIPT)
    number: int = visitor.sandbox.mails()[-1]["number"]
    return number


@pytest.mark.parametrize(
    "path", ["/", "/board", "/board?state=closed", "/mailbox", "/mailbox/write", "/style.css"]
)
def test_each_page_answers(visitor: Visitor, path: str) -> None:
    assert _page(visitor, path)


@pytest.mark.parametrize("path", ["/", "/board", "/mailbox", "/mailbox/write"])
def test_each_page_names_its_language_loads_nothing_from_elsewhere_and_has_no_script(
    visitor: Visitor, path: str
) -> None:
    page = _page(visitor, path)
    assert '<html lang="en">' in page
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []


@pytest.mark.parametrize("path", ["/board", "/mailbox/write"])
def test_each_field_has_a_label(visitor: Visitor, path: str) -> None:
    page = _page(visitor, path)
    fields = re.findall(r"<(?:input|select|textarea)(?![^>]*hidden)[^>]* id=\"([^\"]+)\"", page)
    labels = re.findall(r"<label for=\"([^\"]+)\"", page)
    assert sorted(fields) == sorted(labels) != []


def test_the_board_shows_title_label_due_date_and_the_confidential_mark(visitor: Visitor) -> None:
    issue = visitor.create_issue(labels="severity::high", due_date="2026-11-25", confidential=True)
    page = _page(visitor, f"/board?search={issue['title'].split()[0].strip('[]')}")
    assert issue["title"] in page
    assert "severity · high" in page
    assert "Wed 25 Nov 2026" in page
    assert "Confidential" in page


def test_hostile_markdown_is_shown_without_harm(visitor: Visitor) -> None:
    hostile = (
        "<script>alert(1)</script><img src=x onerror=alert(1)>\n\n![far](https://example.org/p.png)\n\n"
        "[click](javascript:alert(1)) <a href='javascript:alert(2)' style='position:fixed'>x</a>"
    )
    issue = visitor.create_issue(title="<b>bold</b>", description=hostile)
    page = _page(visitor, f"/{PROJECT}/-/issues/{issue['iid']}")
    for part in (
        "<script",
        "onerror=",
        'https://example.org/p.png"',
        'javascript:alert(1)"',
        "position:fixed",
    ):
        assert part not in page.split("set in motion")[0]
    assert "<b>bold</b>" not in page
    assert "<script>" not in page


def test_no_page_may_load_run_or_frame_anything(visitor: Visitor) -> None:
    answer = requests.get(f"{visitor.sandbox.web}/", timeout=TIMEOUT)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_person_comments_and_a_command_in_it_is_carried_out(visitor: Visitor) -> None:
    issue = visitor.create_issue()
    path = f"/{PROJECT}/-/issues/{issue['iid']}"
    _post(visitor, f"{path}/comments", body="I take it\r\n/assign @tess", internal="1")
    (note,) = visitor.sandbox.notes(issue["iid"])
    assert (note["body"], note["internal"], note["author"]["name"]) == ("I take it", True, "Tess Team")
    assert [each["username"] for each in visitor.issue(issue["iid"])["assignees"]] == ["tess"]
    assert "Internal note" in _page(visitor, path)


@pytest.mark.parametrize(
    ("form", "field", "value"),
    [
        ({"add_label": "severity::low"}, "labels", ["first", "severity::low"]),
        ({"remove_label": "first"}, "labels", []),
        ({"due_date": "2027-02-01"}, "due_date", "2027-02-01"),
        ({"due_date": ""}, "due_date", None),
        ({"state_event": "close"}, "state", "closed"),
    ],
)
def test_a_person_changes_an_issue(visitor: Visitor, form: dict[str, str], field: str, value: object) -> None:
    issue = visitor.create_issue(labels="first", due_date="2026-11-25")
    answer = _post(visitor, f"/{PROJECT}/-/issues/{issue['iid']}/changes", **form)
    assert answer.status_code == 200
    assert visitor.issue(issue["iid"])[field] == value


def test_a_person_assigns_and_reopens(visitor: Visitor) -> None:
    issue = visitor.create_issue(description="/close")
    path = f"/{PROJECT}/-/issues/{issue['iid']}/changes"
    _post(visitor, path, assignee="4")
    _post(visitor, path, state_event="reopen")
    now = visitor.issue(issue["iid"])
    assert (now["state"], now["assignee"]["username"]) == ("opened", "noor")
    _post(visitor, path, assignee="")
    assert visitor.issue(issue["iid"])["assignee"] is None


def test_the_address_of_an_issue_leads_to_its_page(visitor: Visitor) -> None:
    issue = visitor.create_issue(title="Follow me here")
    answer = requests.get(issue["web_url"], timeout=TIMEOUT)
    assert answer.url.startswith(visitor.sandbox.web)
    assert "Follow me here" in answer.text


def test_an_uploaded_picture_is_shown_and_any_other_file_only_saved(visitor: Visitor) -> None:
    urls = [
        visitor.call("POST", "/projects/1/uploads", files={"file": (name, b"x")}).json()["url"]
        for name in ("a.png", "a.html")
    ]
    picture, page = (requests.get(f"{visitor.sandbox.web}{url}", timeout=TIMEOUT) for url in urls)
    assert picture.headers["Content-Type"] == "image/png"
    assert page.headers["Content-Disposition"] == "attachment"
    assert page.headers["Content-Type"] == "application/octet-stream"


def test_what_came_back_is_listed_and_read_as_text(visitor: Visitor) -> None:
    number = _receive(visitor)
    assert "Uw melding" in _page(visitor, "/mailbox")
    page = _page(visitor, f"/mailbox/mails/{number}")
    assert "Bedankt &lt;b&gt;voor&lt;/b&gt; uw melding." in page
    assert "auto-replied" in page
    assert 'lang="nl"' in page


def test_an_answer_is_filled_in_with_its_thread(visitor: Visitor) -> None:
    page = _page(visitor, f"/mailbox/write?answer={_receive(visitor)}")
    assert 'name="in_reply_to" value="&lt;r9@example.nl&gt;"' in page
    assert 'value="Re: Uw melding"' in page


def test_a_mail_written_on_the_page_lies_whole_in_the_maildir(visitor: Visitor) -> None:
    maildir = visitor.sandbox.folder / "Maildir"
    before = _new(maildir)
    answer = requests.post(
        f"{visitor.sandbox.web}/mailbox/write",
        data={
            "name": "Zoë Voorbeeld",
            "address": "zoe@example.org",
            "to": "security@example.nl",
            "subject": "Lek gevonden",
            "text": "Hallo,\r\nhier is het.",
            "in_reply_to": "<r9@example.nl>",
            "references": "<r9@example.nl>",
        },
        files=[("files", ("poc.txt", b"proof")), ("files", ("empty", b""))],
        timeout=TIMEOUT,
    )
    assert "lies in the desk" in answer.text
    (path,) = _new(maildir) - before
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = message.get_body()
    assert str(message["From"]) == "Zoë Voorbeeld <zoe@example.org>"
    assert (message["Subject"], message["In-Reply-To"]) == ("Lek gevonden", "<r9@example.nl>")
    assert message["Message-ID"]
    assert body is not None
    assert body.get_content() == "Hallo,\nhier is het.\n"
    assert [part.get_filename() for part in message.iter_attachments()] == ["poc.txt", "empty"]


@pytest.mark.parametrize("field", ["address", "subject"])
def test_a_mail_that_no_header_can_hold_is_refused_with_a_sentence(visitor: Visitor, field: str) -> None:
    fields = {"address": "robin@example.org", "subject": "x", "text": "y", field: "x\r\nBcc: all@example.org"}
    answer = _post(visitor, "/mailbox/write", **fields)
    assert answer.status_code == 400
    assert "check them, please" in answer.text


def test_a_form_from_another_site_is_refused(visitor: Visitor) -> None:
    issue = visitor.create_issue()
    answer = requests.post(
        f"{visitor.sandbox.web}/{PROJECT}/-/issues/{issue['iid']}/changes",
        data={"state_event": "close"},
        headers={"Sec-Fetch-Site": "cross-site"},
        timeout=TIMEOUT,
    )
    assert answer.status_code == 403
    assert visitor.issue(issue["iid"])["state"] == "opened"


@pytest.mark.parametrize("path", ["/nowhere", f"/{PROJECT}/-/issues/99999", "/mailbox/mails/99999"])
def test_what_does_not_exist_is_said_plainly(sandbox: Sandbox, path: str) -> None:
    answer = requests.get(f"{sandbox.web}{path}", timeout=TIMEOUT)
    assert answer.status_code == 404
    assert "That did not work" in answer.text


def _new(maildir: Path) -> set[Path]:
    return set((maildir / "new").glob("*"))
