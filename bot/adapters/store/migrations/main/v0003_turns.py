"""Turns in a backlog: the newest beside the oldest."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Index new mail by when it came in, and apart what was never tried to send."""
    op.drop_index("ix_inbox_new", "inbox")
    _partial("ix_inbox_new", "inbox", ["received_at", "number"], "state = 'new'")
    untried = "state = 'waiting' AND attempts = 0 AND message_id IS"
    _partial("ix_outbox_untried_mail", "outbox", ["due_at", "number"], f"{untried} NOT NULL")
    _partial("ix_outbox_untried_rest", "outbox", ["due_at", "number"], f"{untried} NULL")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
