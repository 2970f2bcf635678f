"""What an action would mean, told before it is approved: who is hit, what work it makes, which caps it would reach."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from api import brakes
from api.guards import Member
from api.judging import Context
from api.policy import TIERS
from api.tables import members

NAMED = 20  # other networks that are named; all are counted


class Impact:
    """Counts over the members of a network, page by page."""

    def __init__(self) -> None:
        self.members = self.eligible = 0
        self._tiers: dict[str, Counter[str]] = {}
        self._roles: dict[str, Counter[str]] = {}
        self._guards: Counter[str] = Counter()
        self._others: Counter[str] = Counter()

    def count(self, tx: Connection, context: Context, network_id: str, page: Sequence[Member]) -> None:
        """Add a page of members."""
        for m in page:
            fate = "skipped" if m.guard is not None else "eligible"
            self._tiers.setdefault(m.tier, Counter())[fate] += 1
            self._roles.setdefault(m.role, Counter())[fate] += 1
            if m.guard is not None:
                self._guards[m.guard] += 1
        hit = [m.account_id for m in page if m.guard is None]
        self.members += len(page)
        self.eligible += len(hit)
        if hit:
            elsewhere = (
                select(members.c.network_id, func.count().label("n"))
                .where(members.c.publication_id == context.publication_id, members.c.network_id != network_id)
                .where(members.c.account_id.in_(hit))
                .group_by(members.c.network_id)
            )
            self._others.update({r.network_id: r.n for r in tx.execute(elsewhere)})

    def told(
        self, tx: Connection, row: Row[Any], context: Context, sample: int, canary: int, at: int
    ) -> dict[str, Any]:
        """All of it as the API answers it, with the policy's parameters that it rests on."""
        rules, active = context.policy.actions, brakes.active_accounts(tx, context)
        appeals = math.ceil(rules.appeal_share * self.eligible - 1e-9)
        others = sorted(self._others.items(), key=lambda kv: (-kv[1], kv[0]))
        return {
            "tiers": {t: _fates(self._tiers[t]) for t in reversed(TIERS) if t in self._tiers},
            "roles": {role: _fates(self._roles[role]) for role in sorted(self._roles)},
            "guards": dict(sorted(self._guards.items(), key=lambda kv: (-kv[1], kv[0]))),
            "active_accounts": active,
            "active_share": round(self.eligible / active, 6) if active else None,
            "other_networks": len(others),
            "other_networks_named": dict(others[:NAMED]),
            "canary": {"targets": canary, "hold_hours": rules.hold_hours} if canary else None,
            "work": {
                "sample_reviews": sample,
                "appeals": appeals,
                "hours": round((sample + appeals) * rules.minutes_per_review / 60, 1),
                "minutes_per_review": rules.minutes_per_review,
                "appeal_share": rules.appeal_share,
            },
            "caps": [
                {
                    "cap": cap.name,
                    "limit": cap.limit,
                    "used": cap.used,
                    "hit": cap.limit is not None and cap.used + self.eligible > cap.limit,
                }
                for cap in brakes.caps(tx, row, context, at)
            ],
        }


def _fates(counted: Counter[str]) -> dict[str, int]:
    return {"eligible": counted["eligible"], "skipped": counted["skipped"]}
