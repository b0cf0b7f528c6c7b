"""The tables of 0.1.0: conversations, pictures, replies and lessons.

New databases are made from `tables`, so nothing is done here; the step is what the others follow.
"""

from __future__ import annotations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """There is no older database."""
