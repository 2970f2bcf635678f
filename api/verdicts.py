"""Reading verdicts: of one account, of many, or a history. Expiry is computed here, when reading."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json
from sqlalchemy import JSON, BigInteger, ColumnElement, Connection, Text, any_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from api import penalties
from api.clock import iso
from api.tables import accounts, verdicts
from api.tables import penalties as penalties_table


def of_accounts(tx: Connection, account_ids: Sequence[str], at: int) -> dict[str, dict[str, Any]]:
    """The present verdict of each account, as the API answers it; an unknown account is `known: false`."""
    joined = accounts.outerjoin(verdicts, verdicts.c.verdict_id == accounts.c.verdict_id)
    found = select(*_SHOWN).select_from(joined).where(_among(tx, accounts.c.account_id, account_ids))
    rows = {row["account_id"]: row for row in tx.execute(found).mappings().all()}
    held = penalties.in_force(tx, _among(tx, penalties_table.c.account_id, account_ids), at)
    return {name: _present(name, rows.get(name), held.get(name), at) for name in account_ids}


# what is answered of an account, without the facts it was judged by; JSON as text: most accounts have none to read
_SHOWN = (
    *(accounts.c[name] for name in ("account_id", "judged_at", "expires_at")),
    *(
        cast(c, Text).label(c.name) if isinstance(c.type, JSON) else c
        for c in verdicts.c
        if c.name not in ("verdict_id", "subject_kind", "subject_id", "content_sha256")
    ),
)
_JSON = tuple(c.name for c in verdicts.c if isinstance(c.type, JSON))


def _among(tx: Connection, column: ColumnElement[str], names: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column is one of some names: all of them are one parameter, so the statement is always the same."""
    if len(names) == 1:
        return column == names[0]
    if tx.dialect.name == "postgresql":
        return column == any_(cast(list(names), ARRAY(Text)))
    listed = func.json_each(json.dumps(list(names))).table_valued("value")
    return column.in_(select(listed.c.value))


def _present(account_id: str, row: Any, held: penalties.Effective | None, at: int) -> dict[str, Any]:
    body: dict[str, Any] = {"account_id": account_id, "known": row is not None, "tier": "none", "verdict": None}
    if row is not None and row["tier"] is not None:
        read = {name: None if row[name] is None else from_json(row[name]) for name in _JSON}
        body["tier"], body["verdict"] = present({**row, **read}, row["judged_at"], row["expires_at"], at)
    ends = held.expires_at if held is not None else None
    body["penalty"] = {
        "tier": held.tier if held is not None else "none",
        "expires_at": None if ends is None else iso(ends),
    }
    return body


def present(row: Any, judged_at: int | None, expires_at: int | None, at: int) -> tuple[str, dict[str, Any]]:
    """The tier that a verdict means now (`none` once it expired), and the verdict with its times."""
    expired = expires_at is None or expires_at <= at
    return "none" if expired else row["tier"], {
        **version(row),
        "expired": expired,
        "judged_at": None if judged_at is None else iso(judged_at),
        "expires_at": None if expires_at is None else iso(expires_at),
    }


def version(row: Any) -> dict[str, Any]:
    """One verdict version, as the API answers it."""
    score = None if row["score"] is None else {"value": row["score"], "target": row["score_target"]}
    return {
        "version": row["version"],
        "tier": row["tier"],
        "reasons": row["reasons"],
        "families": row["families"],
        "strengths": row["strengths"] or {},
        "protections": row["protections"],
        "network_id": row["network_id"],
        "score": score,
        "run_id": row["run_id"],
        "model_sha256": row["model_sha256"],
        "policy_version": row["policy_version"],
        "policy_sha256": row["policy_sha256"],
        "cause": row["cause"],
        "created_at": iso(row["created_at"]),
    }


def history(tx: Connection, kind: str, subject_id: str, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Verdict versions of an account or network, newest first, those before a version."""
    found = select(verdicts).where(verdicts.c.subject_kind == kind, verdicts.c.subject_id == subject_id)
    if before is not None:
        found = found.where(verdicts.c.version < literal(before, BigInteger))  # a cursor may be larger than the column
    return [version(row) for row in tx.execute(found.order_by(verdicts.c.version.desc()).limit(limit)).mappings()]
