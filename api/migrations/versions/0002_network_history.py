"""Networks say which earlier ones they continue, and which banned one they may be again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for name in ("parents", "reborn"):
        op.add_column("networks", sa.Column(name, sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Take back."""
    for name in ("parents", "reborn"):
        op.drop_column("networks", name)
