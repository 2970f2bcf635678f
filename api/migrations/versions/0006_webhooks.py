"""Webhooks: endpoints, what waits for them, and how far the feed was pruned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "webhook_endpoints",
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("secret_before", sa.Text(), nullable=True),
        sa.Column("secret_before_until", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cursor", SERIAL, nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("lease", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_table(
        "webhook_waiting",
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("seq", SERIAL, autoincrement=False, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("dead_at", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.endpoint_id"],
            name=op.f("fk_webhook_waiting_endpoint_id_webhook_endpoints"),
        ),
        sa.PrimaryKeyConstraint("endpoint_id", "seq", name=op.f("pk_webhook_waiting")),
    )
    op.create_index("ix_webhook_waiting_account_id", "webhook_waiting", ["endpoint_id", "account_id", "seq"])
    op.create_table(
        "feed_start",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", SERIAL, nullable=False),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_feed_start")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("feed_start")
    op.drop_index("ix_webhook_waiting_account_id", "webhook_waiting")
    op.drop_table("webhook_waiting")
    op.drop_table("webhook_endpoints")
