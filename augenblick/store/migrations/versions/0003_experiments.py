"""What people who prototype need: settings, calls and traces of answers, presets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the tables."""
    op.add_column("reply", sa.Column("settings", sa.JSON(none_as_null=True)))
    op.add_column("reply", sa.Column("rounds", sa.JSON(none_as_null=True)))
    op.create_index(
        op.f("ix_reply_provider_model_ended_at"), "reply", ["provider", "model", "ended_at"]
    )
    op.create_table(
        "trace",
        sa.Column("reply_id", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["reply_id"], ["reply.node_id"], name=op.f("fk_trace_reply_id")),
        sa.PrimaryKeyConstraint("reply_id", name=op.f("pk_trace")),
    )
    op.create_table(
        "preset",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", "name", name=op.f("pk_preset")),
    )
