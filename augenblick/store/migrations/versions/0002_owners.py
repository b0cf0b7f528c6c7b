"""What owners do with conversations: find, pin, delete, choose pictures, stop, share.

What was written before is made searchable by `schema`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the tables."""
    op.add_column(
        "conversation",
        sa.Column("is_pinned", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("conversation", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    op.add_column("conversation", sa.Column("selection", sa.JSON(none_as_null=True)))
    op.add_column(
        "reply",
        sa.Column("is_stop_requested", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.drop_index("ix_conversation_owner_updated_at", "conversation")
    op.create_index(
        "ix_conversation_listed",
        "conversation",
        ["owner", "is_pinned", "updated_at", "id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(op.f("ix_node_parent_id"), "node", ["parent_id"], unique=False)
    op.create_index(op.f("ix_reply_conversation_id"), "reply", ["conversation_id"], unique=False)
    _make_shares()
    _make_search()


def _make_shares() -> None:
    op.create_table(
        "share",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("leaf_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_share_conversation_id")
        ),
        sa.ForeignKeyConstraint(["leaf_id"], ["node.id"], name=op.f("fk_share_leaf_id")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_share")),
    )
    op.create_index(op.f("ix_share_conversation_id"), "share", ["conversation_id"], unique=False)
    op.create_index(op.f("ix_share_leaf_id"), "share", ["leaf_id"], unique=False)


def _make_search() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "search_text",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=True),
        sa.Column("words", TSVECTOR() if is_postgres else sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_search_text_conversation_id")
        ),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], name=op.f("fk_search_text_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_text")),
        sa.UniqueConstraint("node_id", name=op.f("uq_search_text_node_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_search_text_conversation_id"), "search_text", ["conversation_id"], unique=False
    )
    if is_postgres:
        op.create_index(
            op.f("ix_search_text_words"), "search_text", ["words"], postgresql_using="gin"
        )
    else:
        _make_sqlite_index()


def _make_sqlite_index() -> None:
    """An index over the words of `search_text`, which come folded and parted by spaces."""
    op.execute(
        "CREATE VIRTUAL TABLE search_index USING fts5(words, content='search_text', "
        "content_rowid='id', columnsize=0, prefix='2 3', tokenize='ascii')"
    )
    op.execute(
        "CREATE TRIGGER search_text_added AFTER INSERT ON search_text BEGIN "
        "INSERT INTO search_index (rowid, words) VALUES (new.id, new.words); END"
    )
    op.execute(
        "CREATE TRIGGER search_text_removed AFTER DELETE ON search_text BEGIN "
        "INSERT INTO search_index (search_index, rowid, words) "
        "VALUES ('delete', old.id, old.words); END"
    )
