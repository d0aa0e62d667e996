"""The tables as queries see them; `migrations` makes them, and a test holds the two against each other.

What must never happen twice is a unique index here, where no code path can forget it. Whatever is sealed
stands in the one table `sealed`, so that no list of rows ever touches it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from bot.adapters.store.columns import ID, NUMBER, WORD, UtcDateTime

MAIN = MetaData()
KEYS = MetaData()

inbox = Table(
    "inbox",
    MAIN,
    Column("number", NUMBER, primary_key=True),
    Column("id", ID, nullable=False, unique=True),
    Column("mailbox", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uid", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("key_id", ID, nullable=False),
    Column("state", WORD, nullable=False),
    Column("as_report", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("holder", String(200)),
    Column("claimed_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("kind", WORD),
    Column("reason", Text),
    Column("report_id", ID),
    Column("message_hash", ID),
    Column("mail_hash", ID),
    # Allotted on arrival; and why its sender gets no receipt, whatever it turns out to be.
    Column("reference", WORD),
    Column("no_receipt", Text),
    # What its report has to tell about how it came in.
    Column("problem", Text),
)
Index(
    "ux_inbox_origin", *(inbox.c[name] for name in ("mailbox", "folder", "uidvalidity", "uid")), unique=True
)

reporters = Table(
    "reporters",
    MAIN,
    Column("id", ID, primary_key=True),
    Column("address_hash", ID, unique=True),
    Column("key_id", ID, nullable=False),
)

reports = Table(
    "reports",
    MAIN,
    Column("id", ID, primary_key=True),
    Column("reference", WORD, nullable=False, unique=True),
    Column("alias", WORD, nullable=False),
    Column("status", WORD, nullable=False),
    Column("severity", WORD, nullable=False),
    Column("suggested", WORD),
    Column("suggested_because", Text),
    Column("language", WORD),
    Column("received_at", UtcDateTime, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("reporter_id", ID, ForeignKey("reporters.id"), nullable=False, index=True),
    Column("inbox_id", ID, ForeignKey("inbox.id"), nullable=False, unique=True),
    Column("tracker", Text, nullable=False),
    Column("issue_id", Text),
    Column("issue_url", Text),
    # Which line of mappings/routing.yaml chose the tracker; reports of older versions have none.
    Column("route", Text),
)

files = Table(
    "files",
    MAIN,
    Column("report_id", ID, ForeignKey("reports.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("media_type", Text, nullable=False),
    Column("suffix", WORD, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("uploadable", Boolean, nullable=False),
    Column("reason", Text),
    Column("link", Text),
    Column("linked", Boolean, nullable=False),
)

outbox = Table(
    "outbox",
    MAIN,
    Column("number", NUMBER, primary_key=True),
    Column("id", ID, nullable=False, unique=True),
    Column("report_id", ID, ForeignKey("reports.id"), nullable=False),
    Column("lane", Text, nullable=False),
    Column("kind", WORD, nullable=False),
    Column("message_id", Text),
    Column("state", WORD, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    # When an attempt that left no outcome was still under way; and what that was when it was claimed last.
    Column("tried_at", UtcDateTime),
    Column("uncertain_since", UtcDateTime),
    Column("holder", String(200)),
    Column("claimed_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("reason", Text),
)

events = Table(
    "events",
    MAIN,
    Column("number", NUMBER, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", WORD, nullable=False),
    Column("report_id", ID, ForeignKey("reports.id"), index=True),
    Column("facts", Text, nullable=False),
)

sealed = Table(
    "sealed",
    MAIN,
    Column("what", WORD, primary_key=True),
    Column("row_id", String(128), primary_key=True),
    Column("key_id", ID, nullable=False),
    Column("value", LargeBinary, nullable=False),
)

counters = Table(
    "counters", MAIN, Column("name", ID, primary_key=True), Column("value", Integer, nullable=False)
)

leases = Table(
    "leases",
    MAIN,
    Column("name", String(200), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("lease_until", UtcDateTime, nullable=False),
)

# The token itself is sealed; `first_hash` tells by which REFRESH_TOKEN of the settings it began.
kept_logins = Table(
    "kept_logins",
    MAIN,
    Column("id", ID, primary_key=True),
    Column("key_id", ID, nullable=False),
    Column("first_hash", ID),
    Column("updated_at", UtcDateTime, nullable=False),
)

marks = Table("marks", MAIN, Column("name", WORD, primary_key=True), Column("value", ID, nullable=False))

# What the form's door accepted, by a keyed hash of its name, and which signatures served for which name.
form_requests = Table(
    "form_requests",
    MAIN,
    Column("name", ID, primary_key=True),
    Column("body", ID, nullable=False),
    Column("reference", WORD, nullable=False, unique=True),
    Column("received_at", UtcDateTime, nullable=False),
    Column("due_on", Date, nullable=False),
)

form_signatures = Table(
    "form_signatures",
    MAIN,
    Column("digest", ID, primary_key=True),
    Column("name", ID, nullable=False),
    Column("signed_at", UtcDateTime, nullable=False, index=True),
)

data_keys = Table(
    "data_keys",
    KEYS,
    Column("id", ID, primary_key=True),
    Column("master_id", WORD, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("minted_at", UtcDateTime, nullable=False),
)

key_marks = Table("marks", KEYS, Column("name", WORD, primary_key=True), Column("value", ID, nullable=False))


def _partial(name: str, table: Table, columns: tuple[str, ...], where: str, *, unique: bool = False) -> None:
    """Index only the rows that a query can want, so that its cost does not grow with what is done."""
    condition = text(where)
    Index(
        name,
        *(table.c[column] for column in columns),
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


_partial("ix_inbox_new", inbox, ("received_at", "number"), "state = 'new'")
_partial("ix_inbox_held", inbox, ("number",), "state = 'held'")
_partial("ix_inbox_holder", inbox, ("holder",), "holder IS NOT NULL")
_partial("ix_inbox_message", inbox, ("message_hash",), "message_hash IS NOT NULL")
_partial("ix_inbox_mail", inbox, ("mail_hash",), "mail_hash IS NOT NULL")
_partial("ux_inbox_reference", inbox, ("reference",), "reference IS NOT NULL", unique=True)
_partial("ix_outbox_due_mail", outbox, ("due_at", "number"), "state = 'waiting' AND message_id IS NOT NULL")
_partial("ix_outbox_due_rest", outbox, ("due_at", "number"), "state = 'waiting' AND message_id IS NULL")
_partial(
    "ix_outbox_untried_mail",
    outbox,
    ("due_at", "number"),
    "state = 'waiting' AND attempts = 0 AND message_id IS NOT NULL",
)
_partial(
    "ix_outbox_untried_rest",
    outbox,
    ("due_at", "number"),
    "state = 'waiting' AND attempts = 0 AND message_id IS NULL",
)
_partial("ix_outbox_lane", outbox, ("lane", "number"), "state = 'waiting'")
_partial("ix_outbox_held", outbox, ("number",), "state = 'held'")
_partial("ix_outbox_holder", outbox, ("holder",), "holder IS NOT NULL")
_partial("ux_outbox_message", outbox, ("message_id",), "message_id IS NOT NULL", unique=True)
_partial("ux_outbox_once", outbox, ("report_id", "kind"), "kind IN ('create_issue', 'receipt')", unique=True)
