"""A candidate policy beside the one in use: what would change now (shadow), and how it would have done (backtest).

No verdict is written. Both judge the same runs from the same log; a candidate that names other hosting
tools or other thresholds reads its own facts. A backtest gives a policy only the reviews that there were when the run
was made, and compares with what people found afterwards; of an account that nobody looked at later it says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, select

from api import judging, material, shadows
from api.facts import AccountFacts
from api.policy import GRAVE, TIERS, Judgement
from api.reviews import with_reviews
from api.rules import Policy
from api.shadows import Change, Shadow
from api.store import reading, writing
from api.tables import penalties, publications, reversals, reviews
from graph.log import EventLog
from graph.runs import Run

NOTHING = Judgement("none")


def shadow(run: Run, log: EventLog, engine: Engine, active: Policy, candidate: Policy, at: int) -> Shadow:
    """Judge everybody of a run under both policies, as a publication at this time would."""
    one, two = (_conclusions(run, log, engine, policy, at, None) for policy in (active, candidate))
    return _compare(run, active, one, candidate, two)


def stand(
    engine: Engine,
    run: Run,
    log: EventLog,
    publication_id: int,
    active: Policy,
    concluded: Mapping[str, Judgement],
    candidates: Sequence[Policy],
    *,
    actor: str,
    at: int,
) -> list[Shadow]:
    """Compare candidates with what was just published (`concluded`), and keep what came out.

    Each candidate has a transaction of its own: killed in between, the same publication again goes on.
    """
    found = []
    for candidate in candidates:
        judged = _conclusions(run, log, engine, candidate, at, None)
        found.append(_compare(run, active, concluded, candidate, judged))
        with writing(engine) as tx:
            shadows.keep(tx, publication_id, found[-1], actor, at)
    return found


def _compare(
    run: Run, active: Policy, one: Mapping[str, Judgement], candidate: Policy, two: Mapping[str, Judgement]
) -> Shadow:
    moves: Counter[tuple[str, str]] = Counter()
    changes = []
    for name in sorted({*one, *two}):
        before, after = one.get(name, NOTHING), two.get(name, NOTHING)
        moves[before.tier, after.tier] += 1
        if before.tier != after.tier:
            changes.append(Change(name, before, after))
    return Shadow(run.run_id, active.sha256, candidate.sha256, moves, changes)


def _conclusions(
    run: Run, log: EventLog, engine: Engine, policy: Policy, at: int, known_at: int | None
) -> dict[str, Judgement]:
    """What a policy concludes about everybody, with the reviews there were at `known_at` (None: all there are)."""
    with reading(engine) as tx:
        names = judging.wanted_names(tx)
        found = material.read(run, log, policy, names, at)
        facts: dict[str, AccountFacts] = with_reviews(tx, found.facts, before=known_at)
    return {name: judging.judge_account(name, facts[name], policy).judgement for name in facts}


@dataclass
class Later:
    """What people found afterwards about accounts that a policy gave one tier."""

    accounts: int = 0
    agreed: int = 0
    genuine: int = 0
    reversed: int = 0

    @property
    def looked_at(self) -> int:
        """Accounts of which anything was found later."""
        return self.agreed + self.genuine


@dataclass(frozen=True)
class Backtest:
    """How a policy would have done, by tier above `none`, over runs; and over which."""

    policy: str
    runs: list[str]
    tiers: dict[str, Later] = field(default_factory=dict)


def backtest(runs: Sequence[Run], log: EventLog, engine: Engine, policy: Policy) -> Backtest:
    """Judge past runs as on their day, and count what was found later. An account counts once a run."""
    result = Backtest(policy.sha256, [run.run_id for run in runs], {t: Later() for t in TIERS if t != "none"})
    for run in runs:
        made = material.made_at(run)
        conclusions = _conclusions(run, log, engine, policy, made, made)
        found, taken_back = _found_later(engine, made)
        for name, conclusion in conclusions.items():
            if conclusion.tier == "none":
                continue
            row = result.tiers[conclusion.tier]
            row.accounts += 1
            row.agreed += found.get(name) == "agreed"
            row.genuine += found.get(name) == "genuine"
            row.reversed += name in taken_back
    return result


def _found_later(engine: Engine, after: int) -> tuple[dict[str, str], set[str]]:
    """The newest finding of people about each account after a time, and whose penalties were taken back after it."""
    with reading(engine) as tx:
        rows = tx.execute(
            select(reviews.c.account_id, reviews.c.decision).where(reviews.c.at > after).order_by(reviews.c.at)
        ).all()
        joined = penalties.join(reversals, reversals.c.penalty_id == penalties.c.penalty_id)
        back = select(penalties.c.account_id).select_from(joined).where(reversals.c.at > after)
        taken_back = set(tx.execute(back).scalars())
    meaning = {"genuine": "genuine", "ai_hosted": "agreed", **dict.fromkeys(GRAVE, "agreed")}
    return {row.account_id: meaning[row.decision] for row in rows if row.decision in meaning}, taken_back


def past_runs(engine: Engine, limit: int) -> list[str]:
    """The runs that were published, newest first, each once."""
    with reading(engine) as tx:
        names = tx.execute(select(publications.c.run_id).order_by(publications.c.publication_id.desc())).scalars()
        return list(dict.fromkeys(names))[:limit]
