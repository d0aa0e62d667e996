"""References that are allotted on arrival, mail that gets no receipt, and the route of a report."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; what is there already has none of these."""
    op.add_column("inbox", sa.Column("reference", sa.String(64)))
    op.add_column("inbox", sa.Column("no_receipt", sa.Text))
    op.add_column("reports", sa.Column("route", sa.Text))
    allotted = sa.text("reference IS NOT NULL")
    op.create_index(
        "ux_inbox_reference",
        "inbox",
        ["reference"],
        unique=True,
        sqlite_where=allotted,
        postgresql_where=allotted,
    )
