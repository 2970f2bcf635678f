"""The audit log: who did what, when, to what and why, as a hash chain.

Each row's hash is SHA-256 over the RFC 8785 canonical JSON of its content, which includes the hash
of the row before. The database refuses updates and deletes; `verify_chain` finds what was changed behind
its back: an edited, removed, inserted or reordered row, and a shortened end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from sqlalchemy import Connection, Engine, insert, select, update

from api.store import reading
from api.tables import audit, audit_head
from graph.errors import IntegrityError

GENESIS = "0" * 64
_PAGE = 5_000


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


def append(tx: Connection, entries: Sequence[Entry], at: int) -> None:
    """Add entries to the chain's end, in the caller's write transaction."""
    if not entries:
        return
    head = tx.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
    seq, previous = (head.seq, head.hash) if head is not None else (0, GENESIS)
    rows = []
    for entry in entries:
        seq += 1
        row = {
            "seq": seq,
            "at": at,
            "actor": entry.actor,
            "event": entry.event,
            "subject": entry.subject,
            "detail": entry.detail,
            "previous": previous,
        }
        previous = canonical_sha256(row)
        rows.append({**row, "hash": previous})
    tx.execute(insert(audit), rows)
    if head is None:
        tx.execute(insert(audit_head).values(one=1, seq=seq, hash=previous))
    else:
        tx.execute(update(audit_head).values(seq=seq, hash=previous))


def verify_chain(engine: Engine) -> int:
    """Recompute the whole chain; returns how many rows it has.

    Raises IntegrityError naming the first row that is not what was written.
    """
    with reading(engine) as tx:
        head = tx.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
        end, previous = 0, GENESIS
        while True:
            page = (
                tx.execute(select(audit).where(audit.c.seq > end).order_by(audit.c.seq).limit(_PAGE)).mappings().all()
            )
            for row in page:
                content = {name: row[name] for name in row if name != "hash"}
                if row["seq"] != end + 1:
                    raise IntegrityError(f"audit row {end + 1} is missing: after {end} comes {row['seq']}")
                if row["previous"] != previous or canonical_sha256(content) != row["hash"]:
                    raise IntegrityError(f"audit row {row['seq']} is not what was written: its hash does not follow")
                end, previous = row["seq"], row["hash"]
            if len(page) < _PAGE:
                break
    if (head.seq, head.hash) != (end, previous) if head is not None else end != 0:
        raise IntegrityError(f"audit row {end + 1} is missing: the log was cut at its end")
    return end
