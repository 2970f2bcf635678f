"""Network actions can be scheduled, held and halted: canaries, caps, overrides, the kill switch, counts of targets."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from api.migrations.triggers import forbid_changes

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("batches", "overrides", "kill_switch")


def upgrade() -> None:
    """Apply. Caps count what is applied from here on."""
    op.add_column("publications", sa.Column("active_accounts", sa.Integer(), nullable=True))
    for name, kind in (
        ("execute_at", sa.BigInteger()),
        ("started_at", sa.BigInteger()),
        ("held_for", sa.Text()),
        ("held_until", sa.BigInteger()),
        ("canary", sa.Integer()),
        ("forgiven", sa.Integer()),
        ("impact", sa.JSON(none_as_null=True)),
        ("tally", sa.JSON(none_as_null=True)),
    ):
        op.add_column("network_actions", sa.Column(name, kind, nullable=True))
    op.add_column("targets", sa.Column("turn", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.drop_index("ix_targets_action_id_state", table_name="targets")
    op.create_index("ix_targets_action_id_state", "targets", ["action_id", "state", "turn", "account_id"])
    op.create_index("ix_reviews_decision_at", "reviews", ["decision", "at"])
    op.create_table(
        "batches",
        sa.Column("batch_id", SERIAL, nullable=False),
        sa.Column("action_id", ID, nullable=False),
        sa.Column("policy_sha256", sa.Text(), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["action_id"], ["network_actions.action_id"], name=op.f("fk_batches_action_id")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batches")),
    )
    op.create_index("ix_batches_at", "batches", ["at"])
    op.create_index("ix_batches_policy_sha256", "batches", ["policy_sha256"])
    op.create_table(
        "overrides",
        sa.Column("override_id", ID, nullable=False),
        sa.Column("action_id", ID, nullable=False),
        sa.Column("cap", sa.Text(), nullable=False),
        sa.Column("targets", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["action_id"], ["network_actions.action_id"], name=op.f("fk_overrides_action_id")),
        sa.PrimaryKeyConstraint("override_id", name=op.f("pk_overrides")),
    )
    op.create_index("ix_overrides_action_id", "overrides", ["action_id"])
    op.create_table(
        "kill_switch",
        sa.Column("turn", SERIAL, autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("turn", name=op.f("pk_kill_switch")),
    )
    for table in APPEND_ONLY:
        forbid_changes(table)
    _count_targets()


def _count_targets() -> None:
    """The counts of what is there already."""
    here = op.get_bind()
    counted: dict[str, dict[str, int]] = {}
    for action_id, state, n in here.execute(
        sa.text("SELECT action_id, state, count(*) FROM targets GROUP BY action_id, state ORDER BY action_id, state")
    ):
        counted.setdefault(action_id, {})[state] = n
    for action_id, tally in counted.items():
        here.execute(
            sa.text("UPDATE network_actions SET tally = :tally WHERE action_id = :action_id"),
            {"tally": json.dumps(tally), "action_id": action_id},
        )


def downgrade() -> None:
    """Take back. What was begun and is held counts as partially executed (so it can be reversed), the rest as stale."""
    op.execute(
        "UPDATE network_actions SET state = CASE WHEN started_at IS NULL THEN 'stale' ELSE 'partially_executed' END "
        "WHERE state IN ('scheduled', 'paused', 'halted')"
    )
    for table in reversed(APPEND_ONLY):
        op.drop_table(table)
    op.drop_index("ix_reviews_decision_at", table_name="reviews")
    op.drop_index("ix_targets_action_id_state", table_name="targets")
    op.drop_column("targets", "turn")
    op.create_index("ix_targets_action_id_state", "targets", ["action_id", "state", "account_id"])
    for name in ("tally", "impact", "forgiven", "canary", "held_until", "held_for", "started_at", "execute_at"):
        op.drop_column("network_actions", name)
    op.drop_column("publications", "active_accounts")
