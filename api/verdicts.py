"""Reading verdicts: of one account, of many, or a history. Expiry is computed here, when reading."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Row,
    Text,
    any_,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from api import penalties
from api.clock import iso, iso_or_none
from api.tables import accounts, verdicts
from api.tables import penalties as penalties_table


def of_accounts(tx: Connection, account_ids: Sequence[str], at: int) -> dict[str, dict[str, Any]]:
    """The present verdict of each account, as the API answers it; an unknown account is `known: false`."""
    found = _one(tx, account_ids[0]) if len(account_ids) == 1 else _many(tx, account_ids)
    held = penalties.in_force(tx, _among(tx, penalties_table.c.account_id, account_ids), at)
    return {name: _present(name, found.get(name), held.get(name), at) for name in account_ids}


# JSON as text: most verdicts have little of it to read
_VERSION = tuple(
    cast(c, Text).label(c.name) if isinstance(c.type, JSON) else c
    for c in verdicts.c
    if c.name not in ("subject_kind", "subject_id", "content_sha256")
)
_JSON = tuple(c.name for c in verdicts.c if isinstance(c.type, JSON))
_NAMES = tuple(c.name for c in _VERSION)
_TIMES = (accounts.c.judged_at, accounts.c.expires_at)  # without the facts it was judged by
Found = tuple[int | None, int | None, Row[Any] | None]  # judged at, expires at, version of a verdict


def _one(tx: Connection, account_id: str) -> dict[str, Found]:
    """An account by one statement."""
    joined = accounts.outerjoin(verdicts, verdicts.c.verdict_id == accounts.c.verdict_id)
    found = select(*_VERSION, *_TIMES).select_from(joined).where(accounts.c.account_id == account_id)
    row: Any = tx.execute(found).first()
    if row is None:
        return {}
    return {account_id: (row.judged_at, row.expires_at, None if row.tier is None else row)}


def _many(tx: Connection, account_ids: Sequence[str]) -> dict[str, Found]:
    """Accounts by two statements: most have no verdict, and a join would give each of them its empty columns."""
    among = _among(tx, accounts.c.account_id, account_ids)
    rows = tx.execute(select(accounts.c.account_id, *_TIMES, accounts.c.verdict_id).where(among)).all()
    told = _among(tx, verdicts.c.verdict_id, [row[3] for row in rows if row[3] is not None])
    versions = {row.verdict_id: row for row in tx.execute(select(*_VERSION).where(told))}
    return {row[0]: (row[1], row[2], versions.get(row[3])) for row in rows}


def _among(tx: Connection, column: Column[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a column is one of some values: all of them are one parameter, so the statement is always the same."""
    if len(values) != 1 and tx.dialect.name == "sqlite":
        listed = func.json_each(json.dumps(list(values))).table_valued("value")
        return column.in_(select(listed.c.value))
    wanted: Any = values[0] if len(values) == 1 else any_(cast(list(values), ARRAY(column.type)))
    found: ColumnElement[bool] = column == wanted
    return found


_NOTHING = {"tier": "none", "expires_at": None}


def _present(account_id: str, found: Found | None, held: penalties.Effective | None, at: int) -> dict[str, Any]:
    tier, verdict, penalty = "none", None, _NOTHING
    judged_at, expires_at, row = found or (None, None, None)
    if row is not None:
        read = dict(zip(_NAMES, row, strict=False))  # the times of the account may stand behind
        read.update({name: from_json(read[name]) for name in _JSON if read[name] is not None})
        tier, verdict = present(read, judged_at, expires_at, at)
    if held is not None:
        penalty = {"tier": held.tier, "expires_at": iso_or_none(held.expires_at)}
    return {
        "account_id": account_id,
        "known": found is not None,
        "tier": tier,
        "verdict": verdict,
        "penalty": penalty,
    }


def present(row: Any, judged_at: int | None, expires_at: int | None, at: int) -> tuple[str, dict[str, Any]]:
    """The tier that a verdict means now (`none` once it expired), and the verdict with its times."""
    expired = expires_at is None or expires_at <= at
    return "none" if expired else row["tier"], {
        **version(row),
        "expired": expired,
        "judged_at": iso_or_none(judged_at),
        "expires_at": iso_or_none(expires_at),
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
