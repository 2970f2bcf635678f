"""Policies as people propose them: submitted by one person, compared at every publication, activated by another.

The newest activation says which policy publications use. Before the first one a file does (SHOAL_POLICY, or the one
that ships). An activation changes no verdict: the next publication does, under its own run and in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select

from api import audit, judging, shadows
from api.clock import iso
from api.rules import Policy, load, parse
from api.store import next_number, reading
from api.tables import policies, policy_events
from graph.errors import ConflictError, DeniedError, InputError, NothingFoundError

MAX_CANDIDATES = 5  # each costs every publication a pass over all facts
SUBMITTED, WITHDRAWN, ACTIVATED = "submitted", "withdrawn", "activated"
_STATES = {SUBMITTED: "candidate", WITHDRAWN: "withdrawn", ACTIVATED: "retired"}


def in_use(tx: Connection) -> Row[Any] | None:
    """The newest activation (sha256, actor, at), or None where nobody activated a policy yet."""
    newest = select(policy_events).where(policy_events.c.event == ACTIVATED)
    return tx.execute(newest.order_by(policy_events.c.seq.desc()).limit(1)).one_or_none()


def for_publication(engine: Engine, path: Path | None) -> Policy:
    """The policy that the next publication uses: the activated one, else the file, else the one that ships.

    Raises ConflictError for a file that is not the activated policy: one person's file must not undo what two decided.
    """
    with reading(engine) as tx:
        active = in_use(tx)
        text = None if active is None else _text(tx, active.sha256)
    if active is None or text is None:
        return load(path)
    policy = parse(text, f"policy {active.sha256[:12]}")
    if path is not None and load(path).sha256 != policy.sha256:
        raise ConflictError(
            f"{path} is not the policy in use: {active.actor} activated version {policy.version} "
            f"({policy.sha256[:12]}) on {iso(active.at)}. Publish without a file, or submit this one"
        )
    return policy


def candidates(tx: Connection) -> list[Policy]:
    """The policies that were submitted and neither activated nor withdrawn since, oldest first."""
    newest = select(func.max(policy_events.c.seq)).group_by(policy_events.c.sha256)
    found = (
        select(policies.c.text, policies.c.sha256)
        .join(policy_events, policy_events.c.sha256 == policies.c.sha256)
        .where(policy_events.c.seq.in_(newest), policy_events.c.event == SUBMITTED)
        .order_by(policy_events.c.seq)
    )
    return [parse(row.text, f"policy {row.sha256[:12]}") for row in tx.execute(found)]


def submit(tx: Connection, text: str, *, actor: str, reason: str, at: int) -> str:
    """Make a policy a candidate; returns its SHA-256.

    Raises InputError with line and column for what is no policy, ConflictError if it stands already or too many do.
    """
    policy = parse(text, "the policy")
    state = _state(tx, policy.sha256)
    if state in ("candidate", "active"):
        raise ConflictError(f"policy {policy.sha256} is {state} already")
    if len(candidates(tx)) >= MAX_CANDIDATES:
        raise ConflictError(f"{MAX_CANDIDATES} candidates stand already: withdraw one")
    row = {"sha256": policy.sha256, "version": policy.version, "text": text, "added_at": at}
    judging.upsert(tx, policies, [row], [])
    _record(tx, policy.sha256, SUBMITTED, actor, reason, at)
    return policy.sha256


def withdraw(tx: Connection, sha256: str, *, actor: str, reason: str, at: int) -> None:
    """Take a candidate back. Raises NothingFoundError, ConflictError if it is none."""
    _candidate(tx, sha256)
    _record(tx, sha256, WITHDRAWN, actor, reason, at)
    shadows.drop(tx, sha256)


def activate(tx: Connection, sha256: str, *, publication_id: int | None, actor: str, reason: str, at: int) -> None:
    """Make a candidate the policy that publications use; not by who submitted it.

    `publication_id` names the publication that its shadow was read at: the present one, and under the policy in use, so
    nobody activates what was compared with something else. None only before the first publication.
    Raises NothingFoundError, ConflictError, DeniedError.
    """
    _candidate(tx, sha256)
    submitter = _events(tx, [sha256])[sha256][-1].actor
    if actor == submitter:
        raise DeniedError(f"{actor} submitted this policy; another person must activate it")
    current, active = judging.publication(tx), in_use(tx)
    if current is not None and active is not None and active.sha256 != current.policy_sha256:
        raise ConflictError(f"policy {active.sha256} was activated and is not published yet: `shoal publish` first")
    seen = None if current is None else current.publication_id
    if publication_id != seen:
        raise ConflictError(f"the present publication is {seen}, not {publication_id}: read the shadow again")
    if seen is not None and shadows.at_publication(tx, seen, sha256) is None:
        raise ConflictError("this candidate was not compared yet: `shoal publish` does that")
    parse(_text(tx, sha256), "the policy")  # what code forbids may have changed since it was submitted
    _record(tx, sha256, ACTIVATED, actor, reason, at)
    shadows.drop(tx, sha256)


def _record(tx: Connection, sha256: str, event: str, actor: str, reason: str, at: int) -> None:
    seq = next_number(tx, policy_events.c.seq)
    tx.execute(insert(policy_events).values(seq=seq, sha256=sha256, event=event, actor=actor, reason=reason, at=at))
    audit.append(tx, [audit.Entry(actor, f"policy.{event}", sha256, {"reason": reason})], at)


def _text(tx: Connection, sha256: str) -> str:
    return str(tx.execute(select(policies.c.text).where(policies.c.sha256 == sha256)).scalar_one())


def _candidate(tx: Connection, sha256: str) -> None:
    state = _state(tx, sha256)
    if state is None:
        raise NothingFoundError(f"there is no policy {sha256}")
    if state != "candidate":
        raise ConflictError(f"policy {sha256} is {state}, and no candidate")


def _state(tx: Connection, sha256: str) -> str | None:
    """The state of a policy, or None where it is not known."""
    if tx.execute(select(policies.c.sha256).where(policies.c.sha256 == sha256)).one_or_none() is None:
        return None
    return _state_after(sha256, _events(tx, [sha256]).get(sha256, []), in_use(tx))


def _state_after(sha256: str, events: list[Row[Any]], active: Row[Any] | None) -> str:
    if not events:
        return "unsubmitted"  # a publication took it from a file
    if events[-1].event == ACTIVATED and active is not None and active.sha256 == sha256:
        return "active"
    return _STATES[events[-1].event]


def _events(tx: Connection, names: Iterable[str]) -> dict[str, list[Row[Any]]]:
    """What happened to each policy, oldest first."""
    found: dict[str, list[Row[Any]]] = {}
    mine = select(policy_events).where(policy_events.c.sha256.in_(list(names))).order_by(policy_events.c.seq)
    for row in tx.execute(mine):
        found.setdefault(row.sha256, []).append(row)
    return found


def page(tx: Connection, before: tuple[int, str] | None, limit: int) -> list[Row[Any]]:
    """Policies, newest first, those before a place (time and SHA-256)."""
    found = select(policies.c.sha256, policies.c.version, policies.c.added_at)
    if before is not None:
        at, sha256 = before
        same = (policies.c.added_at == at) & (policies.c.sha256 > sha256)
        found = found.where((policies.c.added_at < at) | same)
    return list(tx.execute(found.order_by(policies.c.added_at.desc(), policies.c.sha256).limit(limit)))


def described(tx: Connection, rows: Iterable[Row[Any]]) -> list[dict[str, Any]]:
    """Policies as the API answers them, with what happened to them and how they compare now."""
    rows = list(rows)
    events, active, current = _events(tx, [row.sha256 for row in rows]), in_use(tx), judging.publication(tx)
    found = []
    for row in rows:
        mine = events.get(row.sha256, [])
        shadow = None if current is None else shadows.at_publication(tx, current.publication_id, row.sha256)
        found.append(
            {
                "sha256": row.sha256,
                "version": row.version,
                "state": _state_after(row.sha256, mine, active),
                "published": current is not None and current.policy_sha256 == row.sha256,
                "added_at": iso(row.added_at),
                "events": [{"event": e.event, "actor": e.actor, "reason": e.reason, "at": iso(e.at)} for e in mine],
                "shadow": shadow,
            }
        )
    return found


def one(tx: Connection, sha256: str) -> dict[str, Any]:
    """A policy with its text. Raises NothingFoundError."""
    row = tx.execute(select(policies).where(policies.c.sha256 == sha256)).one_or_none()
    if row is None:
        raise NothingFoundError(f"there is no policy {sha256}")
    return {**described(tx, [row])[0], "text": row.text}


def place(cursor: str) -> tuple[int, str]:
    """A cursor of `page`. Raises InputError."""
    at, _, sha256 = cursor.partition(".")
    if not (at.isascii() and at.isdigit() and len(at) <= 18 and len(sha256) == 64):
        raise InputError("this is not a cursor of this list")
    return int(at), sha256


def naming(tx: Connection, account_id: str) -> list[str]:
    """Which policies that are used or may be used list an account by name: it cannot be forgotten meanwhile."""
    current, active = judging.publication(tx), in_use(tx)
    used = {} if current is None else {current.policy_sha256: "published"}
    if active is not None:
        used[active.sha256] = "in use"
    found = {policy.sha256: ("a candidate", policy) for policy in candidates(tx)}
    found.update({sha256: (why, parse(_text(tx, sha256), sha256)) for sha256, why in used.items()})
    return [
        f"policy {policy.version} ({sha256[:12]}), which is {why}, lists it as protected"
        for sha256, (why, policy) in found.items()
        if account_id in policy.protections.accounts
    ]
