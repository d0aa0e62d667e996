"""What commands print: a table for people that fits 80 columns, or the same facts as JSON.

Times are shown in the desk's own zone, with their offset in JSON and to the minute in tables.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import zip_longest
from zoneinfo import ZoneInfo

import typer

from bot.domain.inbox import InboxRow
from bot.domain.outbox import DeliveryRow
from bot.domain.sla import Deadline
from bot.services.checking import Check
from bot.services.importing import Imported
from bot.services.once import Round
from bot.store_port import ReportView

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


@contextmanager
def progress(label: str, size: int) -> Iterator[Callable[[int, int], None]]:
    """Show on standard error how far something is that takes so many bytes; give what to tell it with."""
    count = done = 0

    def show_count(_: int | None) -> str:
        return f"{count} mails, {done // 1_000_000} of {size // 1_000_000} MB"

    with typer.progressbar(
        length=max(size, 1),
        label=label,
        file=sys.stderr,
        item_show_func=show_count,
        update_min_steps=size // 500,
    ) as bar:

        def tell(more: int, read: int) -> None:
            nonlocal count, done
            count, done = count + more, done + read
            bar.update(read)

        yield tell


def print_import(done: Imported, *, as_json: bool) -> None:
    """Print what an import did, and each thing that it could not take."""
    if as_json:
        print_json_line(done.as_json())
        return
    _say(f"{done.taken} taken, {done.known} known already, {done.unreadable} not imported")
    for missed in done.named:
        _say(f"  {_visible(missed.place)}: {missed.reason}")
    if done.unreadable > len(done.named):
        _say(f"  and {done.unreadable - len(done.named)} more")
    if done.taken:
        _say("`meldpunt run` or `meldpunt once` makes reports of what was taken")


def _visible(name: str) -> str:
    """Write a file name so that nothing in it acts on a terminal or hides."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)


def print_checks(checks: Sequence[Check]) -> None:
    """Print each check with its problems, and what else a person should know."""
    for check in checks:
        _say(f"{check.name}: {'ok' if not check.problems else ''}".rstrip())
        for problem in check.problems:
            _say(f"  - {problem}")
        for note in check.notes:
            _say(f"  * {note}")


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


def print_reports(views: Sequence[ReportView], zone: ZoneInfo, *, as_json: bool) -> None:
    """Print one line a report, and below it where its issue is."""
    columns = ("ref", "status", "severity", "suggested", "received_at", "due_on")
    _print([_report(view, zone) for view in views], columns, "issue", as_json=as_json)


def print_report(view: ReportView, zone: ZoneInfo, *, as_json: bool) -> None:
    """Print one report whole: facts, promises and events; never who sent it."""
    facts = _report(view, zone)
    events = [{"at": event.at.astimezone(zone), "event": event.kind, **event.facts} for event in view.events]
    if as_json:
        print_json_line({**facts, "events": events})
        return
    for name, value in facts.items():
        if name not in {"promises", "issue_url"}:
            _say(f"{name:12} {_cell(value)}")
    for event in events:
        rest = ", ".join(
            f"{key}={value}"
            for key, value in event.items()
            if key not in {"at", "event"} and value is not None
        )
        _say(f"{_cell(event['at'])}  {event['event']}  {rest}".rstrip())


def print_inbox(rows: Sequence[InboxRow], zone: ZoneInfo, *, as_json: bool) -> None:
    """Print one line a mail that came in, and below it why it is no report; nothing of what it says."""
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
            "received_at": row.received_at.astimezone(zone),
            "ref": row.reference,
            "reason": row.reason,
        }
        for row in rows
    ]
    _print(lines, ("number", "state", "kind", "folder", "received_at", "ref"), "reason", as_json=as_json)


def print_outbox(rows: Sequence[DeliveryRow], zone: ZoneInfo, *, as_json: bool) -> None:
    """Print one line an order, and below it why it is held or waits."""
    lines = [
        {
            "number": row.number,
            "state": row.state,
            "kind": row.kind,
            "ref": row.reference,
            "attempts": row.attempts,
            "due_at": row.due_at.astimezone(zone),
            "reason": row.reason,
        }
        for row in rows
    ]
    _print(lines, ("number", "state", "kind", "ref", "attempts", "due_at"), "reason", as_json=as_json)


def print_copied(tables: Sequence[Value], *, as_json: bool) -> None:
    """Print one line a table: its rows, and the beginning of the digest that is the same in both places."""
    if as_json:
        _say(_json(tables, indent=1))
        return
    short = [{**table, "digest": str(table["digest"])[:16]} for table in tables]
    _print_columns(short, ("database", "table", "rows", "digest"))
    rows = sum(int(str(table["rows"])) for table in tables)
    _say(f"{rows} rows in {len(tables)} tables are the same in both places")


@contextmanager
def show_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that is told how much of what is done; a person sees a bar, a file nothing."""
    from rich.console import Console  # noqa: PLC0415 - slow to load and seldom needed
    from rich.progress import Progress, TaskID  # noqa: PLC0415 - the same

    console, bars = Console(stderr=True), dict[str, TaskID]()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done, total=total)

        yield tell


def print_json_line(value: Value) -> None:
    """Print one JSON object on one line, other scripts as they are."""
    _say(_json(value))


def _report(view: ReportView, zone: ZoneInfo) -> dict[str, object]:
    report, issue = view.report, view.issue
    promise = {
        "promise": "first_response",
        "due_at": report.due_at.astimezone(zone),
        "due_on": report.due_on.isoformat(),
        "state": "running",
    }
    return {
        "ref": report.reference,
        "status": report.status,
        "severity": report.severity,
        "suggested": report.suggestion.severity if report.suggestion else None,
        "received_at": report.received_at.astimezone(zone),
        "due_on": report.due_on.isoformat(),
        "due_at": promise["due_at"],
        "language": report.language,
        "alias": report.alias,
        "route": view.route,
        "tracker": view.tracker,
        "issue": issue.url if issue else None,
        "issue_url": issue.url if issue else None,
        "promises": [promise],
    }


def _print(lines: Sequence[Value], columns: Sequence[str], below: str, *, as_json: bool) -> None:
    """Print columns as wide as they must be; a value of no fixed length stands on a line of its own."""
    if as_json:
        _say(_json(lines, indent=1))
        return
    _print_columns(lines, columns, [line[below] for line in lines])


def _print_columns(lines: Sequence[Value], columns: Sequence[str], notes: Sequence[object] = ()) -> None:
    rows = [columns, *([_cell(line[name]) for name in columns] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, note in zip_longest(rows, (None, *notes)):
        _say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if note is not None:
            _say(f"    {note}")


def _cell(value: object) -> str:
    """Write a value for people: a time to the minute, nothing as a dash."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "-" if value is None else str(value)


def _json(value: object, *, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_iso)


def _iso(value: datetime) -> str:
    return value.isoformat(timespec="seconds")


def _say(text: str) -> None:
    typer.echo(text)
