"""What a publication takes from a run and the event log, in columns: facts, networks, members, evidence.

Only here does the API's package read runs and the log; nothing that answers requests imports it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from api.clock import DAY
from api.facts import AccountFacts, LabelFact, NetworkFact, ReviewFact
from api.rules import Policy
from graph.errors import IntegrityError
from graph.log import EventLog
from graph.reborn import told
from graph.runs import Run

OUTSIDE = "(event log)"  # the one reviewer that all reviews made outside Shoal count as
EVIDENCE_ROWS = 20
_SQL = Path(__file__).parent / "sql"
_READ = ("clusters", "networks", "lineage", "reborn", "behaviour", "scores", "text_scores", "suggestions", "evidence")


@dataclass(frozen=True)
class Material:
    """A run's part of a publication. `reborn`: network -> why it may be a banned one again, in a sentence."""

    run_id: str
    manifest_sha256: str
    model_sha256: str | None
    created_at: int
    since: int | None
    until: int
    known: list[str]
    facts: dict[str, AccountFacts]
    networks: list[dict[str, Any]]
    members: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    suggestions: list[dict[str, Any]]
    reborn: dict[str, str]


def made_at(run: Run) -> int:
    """When a run was made, microseconds UTC."""
    return int(datetime.fromisoformat(run.manifest["created_at"]).timestamp() * 1_000_000)


def read(run: Run, log: EventLog, policy: Policy, named: Sequence[str], now: int) -> Material:
    """Read a verified run and the log's labels and accounts, as far as they were recorded before the run's window end.

    `named` are accounts to read facts of in any case. Raises IntegrityError if the manifest names no data window.
    """
    window = run.manifest["key"].get("window") or {}
    if "until" not in window:
        raise IntegrityError(f"run {run.run_id}: its manifest names no data window (key.window.until)")
    until = int(window["until"])
    created = made_at(run)
    tables = {name: run.table_or_empty(name) for name in _READ}
    connection = log.connect()
    try:
        for name, table in tables.items():
            connection.register(f"run_{name}", table)
        connection.register("hosting_tools", pa.table({"client": pa.array(policy.hosting_tools, pa.string())}))
        connection.register("named", pa.table({"account_id": pa.array(named, pa.string())}))
        thresholds = {name: policy.network.watch_score.get(name, 2.0) for name in ("coordinated", "ai_hosted")}
        share = 2.0 if policy.texts.watch_share is None else policy.texts.watch_share
        rows = _select(connection, "facts", {"until": until, "text_share": share, **thresholds})
        marks = _select(connection, "labels", {"until": until, "min_confidence": policy.labels.min_confidence})
        evidence = _select(connection, "evidence", {"limit": EVIDENCE_ROWS})
        membership = _select(connection, "members", {})
    finally:
        connection.close()
    again = _again(tables["reborn"].to_pylist())
    return Material(
        run_id=run.run_id,
        manifest_sha256=hashlib.sha256((run.path / "manifest.json").read_bytes()).hexdigest(),
        model_sha256=run.model_sha256,
        created_at=created,
        since=window.get("since"),
        until=until,
        known=sorted(tables["behaviour"].column("account_id").to_pylist()),
        facts=_facts(rows, marks, policy, until, (now - created) / DAY),
        networks=_networks(tables, again),
        members=membership,
        evidence=evidence,
        suggestions=tables["suggestions"].to_pylist(),
        reborn={network_id: found[0]["text"] for network_id, found in again.items()},
    )


def _select(connection: Any, name: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    text = (_SQL / f"{name}.sql").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = connection.sql(text, params=parameters).to_arrow_table().to_pylist()
    return rows


def _again(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Each reborn network's matches, the surest first, as the store keeps them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda r: (r["network_id"], r["p_value"], r["banned_network_id"])):
        kept = {name: row[name] for name in ("banned_network_id", "matched_by", "p_value")}
        found.setdefault(row["network_id"], []).append({**kept, "text": told(row)})
    return found


def _networks(tables: dict[str, pa.Table], again: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    parents = {row["network_id"]: row["parents"] for row in tables["lineage"].to_pylist()}
    return [
        {**row, "parents": parents.get(row["network_id"], []), "reborn": again.get(row["network_id"], [])}
        for row in tables["networks"].to_pylist()
    ]


def _facts(
    rows: list[dict[str, Any]], marks: list[dict[str, Any]], policy: Policy, until: int, age: float
) -> dict[str, AccountFacts]:
    labels: dict[str, list[LabelFact]] = {}
    reviews: dict[str, list[ReviewFact]] = {}
    for mark in marks:
        if mark["source"] == "platform":
            labels.setdefault(mark["account_id"], []).append(LabelFact(label=mark["label"], at=mark["at"]))
        else:
            fact = ReviewFact(reviewer=OUTSIDE, decision=mark["label"], at=mark["at"])
            reviews.setdefault(mark["account_id"], []).append(fact)
    protected = set(policy.protections.accounts)
    return {
        row["account_id"]: AccountFacts(
            as_of=until,
            run_age_days=age,
            in_window=row["in_window"],
            organic_share=row["organic_share"],
            registration_client=row["registration_client"],
            verified_role=row["verified_role"],
            declared_automation=row["declared_automation"],
            protected=row["account_id"] in protected,
            labels=tuple(labels.get(row["account_id"], ())),
            reviews=tuple(reviews.get(row["account_id"], ())),
            network=_network(row),
            score=row["score"],
            score_target=row["score_target"],
            text_share=row["text_share"],
            texts_scored=row["texts_scored"],
        )
        for row in rows
    }


def _network(row: dict[str, Any]) -> NetworkFact | None:
    if row["network_id"] is None:
        return None
    return NetworkFact(
        network_id=row["network_id"],
        role=row["role"] or "unknown",
        size=row["size"] or 0,
        days=row["days"] or 0,
        stability=row["stability"] or 0.0,
        density=row["density"],
    )
