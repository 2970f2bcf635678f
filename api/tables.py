"""The decision store's tables: what was published, judged and done. Schema changes need a migration.

Times are int64 microseconds UTC. Ids sort by code point on every engine (PostgreSQL: collation C), so
keyset cursors mean the same everywhere. Tables of APPEND_ONLY refuse update and delete by trigger.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
ID = Text().with_variant(Text(collation="C"), "postgresql")
SERIAL = BigInteger().with_variant(Integer(), "sqlite")
AT = BigInteger()

policies = Table(
    "policies",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("added_at", AT, nullable=False),
)
policy_events = Table(
    "policy_events",  # who submitted, withdrew or activated which policy; the newest activation says which is in use
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=False),
    Column("sha256", Text, ForeignKey("policies.sha256"), nullable=False),
    Column("event", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", AT, nullable=False),
    Index("ix_policy_events_sha256", "sha256", "seq"),
)
publications = Table(
    "publications",
    metadata,
    Column("publication_id", SERIAL, primary_key=True, autoincrement=True),
    Column("run_id", ID, nullable=False),
    Column("manifest_sha256", Text, nullable=False),
    Column("run_created_at", AT, nullable=False),
    Column("window_since", AT),
    Column("window_until", AT, nullable=False),
    Column("policy_sha256", Text, ForeignKey("policies.sha256"), nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("published_at", AT, nullable=False),
    Column("actor", Text, nullable=False),
    Column("active_accounts", Integer),
    Column("model_sha256", Text),
)
accounts = Table(
    "accounts",
    metadata,
    Column("account_id", ID, primary_key=True),
    Column("facts", JSON(none_as_null=True)),
    Column("network_id", ID),
    Column("role", Text),
    Column("verdict_id", SERIAL),
    Column("judged_at", AT),
    Column("expires_at", AT),
    Index("ix_accounts_verdict_id", "verdict_id"),
)
verdicts = Table(
    "verdicts",
    metadata,
    Column("verdict_id", SERIAL, primary_key=True, autoincrement=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", ID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("tier", Text, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("families", JSON, nullable=False),
    Column("strengths", JSON(none_as_null=True)),  # null: from before there was such a column
    Column("protections", JSON, nullable=False),
    Column("network_id", ID),
    Column("score", Float),
    Column("score_target", Text),
    Column("run_id", ID, nullable=False),
    Column("model_sha256", Text),
    Column("policy_version", Text, nullable=False),
    Column("policy_sha256", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("content_sha256", Text, nullable=False),
    Column("created_at", AT, nullable=False),
    UniqueConstraint("subject_kind", "subject_id", "version"),
)
networks = Table(
    "networks",
    metadata,
    Column("publication_id", SERIAL, ForeignKey("publications.publication_id"), primary_key=True),
    Column("network_id", ID, primary_key=True),
    Column("cluster_id", ID, nullable=False),
    Column("change", Text),
    Column("parents", JSON(none_as_null=True)),
    Column("reborn", JSON(none_as_null=True)),
    Column("size", Integer, nullable=False),
    Column("density", Float),
    Column("stability", Float),
    Column("objects", Integer),
    Column("days", Integer),
    Column("channels", JSON, nullable=False),
    Column("first_at", AT),
    Column("last_at", AT),
    Column("title", Text),
    Column("tier", Text, nullable=False),
    Column("verdict_id", SERIAL),
)
members = Table(
    "members",
    metadata,
    Column("publication_id", SERIAL, ForeignKey("publications.publication_id"), primary_key=True),
    Column("network_id", ID, primary_key=True),
    Column("account_id", ID, primary_key=True),
    Column("role", Text, nullable=False),
    Column("stability", Float),
    Index("ix_members_account_id", "account_id"),
)
evidence = Table(
    "evidence",
    metadata,
    Column("publication_id", SERIAL, ForeignKey("publications.publication_id"), primary_key=True),
    Column("network_id", ID, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("account_a", ID, nullable=False),
    Column("account_b", ID, nullable=False),
    Column("channel", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("a_at", AT, nullable=False),
    Column("b_at", AT, nullable=False),
    Column("object_accounts", Integer),
)
shadows = Table(
    "shadows",  # a candidate policy beside the one in use, at one publication
    metadata,
    Column("publication_id", SERIAL, ForeignKey("publications.publication_id"), primary_key=True),
    Column("sha256", Text, ForeignKey("policies.sha256"), primary_key=True),
    Column("active_sha256", Text, nullable=False),
    Column("moves", JSON, nullable=False),
    Column("at", AT, nullable=False),
)
shadow_changes = Table(
    "shadow_changes",  # whom a candidate would judge otherwise; of the newest shadow only
    metadata,
    Column("sha256", Text, ForeignKey("policies.sha256"), primary_key=True),
    Column("account_id", ID, primary_key=True),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reasons", JSON, nullable=False),
)
review_queue = Table(
    "review_queue",
    metadata,
    Column("account_id", ID, primary_key=True),
    Column("priority", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("publication_id", SERIAL, ForeignKey("publications.publication_id"), nullable=False),
    Index("ix_review_queue_priority", "priority", "account_id"),
)
reviews = Table(
    "reviews",
    metadata,
    Column("review_id", ID, primary_key=True),
    Column("account_id", ID, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("action_id", ID),
    Column("at", AT, nullable=False),
    Index("ix_reviews_account_id", "account_id"),
    Index("ix_reviews_action_id", "action_id"),
    Index("ix_reviews_decision_at", "decision", "at"),
)
network_actions = Table(
    "network_actions",
    metadata,
    Column("action_id", ID, primary_key=True),
    Column("network_id", ID, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("proposer", Text, nullable=False),
    Column("proposed_at", AT, nullable=False),
    Column("publication_id", SERIAL, ForeignKey("publications.publication_id")),
    Column("digest", Text),
    Column("previewed_at", AT),
    Column("counts", JSON(none_as_null=True)),
    Column("sample", JSON(none_as_null=True)),
    Column("executor", Text),
    Column("reverser", Text),
    Column("note", Text),
    Column("execute_at", AT),
    Column("started_at", AT),
    Column("held_for", Text),
    Column("held_until", AT),
    Column("canary", Integer),
    Column("forgiven", Integer),
    Column("impact", JSON(none_as_null=True)),
    Column("tally", JSON(none_as_null=True)),
    Column("updated_at", AT, nullable=False),
    Index("ix_network_actions_state", "state"),
    Index("ix_network_actions_network_id", "network_id"),
)
targets = Table(
    "targets",
    metadata,
    Column("action_id", ID, ForeignKey("network_actions.action_id"), primary_key=True),
    Column("account_id", ID, primary_key=True),
    Column("tier", Text, nullable=False),
    Column("prior", Text, nullable=False),
    Column("guard", Text),
    Column("state", Text, nullable=False),
    Column("penalty_id", Text),
    Column("turn", Integer, nullable=False, server_default=sql("1")),  # 0: the canary's, 1: the others
    Column("updated_at", AT, nullable=False),
    Index("ix_targets_action_id_state", "action_id", "state", "turn", "account_id"),
)
approvals = Table(
    "approvals",
    metadata,
    Column("action_id", ID, ForeignKey("network_actions.action_id"), primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("approver", Text, primary_key=True),
    Column("at", AT, nullable=False),
)
penalties = Table(
    "penalties",
    metadata,
    Column("penalty_id", Text, primary_key=True),
    Column("account_id", ID, nullable=False),
    Column("action_id", ID, ForeignKey("network_actions.action_id"), nullable=False),
    Column("notice_id", Text, nullable=False, unique=True),
    Column("tier", Text, nullable=False),
    Column("applied_at", AT, nullable=False),
    Column("expires_at", AT),
    UniqueConstraint("action_id", "account_id"),
    Index("ix_penalties_account_id", "account_id"),
)
reversals = Table(
    "reversals",
    metadata,
    Column("penalty_id", Text, ForeignKey("penalties.penalty_id"), primary_key=True),
    Column("actor", Text, nullable=False),
    Column("at", AT, nullable=False),
)
batches = Table(
    "batches",  # each transaction that applied penalties: what caps are counted on
    metadata,
    Column("batch_id", SERIAL, primary_key=True, autoincrement=True),
    Column("action_id", ID, ForeignKey("network_actions.action_id"), nullable=False),
    Column("policy_sha256", Text, nullable=False),
    Column("applied", Integer, nullable=False),
    Column("at", AT, nullable=False),
    Index("ix_batches_at", "at"),
    Index("ix_batches_policy_sha256", "policy_sha256"),
)
overrides = Table(
    "overrides",
    metadata,
    Column("override_id", ID, primary_key=True),
    Column("action_id", ID, ForeignKey("network_actions.action_id"), nullable=False),
    Column("cap", Text, nullable=False),
    Column("targets", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", AT, nullable=False),
    Column("expires_at", AT, nullable=False),
    Index("ix_overrides_action_id", "action_id"),
)
kill_switch = Table(
    "kill_switch",  # the newest row is how it stands
    metadata,
    Column("turn", SERIAL, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", AT, nullable=False),
)
outbox = Table(
    "outbox",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("delivered_at", AT),
    Index(
        "ix_outbox_pending",
        "kind",
        "seq",
        sqlite_where=sql("delivered_at IS NULL"),
        postgresql_where=sql("delivered_at IS NULL"),
    ),
    Index("ix_outbox_kind_seq", "kind", "seq"),
    sqlite_autoincrement=True,
)
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("endpoint_id", ID, primary_key=True),
    Column("url", Text, nullable=False),
    Column("types", JSON(none_as_null=True)),
    Column("secret", Text, nullable=False),
    Column("secret_before", Text),
    Column("secret_before_until", AT),
    Column("state", Text, nullable=False),
    Column("cursor", SERIAL, nullable=False),
    Column("failing_since", AT),
    Column("lease", Text),
    Column("leased_until", AT),
    Column("created_at", AT, nullable=False),
    Column("created_by", Text, nullable=False),
)
webhook_waiting = Table(
    "webhook_waiting",  # events up to the cursor that were not received; dead: given up
    metadata,
    Column("endpoint_id", ID, ForeignKey("webhook_endpoints.endpoint_id"), primary_key=True),
    Column("seq", SERIAL, primary_key=True, autoincrement=False),
    Column("account_id", ID, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", AT, nullable=False),
    Column("dead_at", AT),
    Column("why", Text),
    Index("ix_webhook_waiting_account_id", "endpoint_id", "account_id", "seq"),
)
feed_start = Table(
    "feed_start",  # up to which serial number the feed was pruned
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("seq", SERIAL, nullable=False),
)
audit = Table(
    "audit",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=False),
    Column("at", AT, nullable=False),
    Column("actor", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("nonce", Text),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
audit_head = Table(
    "audit_head",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("seq", SERIAL, nullable=False),
    Column("hash", Text, nullable=False),
)
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret_sha256", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("revoked_at", AT),
    Column("expires_at", AT),
    Column("replaces", Text),
    Column("person", Text),  # ISSUER#SUBJECT at the identity provider
    Column("allowed_from", JSON(none_as_null=True)),
    Column("last_used_at", AT),  # to the hour, some time later, and no record: it may be lost
    Index("ix_api_keys_name", "name"),
)
idempotency = Table(
    "idempotency",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("location", Text),
    Column("body", JSON, nullable=False),
    Column("at", AT, nullable=False),
    Index("ix_idempotency_at", "at"),
)

APPEND_ONLY = (
    "audit",
    "verdicts",
    "penalties",
    "reversals",
    "reviews",
    "approvals",
    "policies",
    "policy_events",
    "publications",
    "batches",
    "overrides",
    "kill_switch",
)
