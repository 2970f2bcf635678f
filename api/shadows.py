"""The standing shadow: every candidate policy beside the one in use, at each publication.

How many accounts would move from which tier to which is kept for every publication; whom, for the newest only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from api import audit
from api.clock import iso
from api.policy import Judgement, rank
from api.tables import shadow_changes, shadows


@dataclass(frozen=True)
class Change:
    """An account that the candidate concludes otherwise about."""

    account_id: str
    before: Judgement
    after: Judgement


@dataclass(frozen=True)
class Shadow:
    """Two policies on one run. `moves`: (tier under the one in use, under the candidate) -> accounts."""

    run_id: str
    active: str
    candidate: str
    moves: Counter[tuple[str, str]]
    changes: list[Change]

    @property
    def told(self) -> list[dict[str, Any]]:
        """The moves as the store keeps and the API answers them."""
        return [{"before": b, "after": a, "accounts": n} for (b, a), n in sorted(self.moves.items())]

    @property
    def judged(self) -> int:
        """How many accounts either policy has facts of."""
        return sum(self.moves.values())

    @property
    def stricter(self) -> int:
        """How many accounts the candidate gives a higher tier."""
        return sum(n for (before, after), n in self.moves.items() if rank(after) > rank(before))


def keep(tx: Connection, publication_id: int, shadow: Shadow, actor: str, at: int) -> None:
    """Keep how a candidate compared with what was published, in place of what there was."""
    mine = shadows.c.sha256 == shadow.candidate
    tx.execute(delete(shadows).where(mine, shadows.c.publication_id == publication_id))
    drop(tx, shadow.candidate)
    row = {
        "publication_id": publication_id,
        "sha256": shadow.candidate,
        "active_sha256": shadow.active,
        "moves": shadow.told,
        "at": at,
    }
    tx.execute(insert(shadows), row)
    changes = [
        {
            "sha256": shadow.candidate,
            "account_id": change.account_id,
            "before": change.before.tier,
            "after": change.after.tier,
            "reasons": [reason.text for reason in change.after.reasons],
        }
        for change in shadow.changes
    ]
    if changes:
        tx.execute(insert(shadow_changes), changes)
    detail = {"publication_id": publication_id, "changed": len(shadow.changes), "stricter": shadow.stricter}
    audit.append(tx, [audit.Entry(actor, "policy.compared", shadow.candidate, detail)], at)


def drop(tx: Connection, sha256: str) -> None:
    """Forget whom a candidate would judge otherwise; the counts stay."""
    tx.execute(delete(shadow_changes).where(shadow_changes.c.sha256 == sha256))


def at_publication(tx: Connection, publication_id: int, sha256: str) -> dict[str, Any] | None:
    """How a candidate compared at a publication, as the API answers it."""
    here = (shadows.c.publication_id == publication_id) & (shadows.c.sha256 == sha256)
    row = tx.execute(select(shadows).where(here)).mappings().one_or_none()
    if row is None:
        return None
    moves = [(rank(m["before"]), rank(m["after"]), m["accounts"]) for m in row["moves"]]
    counts = {
        "judged": sum(n for _, _, n in moves),
        "changed": sum(n for before, after, n in moves if before != after),
        "stricter": sum(n for before, after, n in moves if before < after),
    }
    return {**row, **counts, "at": iso(row["at"])}


def compared(tx: Connection, publication_id: int) -> dict[str, int]:
    """When each candidate was compared at a publication."""
    found = select(shadows.c.sha256, shadows.c.at).where(shadows.c.publication_id == publication_id)
    return dict(map(tuple, tx.execute(found)))


def changes(tx: Connection, sha256: str, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Whom a candidate would judge otherwise, in order of their ids, those after one."""
    shown = ("account_id", "before", "after", "reasons")
    found = select(*(shadow_changes.c[name] for name in shown)).where(shadow_changes.c.sha256 == sha256)
    if after is not None:
        found = found.where(shadow_changes.c.account_id > after)
    return [dict(row) for row in tx.execute(found.order_by(shadow_changes.c.account_id).limit(limit)).mappings()]
