"""What commands print: a table for people, or the same facts as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from bot.domain.inbox import InboxRow
from bot.domain.outbox import DeliveryRow
from bot.domain.sla import Deadline
from bot.ports import ReportView
from bot.services.checking import Check
from bot.services.once import Round

Value = Mapping[str, object]


def print_round(result: Round, *, as_json: bool) -> None:
    """Print what one round did and what is left."""
    if as_json:
        print_json_line(result.as_json())
        return
    _say(f"{result.taken} taken, {result.filed} filed, {result.attempts} deliveries tried")
    if result.held:
        _say(
            f"{result.held} held for a person: see `meldpunt inbox list --open` and `meldpunt outbox list --open`"
        )
    if result.waiting:
        _say(f"{result.waiting} postponed: they go on with the next round")
    for door, problem in result.doors_shut.items():
        _say(f"{door} is shut: {problem}")


def print_checks(checks: Sequence[Check]) -> None:
    """Print each check with its problems."""
    for check in checks:
        _say(f"{check.name}: {'ok' if not check.problems else ''}".rstrip())
        for problem in check.problems:
            _say(f"  - {problem}")


def print_due(deadline: Deadline, *, as_json: bool) -> None:
    """Print one deadline: the last day, and its exclusive end."""
    promise = {
        "promise": "first_response",
        "due_on": str(deadline.due_on),
        "due_at": deadline.due_at.isoformat(),
    }
    if as_json:
        print_json_line({**promise, "promises": [promise]})
    else:
        _say(f"first response by {deadline.due_on:%A %d %B %Y} (before {deadline.due_at.isoformat()})")


def print_reports(views: Sequence[ReportView], *, as_json: bool) -> None:
    """Print one line a report."""
    _print(
        [_report(view) for view in views],
        ("ref", "status", "severity", "suggested", "received_at", "due_on", "issue"),
        as_json=as_json,
    )


def print_report(view: ReportView, *, as_json: bool) -> None:
    """Print one report whole: facts, promises and events; never who sent it."""
    facts = _report(view)
    events = [{"at": event.at.isoformat(), "event": event.kind, **event.facts} for event in view.events]
    if as_json:
        print_json_line({**facts, "events": events})
        return
    for name, value in facts.items():
        if name != "promises":
            _say(f"{name:12} {value if value is not None else '-'}")
    for event in events:
        rest = ", ".join(f"{key}={value}" for key, value in event.items() if key not in {"at", "event"})
        _say(f"{event['at']}  {event['event']}  {rest}".rstrip())


def print_inbox(rows: Sequence[InboxRow], *, as_json: bool) -> None:
    """Print one line a mail that came in; nothing of what it says."""
    lines = [
        {
            "number": row.number,
            "state": row.state,
            "kind": row.kind,
            "mailbox": row.origin.mailbox,
            "folder": row.origin.folder,
            "uidvalidity": row.origin.uidvalidity,
            "uid": row.origin.uid,
            "size": row.size,
            "received_at": row.received_at.isoformat(),
            "ref": row.reference,
            "reason": row.reason,
        }
        for row in rows
    ]
    _print(
        lines, ("number", "state", "kind", "folder", "uid", "received_at", "ref", "reason"), as_json=as_json
    )


def print_outbox(rows: Sequence[DeliveryRow], *, as_json: bool) -> None:
    """Print one line an order."""
    lines = [
        {
            "number": row.number,
            "state": row.state,
            "kind": row.kind,
            "ref": row.reference,
            "attempts": row.attempts,
            "due_at": row.due_at.isoformat(),
            "reason": row.reason,
        }
        for row in rows
    ]
    _print(lines, ("number", "state", "kind", "ref", "attempts", "due_at", "reason"), as_json=as_json)


def print_json_line(value: Value) -> None:
    """Print one JSON object on one line, other scripts as they are."""
    _say(json.dumps(value, ensure_ascii=False))


def _report(view: ReportView) -> dict[str, object]:
    report, issue = view.report, view.issue
    promise = {
        "promise": "first_response",
        "due_at": _local(report.due_at),
        "due_on": report.due_on.isoformat(),
        "state": "running",
    }
    return {
        "ref": report.reference,
        "status": report.status,
        "severity": report.severity,
        "suggested": report.suggestion.severity if report.suggestion else None,
        "received_at": _local(report.received_at),
        "due_on": report.due_on.isoformat(),
        "language": report.language,
        "alias": report.alias,
        "tracker": view.tracker,
        "issue": issue.url if issue else None,
        "promises": [promise],
    }


def _local(at: datetime) -> str:
    return at.isoformat()


def _print(lines: Sequence[Mapping[str, object]], columns: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        _say(json.dumps(lines, ensure_ascii=False, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    names = list(columns)
    for name in names:
        table.add_column(name)
    for line in lines:
        table.add_row(*("-" if line[name] is None else str(line[name]) for name in names))
    Console(soft_wrap=True).print(table)


def _say(text: str) -> None:
    # Not rich's markup: what is printed may hold square brackets.
    Console(soft_wrap=True, markup=False, highlight=False, emoji=False).print(text)
