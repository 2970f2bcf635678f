"""Targets drawn by lot: the blind sample that people look at before approval, and the canary that goes first."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from api.parameters import ActionRules
from api.policy import GRAVE
from api.tables import reviews

AGREES = {"ban": GRAVE, "restrict": (*GRAVE, "ai_hosted"), "warn": (*GRAVE, "ai_hosted")}


@dataclass(frozen=True)
class Sample:
    """Which accounts to review, and how the reviews stand."""

    accounts: tuple[str, ...]
    reviewed: int
    agreeing: int
    needed: int

    @property
    def passed(self) -> bool:
        """Whether all are reviewed and enough agree."""
        return self.reviewed == len(self.accounts) and self.agreeing >= self.needed


def draw(action_id: str, action: str, eligible: Iterable[str], rules: ActionRules) -> list[str]:
    """Accounts to review before approval: random by the action's id, so a second preview draws no luckier sample."""
    return _drawn(f"{action_id}\n", eligible, rules.sample_size) if action in rules.sample_for else []


def draw_canary(action_id: str, eligible: Iterable[str], size: int) -> list[str]:
    """Accounts that the action is applied to first: random as well, drawn apart from the sample."""
    return _drawn(f"{action_id}\ncanary\n", eligible, size)


def canary_size(eligible: int, rules: ActionRules) -> int:
    """How many targets the canary has; 0: the action has none."""
    if rules.canary_share == 0 or eligible <= rules.canary_above:
        return 0
    size = max(rules.canary_min, math.ceil(rules.canary_share * eligible - 1e-9))
    return size if size < eligible else 0


def _drawn(salt: str, names: Iterable[str], size: int) -> list[str]:
    """The `size` names whose salted hashes are the smallest, sorted; memory grows with `size` only."""
    return sorted(heapq.nsmallest(size, names, key=lambda n: (hashlib.sha256(f"{salt}{n}".encode()).digest(), n)))


def standing(
    tx: Connection, action_id: str, action: str, proposer: str, drawn: Sequence[str], rules: ActionRules
) -> Sample:
    """How the reviews of a sample stand. An account counts as agreeing if every reviewer's last word on it agrees."""
    latest: dict[tuple[str, str], str] = {}
    rows = tx.execute(
        select(reviews.c.account_id, reviews.c.reviewer, reviews.c.decision)
        .where(reviews.c.action_id == action_id, reviews.c.reviewer != proposer)
        .order_by(reviews.c.at, reviews.c.review_id)
    )
    for row in rows:
        latest[(row.account_id, row.reviewer)] = row.decision
    words: dict[str, list[str]] = {}
    for (account_id, _), decision in latest.items():
        words.setdefault(account_id, []).append(decision)
    reviewed = [name for name in drawn if name in words]
    agreeing = [name for name in reviewed if all(w in AGREES[action] for w in words[name])]
    needed = math.ceil(rules.sample_agreement * len(drawn) - 1e-9)
    return Sample(tuple(drawn), len(reviewed), len(agreeing), needed)
