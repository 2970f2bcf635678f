"""Audit rows get a random number each: without it nobody can test what a row said before it was forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("audit", sa.Column("nonce", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("audit", "nonce")
