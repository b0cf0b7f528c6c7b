"""What people think of answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and an index by which ratings are counted."""
    op.add_column("reply", sa.Column("rating", sa.Text()))
    op.create_index(
        "ix_reply_rated",
        "reply",
        ["provider", "model", "rating"],
        sqlite_where=sa.text("rating IS NOT NULL"),
        postgresql_where=sa.text("rating IS NOT NULL"),
    )
