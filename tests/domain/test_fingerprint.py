"""Which mails are one, wherever they lie."""

from datetime import UTC, datetime

import pytest

from bot.domain.fingerprint import fingerprint
from bot.domain.inbox import Arrival, Origin
from tests.builders import FINDING, PIXEL, SENDER, mail

DATE = "Mon, 23 Nov 2026 09:00:00 +0100"


def print_of(raw: bytes, *, size: int | None = None) -> str | None:
    origin = Origin("imap:desk@example.nl", "INBOX", 7, "1")
    return fingerprint(Arrival(origin, raw, size or len(raw), datetime(2026, 11, 23, 8, tzinfo=UTC)))


def plain(**changed: str) -> bytes:
    headers = {"From": SENDER, "Subject": "SQL", "Date": DATE, "Message-ID": "<1@example.org>", **changed}
    text = headers.pop("text", FINDING)
    return (
        "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value) + f"\r\n{text}"
    ).encode()


def test_line_ends_do_not_count() -> None:
    raw = mail(files=(("scherm.png", "image/png", PIXEL),))
    assert print_of(raw) == print_of(raw.replace(b"\r\n", b"\n"))


@pytest.mark.parametrize(
    "added", [b"X-Spam-Flag: YES\r\n", b"Received: by mx1.example.nl; x\r\n", b"Status: RO\r\n"]
)
def test_what_servers_add_does_not_count(added: bytes) -> None:
    assert print_of(added + plain()) == print_of(plain())


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "Iets anders\r\n"},
        {"Message-ID": "<2@example.org>"},
        {"Message-ID": ""},
        {"Date": "Mon, 23 Nov 2026 09:00:01 +0100"},
        {"From": "Robin Voorbeeld <robin@example.org>"},
        {"Subject": "XSS"},
        {"Reply-To": "robin@example.org"},
        {"To": "meldpunt@example.nl"},
        {"Content-Type": "text/html"},
        {"Content-Transfer-Encoding": "base64"},
    ],
)
def test_all_that_the_sender_wrote_counts(changed: dict[str, str]) -> None:
    assert print_of(plain(**changed)) != print_of(plain())


def test_of_a_mail_that_was_fetched_in_part_the_size_counts() -> None:
    sizes = {print_of(plain()), print_of(plain(), size=9_000_000), print_of(plain(), size=9_000_001)}
    assert len(sizes) == 3


@pytest.mark.parametrize("raw", [b"", b"\xff\x00" * 1000, plain(Date="", **{"Message-ID": ""})])
def test_a_mail_with_neither_id_nor_date_cannot_be_told_from_one_that_says_the_same(raw: bytes) -> None:
    assert print_of(raw) is None
