"""Publishing: a run's conclusions become verdicts, networks and work for reviewers, in one transaction."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from api import audit, candidates, comparing, judging, shadows
from api.clock import now as clock
from api.facts import AccountFacts
from api.judging import Context, Judged
from api.material import Material, read
from api.policy import rank
from api.reviews import with_reviews
from api.rules import Policy
from api.shadows import Shadow
from api.store import reading, writing
from api.tables import accounts, evidence, members, networks, policies, publications, review_queue, reviews
from graph.log import EventLog
from graph.runs import Run

REBORN_FIRST = 5.0  # added to a priority: before every score of the tier, behind the next tier (10 apart)


@dataclass(frozen=True)
class PublishReport:
    """What publishing did. `new` is False where this run was current under this policy already.

    `shadows`: how each candidate policy compares, where it was compared anew.
    """

    publication_id: int
    run_id: str
    policy_version: str
    new: bool
    known_accounts: int
    judged: int
    verdicts_written: int
    networks: int
    queued: int
    tiers: dict[str, int]
    shadows: tuple[Shadow, ...] = ()


def publish(
    run: Run, log: EventLog, engine: Engine, *, policy: Policy, actor: str, now: int | None = None
) -> PublishReport:
    """Check a run's hashes, judge its accounts and networks, and make that what the API answers.

    Publishing the current run under the same policy again writes only verdicts whose facts changed, or nothing.
    Raises IntegrityError if a file of the run is not what its manifest says; then nothing is written.
    """
    run.verify()
    at = clock() if now is None else now
    with reading(engine) as tx:
        named = judging.wanted_names(tx)
    material = read(run, log, policy, named, at)
    with writing(engine) as tx:
        report, judged = _publish(tx, material, policy, actor, at)
        waiting = _waiting(tx, report)
    if not waiting:
        return report
    concluded = {item.subject_id: item.judgement for item in judged}
    found = comparing.stand(engine, run, log, report.publication_id, policy, concluded, waiting, actor=actor, at=at)
    return replace(report, shadows=tuple(found))


def _waiting(tx: Connection, report: PublishReport) -> list[Policy]:
    """The candidates to be compared: all where a verdict is new, else those not compared since the newest review."""
    anew = report.new or report.verdicts_written > 0
    newest = tx.execute(select(func.max(reviews.c.at))).scalar() or 0
    compared = shadows.compared(tx, report.publication_id)
    return [p for p in candidates.candidates(tx) if anew or compared.get(p.sha256, -1) < newest]


def _publish(
    tx: Connection, material: Material, policy: Policy, actor: str, at: int
) -> tuple[PublishReport, list[Judged]]:
    current = judging.publication(tx)
    same = current is not None and (current.run_id, current.manifest_sha256, current.policy_sha256) == (
        material.run_id,
        material.manifest_sha256,
        policy.sha256,
    )
    if same and current is not None:
        publication_id, published_at = current.publication_id, current.published_at
    else:
        publication_id, published_at = _record(tx, material, policy, actor, at), at
    context = Context(publication_id, material.run_id, material.created_at, material.model_sha256, published_at, policy)
    if not same:
        _write_networks(tx, material, publication_id)
    written, judged = _judge_accounts(tx, material, context, not same, at)
    written += judging.judge_networks(tx, context, None, "publish", at)
    queued = _queue(tx, material, judged, context)
    report = PublishReport(
        publication_id=publication_id,
        run_id=material.run_id,
        policy_version=policy.version,
        new=not same,
        known_accounts=len(material.known),
        judged=len(judged),
        verdicts_written=written,
        networks=len(material.networks),
        queued=queued,
        tiers=dict(sorted(Counter(j.judgement.tier for j in judged).items(), key=lambda kv: rank(kv[0]))),
    )
    if written or not same:
        detail = {"run_id": report.run_id, "policy_sha256": policy.sha256, "verdicts": written, "tiers": report.tiers}
        audit.append(tx, [audit.Entry(actor, "run.published", str(publication_id), detail)], at)
    return report, judged


def _record(tx: Connection, material: Material, policy: Policy, actor: str, at: int) -> int:
    row = {"sha256": policy.sha256, "version": policy.version, "text": policy.text, "added_at": at}
    judging.upsert(tx, policies, [row], [])
    made = tx.execute(
        insert(publications).returning(publications.c.publication_id),
        {
            "run_id": material.run_id,
            "manifest_sha256": material.manifest_sha256,
            "run_created_at": material.created_at,
            "window_since": material.since,
            "window_until": material.until,
            "policy_sha256": policy.sha256,
            "policy_version": policy.version,
            "published_at": at,
            "actor": actor,
            "active_accounts": len(material.known),
            "model_sha256": material.model_sha256,
        },
    )
    return int(made.scalar_one())


def _write_networks(tx: Connection, material: Material, publication_id: int) -> None:
    here = {"publication_id": publication_id}
    for table, rows, more in (
        (networks, material.networks, {"tier": "none", "verdict_id": None}),
        (members, material.members, {}),
        (evidence, material.evidence, {}),
    ):
        if rows:
            tx.execute(insert(table), [{**row, **more, **here} for row in rows])


def _judge_accounts(
    tx: Connection, material: Material, context: Context, fresh: bool, at: int
) -> tuple[int, list[Judged]]:
    """Judge every account there are facts of; returns how many verdicts are new, and all conclusions."""
    facts = with_reviews(tx, material.facts)
    judged = [judging.judge_account(name, facts[name], context.policy) for name in facts]
    latest = judging.latest_of_accounts(tx)
    new = judging.write(tx, "account", judged, latest, context, "publish", at)
    if fresh:
        judging.upsert(tx, accounts, [{"account_id": name} for name in material.known], [])
        forget = {"facts": None, "network_id": None, "role": None}
        tx.execute(update(accounts).where(accounts.c.facts.is_not(None)).values(**forget))
    rows = [_account_row(item, material.facts[item.subject_id], new, latest, context, at) for item in judged]
    changing = ["facts", "network_id", "role", "verdict_id", "judged_at", "expires_at"]
    if not fresh:
        rows = [row for row in rows if row["account_id"] in new]
    judging.upsert(tx, accounts, rows, changing)
    return len(new), judged


def _account_row(
    item: Judged, facts: AccountFacts, new: dict[str, int], latest: dict[str, Any], context: Context, at: int
) -> dict[str, Any]:
    before = latest.get(item.subject_id)
    return {
        "account_id": item.subject_id,
        "facts": facts.model_dump(mode="json"),
        "network_id": item.network_id,
        "role": facts.network.role if facts.network is not None else None,
        "verdict_id": new.get(item.subject_id, before.verdict_id if before is not None else None),
        "judged_at": at,
        "expires_at": judging.expiry(context.policy, at),
    }


def _queue(tx: Connection, material: Material, judged: list[Judged], context: Context) -> int:
    """Renew the review queue: what the policy wants looked at first, then what would teach the model most."""
    done = set(tx.execute(select(reviews.c.account_id).distinct()).scalars())
    wanted = {
        row["account_id"]: (float(row["priority"] or 0.0), row["reason"] or "Its review would teach the model most.")
        for row in material.suggestions
        if row["account_id"] not in done
    }
    again = {  # whom a network follows is not the network
        m["account_id"]: material.reborn[m["network_id"]]
        for m in material.members
        if m["network_id"] in material.reborn and m["role"] != "followed"
    }
    for item in judged:
        if item.judgement.review is not None:
            priority, why = 10.0 * rank(item.judgement.tier) + (item.score or 0.0), item.judgement.review
            if item.subject_id in again:
                priority, why = priority + REBORN_FIRST, f"{why} {again[item.subject_id]}"
            wanted[item.subject_id] = (priority, why)
    order = sorted((-priority, name) for name, (priority, _) in wanted.items())[: context.policy.reviews.queue_limit]
    tx.execute(delete(review_queue))
    rows = [
        {"account_id": name, "priority": -p, "reason": wanted[name][1], "publication_id": context.publication_id}
        for p, name in order
    ]
    if rows:
        tx.execute(insert(review_queue), rows)
    return len(rows)
