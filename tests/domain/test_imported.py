"""When our side received a mail that lies in a file, and which files are mails."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.imported import FoundMail, NotImported, draft_arrival, real_time
from bot.domain.inbox import Arrival, Origin
from bot.domain.mime_headers import parse_header_block

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEPT = datetime(2024, 6, 1, 8, tzinfo=UTC)
OURS = "Received: from out.example.org by mx1.example.nl with ESMTPS id 4; Mon, 04 Mar 2024 10:00:00 +0100"
INNER = "Received: from mx1.example.nl by store.example.nl; Mon, 04 Mar 2024 10:00:05 +0100"
THEIRS = "Received: from laptop by out.example.org; Mon, 04 Mar 2024 09:59:00 +0100"
DATE = "Date: Thu, 01 Feb 2024 00:00:00 +0000"
FUTURE = "Received: from x by mx1.example.nl; Mon, 04 Mar 2030 10:00:00 +0100"
OLD = "Received: from x by mx1.example.nl; Thu, 01 Jan 1970 00:00:00 +0000"


def found(raw: bytes, kept_at: datetime | None = KEPT) -> FoundMail:
    return FoundMail("x.eml", raw, len(raw), "0f" * 32, kept_at, len(raw))


def time_of(*headers: str, kept_at: datetime | None = KEPT) -> tuple[str, bool]:
    raw = "\r\n".join([*headers, "", "hallo"]).encode()
    at, problem = real_time(
        parse_header_block(raw).headers, own_hosts=["mx1.example.nl"], kept_at=kept_at, now=NOW
    )
    return f"{at:%Y-%m-%d %H:%M:%S}", problem is not None


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ((INNER, OURS, THEIRS, DATE), "2024-03-04 09:00:00"),
        ((INNER, THEIRS, DATE), "2024-03-04 09:00:05"),
        ((THEIRS,), "2024-03-04 08:59:00"),
        ((FUTURE, THEIRS), "2024-03-04 08:59:00"),
        ((OLD, THEIRS), "2024-03-04 08:59:00"),
        ((FUTURE, OURS), "2024-03-04 09:00:00"),
        (("Received: from x by mx1.example.nl", DATE), "2024-06-01 08:00:00"),
        ((DATE,), "2024-06-01 08:00:00"),
        ((), "2024-06-01 08:00:00"),
    ],
)
def test_the_stamp_of_our_own_host_counts_then_any_then_the_files_time_and_never_the_senders_date(
    headers: tuple[str, ...], at: str
) -> None:
    assert time_of(*headers) == (at, False)


@pytest.mark.parametrize(
    "kept_at", [None, datetime(1970, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)]
)
def test_the_date_header_counts_when_there_is_nothing_else_and_the_report_says_so(
    kept_at: datetime | None,
) -> None:
    assert time_of(OLD, DATE, kept_at=kept_at) == ("2024-02-01 00:00:00", True)
    assert time_of("Date: soon", kept_at=kept_at) == ("2026-11-23 12:00:00", True)


@given(st.text(), st.none() | st.datetimes(timezones=st.just(UTC)))
def test_no_mail_comes_in_later_than_now_or_before_there_was_a_desk(
    stamp: str, kept_at: datetime | None
) -> None:
    at, _ = time_of(f"Received: by mx1.example.nl; {stamp}", f"Date: {stamp}", kept_at=kept_at)
    assert "1995" <= at <= f"{NOW:%Y-%m-%d %H:%M:%S}"


def test_an_arrival_is_known_by_what_it_says_and_may_be_without_a_receipt() -> None:
    raw = f"{OURS}\r\nFrom: a@example.org\r\n\r\nhallo".encode()
    arrival = draft_arrival(found(raw), own_hosts=["mx1.example.nl"], now=NOW, receipts=False)
    assert arrival == Arrival(
        Origin("import", "import", 0, "0f" * 32),
        raw,
        len(raw),
        datetime(2024, 3, 4, 9, tzinfo=UTC),
        no_receipt="it was imported without receipts",
    )
    with_receipt = draft_arrival(found(raw), own_hosts=[], now=NOW, receipts=True)
    assert isinstance(with_receipt, Arrival)
    assert with_receipt.no_receipt is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1000), "is no mail"),
        (b"HTTP/1.1 200 OK\r\nDate: Mon, 04 Mar 2024 10:00:00 GMT\r\n\r\n", "is no mail"),
        (b"name: value\r\n\r\nFrom: in the text\r\n", "is no mail"),
    ],
)
def test_a_file_that_is_no_mail_is_said_to_be_none(raw: bytes, reason: str) -> None:
    assert draft_arrival(found(raw), own_hosts=[], now=NOW, receipts=True) == NotImported(
        "x.eml", reason, len(raw)
    )
