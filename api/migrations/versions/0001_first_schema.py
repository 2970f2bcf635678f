"""First schema: published material, verdicts, network actions, penalties, delivery and audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.migrations.triggers import forbid_changes

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("audit", "verdicts", "penalties", "reversals", "reviews", "approvals", "policies", "publications")


def _append_only_function() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION shoal_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "accounts",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("network_id", ID, nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("verdict_id", SERIAL, nullable=True),
        sa.Column("judged_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
    )
    op.create_index("ix_accounts_verdict_id", "accounts", ["verdict_id"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "audit",
        sa.Column("seq", SERIAL, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "audit_head",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_kind_seq", "outbox", ["kind", "seq"], unique=False)
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["kind", "seq"],
        unique=False,
        sqlite_where=sa.text("delivered_at IS NULL"),
        postgresql_where=sa.text("delivered_at IS NULL"),
    )
    op.create_table(
        "policies",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_policies")),
    )
    op.create_table(
        "reviews",
        sa.Column("review_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("action_id", ID, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_reviews")),
    )
    op.create_index("ix_reviews_account_id", "reviews", ["account_id"], unique=False)
    op.create_index("ix_reviews_action_id", "reviews", ["action_id"], unique=False)
    op.create_table(
        "verdicts",
        sa.Column("verdict_id", SERIAL, autoincrement=False, nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("families", sa.JSON(), nullable=False),
        sa.Column("protections", sa.JSON(), nullable=False),
        sa.Column("network_id", ID, nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("score_target", sa.Text(), nullable=True),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("policy_sha256", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("verdict_id", name=op.f("pk_verdicts")),
        sa.UniqueConstraint(
            "subject_kind", "subject_id", "version", name=op.f("uq_verdicts_subject_kind_subject_id_version")
        ),
    )
    op.create_table(
        "publications",
        sa.Column("publication_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("manifest_sha256", sa.Text(), nullable=False),
        sa.Column("run_created_at", sa.BigInteger(), nullable=False),
        sa.Column("window_since", sa.BigInteger(), nullable=True),
        sa.Column("window_until", sa.BigInteger(), nullable=False),
        sa.Column("policy_sha256", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["policy_sha256"], ["policies.sha256"], name=op.f("fk_publications_policy_sha256")),
        sa.PrimaryKeyConstraint("publication_id", name=op.f("pk_publications")),
    )
    op.create_table(
        "evidence",
        sa.Column("publication_id", SERIAL, nullable=False),
        sa.Column("network_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("account_a", ID, nullable=False),
        sa.Column("account_b", ID, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("a_at", sa.BigInteger(), nullable=False),
        sa.Column("b_at", sa.BigInteger(), nullable=False),
        sa.Column("object_accounts", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publications.publication_id"], name=op.f("fk_evidence_publication_id")
        ),
        sa.PrimaryKeyConstraint("publication_id", "network_id", "position", name=op.f("pk_evidence")),
    )
    op.create_table(
        "members",
        sa.Column("publication_id", SERIAL, nullable=False),
        sa.Column("network_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("stability", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publications.publication_id"], name=op.f("fk_members_publication_id")
        ),
        sa.PrimaryKeyConstraint("publication_id", "network_id", "account_id", name=op.f("pk_members")),
    )
    op.create_index("ix_members_account_id", "members", ["account_id"], unique=False)
    op.create_table(
        "network_actions",
        sa.Column("action_id", ID, nullable=False),
        sa.Column("network_id", ID, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposer", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("publication_id", SERIAL, nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("previewed_at", sa.BigInteger(), nullable=True),
        sa.Column("counts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("sample", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("executor", sa.Text(), nullable=True),
        sa.Column("reverser", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publications.publication_id"], name=op.f("fk_network_actions_publication_id")
        ),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_network_actions")),
    )
    op.create_index("ix_network_actions_network_id", "network_actions", ["network_id"], unique=False)
    op.create_index("ix_network_actions_state", "network_actions", ["state"], unique=False)
    op.create_table(
        "networks",
        sa.Column("publication_id", SERIAL, nullable=False),
        sa.Column("network_id", ID, nullable=False),
        sa.Column("cluster_id", ID, nullable=False),
        sa.Column("change", sa.Text(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("density", sa.Float(), nullable=True),
        sa.Column("stability", sa.Float(), nullable=True),
        sa.Column("objects", sa.Integer(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=True),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("verdict_id", SERIAL, nullable=True),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publications.publication_id"], name=op.f("fk_networks_publication_id")
        ),
        sa.PrimaryKeyConstraint("publication_id", "network_id", name=op.f("pk_networks")),
    )
    op.create_table(
        "review_queue",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("priority", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("publication_id", SERIAL, nullable=False),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publications.publication_id"], name=op.f("fk_review_queue_publication_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_review_queue")),
    )
    op.create_index("ix_review_queue_priority", "review_queue", ["priority", "account_id"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("action_id", ID, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["action_id"], ["network_actions.action_id"], name=op.f("fk_approvals_action_id")),
        sa.PrimaryKeyConstraint("action_id", "digest", "approver", name=op.f("pk_approvals")),
    )
    op.create_table(
        "penalties",
        sa.Column("penalty_id", sa.Text(), nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("action_id", ID, nullable=False),
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["action_id"], ["network_actions.action_id"], name=op.f("fk_penalties_action_id")),
        sa.PrimaryKeyConstraint("penalty_id", name=op.f("pk_penalties")),
        sa.UniqueConstraint("action_id", "account_id", name=op.f("uq_penalties_action_id_account_id")),
        sa.UniqueConstraint("notice_id", name=op.f("uq_penalties_notice_id")),
    )
    op.create_index("ix_penalties_account_id", "penalties", ["account_id"], unique=False)
    op.create_table(
        "targets",
        sa.Column("action_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("prior", sa.Text(), nullable=False),
        sa.Column("guard", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("penalty_id", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["action_id"], ["network_actions.action_id"], name=op.f("fk_targets_action_id")),
        sa.PrimaryKeyConstraint("action_id", "account_id", name=op.f("pk_targets")),
    )
    op.create_index("ix_targets_action_id_state", "targets", ["action_id", "state", "account_id"], unique=False)
    op.create_table(
        "reversals",
        sa.Column("penalty_id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["penalty_id"], ["penalties.penalty_id"], name=op.f("fk_reversals_penalty_id")),
        sa.PrimaryKeyConstraint("penalty_id", name=op.f("pk_reversals")),
    )
    _append_only_function()
    for table in APPEND_ONLY:
        forbid_changes(table)


def downgrade() -> None:
    """Take back."""
    op.drop_table("reversals")
    op.drop_index("ix_targets_action_id_state", table_name="targets")
    op.drop_table("targets")
    op.drop_index("ix_penalties_account_id", table_name="penalties")
    op.drop_table("penalties")
    op.drop_table("approvals")
    op.drop_index("ix_review_queue_priority", table_name="review_queue")
    op.drop_table("review_queue")
    op.drop_table("networks")
    op.drop_index("ix_network_actions_state", table_name="network_actions")
    op.drop_index("ix_network_actions_network_id", table_name="network_actions")
    op.drop_table("network_actions")
    op.drop_index("ix_members_account_id", table_name="members")
    op.drop_table("members")
    op.drop_table("evidence")
    op.drop_table("publications")
    op.drop_table("verdicts")
    op.drop_index("ix_reviews_action_id", table_name="reviews")
    op.drop_index("ix_reviews_account_id", table_name="reviews")
    op.drop_table("reviews")
    op.drop_table("policies")
    op.drop_index(
        "ix_outbox_pending",
        table_name="outbox",
        sqlite_where=sa.text("delivered_at IS NULL"),
        postgresql_where=sa.text("delivered_at IS NULL"),
    )
    op.drop_index("ix_outbox_kind_seq", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("idempotency")
    op.drop_table("audit_head")
    op.drop_table("audit")
    op.drop_table("api_keys")
    op.drop_index("ix_accounts_verdict_id", table_name="accounts")
    op.drop_table("accounts")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION shoal_append_only()")
