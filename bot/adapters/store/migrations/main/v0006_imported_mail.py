"""Mail that came in by import may bring a problem that its report has to tell."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; what is there already has none."""
    op.add_column("inbox", sa.Column("problem", sa.Text))
