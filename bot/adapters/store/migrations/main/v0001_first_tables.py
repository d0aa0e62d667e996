"""The first tables: inbox, outbox, reports, reporters, files, events and what is sealed of them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.String(64)
_WORD = sa.String(64)
_HOLDER = sa.String(200)
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, their indexes and the triggers that keep events from changing."""
    _make_inbox()
    _make_reports()
    _make_outbox()
    _make_events()
    _make_the_rest()


def _make_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("id", _ID, nullable=False, unique=True),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("uidvalidity", sa.BigInteger, nullable=False),
        sa.Column("uid", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("added_at", _TIME, nullable=False),
        sa.Column("key_id", _ID, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("as_report", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("holder", _HOLDER),
        sa.Column("claimed_at", _TIME),
        sa.Column("lease_until", _TIME),
        sa.Column("finished_at", _TIME),
        sa.Column("kind", _WORD),
        sa.Column("reason", sa.Text),
        sa.Column("report_id", _ID),
        sa.Column("message_hash", _ID),
        sa.Column("mail_hash", _ID),
    )
    op.create_index("ux_inbox_origin", "inbox", ["mailbox", "folder", "uidvalidity", "uid"], unique=True)
    _partial("ix_inbox_new", "inbox", ["number"], "state = 'new'")
    _partial("ix_inbox_held", "inbox", ["number"], "state = 'held'")
    _partial("ix_inbox_holder", "inbox", ["holder"], "holder IS NOT NULL")
    _partial("ix_inbox_message", "inbox", ["message_hash"], "message_hash IS NOT NULL")
    _partial("ix_inbox_mail", "inbox", ["mail_hash"], "mail_hash IS NOT NULL")


def _make_reports() -> None:
    op.create_table(
        "reporters",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("address_hash", _ID, unique=True),
        sa.Column("key_id", _ID, nullable=False),
    )
    op.create_table(
        "reports",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("reference", _WORD, nullable=False, unique=True),
        sa.Column("alias", _WORD, nullable=False),
        sa.Column("status", _WORD, nullable=False),
        sa.Column("severity", _WORD, nullable=False),
        sa.Column("suggested", _WORD),
        sa.Column("suggested_because", sa.Text),
        sa.Column("language", _WORD),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("due_on", sa.Date, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("reporter_id", _ID, sa.ForeignKey("reporters.id"), nullable=False, index=True),
        sa.Column("inbox_id", _ID, sa.ForeignKey("inbox.id"), nullable=False, unique=True),
        sa.Column("tracker", sa.Text, nullable=False),
        sa.Column("issue_id", sa.Text),
        sa.Column("issue_url", sa.Text),
    )
    op.create_table(
        "files",
        sa.Column("report_id", _ID, sa.ForeignKey("reports.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("suffix", _WORD, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("uploadable", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("link", sa.Text),
        sa.Column("linked", sa.Boolean, nullable=False),
    )


def _make_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("id", _ID, nullable=False, unique=True),
        sa.Column("report_id", _ID, sa.ForeignKey("reports.id"), nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("message_id", sa.Text),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("added_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("tried_at", _TIME),
        sa.Column("uncertain_since", _TIME),
        sa.Column("holder", _HOLDER),
        sa.Column("claimed_at", _TIME),
        sa.Column("lease_until", _TIME),
        sa.Column("reason", sa.Text),
    )
    _partial(
        "ix_outbox_due_mail", "outbox", ["due_at", "number"], "state = 'waiting' AND message_id IS NOT NULL"
    )
    _partial("ix_outbox_due_rest", "outbox", ["due_at", "number"], "state = 'waiting' AND message_id IS NULL")
    _partial("ix_outbox_lane", "outbox", ["lane", "number"], "state = 'waiting'")
    _partial("ix_outbox_held", "outbox", ["number"], "state = 'held'")
    _partial("ix_outbox_holder", "outbox", ["holder"], "holder IS NOT NULL")
    _partial("ux_outbox_message", "outbox", ["message_id"], "message_id IS NOT NULL", unique=True)
    _partial(
        "ux_outbox_once", "outbox", ["report_id", "kind"], "kind IN ('create_issue', 'receipt')", unique=True
    )


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("report_id", _ID, sa.ForeignKey("reports.id"), index=True),
        sa.Column("facts", sa.Text, nullable=False),
    )
    for statement in _TRIGGERS[op.get_bind().dialect.name]:
        op.execute(statement)


def _make_the_rest() -> None:
    op.create_table(
        "sealed",
        sa.Column("what", _WORD, primary_key=True),
        sa.Column("row_id", sa.String(128), primary_key=True),
        sa.Column("key_id", _ID, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "counters",
        sa.Column("name", _ID, primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("holder", _HOLDER, nullable=False),
        sa.Column("lease_until", _TIME, nullable=False),
    )
    op.create_table(
        "marks",
        sa.Column("name", _WORD, primary_key=True),
        sa.Column("value", _ID, nullable=False),
    )


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


_TRIGGERS = {
    "sqlite": [
        f"CREATE TRIGGER events_keep_{what} BEFORE {what} ON events"
        f" BEGIN SELECT RAISE(ABORT, 'events only grow'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        """CREATE FUNCTION events_keep() RETURNS trigger LANGUAGE plpgsql
           AS $$ BEGIN RAISE EXCEPTION 'events only grow'; END $$""",
        """CREATE TRIGGER events_keep_rows BEFORE UPDATE OR DELETE ON events
           FOR EACH ROW EXECUTE FUNCTION events_keep()""",
        """CREATE TRIGGER events_keep_all BEFORE TRUNCATE ON events
           FOR EACH STATEMENT EXECUTE FUNCTION events_keep()""",
    ],
}
