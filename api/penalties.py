"""Penalties: what is in force against an account. Applied and reversed by appending, never by changing.

The effective penalty is the maximum of the active ones: applied, not expired, not reversed. It does not
depend on the order of events, so reversing one act restores exactly what the others leave.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from api.clock import DAY, iso_or_none
from api.policy import rank
from api.rules import Policy
from api.tables import penalties, reversals


@dataclass(frozen=True)
class Penalty:
    """One penalty. `expires_at` None: until it is reversed."""

    tier: str
    applied_at: int
    expires_at: int | None = None
    reversed_at: int | None = None

    def active(self, at: int) -> bool:
        """Whether it is in force at a time."""
        begun = self.applied_at <= at and (self.reversed_at is None or self.reversed_at > at)
        return begun and (self.expires_at is None or self.expires_at > at)


@dataclass(frozen=True)
class Effective:
    """What is in force: the strongest active tier, and when it ends (None: open, or nothing in force).

    `then`: what goes on after that end, milder each time, each until its own end.
    """

    tier: str = "none"
    expires_at: int | None = None
    then: tuple[tuple[str, int | None], ...] = ()

    def told(self) -> dict[str, Any]:
        """As events and pages say it: whoever keeps it knows what is in force at any later time."""
        first, *later = (
            {"tier": tier, "expires_at": iso_or_none(end)} for tier, end in ((self.tier, self.expires_at), *self.then)
        )
        return {**first, "then": later}


def effective(found: Iterable[Penalty], at: int) -> Effective:
    """The maximum of the penalties active at a time; of equal ones, the one that ends last."""
    never = 1 << 62
    active = [(rank(p.tier), never if p.expires_at is None else p.expires_at, p) for p in found if p.active(at)]
    steps: list[tuple[str, int | None]] = []
    reached = at
    for _, end, penalty in sorted(active, key=lambda a: a[:2], reverse=True):
        if end > reached:
            steps.append((penalty.tier, penalty.expires_at))
            reached = end
    return Effective(*steps[0], tuple(steps[1:])) if steps else Effective()


def in_force(tx: Connection, where: ColumnElement[bool], at: int) -> dict[str, Effective]:
    """Effective penalties, by account, of the penalties that meet `where`; nothing in force, no entry."""
    found = (
        select(penalties.c.account_id, penalties.c.tier, penalties.c.applied_at, penalties.c.expires_at)
        .outerjoin(reversals, reversals.c.penalty_id == penalties.c.penalty_id)
        .where(where, reversals.c.penalty_id.is_(None))
        .where(or_(penalties.c.expires_at.is_(None), penalties.c.expires_at > at))
    )
    grouped: dict[str, list[Penalty]] = {}
    for row in tx.execute(found).all():
        grouped.setdefault(row.account_id, []).append(Penalty(row.tier, min(row.applied_at, at), row.expires_at))
    return {name: effective(grouped[name], at) for name in grouped}


def page(tx: Connection, after: str | None, limit: int, at: int) -> list[tuple[str, Effective]]:
    """Accounts with something in force, in order of their ids after a cursor."""
    open_ = or_(penalties.c.expires_at.is_(None), penalties.c.expires_at > at)
    names = (
        select(penalties.c.account_id)
        .outerjoin(reversals, reversals.c.penalty_id == penalties.c.penalty_id)
        .where(reversals.c.penalty_id.is_(None), open_)
        .distinct()
        .order_by(penalties.c.account_id)
        .limit(limit)
    )
    if after is not None:
        names = names.where(penalties.c.account_id > after)
    found = list(tx.execute(names).scalars())
    held = in_force(tx, penalties.c.account_id.in_(found), at) if found else {}
    return [(name, held[name]) for name in found if name in held]


def ends(tier: str, policy: Policy, at: int) -> int | None:
    """When a penalty applied now ends under the policy."""
    days = {"warn": policy.penalties.warn, "restrict": policy.penalties.restrict, "ban": policy.penalties.ban}[tier]
    return None if days is None else at + days * DAY
