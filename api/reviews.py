"""Reviews: what people judged. Each one re-judges its account and becomes a label in the event log."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from api import actions, audit, judging, outbox
from api.clock import DAY, iso
from api.facts import AccountFacts, ReviewFact
from api.judging import Context
from api.tables import accounts, review_queue, reviews

NOT_A_LABEL = "unsure"
FEW = 500  # accounts up to which their reviews are asked for by name: one review must not cost what all of them do


@dataclass(frozen=True)
class ReviewMade:
    """A recorded review and what it made of the account's tier (None: nothing is published yet)."""

    review_id: str
    tier: str | None


def with_reviews(
    tx: Connection, facts: Mapping[str, AccountFacts], *, before: int | None = None
) -> dict[str, AccountFacts]:
    """The facts, with every review of the decision store added, or those from before a time."""
    found: dict[str, list[ReviewFact]] = {}
    known = select(reviews).order_by(reviews.c.account_id, reviews.c.at, reviews.c.review_id)
    if before is not None:
        known = known.where(reviews.c.at <= before)
    if len(facts) <= FEW:
        known = known.where(reviews.c.account_id.in_(facts))
    for row in tx.execute(known):
        if row.account_id in facts:
            fact = ReviewFact(reviewer=row.reviewer, decision=row.decision, at=row.at)
            found.setdefault(row.account_id, []).append(fact)
    return {name: _add(fact, found[name]) if name in found else fact for name, fact in facts.items()}


def _add(facts: AccountFacts, more: list[ReviewFact]) -> AccountFacts:
    """Facts with reviews; the clock that findings age by never runs behind the newest of them."""
    as_of = max(facts.as_of, *(r.at for r in more))
    return facts.model_copy(update={"reviews": (*facts.reviews, *more), "as_of": as_of})


def record(
    tx: Connection, *, reviewer: str, account_id: str, decision: str, reason: str, action_id: str | None, at: int
) -> ReviewMade:
    """Write down one person's decision, judge the account anew, and send the label on its way."""
    review_id = f"rv-{at:016x}-{secrets.token_hex(4)}"
    row = {
        "review_id": review_id,
        "account_id": account_id,
        "reviewer": reviewer,
        "decision": decision,
        "reason": reason,
        "action_id": action_id,
        "at": at,
    }
    tx.execute(insert(reviews).values(row))
    detail = {"review_id": review_id, "decision": decision, "reason": reason, "action_id": action_id}
    audit.append(tx, [audit.Entry(reviewer, "account.reviewed", account_id, detail)], at)
    if decision != NOT_A_LABEL:
        payload = {"label_id": f"decision:{review_id}", "account_id": account_id, "label": decision, "at": at}
        outbox.send(tx, [outbox.Event(f"label:{review_id}", outbox.LABEL, payload)], at)
    if decision == "genuine":
        actions.trip(tx, account_id, at)
    context = judging.current(tx)
    tier = _judge_anew(tx, account_id, context, reviewer, at) if context is not None else None
    return ReviewMade(review_id, tier)


def _judge_anew(tx: Connection, account_id: str, context: Context, reviewer: str, at: int) -> str:
    """Judge one account from its stored facts and all its reviews, and its network after it."""
    row = tx.execute(select(accounts.c.facts).where(accounts.c.account_id == account_id)).one_or_none()
    if row is not None and row.facts is not None:
        stored = AccountFacts.model_validate(row.facts)
    else:
        stored = AccountFacts(as_of=at, run_age_days=0.0, facts_complete=False)
    age = (at - context.run_created_at) / DAY
    facts = with_reviews(tx, {account_id: stored.model_copy(update={"run_age_days": age})})[account_id]
    item = judging.judge_account(account_id, facts, context.policy)
    latest = judging.latest_of_accounts(tx, [account_id])
    new = judging.write(tx, "account", [item], latest, context, "review", at)
    if new:
        values = {
            "account_id": account_id,
            "verdict_id": new[account_id],
            "judged_at": at,
            "expires_at": judging.expiry(context.policy, at),
        }
        judging.upsert(tx, accounts, [values], ["verdict_id", "judged_at", "expires_at"])
        detail = {"tier": item.judgement.tier, "cause": "review", "at": iso(at)}
        audit.append(tx, [audit.Entry(reviewer, "verdict.changed", account_id, detail)], at)
        if item.network_id is not None:
            judging.judge_networks(tx, context, [item.network_id], "review", at)
    if item.judgement.review is None:
        tx.execute(delete(review_queue).where(review_queue.c.account_id == account_id))
    return item.judgement.tier
