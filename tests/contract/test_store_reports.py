"""What every store must do with reports, reporters and files."""

from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest

from bot.domain.inbox import Arrival
from bot.domain.issue import IssueLink
from bot.domain.report import Status
from bot.domain.reporter import Reporter
from bot.errors import PermanentError, TransientError
from tests.rigs.stores import (
    NOW,
    Stores,
    arrival,
    file_report,
    open_report,
    report,
    reporter,
    safe_file,
    take,
)


def test_references_are_counted_for_each_prefix_and_year_without_a_gap(stores: Stores) -> None:
    store = stores.open()
    with store.begin() as tx:
        assert [tx.reports.next_reference("CVD", 2026) for _ in range(2)] == [
            "CVD-2026-0001",
            "CVD-2026-0002",
        ]
        assert tx.reports.next_reference("CVD", 2027) == "CVD-2027-0001"
    with suppress(ZeroDivisionError), store.begin() as tx:
        tx.reports.next_reference("CVD", 2026)
        _ = 1 / 0
    with store.begin() as tx:
        assert tx.reports.next_reference("CVD", 2026) == "CVD-2026-0003"


def test_a_reference_is_given_once(stores: Stores) -> None:
    store = stores.open()
    items = take(store, "1", "2")
    with store.begin() as tx:
        file_report(tx, items[0], reference="CVD-2026-0001")
    with pytest.raises(PermanentError, match="reference"), store.begin() as tx:
        file_report(tx, items[1], reference="CVD-2026-0001", by=reporter("piet@example.org"))


def test_a_report_comes_back_whole(stores: Stores) -> None:
    store = stores.open()
    files = (safe_file(1), safe_file(2, None))
    [item] = take(store, "1")
    with store.begin() as tx:
        filed = report("CVD-2026-0001", files)
        tx.reports.add(filed, reporter(), files, item, tracker="gitlab", route="dns")
        tx.reports.set_status(filed.id, Status.ACKNOWLEDGED)
        tx.reports.set_issue(filed.id, IssueLink("17", "https://git.example.nl/desk/-/issues/17"))
        tx.events.append("report-received", NOW, report_id=filed.id, inbox=1, kind="report")
        view = tx.reports.get("CVD-2026-0001")
    assert view.report.status is Status.ACKNOWLEDGED
    assert (view.report.title, view.report.text, view.report.problems) == (
        filed.title,
        filed.text,
        filed.problems,
    )
    assert (view.report.files, view.report.suggestion) == (filed.files, filed.suggestion)
    assert (view.report.received_at, view.report.due_on, view.report.due_at) == (
        filed.received_at,
        filed.due_on,
        filed.due_at,
    )
    assert (view.route, view.tracker, view.issue) == (
        "dns",
        "gitlab",
        IssueLink("17", "https://git.example.nl/desk/-/issues/17"),
    )
    assert [(event.kind, event.facts) for event in view.events] == [
        ("report-received", {"inbox": 1, "kind": "report"})
    ]


def test_a_time_comes_back_in_utc_whatever_zone_it_was_given_in(stores: Stores) -> None:
    store = stores.open()
    local = datetime(2026, 11, 24, 0, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=1)))
    with store.begin() as tx:
        tx.inbox.add([Arrival(arrival().origin, b"x", 1, local)], NOW)
        [row] = tx.inbox.rows()
    assert row.received_at == local
    assert row.received_at.utcoffset() == timedelta(0)


def test_the_list_of_reports_is_newest_first_and_opens_nothing(stores: Stores) -> None:
    store = stores.open()
    items = take(store, "1", "2")
    with store.begin() as tx:
        for item in items:
            file_report(tx, item, by=reporter(f"{item.number}@example.org"))
        views = tx.reports.rows()
    assert [view.report.reference for view in views] == ["CVD-2026-0002", "CVD-2026-0001"]
    assert {(view.report.title, view.report.text) for view in views} == {("", "")}
    assert views[0].report.suggestion == report().suggestion


@pytest.mark.parametrize("written", ["jan@example.org", " Jan@Example.ORG"])
def test_a_reporter_is_found_by_his_address_however_it_is_written(stores: Stores, written: str) -> None:
    store = stores.open()
    known = Reporter("r1", "Jan@example.org", "Jan", "nl")
    open_report(store, by=known)
    stores.close()
    with stores.open().begin() as tx:
        assert tx.reports.find_reporter(written) == known
        assert tx.reports.find_reporter("piet@example.org") is None


def test_whoever_does_not_know_of_a_reporter_yet_must_look_again(stores: Stores) -> None:
    store = stores.open()
    open_report(store, "1", by=reporter("jan@example.org"))
    with pytest.raises(TransientError, match="the same reporter"):
        open_report(store, "2", by=reporter("jan@example.org"))


def test_two_reporters_without_an_address_are_two(stores: Stores) -> None:
    store = stores.open()
    open_report(store, "1", by=reporter(None))
    open_report(store, "2", by=reporter(None))
    with store.begin() as tx:
        assert len(tx.reports.rows()) == 2


def test_the_bytes_of_a_file_are_forgotten_once_it_is_uploaded(stores: Stores) -> None:
    store = stores.open()
    [item] = take(store, "1")
    with store.begin() as tx:
        filed = file_report(tx, item, files=(safe_file(1), safe_file(2, None), safe_file(3, b"third")))
    with store.begin() as tx:
        assert [(file.number, file.suffix) for file in tx.reports.files(filed.id)] == [
            (1, ".png"),
            (3, ".png"),
        ]
        assert tx.reports.file(filed.id, 1) == safe_file(1)
        tx.reports.set_uploaded(filed.id, 1, "![](/uploads/1)")
    with store.begin() as tx:
        assert tx.reports.file(filed.id, 1).content is None
        assert tx.reports.unlinked(filed.id) == {1: "![](/uploads/1)"}
        tx.reports.set_linked(filed.id, [1])
        assert tx.reports.unlinked(filed.id) == {}
        assert [file.number for file in tx.reports.files(filed.id)] == [3]
