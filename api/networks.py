"""Reading networks: the list, one with its members, and its evidence in sentences (private objects redacted)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from api import judging
from api.clock import iso, iso_or_none
from api.judging import Context
from api.policy import TIERS, rank
from api.tables import accounts, evidence, members, networks, verdicts
from api.verdicts import present
from graph.errors import NothingFoundError
from graph.model import is_private

REDACTED = "(private)"


def listed(
    tx: Connection,
    *,
    after: str | None,
    limit: int,
    min_tier: str | None,
    min_size: int | None,
    account_id: str | None,
    at: int,
) -> list[dict[str, Any]]:
    """Networks of the current publication in order of their ids, after a cursor, as far as they meet the filters.

    What a publication says expires with it: every tier is `none` then.
    """
    current = judging.current(tx)
    if current is None or (current.expires_at <= at and min_tier not in (None, "none")):
        return []
    found = select(networks).where(networks.c.publication_id == current.publication_id)
    if after is not None:
        found = found.where(networks.c.network_id > after)
    if min_tier is not None:
        found = found.where(networks.c.tier.in_(TIERS[rank(min_tier) :]))
    if min_size is not None:
        found = found.where(networks.c.size >= min_size)
    if account_id is not None:
        inside = select(members.c.network_id).where(
            members.c.publication_id == current.publication_id, members.c.account_id == account_id
        )
        found = found.where(networks.c.network_id.in_(inside))
    rows = tx.execute(found.order_by(networks.c.network_id).limit(limit)).mappings()
    return [_summary(row, current, at) for row in rows]


def _summary(row: Any, current: Context, at: int) -> dict[str, Any]:
    return {
        "network_id": row["network_id"],
        "title": row["title"],
        "tier": row["tier"] if current.expires_at > at else "none",
        "size": row["size"],
        "density": row["density"],
        "stability": row["stability"],
        "objects": row["objects"],
        "days": row["days"],
        "channels": row["channels"] or [],
        "change": row["change"],
        "parents": row["parents"] or [],
        "reborn": row["reborn"] or [],
        "first_at": iso_or_none(row["first_at"]),
        "last_at": iso_or_none(row["last_at"]),
        "run_id": current.run_id,
        "policy_version": current.policy.version,
        "published_at": iso(current.published_at),
    }


def verdict(tx: Connection, network_id: str, at: int) -> dict[str, Any]:
    """The present verdict of a network, as the API answers it; one the publication lacks is `known: false`."""
    current = judging.current(tx)
    row = None if current is None else _row(tx, current, network_id)
    body: dict[str, Any] = {"network_id": network_id, "known": row is not None, "tier": "none", "verdict": None}
    if current is None or row is None or row["verdict_id"] is None:
        return body
    found = tx.execute(select(verdicts).where(verdicts.c.verdict_id == row["verdict_id"])).mappings().one()
    body["tier"], body["verdict"] = present(found, current.published_at, current.expires_at, at)
    return body


def _row(tx: Connection, current: Context, network_id: str) -> Any:
    here = (networks.c.publication_id == current.publication_id) & (networks.c.network_id == network_id)
    return tx.execute(select(networks).where(here)).mappings().one_or_none()


def one(tx: Connection, network_id: str, *, after: str | None, limit: int, private: bool, at: int) -> dict[str, Any]:
    """A network with a page of its members and its evidence. Raises NothingFoundError."""
    current = judging.current(tx)
    row = None if current is None else _row(tx, current, network_id)
    if current is None or row is None:
        raise NothingFoundError(f"no network {network_id} in the current publication")
    reasons = None
    if row["verdict_id"] is not None:
        reasons = tx.execute(select(verdicts.c.reasons).where(verdicts.c.verdict_id == row["verdict_id"])).scalar_one()
    page = _members(tx, current.publication_id, network_id, after, limit, at)
    return {
        **_summary(row, current, at),
        "reasons": reasons or [],
        "members": page,
        "next_cursor": page[-1]["account_id"] if len(page) == limit else None,
        "evidence": _evidence(tx, current.publication_id, network_id, private),
    }


def _members(
    tx: Connection, publication_id: int, network_id: str, after: str | None, limit: int, at: int
) -> list[dict[str, Any]]:
    found = (
        select(members.c.account_id, members.c.role, members.c.stability, verdicts.c.tier, accounts.c.expires_at)
        .outerjoin(accounts, accounts.c.account_id == members.c.account_id)
        .outerjoin(verdicts, verdicts.c.verdict_id == accounts.c.verdict_id)
        .where(members.c.publication_id == publication_id, members.c.network_id == network_id)
    )
    if after is not None:
        found = found.where(members.c.account_id > after)
    rows = tx.execute(found.order_by(members.c.account_id).limit(limit))
    return [
        {
            "account_id": r.account_id,
            "role": r.role,
            "stability": r.stability,
            "tier": r.tier if r.tier is not None and r.expires_at is not None and r.expires_at > at else "none",
        }
        for r in rows
    ]


def _evidence(tx: Connection, publication_id: int, network_id: str, private: bool) -> list[dict[str, Any]]:
    here = (evidence.c.publication_id == publication_id) & (evidence.c.network_id == network_id)
    rows = tx.execute(select(evidence).where(here).order_by(evidence.c.position)).mappings()
    return [_act(row, private) for row in rows]


def _act(row: Any, private: bool) -> dict[str, Any]:
    hidden = is_private(row["channel"], row["object_id"])
    shown = REDACTED if hidden and not private else row["object_id"]
    apart = abs(row["a_at"] - row["b_at"]) / 1_000_000
    others = row["object_accounts"]
    rarity = "" if others is None else f"; {others} accounts acted on it at all"
    return {
        "account_a": row["account_a"],
        "account_b": row["account_b"],
        "channel": row["channel"],
        "object_id": shown,
        "private": hidden,
        "a_at": iso(row["a_at"]),
        "b_at": iso(row["b_at"]),
        "object_accounts": others,
        "text": f"{row['account_a']} and {row['account_b']} acted on {shown} by {row['channel']}, "
        f"{_span(apart)} apart{rarity}.",
    }


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
