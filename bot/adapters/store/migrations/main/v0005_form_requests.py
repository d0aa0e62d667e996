"""Requests that were accepted at the form's door, so that a repeat gets its answer, and the signatures they bore."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "form_requests",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("body", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False, unique=True),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("due_on", sa.Date, nullable=False),
    )
    op.create_table(
        "form_signatures",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("signed_at", _TIME, nullable=False, index=True),
    )
