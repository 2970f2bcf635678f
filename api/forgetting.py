"""Forgetting an account in the decision store: what was decided stays, and says no longer about whom.

A pseudonym (graph.forgotten) takes the account's place in verdicts, reviews, targets, penalties, outbox, stored
answers, the feed file and the audit log; ids and digests that were computed from its name are replaced as well. What
was taken over from runs (facts, membership, evidence) goes. All in one transaction: the triggers that refuse changes
are off within it alone, and the audit log says which rows say something else now (api.audit).

An account stays named while a decision about it is still being carried out: a penalty in force, an action under way, an
order that the platform has not been given. `held` says why; when that has ended, forget it again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, Connection, Engine, Table, Text, cast, delete, insert, or_, select, text, update

from api import audit as log
from api import candidates, states, webhooks
from api import penalties as in_force_now
from api.clock import iso
from api.clock import now as clock
from api.store import writing
from api.tables import (
    APPEND_ONLY,
    accounts,
    approvals,
    audit,
    evidence,
    idempotency,
    kill_switch,
    members,
    network_actions,
    networks,
    outbox,
    overrides,
    penalties,
    policies,
    policy_events,
    reversals,
    review_queue,
    reviews,
    shadow_changes,
    targets,
    verdicts,
    webhook_waiting,
)
from graph.files import write_bytes
from graph.forgotten import PREFIX, keyed

NAMING = frozenset({"account_id", "account_a", "account_b", "accounts", "sample", "subject"})  # keys of JSON that name
WORDS = frozenset({"reason", "reasons", "why", "note", "text", "guard"})  # keys of JSON that hold sentences


@dataclass(frozen=True)
class Names:
    """An account, what stands for it, and what was computed from its name: tokens too long to be met by chance."""

    account_id: str
    stand_in: str
    tokens: Mapping[str, str]

    def in_sentence(self, said: str) -> str:
        """A sentence without the name."""
        return re.sub(rf"(?<![\w-]){re.escape(self.account_id)}(?![\w-])", self.stand_in, self.in_token(said))

    def in_token(self, said: str) -> str:
        """An id or digest, or a text that holds one."""
        for old, new in self.tokens.items():
            said = said.replace(old, new)
        return said

    def in_json(self, value: Any, key: str = "") -> Any:
        """A JSON value without the name; `key` is the one it was found under."""
        if isinstance(value, dict):
            return {k: self.in_json(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.in_json(v, key) for v in value]
        if not isinstance(value, str):
            return value
        if key in NAMING and value == self.account_id:
            return self.stand_in
        if key == "object_id" and value == PREFIX + self.account_id:
            return PREFIX + self.stand_in
        return self.in_sentence(value) if key in WORDS else self.in_token(value)


def held(tx: Connection, account_id: str, at: int) -> list[str]:
    """Why the decision store must go on naming an account; empty: it need not."""
    found = []
    mine = penalties.c.account_id == account_id
    for effective in in_force_now.in_force(tx, mine, at).values():
        ends = "until it is reversed" if effective.expires_at is None else f"until {iso(effective.expires_at)}"
        found.append(f"a {effective.tier} is in force against it {ends}")
    going = (
        select(network_actions.c.action_id, network_actions.c.state)
        .join(targets, targets.c.action_id == network_actions.c.action_id)
        .where(targets.c.account_id == account_id, network_actions.c.state.in_(states.UNDER_WAY))
    )
    found += [f"network action {row.action_id} is {row.state}" for row in tx.execute(going)]
    waiting = select(outbox.c.payload).where(outbox.c.delivered_at.is_(None), _names(outbox.c.payload, account_id))
    orders = [p for p in tx.execute(waiting).scalars() if p.get("account_id") == account_id]
    if orders:
        found.append(f"{len(orders)} messages about it wait for delivery (`shoal worker --once`)")
    found += candidates.naming(tx, account_id)
    if webhooks.unsent(tx, account_id):
        found.append("a webhook was not sent everything about it yet (`shoal webhook list`)")
    return found


def forget_decisions(
    engine: Engine,
    names: Mapping[str, str],
    key: str,
    *,
    feed: Path,
    actor: str,
    models: Sequence[str],
    now: int | None = None,
) -> dict[str, list[str]]:
    """Put pseudonyms in place of accounts; returns those that stay named, each with the reasons.

    Args:
        engine: the decision store.
        names: account -> pseudonym.
        key: hex; what replaces ids and digests is keyed with it.
        feed: the file that the worker writes enforcement events to.
        actor: for the audit log.
        models: runs whose model saw one of the accounts, for the audit log.
        now: the time, microseconds UTC (default: the clock).

    Killed in between, nothing has changed, or the feed file alone; the same call finishes.
    """
    at = clock() if now is None else now
    staying: dict[str, list[str]] = {}
    with writing(engine) as tx, _unlocked(tx):
        if engine.dialect.name == "sqlite":
            tx.execute(text("PRAGMA secure_delete = ON"))
        for account_id, stand_in in sorted(names.items()):
            reasons = held(tx, account_id, at)
            if reasons:
                staying[account_id] = reasons
                continue
            one = _of(tx, account_id, stand_in, bytes.fromhex(key), feed)
            _forget_feed(feed, one)
            _forget_rows(tx, one)
            rows = _forget_audit(tx, one)
            log.append(tx, [log.Entry(actor, log.FORGOTTEN, stand_in, {"rows": rows, "models": list(models)})], at)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:  # what was overwritten is not kept in the write-ahead log either
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return staying


def record_retention(engine: Engine, before: int, actor: str) -> None:
    """Say in the audit log that events from before a time are gone from log, runs and Neo4j."""
    with writing(engine) as tx:
        log.append(tx, [log.Entry(actor, "events.forgotten", f"before {iso(before)}")], clock())


@contextmanager
def _unlocked(tx: Connection) -> Iterator[None]:
    """Let append-only tables be changed, in this transaction; an error undoes all of it."""
    if tx.dialect.name == "sqlite":
        found = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table")
        triggers = [row for table in APPEND_ONLY for row in tx.execute(found, {"table": table})]
        for row in triggers:
            tx.exec_driver_sql(f'DROP TRIGGER "{row.name}"')
        yield
        for row in triggers:
            tx.exec_driver_sql(row.sql)
        return
    for table in APPEND_ONLY:
        tx.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
    yield
    for table in APPEND_ONLY:
        tx.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")


def _of(tx: Connection, account_id: str, stand_in: str, key: bytes, feed: Path) -> Names:
    """What names the account: ids of its penalties and notices, also in the feed, and digests of lists it is on."""
    mine = penalties.c.account_id == account_id
    old = {i for row in tx.execute(select(penalties.c.penalty_id, penalties.c.notice_id).where(mine)) for i in row}
    for line in _lines(feed, account_id):
        old |= {line["penalty_id"], line["notice_id"]} if line.get("account_id") == account_id else set()
    on = select(targets.c.action_id).where(targets.c.account_id == account_id)
    for table in (network_actions, approvals):
        old |= {d for d in tx.execute(select(table.c.digest).where(table.c.action_id.in_(on))).scalars() if d}
    entries = select(audit.c.detail).where(audit.c.subject.in_(on), audit.c.event.like("action.%"))
    old |= {detail["digest"] for detail in tx.execute(entries).scalars() if detail.get("digest")}
    return Names(account_id, stand_in, {o: _alike(o, keyed(key, o)) for o in sorted(old)})


def _alike(old: str, made: str) -> str:
    """A replacement of the same form: pn-<32 hex>, nt-<32 hex> or a digest of 64."""
    return old[:3] + made[:32] if old.startswith(("pn-", "nt-")) else made


def _forget_rows(tx: Connection, one: Names) -> None:
    me, other = one.account_id, one.stand_in
    either = or_(evidence.c.account_a == me, evidence.c.account_b == me)
    for gone in (
        delete(accounts).where(accounts.c.account_id == me),
        delete(members).where(members.c.account_id == me),
        delete(evidence).where(either),
        delete(review_queue).where(review_queue.c.account_id == me),
        delete(shadow_changes).where(shadow_changes.c.account_id == me),
        update(webhook_waiting).where(webhook_waiting.c.account_id == me).values(account_id=other),
    ):
        tx.execute(gone)
    tx.execute(update(evidence).where(evidence.c.object_id == PREFIX + me).values(object_id=PREFIX + other))
    named = networks.c.cluster_id == f"cluster-{me}"
    tx.execute(update(networks).where(named).values(cluster_id=f"cluster-{other}"))
    mine = (verdicts.c.subject_kind == "account") & (verdicts.c.subject_id == me)
    tx.execute(update(verdicts).where(mine).values(subject_id=other))
    tx.execute(update(targets).where(targets.c.account_id == me).values(account_id=other))
    tx.execute(update(reviews).where(reviews.c.account_id == me).values(account_id=other))
    _forget_penalties(tx, one)
    for old, new in one.tokens.items():
        tx.execute(update(approvals).where(approvals.c.digest == old).values(digest=new))
    for table, columns in (
        (network_actions, ("digest", "sample", "reason", "note")),
        (reviews, ("reason",)),
        (overrides, ("reason",)),
        (kill_switch, ("reason",)),
        (policies, ("text",)),  # retired ones: its SHA-256 is that of the text as it was
        (policy_events, ("reason",)),
        (outbox, ("event_id", "payload")),
        (idempotency, ("body", "request_sha256")),
    ):
        _rewrite(tx, table, columns, one)


def _forget_penalties(tx: Connection, one: Names) -> None:
    """Penalties whose ids follow from the name get others; reversals point to the new ones before the old ones go."""
    rows = list(tx.execute(select(penalties).where(penalties.c.account_id == one.account_id)).mappings())
    for row in rows:
        ids = {name: one.in_token(row[name]) for name in ("penalty_id", "notice_id")}
        tx.execute(insert(penalties).values({**row, **ids, "account_id": one.stand_in}))
        mine = reversals.c.penalty_id == row["penalty_id"]
        tx.execute(update(reversals).where(mine).values(penalty_id=ids["penalty_id"]))
        tx.execute(delete(penalties).where(penalties.c.penalty_id == row["penalty_id"]))


def _rewrite(tx: Connection, table: Table, columns: Sequence[str], one: Names) -> None:
    """Replace the name in texts and JSON of a table, row by row where a text search finds it."""
    chosen = [table.c[name] for name in columns]
    places = or_(*(_names(column, name) for column in chosen for name in (one.account_id, *one.tokens)))
    for row in list(tx.execute(select(table).where(places)).mappings()):
        values = {column.name: _without(column, row[column.name], one) for column in chosen}
        if table is idempotency and values["body"] != row["body"]:
            values["request_sha256"] = ""  # of a request that named it: the same request is not answered again
        keys = [column == row[column.name] for column in table.primary_key.columns]
        if any(values[name] != row[name] for name in values):
            tx.execute(update(table).where(*keys).values(values))


def _without(column: Column[Any], value: Any, one: Names) -> Any:
    return one.in_json({column.name: value})[column.name]


def _names(column: Column[Any], name: str) -> Any:
    """SQL: whether a text, or the text of a JSON value, holds a name (as JSON writes it)."""
    wanted = json.dumps(name)[1:-1] if isinstance(column.type, JSON) else name
    return cast(column, Text).contains(wanted, autoescape=True)


def _forget_audit(tx: Connection, one: Names) -> dict[str, str]:
    """Replace the name in audit rows and take their nonces away; returns the new hashes of their content, by number."""
    places = [audit.c.subject == one.account_id]
    places += [_names(audit.c.detail, name) for name in (one.account_id, *one.tokens)]
    rows = {}
    for row in list(tx.execute(select(audit).where(or_(*places)).order_by(audit.c.seq)).mappings()):
        subject = one.stand_in if row["subject"] == one.account_id else row["subject"]
        changed = {**row, "subject": subject, "detail": one.in_json(row["detail"])}
        if (changed["subject"], changed["detail"]) == (row["subject"], row["detail"]):
            continue
        changed["nonce"] = None
        new = {name: changed[name] for name in ("subject", "detail", "nonce")}
        tx.execute(update(audit).where(audit.c.seq == row["seq"]).values(new))
        rows[str(row["seq"])] = log.content_sha256(changed)
    return rows


def _lines(feed: Path, name: str) -> Iterator[dict[str, Any]]:
    if feed.is_file():
        with feed.open(encoding="utf-8") as file:
            for line in file:
                if name in line or json.dumps(name)[1:-1] in line:
                    yield json.loads(line)


def _forget_feed(feed: Path, one: Names) -> None:
    """Replace the name in the feed file; numbers and order stay. No worker writes there: it waits for its turn."""
    if any(line.get("account_id") == one.account_id for line in _lines(feed, one.account_id)):
        kept = []
        for line in feed.read_bytes().splitlines(keepends=True):
            said = json.loads(line)
            mine = said.get("account_id") == one.account_id
            kept.append((json.dumps(one.in_json(said), ensure_ascii=False) + "\n").encode() if mine else line)
        write_bytes(feed, b"".join(kept))
