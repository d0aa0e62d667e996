"""Reports, reporters and files in SQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, bindparam, insert, not_, select, update

from bot.adapters.store.claims import Filed, Scope, is_in
from bot.adapters.store.codec import CONTACTS, WORDS, Contact, Words, dump, load
from bot.adapters.store.database import insert_here, insert_if_new
from bot.adapters.store.events import SqlEvents
from bot.adapters.store.schema import counters, files, inbox, reporters, reports
from bot.adapters.store.sealing import CONTACT, COPY, RAW, Plain
from bot.adapters.store.sealing import WORDS as WORDS_PLACE
from bot.domain.inbox import InboxItem, InboxState
from bot.domain.issue import IssueLink
from bot.domain.privacy import SafeFile
from bot.domain.report import Report, ReportFile, Status
from bot.domain.reporter import Reporter
from bot.domain.severity import Severity, Suggestion
from bot.errors import PermanentError, TransientError
from bot.store_port import Event, ReportView

_NOTHING_OPENED = Words("", "", ())


# Made once: each of these is asked for several times a report, and making a statement is slow.
_THIS_REPORT = update(reports).where(reports.c.id == bindparam("this_report"))
_REPORTERS_KEY = select(reporters.c.key_id).where(reporters.c.id == bindparam("reporter"))
_CLAIMED_KEY = select(inbox.c.key_id).where(
    inbox.c.id == bindparam("item"), inbox.c.attempts == bindparam("attempts"), is_in(inbox, InboxState.NEW)
)
_REPORTER_OF = select(reporters.c.id).where(reporters.c.address_hash == bindparam("hashed"))


class SqlReports:
    """Fulfils `store_port.Reports` within one transaction."""

    def __init__(self, scope: Scope) -> None:
        """Take what the transaction shares."""
        self._scope = scope
        self._connection = scope.connection

    def next_reference(self, prefix: str, year: int) -> str:
        """See `store_port.Reports`."""
        name = f"{prefix}-{year}"
        first = insert_here(self._connection, counters).values(name=name, value=1)
        # The row is locked until the commit: the next bot waits, and a number that was not used is given again.
        count = first.on_conflict_do_update(
            index_elements=[counters.c.name], set_={"value": counters.c.value + 1}
        )
        value = self._connection.scalar(count.returning(counters.c.value))
        return f"{name}-{value:04d}"

    def find_reporter(self, address: str) -> Reporter | None:
        """See `store_port.Reports`."""
        reporter_id = self._connection.scalar(_REPORTER_OF, {"hashed": self._hash(address)})
        if reporter_id is None:
            return None
        contact = load(CONTACTS, self._scope.sealed.get(CONTACT, reporter_id))
        return Reporter(reporter_id, contact.address, contact.name, contact.language)

    def add(  # noqa: PLR0913 - a report has this many parts
        self,
        report: Report,
        reporter: Reporter,
        files: Sequence[SafeFile],
        item: InboxItem,
        *,
        tracker: str,
        route: str | None = None,
    ) -> None:
        """See `store_port.Reports`."""
        key_id, contact = self._settle_key(reporter, item)
        self._connection.execute(
            insert(reports), _new_row(report, reporter, item) | {"tracker": tracker, "route": route}
        )
        words = Words(report.title, report.text, report.problems)
        copies = [
            Plain(COPY, _copy_id(report.id, file.number), key_id, file.content)
            for file in files
            if file.content is not None
        ]
        sealed_words = Plain(WORDS_PLACE, report.id, key_id, dump(WORDS, words))
        self._scope.sealed.put([*contact, sealed_words, *copies])
        self._add_files(report.id, files)
        self._scope.filed[report.id] = Filed(key_id, report.received_at)

    def _settle_key(self, reporter: Reporter, item: InboxItem) -> tuple[str, Sequence[Plain]]:
        """Bring the item under its reporter's data key; return that, and what of a new one is to be sealed."""
        item_key = self._claimed_key(item)
        key_id = self._connection.scalar(_REPORTERS_KEY, {"reporter": reporter.id})
        if key_id is None:
            self._add_reporter(reporter, item_key)
            return item_key, [_contact(reporter, item_key)]
        self._scope.sealed.replace(_contact(reporter, key_id))
        self._reseal(item, item_key, key_id)
        return str(key_id), ()

    def add_mail(self, report_id: str, item: InboxItem) -> None:
        """See `store_port.Reports`."""
        wanted = select(reporters.c.key_id).join(reports, reports.c.reporter_id == reporters.c.id)
        key_id = self._connection.execute(wanted.where(reports.c.id == report_id)).scalar_one()
        self._reseal(item, self._claimed_key(item), key_id)

    def _reseal(self, item: InboxItem, item_key: str, key_id: str) -> None:
        if key_id != item_key:
            self._scope.sealed.replace(Plain(RAW, item.id, key_id, item.arrival.raw))
            self._connection.execute(update(inbox).where(inbox.c.id == item.id).values(key_id=key_id))
            self._scope.spent_keys.append(item_key)

    def _claimed_key(self, item: InboxItem) -> str:
        """Return the key of an item, if it is still ours to file."""
        key_id = self._connection.scalar(_CLAIMED_KEY, {"item": item.id, "attempts": item.attempts})
        if key_id is None:
            raise TransientError(
                f"inbox item {item.number} was taken over by another bot; nothing is written"
            )
        return str(key_id)

    def _add_reporter(self, reporter: Reporter, key_id: str) -> None:
        hashed = self._hash(reporter.address) if reporter.address else None
        row = {"id": reporter.id, "address_hash": hashed, "key_id": key_id}
        new = insert_if_new(self._connection, reporters).returning(reporters.c.id)
        if self._connection.scalar(new, row) is None:
            raise TransientError(
                "another bot has just filed a report of the same reporter; nothing is written"
            )

    def _add_files(self, report_id: str, safe_files: Sequence[SafeFile]) -> None:
        rows = [
            {
                "report_id": report_id,
                "number": file.number,
                "media_type": file.media_type,
                "suffix": file.suffix,
                "size": file.size,
                "uploadable": file.content is not None,
                "linked": False,
                "reason": file.reason,
            }
            for file in safe_files
        ]
        if rows:
            self._connection.execute(insert(files), rows)

    def set_status(self, report_id: str, status: Status) -> None:
        """See `store_port.Reports`."""
        self._set(report_id, status=status)

    def set_issue(self, report_id: str, link: IssueLink) -> None:
        """See `store_port.Reports`."""
        self._set(report_id, issue_id=link.id, issue_url=link.url)

    def _set(self, report_id: str, **values: object) -> None:
        self._connection.execute(_THIS_REPORT, {"this_report": report_id, **values})

    def issue(self, report_id: str) -> IssueLink | None:
        """See `store_port.Reports`."""
        wanted = select(reports.c.issue_id, reports.c.issue_url).where(reports.c.id == report_id)
        row = self._connection.execute(wanted).one_or_none()
        return _issue(row) if row else None

    def files(self, report_id: str) -> Sequence[SafeFile]:
        """See `store_port.Reports`."""
        wanted = select(files).where(
            files.c.report_id == report_id, files.c.uploadable, files.c.link.is_(None)
        )
        rows = self._connection.execute(wanted.order_by(files.c.number)).all()
        return [_sealed_copy(row) for row in rows]

    def file(self, report_id: str, number: int) -> SafeFile:
        """See `store_port.Reports`."""
        wanted = select(files).where(files.c.report_id == report_id, files.c.number == number)
        row = self._connection.execute(wanted).one_or_none()
        if row is None:
            raise PermanentError(f"the report has no file {number}")
        return self._open_copy(row)

    def _open_copy(self, row: Row[Any]) -> SafeFile:
        kept = row.uploadable and row.link is None
        content = self._scope.sealed.get(COPY, _copy_id(row.report_id, row.number)) if kept else None
        return replace(_sealed_copy(row), content=content)

    def set_uploaded(self, report_id: str, number: int, link: str) -> None:
        """See `store_port.Reports`."""
        this = (files.c.report_id == report_id, files.c.number == number)
        self._connection.execute(update(files).where(*this).values(link=link))
        self._scope.sealed.forget(COPY, [_copy_id(report_id, number)])

    def unlinked(self, report_id: str) -> Mapping[int, str]:
        """See `store_port.Reports`."""
        wanted = select(files.c.number, files.c.link).where(
            files.c.report_id == report_id, files.c.link.is_not(None), not_(files.c.linked)
        )
        return {row.number: row.link for row in self._connection.execute(wanted.order_by(files.c.number))}

    def set_linked(self, report_id: str, numbers: Collection[int]) -> None:
        """See `store_port.Reports`."""
        these = (files.c.report_id == report_id, files.c.number.in_(list(numbers)))
        self._connection.execute(update(files).where(*these).values(linked=True))

    def get(self, reference: str) -> ReportView:
        """See `store_port.Reports`."""
        row = self._connection.execute(select(reports).where(reports.c.reference == reference)).one_or_none()
        if row is None:
            raise PermanentError(f"there is no report `{reference}`; `meldpunt report list` shows all")
        words = load(WORDS, self._scope.sealed.get(WORDS_PLACE, row.id))
        listed = select(files).where(files.c.report_id == row.id).order_by(files.c.number)
        report = _report(row, words, self._connection.execute(listed).all())
        return _view(row, report, SqlEvents(self._scope).of_report(row.id))

    def rows(self) -> Sequence[ReportView]:
        """See `store_port.Reports`."""
        newest_first = (reports.c.received_at.desc(), reports.c.reference.desc())
        rows = self._connection.execute(select(reports).order_by(*newest_first)).all()
        return [_view(row, _report(row, _NOTHING_OPENED, []), ()) for row in rows]

    def _hash(self, address: str) -> str:
        return self._scope.vault.index("address", address.strip().casefold())


def _contact(reporter: Reporter, key_id: str) -> Plain:
    contact = Contact(reporter.address, reporter.name, reporter.language)
    return Plain(CONTACT, reporter.id, key_id, dump(CONTACTS, contact))


def _sealed_copy(row: Row[Any]) -> SafeFile:
    return SafeFile(row.number, row.media_type, row.size, row.suffix, None, row.reason)


def _copy_id(report_id: str, number: int) -> str:
    return f"{report_id}-{number}"


def _new_row(report: Report, reporter: Reporter, item: InboxItem) -> dict[str, Any]:
    suggestion = report.suggestion
    return {
        "id": report.id,
        "reference": report.reference,
        "alias": report.alias,
        "status": report.status,
        "severity": report.severity,
        "suggested": suggestion.severity if suggestion else None,
        "suggested_because": suggestion.reason if suggestion else None,
        "language": report.language,
        "received_at": report.received_at,
        "due_on": report.due_on,
        "due_at": report.due_at,
        "reporter_id": reporter.id,
        "inbox_id": item.id,
    }


def _report(row: Row[Any], words: Words, listed: Sequence[Row[Any]]) -> Report:
    suggested = Suggestion(Severity(row.suggested), row.suggested_because) if row.suggested else None
    return Report(
        id=row.id,
        reference=row.reference,
        alias=row.alias,
        status=Status(row.status),
        severity=Severity(row.severity),
        suggestion=suggested,
        language=row.language,
        received_at=row.received_at,
        due_on=row.due_on,
        due_at=row.due_at,
        title=words.title,
        text=words.text,
        files=tuple(ReportFile(file.number, file.media_type, file.size, file.uploadable) for file in listed),
        problems=words.problems,
    )


def _view(row: Row[Any], report: Report, events: Sequence[Event]) -> ReportView:
    return ReportView(report, row.tracker, _issue(row), events, row.route)


def _issue(row: Row[*tuple[Any, ...]]) -> IssueLink | None:
    return IssueLink(row.issue_id, row.issue_url) if row.issue_id is not None else None
