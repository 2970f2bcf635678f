"""What is kept: clusters that reject chance as a whole, and the edges inside them that their pairs bear out.

Edges over all pairs are candidates. The clusters they form are the unit that is controlled: each is tested on its own
edges, and kept if it rejects chance at `alpha`. Inside a kept cluster, its pairs are a family of their own: they are
tested again at the same rate among themselves, times the share of clusters that were kept (Benjamini & Bogomolov,
"Selective inference on multiple families of hypotheses", JRSS B 2014). Two accounts that met on four rare targets are
nothing among twenty million pairs, and plain within a squad of twenty. Squads without a single such pair are looked for
among what is left (graph.faint).
"""

from __future__ import annotations

from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd

from graph import communities, faint, joining, significance
from graph.coaction import CoactionConfig

ROUNDS = 2  # of joining: who joins shows more of what the cluster did, and that shows more who join


class Selected(NamedTuple):
    """What a run keeps.

    Attributes:
        pairs: the edges: a, z, kin, expected, p_value, q_value, sorted by a, z. q_value is the smaller one of over all
            pairs and over the pairs of its cluster.
        members: account, cluster, stability of each clustered account, sorted by account.
        chance: p-value of each cluster that was found, kept or not, by cluster.
    """

    pairs: pd.DataFrame
    members: pd.DataFrame
    chance: pd.Series


def select(
    connection: duckdb.DuckDBPyConnection,
    tested: significance.Tested,
    pairs_tested: dict[str, int],
    coacted: CoactionConfig,
    clustered: communities.ClusterConfig,
    *,
    fdr: float,
    alpha: float,
    seed: int,
) -> Selected:
    """Keep edges and clusters.

    Args:
        connection: with the tables of coaction.prepare.
        tested: every tested pair.
        pairs_tested: number of pairs tested, apart for strangers and kin.
        coacted: what counts as a co-action.
        clustered: how clusters are looked for.
        fdr: rate of false discoveries: among edges over all pairs, among those who join clusters, and inside clusters.
        alpha: level at which a cluster has to reject chance.
        seed: of community detection.
    """
    pairs = tested.pairs
    edges = pairs[pairs["q_value"] <= fdr]
    members = communities.find(edges["a"].to_numpy(), edges["z"].to_numpy(), clustered, seed)
    edges_inside = inside(edges, members)
    chance = significance.clusters(edges_inside, pairs_tested)
    kept = chance.index[chance <= alpha]
    members = members[members["cluster"].isin(kept)]
    edges_inside = edges_inside[edges_inside["cluster"].isin(kept)]

    def grown(members: pd.DataFrame, edges_inside: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.Series]:
        """Who is in the clusters once all have joined, and the q-value of each pair."""
        stability = members.drop_duplicates("cluster").set_index("cluster")["stability"]
        for _ in range(ROUNDS):
            more = joining.joiners(connection, edges_inside, members, tested.rates, coacted, fdr)
            members = pd.concat([members, more.assign(stability=more["cluster"].map(stability))])
            own = _borne_out(inside(pairs, members), members, share)
            q = pd.Series(np.fmin(pairs["q_value"], own.reindex(pairs.index)), index=pairs.index)
            edges_inside = inside(pairs[q <= fdr], members)
        return members, q

    members, q = grown(members, edges_inside, len(kept) / max(len(chance), 1))
    left = pairs[~pairs["kin"] & ~pairs["a"].isin(members["account"]) & ~pairs["z"].isin(members["account"])]
    more, faint_chance = faint.find(left, _accounts(connection), pairs_tested["strangers"], alpha)
    if len(more):
        chance = faint_chance.combine_first(chance)
        close = inside(left[left["p_value"] <= faint.MOST], more)
        edges_inside = pd.concat([inside(pairs[q <= fdr], members), close])
        stable = communities.stability(close["a"].to_numpy(), close["z"].to_numpy(), more, clustered, seed)
        more = more.assign(stability=more["cluster"].map(stable))
        kept_now = len(kept.union(faint_chance.index))
        members, q = grown(pd.concat([members, more]), edges_inside, kept_now / len(chance))
    members = members.sort_values("account", ignore_index=True)
    return Selected(pairs.assign(q_value=q)[q <= fdr].reset_index(drop=True), members, chance)


def _accounts(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.execute("SELECT count(*) FROM account_ids").fetchall()[0][0])


def inside(pairs: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """The pairs whose two accounts are in one cluster, with it."""
    cluster_of = members.set_index("account")["cluster"]
    own = pairs["a"].map(cluster_of)
    same = own.eq(pairs["z"].map(cluster_of))
    return pairs[same].assign(cluster=own[same].astype(np.int64))


def _borne_out(within: pd.DataFrame, members: pd.DataFrame, share: float) -> pd.Series:
    """Q-value of each pair inside its cluster, by row of `within`; a cluster's pairs that never met count as p = 1."""
    sizes = members["cluster"].value_counts()
    found = [pd.Series(dtype=float)]
    for cluster, rows in within.groupby("cluster", sort=True):
        size = int(sizes[cluster])
        q = significance.q_values(rows["p_value"].to_numpy(), size * (size - 1) // 2)
        found.append(pd.Series(np.minimum(q / share, 1.0), index=rows.index))
    joined: pd.Series = pd.concat(found)
    return joined
