"""A run as a reader meets it: what was looked at, the networks found, the models that scored.

Everything is read from the run's tables, so the same run gives the same summary. A step the run was
made without counts as an empty table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from graph import history
from graph.runs import Run
from graph.statements import sql
from graph.words import apart, between, number, shown, shown_object

TOP_OBJECTS = 3
HIGH_SCORE = 0.9
MODEL_FILE = "model.json"
ROLES = ("core", "bridge", "periphery", "followed")


@dataclass(frozen=True)
class Member:
    """An account of a network: its role and, where the run has scores, its score."""

    account_id: str
    role: str
    score: float | None


@dataclass(frozen=True)
class Found:
    """A network: its row of graph.model.NETWORKS, who is in it and what shows it.

    `history` says in sentences where it comes from and who leads it; `reborn` which banned network it may be again.
    `left` and `width` place its time span within the data window, in percent.
    """

    network: Mapping[str, Any]
    members: list[Member]
    median_score: float | None
    evidence: list[str]
    history: list[str]
    reborn: list[str]
    left: float
    width: float


@dataclass(frozen=True)
class Looked:
    """What the run looked at, and how much of it is coordinated. Times are microseconds UTC."""

    accounts: int
    actions: int
    first_at: int | None
    last_at: int | None
    edges: int
    clustered: int
    networks: int


@dataclass(frozen=True)
class Scored:
    """What the run's models say of themselves.

    Attributes:
        target: what the score is a probability of.
        meaning: how to read it, or why nothing was scored.
        columns, rows: metrics on held-out accounts, a row a model.
        high: accounts that score HIGH_SCORE or more, `high_outside` of them in no network.
    """

    target: str
    meaning: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    high: int
    high_outside: int


def looked(run: Run) -> Looked:
    """Count what the run looked at."""
    seen = run.table_or_empty("behaviour")
    return Looked(
        accounts=seen.num_rows,
        actions=pc.sum(seen["actions"]).as_py() or 0,
        first_at=pc.min(seen["first_at"]).as_py(),
        last_at=pc.max(seen["last_at"]).as_py(),
        edges=joined(run).num_rows,
        clustered=run.table_or_empty("clusters").num_rows,
        networks=run.table_or_empty("networks").num_rows,
    )


def found(run: Run) -> list[Found]:
    """The run's networks, largest first."""
    networks = run.table_or_empty("networks").to_pylist()
    if not networks:
        return []
    clusters = run.table_or_empty("clusters")
    scores = run.table_or_empty("scores")
    scores = scores.filter(pc.is_in(scores["account_id"], clusters["account_id"].combine_chunks()))
    score_of = dict(zip(scores["account_id"].to_pylist(), scores["score"].to_pylist(), strict=True))
    members: dict[str, list[Member]] = {}
    for row in clusters.select(["cluster_id", "account_id", "role"]).to_pylist():
        member = Member(row["account_id"], row["role"], score_of.get(row["account_id"]))
        members.setdefault(row["cluster_id"], []).append(member)
    sentences = _sentences(run, {row["cluster_id"]: row["size"] for row in networks})
    window = looked(run)
    networks.sort(key=lambda row: (-row["size"], row["network_id"]))
    past, leads, again = history.past(run), history.leads(run), history.reborn(run)
    return [
        _tell(
            row,
            members.get(row["cluster_id"], []),
            sentences.get(row["cluster_id"], []),
            [*past.get(row["network_id"], []), *leads.get(row["cluster_id"], [])],
            again.get(row["network_id"], []),
            window,
        )
        for row in networks
    ]


def scored(run: Run) -> Scored | None:
    """The model card and the high scores of a run; None where scoring was not part of it."""
    if not run.has("scores"):
        return None
    scores = run.table("scores", ["account_id", "target", "score"])
    high = scores.filter(pc.greater_equal(scores["score"], HIGH_SCORE))
    inside = pc.is_in(high["account_id"], run.table_or_empty("clusters")["account_id"].combine_chunks())
    card = json.loads((run.path / MODEL_FILE).read_text(encoding="utf-8")) if run.has(MODEL_FILE) else {}
    tested: dict[str, dict[str, Any]] = card.get("test", {})
    thresholds = [at["threshold"] for metrics in list(tested.values())[:1] for at in metrics["at"]]
    named = [f"{what} at {threshold}" for threshold in thresholds for what in ("precision", "recall")]
    return Scored(
        target=card.get("target") or ", ".join(sorted(pc.unique(scores["target"]).to_pylist())),
        meaning=card.get("meaning", ""),
        columns=("model", "held out", "positive", "AUROC", "AUPRC", "ECE", *named),
        rows=[_metrics(model, metrics) for model, metrics in tested.items()],
        high=high.num_rows,
        high_outside=high.num_rows - (pc.sum(inside).as_py() or 0),
    )


def _metrics(model: str, metrics: dict[str, Any]) -> tuple[str, ...]:
    at = [value for one in metrics["at"] for value in (one["precision"], one["recall"])]
    rates = [metrics["auroc"], metrics["auprc"], metrics["ece"], *at]
    counts = (number(metrics["accounts"]), number(metrics["positives"]))
    return (shown(model), *counts, *("-" if rate is None else f"{rate:.3f}" for rate in rates))


def joined(run: Run) -> pa.Table:
    """Coordination edges over all channels, one row a pair."""
    edges = run.table_or_empty("edges", ["account_a", "account_b", "channel", "objects"])
    return edges.filter(pc.equal(edges["channel"], "all"))


def inside(run: Run, network: Found) -> tuple[pa.Table, pa.Table]:
    """A network's rows of the clusters table, and the coordination edges among its accounts."""
    ids = pa.array([member.account_id for member in network.members], pa.string())
    clusters, edges = run.table_or_empty("clusters"), joined(run)
    both = pc.and_(pc.is_in(edges["account_a"], ids), pc.is_in(edges["account_b"], ids))
    return clusters.filter(pc.is_in(clusters["account_id"], ids)), edges.filter(both)


def _tell(
    row: dict[str, Any],
    members: list[Member],
    evidence: list[str],
    background: list[str],
    again: list[str],
    window: Looked,
) -> Found:
    order = {role: place for place, role in enumerate(ROLES)}
    ordered = sorted(members, key=lambda m: (order.get(m.role, len(order)), -(m.score or 0), m.account_id))
    scores = sorted(m.score for m in members if m.score is not None)
    begin, end = window.first_at or 0, window.last_at or 0
    length = max(end - begin, 1)
    left = min(max((row["first_at"] - begin) / length, 0), 1)
    width = min(max((row["last_at"] - row["first_at"]) / length, 0), 1 - left)
    middle = scores[len(scores) // 2] if scores else None
    return Found(row, ordered, middle, evidence, background, again, round(100 * left, 2), round(100 * width, 2))


def _sentences(run: Run, size_of: dict[str, int]) -> dict[str, list[str]]:
    """The strongest evidence of each cluster, in plain words."""
    with duckdb.connect() as connection:
        connection.register("evidence", run.table_or_empty("evidence"))
        connection.register("clusters", run.table_or_empty("clusters"))
        rows = connection.execute(sql("report_objects"), {"top": TOP_OBJECTS}).fetchall()
    sentences: dict[str, list[str]] = {}
    for cluster_id, channel, object_id, members, first_at, last_at, gap, everyone in rows:
        if cluster_id in size_of:
            size = size_of[cluster_id]
            # a run keeps the evidence of each account's strongest edges only, so this counts from below
            who = f"All {number(size)}" if members == size else f"At least {number(members)} of its {number(size)}"
            sentences.setdefault(cluster_id, []).append(
                f"{who} accounts met on {shown_object(channel, object_id)} (channel {shown(channel)}) "
                f"{between(first_at, last_at)}, pairs a median of {apart(gap)} apart; "
                f"{number(everyone)} accounts acted on it in all."
            )
    return sentences
