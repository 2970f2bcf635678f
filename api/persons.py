"""One person, one name: what a key's name may be, and whom it belongs to at the identity provider.

Rules of two people compare the names that acts are recorded under. Who has a key and a token acts under one name
only if the key says whose it is: then the key acts under the token's name, `ISSUER#SUBJECT`.
"""

from __future__ import annotations

from sqlalchemy import Connection, or_, select

from api.tables import api_keys, approvals, kill_switch, network_actions, overrides, reviews
from graph.errors import ConflictError, InputError

# states in which an action may still need another person than those who had a part in it
_OPEN = ("proposed", "previewed", "stale", "expired", "approved", "scheduled", "executing", "paused", "halted")


def named(issuer: str, subject: str) -> str:
    """The name of a person at an identity provider."""
    return f"{issuer}#{subject}"


def key_name(given: str) -> str:
    """A key's name as it is stored. Raises InputError if it is empty, long, or the name of one without a key."""
    name = given.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise InputError("a key's name is that of the person or service who uses it: 1 to 200 printable characters")
    if name.startswith("cli:"):
        raise InputError("names that begin with cli: are those of people at the command line; choose another")
    if "://" in name:
        raise InputError("a name at an identity provider is given as the person: --person SUBJECT")
    return name


def settle(tx: Connection, name: str, person: str | None) -> str | None:
    """The person of a name, in the caller's write transaction: the one it had from its first key on, or the given one.

    Raises ConflictError if the name is another person's, or if what was done under the bare name is not over: then
    the same person could approve it under the other name.
    """
    found = tx.execute(select(api_keys.c.person, api_keys.c.revoked_at).where(api_keys.c.name == name)).all()
    known = {row.person for row in found if row.person is not None}
    if person is None or person in known:
        return person or next(iter(sorted(known)), None)
    if known:
        raise ConflictError(f"the name {name} belongs to {', '.join(sorted(known))}, not to {person}")
    if any(row.revoked_at is None for row in found):
        raise ConflictError(f"{name} has keys that name no person; revoke them first: `shoal key revoke --name {name}`")
    if found:
        _require_settled(tx, name)
    return person


def _require_settled(tx: Connection, name: str) -> None:
    """Raise ConflictError if an action, or the kill switch, waits for somebody other than this name."""
    parts = (
        select(approvals.c.action_id).where(approvals.c.approver == name),
        select(overrides.c.action_id).where(overrides.c.actor == name),
        select(reviews.c.action_id).where(reviews.c.reviewer == name, reviews.c.action_id.is_not(None)),
    )
    columns = (network_actions.c.proposer, network_actions.c.executor)
    mine = or_(*(column == name for column in columns), *(network_actions.c.action_id.in_(part) for part in parts))
    open_now = select(network_actions.c.action_id).where(mine, network_actions.c.state.in_(_OPEN))
    waiting = tx.execute(open_now.order_by(network_actions.c.action_id).limit(5)).scalars().all()
    if waiting:
        raise ConflictError(f"{name} has a part in actions that are not over ({', '.join(waiting)}); end them first")
    newest = select(kill_switch.c.state, kill_switch.c.actor).order_by(kill_switch.c.turn.desc()).limit(1)
    row = tx.execute(newest).one_or_none()
    if row is not None and row.state == "set" and row.actor == name:
        raise ConflictError(f"{name} set the kill switch, which is still set; another person must lift it first")
