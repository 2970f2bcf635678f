"""Keys expire, are rotated, belong to people, and say when they were used; stored answers are found by their time."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = (
    ("expires_at", sa.BigInteger()),
    ("replaces", sa.Text()),
    ("person", sa.Text()),
    ("allowed_from", sa.JSON(none_as_null=True)),
    ("last_used_at", sa.BigInteger()),
)


def upgrade() -> None:
    """Apply."""
    for name, kind in COLUMNS:
        op.add_column("api_keys", sa.Column(name, kind, nullable=True))
    op.create_index("ix_api_keys_name", "api_keys", ["name"])
    op.create_index("ix_idempotency_at", "idempotency", ["at"])


def downgrade() -> None:
    """Take back. Keys with limits that the older version does not know of are revoked: they would lose them."""
    now = time.time_ns() // 1_000
    op.get_bind().execute(
        sa.text(
            "UPDATE api_keys SET revoked_at = :now WHERE revoked_at IS NULL "
            "AND (expires_at IS NOT NULL OR allowed_from IS NOT NULL OR person IS NOT NULL)"
        ),
        {"now": now},
    )
    op.drop_index("ix_idempotency_at", table_name="idempotency")
    op.drop_index("ix_api_keys_name", table_name="api_keys")
    for name, _ in reversed(COLUMNS):
        op.drop_column("api_keys", name)
