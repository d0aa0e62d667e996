from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.opening import open_report, received_at
from bot.domain.privacy import SafeFile
from bot.domain.report import ReportFile, Status
from bot.domain.severity import Severity, Suggestion
from bot.domain.sla import Deadline
from bot.domain.submission import Submission
from bot.domain.understanding import Understanding

ARRIVED = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is the next argument


@pytest.mark.parametrize(
    ("stamp", "received"),
    [
        (None, ARRIVED),
        (ARRIVED - timedelta(hours=3), ARRIVED - timedelta(hours=3)),
        (ARRIVED + timedelta(hours=3), ARRIVED),
        (datetime(2026, 11, 23, 8, 30, tzinfo=timezone(timedelta(hours=1))), ARRIVED - timedelta(minutes=30)),
    ],
)
def test_a_mail_is_received_when_the_first_of_our_own_clocks_saw_it(
    stamp: datetime | None, received: datetime
) -> None:
    assert received_at(ARRIVED, Submission(own_received_at=stamp)) == received


@given(arrived=MOMENTS, stamp=st.none() | MOMENTS)
def test_a_mail_is_never_received_later_than_it_arrived(arrived: datetime, stamp: datetime | None) -> None:
    assert received_at(arrived, Submission(own_received_at=stamp)) <= arrived


def test_a_report_opens_as_received_and_unrated_whatever_it_claims() -> None:
    files = (
        SafeFile(1, "image/png", 2000, ".png", content=b"x", reason=None),
        SafeFile(2, "application/x-dosexec", 9, ".bin", content=None, reason="not on the safe list"),
    )
    submission = Submission(language="nl", problems=("a header was cut",))
    report = open_report(
        Understanding(submission, "XSS", "Look.", files, Suggestion(Severity.CRITICAL, "it says so")),
        id="1",
        reference="CVD-2026-0001",
        alias="reporter-1f2e",
        received_at=ARRIVED,
        deadline=Deadline(date(2026, 11, 25), datetime(2026, 11, 25, 23, 0, tzinfo=UTC)),
        problems=("the mail is over the limit",),
    )
    assert (report.status, report.severity) == (Status.RECEIVED, Severity.UNRATED)
    assert report.suggestion is not None
    assert report.suggestion.severity == Severity.CRITICAL
    assert report.problems == ("the mail is over the limit", "a header was cut")
    assert report.files == (
        ReportFile(1, "image/png", 2000, uploadable=True),
        ReportFile(2, "application/x-dosexec", 9, uploadable=False),
    )
    assert (report.due_on, report.received_at, report.language) == (date(2026, 11, 25), ARRIVED, "nl")
