"""Keys end: a time from which on a key is not valid, and which key it replaces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("api_keys", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column("api_keys", sa.Column("replaces", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take back: what would have ended, later or already, is revoked, because the older schema knows no end."""
    op.execute("UPDATE api_keys SET revoked_at = expires_at WHERE revoked_at IS NULL AND expires_at IS NOT NULL")
    op.drop_column("api_keys", "replaces")
    op.drop_column("api_keys", "expires_at")
