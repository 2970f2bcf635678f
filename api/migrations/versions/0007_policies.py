"""Policies are submitted and activated by people, candidates stand beside the one in use; verdicts say more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.migrations.triggers import forbid_changes

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COLUMNS = (
    ("publications", "model_sha256", sa.Text()),
    ("verdicts", "model_sha256", sa.Text()),
    ("verdicts", "strengths", sa.JSON(none_as_null=True)),
)


def upgrade() -> None:
    """Apply."""
    for table, name, kind in COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    policy = ["sha256"], ["policies.sha256"]
    op.create_table(
        "policy_events",
        sa.Column("seq", SERIAL, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(*policy, name=op.f("fk_policy_events_sha256_policies")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_policy_events")),
    )
    op.create_index("ix_policy_events_sha256", "policy_events", ["sha256", "seq"])
    forbid_changes("policy_events")
    op.create_table(
        "shadows",
        sa.Column("publication_id", SERIAL, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("active_sha256", sa.Text(), nullable=False),
        sa.Column("moves", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publications.publication_id"], name=op.f("fk_shadows_publication_id_publications")
        ),
        sa.ForeignKeyConstraint(*policy, name=op.f("fk_shadows_sha256_policies")),
        sa.PrimaryKeyConstraint("publication_id", "sha256", name=op.f("pk_shadows")),
    )
    op.create_table(
        "shadow_changes",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(*policy, name=op.f("fk_shadow_changes_sha256_policies")),
        sa.PrimaryKeyConstraint("sha256", "account_id", name=op.f("pk_shadow_changes")),
    )


def downgrade() -> None:
    """Take back. Who activated which policy is in the audit log as well."""
    for table in ("shadow_changes", "shadows", "policy_events"):
        op.drop_table(table)
    for table, name, _ in reversed(COLUMNS):
        op.drop_column(table, name)
