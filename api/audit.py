"""The audit log: who did what, when, to what and why, as a hash chain.

Each row's hash is SHA-256 over the RFC 8785 canonical JSON of its content, which includes the hash
of the row before and a random number (`nonce`; null, and then not in the content, in rows from before there were
any). The database refuses updates and deletes; `verify_chain` finds what was changed behind its back: an edited,
removed, inserted or reordered row, and a shortened end.

One change is lawful: `api.forgetting` puts a pseudonym in place of an account's name. The row keeps its hash, which the
next row builds on, and loses its nonce, so nobody can test names against that hash. What the row says now is hashed in
the detail of a later row, `account.forgotten`, which is part of the chain as any other.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from sqlalchemy import Connection, Engine, insert, select, update

from api.store import reading
from api.tables import audit, audit_head
from graph.errors import IntegrityError

GENESIS = "0" * 64
FORGOTTEN = "account.forgotten"
_PAGE = 5_000
_credential: ContextVar[Mapping[str, str] | None] = ContextVar("credential", default=None)


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `detail` is JSON; it never holds secrets or private text."""

    actor: str
    event: str
    subject: str
    detail: dict[str, Any] = field(default_factory=dict)


def canonical_sha256(value: Any) -> str:
    """Hex SHA-256 of a value's RFC 8785 canonical JSON."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def content_sha256(row: Mapping[str, Any]) -> str:
    """The hash of what a row says: all columns but the hash, and the nonce only where it has one."""
    said = {name: row[name] for name in row if name != "hash" and not (name == "nonce" and row[name] is None)}
    return canonical_sha256(said)


@contextmanager
def by_credential(trace: Mapping[str, str]) -> Iterator[None]:
    """Say in the detail of every entry appended meanwhile, in this thread, which key or token it was done with."""
    token = _credential.set(trace)
    try:
        yield
    finally:
        _credential.reset(token)


def append(tx: Connection, entries: Sequence[Entry], at: int) -> None:
    """Add entries to the chain's end, in the caller's write transaction."""
    if not entries:
        return
    head = tx.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
    seq, previous = (head.seq, head.hash) if head is not None else (0, GENESIS)
    rows, trace = [], _credential.get() or {}
    for entry in entries:
        seq += 1
        row = {
            "seq": seq,
            "at": at,
            "actor": entry.actor,
            "event": entry.event,
            "subject": entry.subject,
            "detail": {**entry.detail, **trace},
            "nonce": secrets.token_hex(16),
            "previous": previous,
        }
        previous = content_sha256(row)
        rows.append({**row, "hash": previous})
    tx.execute(insert(audit), rows)
    if head is None:
        tx.execute(insert(audit_head).values(one=1, seq=seq, hash=previous))
    else:
        tx.execute(update(audit_head).values(seq=seq, hash=previous))


class Chain:
    """Rows followed one by one, from after row `end` with hash `previous`.

    `vouched`: what rows say since a name in them was forgotten, by their number.
    """

    def __init__(self, end: int, previous: str, vouched: Mapping[int, str]) -> None:
        self.end, self.previous, self.start, self._vouched = end, previous, previous, vouched

    def follow(self, row: Mapping[str, Any]) -> None:
        """Go on to the next row. Raises IntegrityError if it is missing, or not what was written."""
        if row["seq"] != self.end + 1:
            raise IntegrityError(f"audit row {self.end + 1} is missing: after {self.end} comes {row['seq']}")
        says = self._vouched.get(row["seq"], row["hash"])
        if row["previous"] != self.previous or content_sha256(row) != says:
            raise IntegrityError(f"audit row {row['seq']} is not what was written: its hash does not follow")
        self.end, self.previous = row["seq"], row["hash"]


def vouched(forgotten: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[int, str]:
    """What rows say since a name in them was forgotten: from number and detail of each row FORGOTTEN, in order."""
    found: dict[int, str] = {}
    for seq, detail in forgotten:
        found |= {int(n): sha256 for n, sha256 in detail.get("rows", {}).items() if int(n) < seq}
    return found


def verify_chain(engine: Engine) -> int:
    """Recompute the whole chain; returns how many rows it has.

    Raises IntegrityError naming the first row that is not what was written.
    """
    with reading(engine) as tx:
        head = tx.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
        said = select(audit.c.seq, audit.c.detail).where(audit.c.event == FORGOTTEN).order_by(audit.c.seq)
        chain = Chain(0, GENESIS, vouched((row.seq, row.detail) for row in tx.execute(said)))
        while True:
            found = select(audit).where(audit.c.seq > chain.end).order_by(audit.c.seq).limit(_PAGE)
            page = tx.execute(found).mappings().all()
            for row in page:
                chain.follow(dict(row))
            if len(page) < _PAGE:
                break
    if (head.seq, head.hash) != (chain.end, chain.previous) if head is not None else chain.end != 0:
        raise IntegrityError(f"audit row {chain.end + 1} is missing: the log was cut at its end")
    return chain.end
