"""Policy promise P8: nothing that identifies the reporter reaches the tracker or a log line."""

import json

import pytest

from tests.builders import PIXEL, mail
from tests.rigs.desk import Desk
from tests.rigs.maildir import Maildir

SECRETS = (
    "bedacht",
    "joris",
    "06-12345678",
    "0612345678",
    "melding-1@",
    "nl91abna",
    "111222333",
    "ander@example.com",
)
TEXT = (
    "Goedemiddag,\n\nMijn naam is Joris Bedacht. In het zoekveld kan ik SQL meegeven: https://portaal.example.nl/zoek"
    "?mail=joris.bedacht%40example.org\nIk zag NL91ABNA0417164300 en BSN 111222333 en ander@example.com staan.\n\n"
    "Met vriendelijke groet,\nJoris Bedacht\n06-12345678\njoris@thuis.example.org\n"
)


@pytest.mark.parametrize(
    "subject", ["Lek gevonden door Joris Bedacht", "joris.bedacht@example.org meldt een lek"]
)
def test_no_identifier_of_the_reporter_is_in_any_request_to_the_tracker_or_in_the_log(
    desk: Desk, maildir: Maildir, subject: str
) -> None:
    files = (
        ("joris-bedacht.png", "image/png", PIXEL),
        ("log van joris.txt", "text/plain", TEXT.encode()),
        ("joris.exe", "application/octet-stream", b"MZ joris.bedacht@example.org"),
    )
    maildir.deliver(mail(subject=subject, text=TEXT, files=files))
    result = desk.once()
    assert result["exit"] == 0, result
    requests = json.dumps(desk.sandbox.requests()).lower()
    assert "reporter-" in requests
    assert [secret for secret in SECRETS if secret in requests] == []
    shown = (json.dumps(desk.listing("report", "list")) + json.dumps(desk.listing("inbox", "list"))).lower()
    assert [secret for secret in SECRETS if secret in result["log"].lower() + shown] == []


def test_the_original_is_sealed_at_rest_and_a_look_at_it_is_recorded(desk: Desk, maildir: Maildir) -> None:
    maildir.deliver(mail(text=TEXT))
    desk.once()
    stored = b"".join(path.read_bytes() for path in desk.folder.glob("meldpunt*.db*")).lower()
    assert stored
    assert [secret for secret in SECRETS if secret.encode() in stored] == []
    assert desk.command("inbox", "show", "1").stdout.count("Joris Bedacht") == 3
