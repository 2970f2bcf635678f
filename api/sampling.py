"""The blind sample: targets that people must look at before an action is approved."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from api.policy import GRAVE
from api.rules import ActionRules
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


def draw(action_id: str, action: str, eligible: Sequence[str], rules: ActionRules) -> list[str]:
    """Accounts to review before approval: random by the action's id, so a second preview draws no luckier sample."""
    if action not in rules.sample_for:
        return []
    order = sorted(eligible, key=lambda name: (hashlib.sha256(f"{action_id}\n{name}".encode()).digest(), name))
    return sorted(order[: rules.sample_size])


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
