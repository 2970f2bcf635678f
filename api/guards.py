"""Guards: why a member of a network is left out of an action on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from api import penalties
from api.judging import Context
from api.policy import rank
from api.tables import accounts, members, verdicts
from api.tables import penalties as penalties_table

_SPARED = {
    "found_genuine": "it was found genuine",
    "protected": "it is on the list of protected accounts",
    "declared_automation": "it declares that a tool posts for it",
    "verified_role": "the platform verified its role",
    "organic_history": "its history is almost all outside coordination",
    "no_behaviour": "it did nothing in the data window",
    "facts_missing": "what could protect it is not known yet",
    "shadowed": "others may be trailing it",
}


PAGE = 500  # members looked at together: a statement's list of names stays far below what engines take


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a network as an action meets it. `guard` says why it is left out; None: it is not."""

    account_id: str
    tier: str
    prior: str
    guard: str | None
    role: str = "unknown"


def guard(
    action: str, tier: str, prior: str, role: str, protections: Sequence[str], families: Sequence[str]
) -> str | None:
    """Why a member with this tier, prior penalty, role and protections is left out of an action; None: it is not.

    Nobody gets more than their own verdict says: membership of the network adds nothing here.
    """
    if rank(tier) < rank(action):
        spared = next((_SPARED[code] for code in protections if code in _SPARED), None)
        return f"its own verdict is {tier}" + (f": {spared}" if spared else "")
    if role in ("followed", "bridge") and "review" not in families:
        return f"its role in the network is {role}: it may not belong to it"
    if rank(prior) >= rank(action):
        return f"a {prior} is in force against it already"
    return None


def pages(
    tx: Connection, context: Context, network_id: str, action: str, at: int, size: int = PAGE
) -> Iterator[list[Member]]:
    """The network's members in the current publication, sorted by account, in pages: memory does not grow with them."""
    inside = select(members.c.account_id).where(
        members.c.publication_id == context.publication_id, members.c.network_id == network_id
    )
    after: str | None = None
    while True:
        found = inside if after is None else inside.where(members.c.account_id > after)
        names = list(tx.execute(found.order_by(members.c.account_id).limit(size)).scalars())
        if names:
            yield members_now(tx, action, names, at)
        if len(names) < size:
            return
        after = names[-1]


def members_now(tx: Connection, action: str, names: Sequence[str], at: int) -> list[Member]:
    """Those of these accounts that are known, sorted, each with tier, penalty in force and guard."""
    found = (
        select(
            accounts.c.account_id,
            accounts.c.expires_at,
            accounts.c.role,
            verdicts.c.tier,
            verdicts.c.families,
            verdicts.c.protections,
        )
        .outerjoin(verdicts, verdicts.c.verdict_id == accounts.c.verdict_id)
        .where(accounts.c.account_id.in_(names))
        .order_by(accounts.c.account_id)
    )
    held = penalties.in_force(tx, penalties_table.c.account_id.in_(names), at)
    result = []
    for row in tx.execute(found):
        live = row.tier is not None and row.expires_at is not None and row.expires_at > at
        tier, role = row.tier if live else "none", row.role or "unknown"
        prior = held[row.account_id].tier if row.account_id in held else "none"
        why = guard(action, tier, prior, role, row.protections or [], row.families or [])
        result.append(Member(row.account_id, tier, prior, why, role))
    return result
