"""Detection, from the event log to a run: co-actions, significant edges, clusters, networks, evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from graph import coaction, communities, control, networks, reborn, roles, selection, significance
from graph.behaviour import behaviour
from graph.content import content
from graph.edges import edge_table
from graph.errors import InputError, NothingFoundError
from graph.log import EventLog
from graph.model import CLUSTERS, DAY, EVIDENCE, LEADS, NETWORKS
from graph.permutation import Control, PermutationConfig
from graph.rhythm import rhythm
from graph.runs import Building, Run
from graph.statements import sql

DEFAULT_DAYS = 28
EVIDENCE_EDGES = 10  # edges an account whose evidence is kept, strongest first
EVIDENCE_OBJECTS = 20  # objects an edge, rarest first


@dataclass(frozen=True)
class DetectConfig:
    """Everything that decides what a run finds, besides the log and the data window.

    Attributes:
        coaction: what counts as a co-action.
        cluster: how clusters are looked for.
        fdr: rate of false discoveries among the kept edges, which are candidates only.
        alpha: a cluster is kept if its own edges, taken alone among all pairs tested, reject chance at this level
            (graph.selection). Thus the many edges of one farm cannot lend significance to a few chance edges elsewhere.
        least_objects: clusters whose members co-acted on fewer distinct objects are left out.
        least_days: likewise for distinct days (UTC).
        permutations: logs with accounts swapped that clusters are compared with (graph.permutation); 0: none.
        seed: of community detection and of every model trained in the run.
    """

    coaction: coaction.CoactionConfig = field(default_factory=coaction.CoactionConfig)
    cluster: communities.ClusterConfig = field(default_factory=communities.ClusterConfig)
    fdr: float = 0.01
    alpha: float = 0.05
    least_objects: int = 3
    least_days: int = 2
    permutations: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse a rate that means nothing."""
        if not 0 < self.fdr < 1:
            raise InputError(f"fdr: {self.fdr}; expected a rate between 0 and 1")
        if self.permutations:
            PermutationConfig(self.permutations)


def data_window(log: EventLog, since: int | None, until: int | None) -> dict[str, int]:
    """The data window in microseconds UTC, `until` exclusive; by default the 28 days up to the newest event.

    Raises NothingFoundError when the log has no event in it, InputError when it is upside down.
    """
    with log.connect() as connection:
        first, newest = connection.execute('SELECT min("at"), max("at") FROM actions').fetchall()[0]
        if newest is None:
            raise NothingFoundError(f"{log.root}: no events yet; `shoal ingest FILES` appends some")
        until = newest + 1 if until is None else until
        since = until - DEFAULT_DAYS * DAY if since is None else since
        if since >= until:
            raise InputError("--since lies at or after --until")
        given = {"since": since, "until": until}
        inside = connection.execute(
            'SELECT count(*) FROM actions WHERE "at" >= $since AND "at" < $until', given
        ).fetchall()[0][0]
    if not inside:
        raise NothingFoundError(
            f"no event lies in the data window {_day(since)} to {_day(until)}; "
            f"the log goes from {_day(first)} to {_day(newest)}"
        )
    return given


def run_key(log: EventLog, window: dict[str, int], config: DetectConfig) -> dict[str, Any]:
    """Everything that determines a run's result: equal keys, equal runs."""
    return {"log": log.digest(), "window": window, "detect": asdict(config)}


def detect(
    building: Building, log: EventLog, config: DetectConfig, parent: Run | None, advance: Callable[[float], None]
) -> None:
    """Fill a run in the making with edges, clusters, networks, evidence, behaviour and content; step `detect`.

    Does nothing if the step was finished before. `advance` is told of 6 steps, and of one more for permutations.
    """
    if building.is_done("detect"):
        return
    window = building.key["window"]
    with log.connect() as connection:
        coaction.prepare(connection, **window)
        advance(1)
        found = coaction.count(connection, config.coaction)
        advance(1)
        tested = significance.test(found, config.fdr)
        kept, members, chance = selection.select(
            connection,
            tested,
            found.pairs_tested,
            config.coaction,
            config.cluster,
            fdr=config.fdr,
            alpha=config.alpha,
            seed=config.seed,
        )
        permuted = control.permuted(
            connection,
            tested,
            found.pairs_tested,
            config.coaction,
            config.cluster,
            config.permutations,
            fdr=config.fdr,
            seed=config.seed,
            advance=advance,
        )
        counts = coaction.edge_counts(connection, kept, config.coaction)
        names = coaction.account_names(connection)
        building.write("edges", edge_table(counts, replace(tested, pairs=kept), names))
        advance(1)
        whole = counts[counts["channel"] == "all"]
        clusters, groups = _clusters(connection, whole, members, config)
        named = _named_clusters(clusters, names)
        building.write("clusters", named)
        advance(1)
        identified = networks.identify(
            named.select(["account_id", "cluster_id"]).to_pandas(), networks.members_of(parent)
        )
        history = networks.lineage(identified, parent)
        building.write("lineage", history)
        found_networks = _networks(clusters, groups, counts, names, identified, permuted)
        building.write("networks", found_networks)
        leads = roles.leads(connection, selection.inside(whole, clusters), clusters, config.coaction.window)
        leads["account_id"], leads["cluster_id"] = names[leads["account"]], _cluster_ids(leads["cluster"], names)
        building.write("leads", pa.Table.from_pandas(leads[LEADS.columns], preserve_index=False))
        known = (
            clusters[["account"]]
            .rename(columns={"account": "a"})
            .assign(network_id=named["cluster_id"].to_pandas().map(identified.set_index("cluster_id")["network_id"]))
        )
        found_again = reborn.find(connection, known, **window)
        building.write("reborn", found_again)
        building.write("evidence", _evidence(connection, whole, clusters, config, window))
        advance(1)
        connection.register("kept", pa.Table.from_pandas(kept[["a", "z"]], preserve_index=False))
        joint = connection.sql(sql("joint_objects"), params={"window": config.coaction.window}).to_arrow_table()
        accounts = behaviour(connection, window["since"], window["until"], joint)
        building.write("behaviour", accounts)
        building.write("rhythm", rhythm(connection, window["since"], window["until"]))
        building.write("content", content(connection, window["since"], window["until"], accounts["account_id"]))
        advance(1)
        actions = connection.execute(
            'SELECT count(*) FROM actions WHERE "at" >= $since AND "at" < $until', window
        ).fetchall()[0][0]
        logged = connection.execute("SELECT count(*) FROM actions").fetchall()[0][0]
    building.done(
        "detect",
        actions=actions,
        actions_in_log=logged,
        accounts=accounts.num_rows,
        pairs_tested=found.pairs_tested,
        hot=found.hot,
        candidates=len(tested.pairs),
        edges=len(kept),
        clusters_found=len(chance),
        clustered=len(clusters),
        networks=found_networks.num_rows,
        dissolved=history.num_rows - found_networks.num_rows,
        reborn=found_again.num_rows,
        **control.figures(permuted, known.groupby(clusters["cluster"])["network_id"].first(), config.alpha),
    )


def _clusters(
    connection: duckdb.DuckDBPyConnection, edges: pd.DataFrame, members: pd.DataFrame, config: DetectConfig
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Members (as graph.roles.assign gives them) and, per cluster, objects, days, first_at, last_at."""
    inside = selection.inside(edges, members)
    connection.register("kept", pa.Table.from_pandas(inside[["a", "z", "cluster"]], preserve_index=False))
    groups = connection.execute(sql("network_objects"), {"window": config.coaction.window}).df()
    connection.unregister("kept")
    groups = groups[(groups["objects"] >= config.least_objects) & (groups["days"] >= config.least_days)]
    members = members[members["cluster"].isin(groups["cluster"])].reset_index(drop=True)
    return roles.assign(members, edges), groups


def _named_clusters(clusters: pd.DataFrame, names: np.ndarray) -> pa.Table:
    rows = pd.DataFrame(
        {
            "account_id": names[clusters["account"]],
            "cluster_id": _cluster_ids(clusters["cluster"], names),
            "role": clusters["role"],
            "stability": clusters["stability"],
        }
    )
    return CLUSTERS.check(pa.Table.from_pandas(rows, preserve_index=False), "clusters")


def _cluster_ids(cluster: pd.Series, names: np.ndarray) -> np.ndarray:
    named: np.ndarray = "cluster-" + names[cluster.to_numpy(np.int64)].astype(object)
    return named


def _networks(
    clusters: pd.DataFrame,
    groups: pd.DataFrame,
    counts: pd.DataFrame,
    names: np.ndarray,
    identified: pd.DataFrame,
    permuted: Control | None,
) -> pa.Table:
    if clusters.empty:
        return NETWORKS.schema.empty_table()
    inside = counts.assign(cluster=counts["a"].map(clusters.set_index("account")["cluster"]))
    inside = inside[inside["cluster"].eq(counts["z"].map(clusters.set_index("account")["cluster"]))]
    per_channel = inside.groupby(["cluster", "channel"]).size().rename("edges").reset_index()
    busiest = per_channel[per_channel["channel"] != "all"].sort_values(
        ["cluster", "edges", "channel"], ascending=[True, False, True]
    )
    rows = groups.merge(clusters.groupby("cluster").agg(stability=("stability", "first")), on="cluster").merge(
        per_channel[per_channel["channel"] == "all"][["cluster", "edges"]], on="cluster"
    )
    rows = rows.merge(busiest.groupby("cluster")["channel"].agg(list).rename("channels"), on="cluster")
    rows["cluster_id"] = _cluster_ids(rows["cluster"], names)
    rows = rows.merge(identified[["cluster_id", "network_id", "change", "size"]], on="cluster_id")
    rows["density"] = rows["edges"] / (rows["size"] * (rows["size"] - 1) / 2)
    rows["title"] = [
        networks.title(*r) for r in rows[["size", "channels", "objects", "days"]].itertuples(index=False, name=None)
    ]
    rows["chance_permuted"] = rows["cluster"].map(permuted.clusters["p_permuted"]) if permuted else np.nan
    rows = rows.sort_values("network_id")[NETWORKS.columns]
    return NETWORKS.check(pa.Table.from_pandas(rows, preserve_index=False, schema=NETWORKS.schema), "networks")


def _evidence(
    connection: duckdb.DuckDBPyConnection,
    edges: pd.DataFrame,
    clusters: pd.DataFrame,
    config: DetectConfig,
    window: dict[str, int],
) -> pa.Table:
    """Evidence of each account's strongest edges inside its cluster; bounded, so that farms stay readable."""
    cluster_of = clusters.set_index("account")["cluster"]
    inside = edges[edges["a"].map(cluster_of).eq(edges["z"].map(cluster_of))]
    ranked = inside.sort_values(["objects", "a", "z"], ascending=[False, True, True])
    strongest = (ranked.groupby("a").cumcount() < EVIDENCE_EDGES) | (ranked.groupby("z").cumcount() < EVIDENCE_EDGES)
    connection.register("kept", pa.Table.from_pandas(ranked.loc[strongest, ["a", "z"]], preserve_index=False))
    given = {"window": config.coaction.window, "most": EVIDENCE_OBJECTS, **window}
    found = connection.sql(sql("evidence"), params=given).to_arrow_table()
    connection.unregister("kept")
    return EVIDENCE.check(found, "evidence")


def _day(microseconds: int) -> str:
    return str(np.datetime64(microseconds, "us").astype("datetime64[D]"))
