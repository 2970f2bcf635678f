"""Verdict versions: judge facts under a policy and write a new version where the conclusion changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Table, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from api.audit import canonical_sha256
from api.clock import DAY
from api.facts import AccountFacts
from api.policy import TIERS, Judgement, Reason, judge, rank
from api.rules import Policy, parse
from api.store import next_number
from api.tables import accounts, members, networks, policies, publications, reviews, verdicts
from graph.errors import ConflictError
from graph.forgotten import PSEUDONYM


@dataclass(frozen=True)
class Context:
    """Under what a judgement is made: one publication and its policy."""

    publication_id: int
    run_id: str
    run_created_at: int
    model_sha256: str | None
    published_at: int
    policy: Policy

    @property
    def expires_at(self) -> int:
        """When what this publication says of networks expires."""
        return expiry(self.policy, self.published_at)


@dataclass(frozen=True)
class Judged:
    """A subject and what was concluded about it."""

    subject_id: str
    judgement: Judgement
    network_id: str | None = None
    score: float | None = None
    score_target: str | None = None

    def content_sha256(self, policy: Policy) -> str:
        """Names the conclusion: equal hashes, nothing new to say."""
        score = None if self.score is None else round(self.score, 2)
        return canonical_sha256([asdict(self.judgement), self.network_id, score, self.score_target, policy.sha256])


def publication(tx: Connection) -> Row[Any] | None:
    """The current publication's row, or None before the first."""
    return tx.execute(select(publications).order_by(publications.c.publication_id.desc()).limit(1)).one_or_none()


def current(tx: Connection) -> Context | None:
    """The current publication and its policy, or None before the first."""
    row = publication(tx)
    if row is None:
        return None
    text = tx.execute(select(policies.c.text).where(policies.c.sha256 == row.policy_sha256)).scalar_one()
    policy = _parsed(text, f"policy {row.policy_version}")
    return Context(row.publication_id, row.run_id, row.run_created_at, row.model_sha256, row.published_at, policy)


_parsed = lru_cache(maxsize=4)(parse)  # every batch and every answer asks for it, and reading YAML is slow


def required(tx: Connection) -> Context:
    """The current publication. Raises ConflictError before the first."""
    context = current(tx)
    if context is None:
        raise ConflictError("nothing is published yet: `shoal publish` does that")
    return context


def upsert(tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]], changing: Sequence[str]) -> None:
    """Insert rows; where the primary key exists already, set the columns `changing` (none: leave the row)."""
    if not rows:
        return
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    key = list(table.primary_key.columns)
    if changing:
        new = {name: statement.excluded[name] for name in changing}
        tx.execute(statement.on_conflict_do_update(index_elements=key, set_=new), rows)
    else:
        tx.execute(statement.on_conflict_do_nothing(index_elements=key), rows)


def write(
    tx: Connection,
    kind: str,
    judged: Sequence[Judged],
    latest: Mapping[str, Any],
    context: Context,
    cause: str,
    at: int,
) -> dict[str, int]:
    """Write a verdict version for each subject whose conclusion is not its `latest` one; returns their new ids.

    `latest` maps a subject to its newest verdict row (version, content_sha256). A subject without one,
    about whom there is nothing to say, gets none.
    """
    next_id = next_number(tx, verdicts.c.verdict_id)
    rows: list[dict[str, Any]] = []
    for item in judged:
        before, said = latest.get(item.subject_id), item.content_sha256(context.policy)
        if (before is not None and before.content_sha256 == said) or (before is None and _silent(item)):
            continue
        conclusion = item.judgement
        rows.append(
            {
                "verdict_id": next_id + len(rows),
                "subject_kind": kind,
                "subject_id": item.subject_id,
                "version": 1 if before is None else before.version + 1,
                "tier": conclusion.tier,
                "reasons": [asdict(r) for r in conclusion.reasons],
                "families": list(conclusion.families),
                "strengths": dict(conclusion.strengths),
                "protections": list(conclusion.protections),
                "network_id": item.network_id,
                "score": item.score,
                "score_target": item.score_target,
                "run_id": context.run_id,
                "model_sha256": context.model_sha256,
                "policy_version": context.policy.version,
                "policy_sha256": context.policy.sha256,
                "cause": cause,
                "content_sha256": said,
                "created_at": at,
            }
        )
    if rows:
        tx.execute(insert(verdicts), rows)
    return {row["subject_id"]: row["verdict_id"] for row in rows}


def _silent(item: Judged) -> bool:
    return item.judgement.tier == "none" and not item.judgement.reasons


def latest_of_accounts(tx: Connection, account_ids: Sequence[str] | None = None) -> dict[str, Any]:
    """The newest verdict row of each account (of those given, else of all that have one)."""
    found = select(
        accounts.c.account_id, verdicts.c.verdict_id, verdicts.c.version, verdicts.c.content_sha256, verdicts.c.tier
    ).join(verdicts, verdicts.c.verdict_id == accounts.c.verdict_id)
    if account_ids is not None:
        found = found.where(accounts.c.account_id.in_(account_ids))
    return {row.account_id: row for row in tx.execute(found)}


def wanted_names(tx: Connection) -> list[str]:
    """Accounts whose facts are wanted whatever the run says: the reviewed, and those with a verdict to renew.

    Not those that were forgotten: there are no facts of a pseudonym.
    """
    judged = select(verdicts.c.subject_id).join(accounts, accounts.c.verdict_id == verdicts.c.verdict_id)
    found = set(tx.execute(select(reviews.c.account_id).distinct()).scalars())
    found.update(tx.execute(judged.where(verdicts.c.tier != "none")).scalars())
    return sorted(name for name in found if not PSEUDONYM.fullmatch(name))


def judge_networks(tx: Connection, context: Context, network_ids: Sequence[str] | None, cause: str, at: int) -> int:
    """Judge networks of the current publication by the tiers of their members; returns how many verdicts are new."""
    here = members.c.publication_id == context.publication_id
    counted = (
        select(members.c.network_id, func.coalesce(verdicts.c.tier, "none").label("tier"), func.count().label("n"))
        .join(accounts, accounts.c.account_id == members.c.account_id)
        .outerjoin(verdicts, verdicts.c.verdict_id == accounts.c.verdict_id)
        .where(here)
        .group_by(members.c.network_id, "tier")
    )
    if network_ids is not None:
        counted = counted.where(members.c.network_id.in_(network_ids))
    tiers: dict[str, dict[str, int]] = {}
    for row in tx.execute(counted):
        tiers.setdefault(row.network_id, {})[row.tier] = row.n
    latest = _latest_of_networks(tx, network_ids)
    judged = [Judged(name, judge_network(tiers[name], context.policy)) for name in sorted(tiers)]
    new = write(tx, "network", judged, latest, context, cause, at)
    for item in judged:
        known = latest.get(item.subject_id)
        verdict_id = new.get(item.subject_id, known.verdict_id if known is not None else None)
        tx.execute(
            update(networks)
            .where(networks.c.publication_id == context.publication_id, networks.c.network_id == item.subject_id)
            .values(tier=item.judgement.tier, verdict_id=verdict_id)
        )
    return len(new)


def _latest_of_networks(tx: Connection, network_ids: Sequence[str] | None) -> dict[str, Any]:
    newest = select(func.max(verdicts.c.verdict_id)).where(verdicts.c.subject_kind == "network")
    if network_ids is not None:
        newest = newest.where(verdicts.c.subject_id.in_(network_ids))
    newest = newest.group_by(verdicts.c.subject_id)
    rows = tx.execute(
        select(verdicts.c.subject_id, verdicts.c.verdict_id, verdicts.c.version, verdicts.c.content_sha256).where(
            verdicts.c.verdict_id.in_(newest)
        )
    )
    return {row.subject_id: row for row in rows}


def judge_network(tiers: Mapping[str, int], policy: Policy) -> Judgement:
    """A network's conclusion: the highest tier that a share of at least `tier_share` of its members have reached."""
    size = sum(tiers.values())
    reached = [
        t for t in TIERS if sum(n for m, n in tiers.items() if rank(m) >= rank(t)) >= policy.network.tier_share * size
    ]
    told = ", ".join(f"{tiers[t]} {t}" for t in reversed(TIERS) if tiers.get(t))
    return Judgement(reached[-1], (Reason("members", "network", f"Of its {size} members: {told}."),), ("network",))


def judge_account(account_id: str, facts: AccountFacts, policy: Policy) -> Judged:
    """One account's conclusion, with what a reader wants beside it."""
    network_id = facts.network.network_id if facts.network is not None else None
    return Judged(account_id, judge(facts, policy), network_id, facts.score, facts.score_target)


def expiry(policy: Policy, at: int) -> int:
    """When a verdict reached or confirmed at a time expires."""
    return at + policy.verdict_days * DAY
