"""What is known of models: what a check found, and whether they see, which was a lesson before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and move what is known there."""
    op.create_table(
        "model_card",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("sees", sa.Boolean(), nullable=True),
        sa.Column("sees_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("findings", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("provider", "model", name=op.f("pk_model_card")),
    )
    op.execute(
        "INSERT INTO model_card (provider, model, sees) "
        "SELECT provider, model, value = 'sees' FROM lesson WHERE name = 'sees_test_picture'"
    )
    op.execute("DELETE FROM lesson WHERE name = 'sees_test_picture'")
