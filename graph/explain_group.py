"""Why a cluster is one: where its members met, its strongest pairs, and who leads.

As for a pair (graph.explain): what was inferred comes from the run, what was observed from the log as the run saw it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from graph.basis import Basis, LogAsOf, basis_of, named
from graph.errors import NothingFoundError
from graph.explain import telling
from graph.log import EventLog
from graph.runs import Run
from graph.statements import sql
from graph.words import shown

MOST = 20  # objects and pairs that are given


@dataclass(frozen=True)
class Part:
    """A member: role, edges inside the cluster, co-actions along them, and the share in which it acted first.

    A tie counts half. The share is None for a member whose edges all leave the cluster.
    """

    account_id: str
    role: str
    edges: int
    co_actions: int
    first_share: float | None


@dataclass(frozen=True)
class Gathered:
    """An object that members met on: a chain of their actions, each at most the window after the one before.

    Attributes:
        object_id: its id, or what it is where it is private and not to be named.
        object_accounts: accounts that acted on it on this channel in the data window: its rarity.
        members: members that met there at any time, in so many `gatherings`.
        largest: members in the largest gathering; its first and last action (microseconds UTC).
    """

    channel: str
    object_id: str
    private: bool
    object_accounts: int
    members: int
    gatherings: int
    largest: int
    first_at: int
    last_at: int


@dataclass(frozen=True)
class Edge:
    """A coordination edge inside the cluster, over all channels; chance explains `expected` objects of `best`."""

    account_a: str
    account_b: str
    co_actions: int
    objects: int
    expected: float | None
    best: tuple[str, int] | None
    q_value: float | None
    a_first_share: float | None


@dataclass(frozen=True)
class Group:
    """A cluster, explained.

    Attributes:
        network: its row of the table networks.
        members: those that act first most often come first.
        edges: coordination edges inside it, over all channels.
        channels: edges inside it on each channel, most first.
        objects: those most members met on, then the rarest.
        pairs: the strongest, by objects met on.
    """

    basis: Basis
    cluster_id: str
    network: Mapping[str, Any]
    members: tuple[Part, ...]
    edges: int
    channels: tuple[tuple[str, int], ...]
    objects: tuple[Gathered, ...]
    pairs: tuple[Edge, ...]


def explain_group(run: Run, log: EventLog, name: str, *, most: int = MOST, private: bool = False) -> Group:
    """Explain a cluster or a network of a run.

    Args:
        run: the run it was found in.
        log: the event log the run was made from; what was appended later is left out.
        name: id of the network or of the cluster.
        most: how many objects and pairs to give.
        private: name objects on private ground.

    Raises:
        NothingFoundError: the run has no such network or cluster.
        ConflictError: the run was made from another log.
    """
    basis = basis_of(run)
    network = _network(run, name)
    clusters = run.table("clusters", ["account_id", "cluster_id", "role"])
    inside = clusters.filter(pc.equal(clusters["cluster_id"], network["cluster_id"]))
    ids = inside["account_id"].combine_chunks()
    edges = run.table("edges")
    edges = edges.filter(pc.and_(pc.is_in(edges["account_a"], ids), pc.is_in(edges["account_b"], ids)))
    whole = edges.filter(pc.equal(edges["channel"], "all"))
    return Group(
        basis=basis,
        cluster_id=network["cluster_id"],
        network=network,
        members=_parts(inside, whole),
        edges=whole.num_rows,
        channels=_channels(edges),
        objects=_objects(LogAsOf(log, run.manifest["key"]["log"]), basis, ids, most, private),
        pairs=_strongest(edges, whole, most),
    )


def _network(run: Run, name: str) -> dict[str, Any]:
    networks = run.table("networks")
    both = pc.or_(pc.equal(networks["network_id"], name), pc.equal(networks["cluster_id"], name))
    rows: list[dict[str, Any]] = networks.filter(both).to_pylist()
    if rows:
        return rows[0]
    clusters = run.table("clusters", ["account_id", "cluster_id"])
    of_account = clusters.filter(pc.equal(clusters["account_id"], name))["cluster_id"].to_pylist()
    hint = f"it has {networks.num_rows:,}"
    if of_account:
        hint = f"it is an account of {shown(of_account[0])}; explain that, or two accounts"
    raise NothingFoundError(f"run {run.run_id} has no network or cluster {shown(name)!r}: {hint}")


def _parts(inside: pa.Table, whole: pa.Table) -> tuple[Part, ...]:
    edges, co_actions, first2 = (dict.fromkeys(inside["account_id"].to_pylist(), 0) for _ in range(3))
    columns = ("account_a", "account_b", "co_actions", "a_first_share")
    for a, b, met, share in zip(*(whole[c].to_pylist() for c in columns), strict=True):
        led = round(2 * met * (0.5 if share is None else share))  # the integer the share was made from
        for account, first in ((a, led), (b, 2 * met - led)):
            edges[account] += 1
            co_actions[account] += met
            first2[account] += first
    parts = [
        Part(
            row["account_id"],
            row["role"],
            edges[row["account_id"]],
            (met := co_actions[row["account_id"]]),
            first2[row["account_id"]] / (2 * met) if met else None,
        )
        for row in inside.to_pylist()
    ]
    return tuple(sorted(parts, key=lambda p: (-(p.first_share or 0.0), -p.co_actions, p.account_id)))


def _channels(edges: pa.Table) -> tuple[tuple[str, int], ...]:
    single = edges.filter(pc.not_equal(edges["channel"], "all"))
    counts = single.group_by("channel").aggregate([([], "count_all")])
    named_counts = zip(counts["channel"].to_pylist(), counts["count_all"].to_pylist(), strict=True)
    return tuple(sorted(named_counts, key=lambda c: (-c[1], c[0])))


def _strongest(edges: pa.Table, whole: pa.Table, most: int) -> tuple[Edge, ...]:
    order = [("objects", "descending"), ("account_a", "ascending"), ("account_b", "ascending")]
    top = whole.sort_by(order).slice(0, most).to_pylist()
    ends = pa.array(sorted({row[c] for row in top for c in ("account_a", "account_b")}), pa.string())
    near = edges.filter(pc.and_(pc.is_in(edges["account_a"], ends), pc.is_in(edges["account_b"], ends)))
    rows_of: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in near.to_pylist():
        rows_of.setdefault((row["account_a"], row["account_b"]), []).append(row)
    columns = [name for name in Edge.__dataclass_fields__ if name != "best"]
    return tuple(
        Edge(**{c: row[c] for c in columns}, best=telling(rows_of[row["account_a"], row["account_b"]])) for row in top
    )


def _objects(seen: EventLog, basis: Basis, ids: pa.Array, most: int, private: bool) -> tuple[Gathered, ...]:
    given = {"since": basis.since, "until": basis.until, "window": basis.window, "most": most}
    with seen.connect() as connection:
        connection.register("members", pa.table({"account_id": ids}))
        rows = connection.sql(sql("explain_group"), params=given).to_arrow_table().to_pylist()
    found = []
    for row in rows:
        object_id, hidden = named(row["channel"], row["object_id"], private)
        found.append(Gathered(**{**row, "object_id": object_id, "private": hidden}))
    return tuple(found)
