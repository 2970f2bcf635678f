"""A control that needs no model of chance: what detection finds when accounts are swapped.

Within a *stratum* (the same object community, the same hour, the same channels) the accounts of all interactions are
permuted, and counting, tests and community detection run again on the log so made. Every account keeps how much it did
in each stratum, every object and every moment stays as it was, so interests, daily rhythm, activity, popularity and
bursts are given; who met whom is not. The largest statistic of any cluster in each permuted log is the distribution
that a cluster observed is compared with (the maximum controls the family: Westfall & Young, "Resampling-Based Multiple
Testing", 1993; the one added to both counts: Phipson & Smyth, SAGMB 2010):

    p = (1 + number of permuted logs whose largest statistic is at least that of the cluster) / (1 + permuted logs)

The statistic is minus the logarithm of the cluster's own p-value (significance.clusters), so that clusters of any size
and shape compare. That p-value is used as a measure of distance only: were it wrong, p would still hold, as far as
accounts are exchangeable within a stratum.

Where this has no power: a group that does most of what happens in its strata is permuted within itself and meets again.
Such a cluster *recurs*: a cluster of permuted logs has most of its members. What recurs counts against the cluster
itself, whose p is then large and means nothing, and not against the others. `own` says how much of its strata a cluster
is. docs/decisions/0017 tells what was tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from graph import audiences, coaction, communities, selection, significance
from graph.errors import InputError
from graph.model import SECOND
from graph.statements import sql

HOUR = 3600 * SECOND
ALPHA = 0.05  # the level that the least number of permutations can just reach
FEW = 100_000  # pairs of actions from which the pairs tested of a permuted log are counted, and not looked at
NONE = float("inf")  # what stands for the p-value of a cluster where there is none
LEVELS = (0.1, 0.01, 0.001, 0.0001)  # p-values of pairs are counted at or below these
RECURS = 0.5  # share of the smaller one that a permuted and an observed cluster have in common at least


@dataclass(frozen=True)
class PermutationConfig:
    """How the log is permuted.

    Attributes:
        permutations: permuted logs, each of which costs one more detection; the smallest p is 1 / (1 + permutations).
        slot: length of the stretches of time within which accounts are swapped (microseconds).
        communities: whether they are swapped within object communities only.
        seed: of the permutations and of the object communities.
    """

    permutations: int = 19
    slot: int = HOUR
    communities: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what could never show anything."""
        least = round(1 / ALPHA) - 1
        if self.permutations < least:
            raise InputError(
                f"permutations: {self.permutations}; expected at least {least}, "
                f"for fewer cannot show anything at a level of {ALPHA}"
            )


@dataclass(frozen=True)
class Control:
    """What permuted logs say of the clusters observed.

    Attributes:
        clusters: by cluster (of the edges over all pairs, before anybody joins): p_value (analytic), p_permuted,
            own (of what its members' strata hold, the share that is theirs, 0 to 1), recurs (share of permuted logs
            in which a cluster has most of its members).
        p_value: of the log as a whole: the smallest p_permuted; 1 without clusters.
        logs: a row a permuted log: edges, clusters, least (smallest analytic p-value of a cluster in
            which none observed recurs; infinite if there is none), and below_LEVEL: pairs with a p-value at most LEVEL.
        communities: object communities.
        strata: groups of interactions among which accounts were swapped.
        moved: share of interactions that went to another account, on average.
        repeats: share of actions on an object the same account acted on before: in the log, and in permuted logs.
    """

    clusters: pd.DataFrame
    p_value: float
    logs: pd.DataFrame
    communities: int
    strata: int
    moved: float
    repeats: tuple[float, float]


@dataclass(frozen=True)
class Detected:
    """Edges over all pairs and the clusters they form.

    Attributes:
        edges: rows of significance.Tested.pairs.
        members: account, cluster, stability.
        chance: analytic p-value by cluster.
        pairs_tested: number of pairs tested, apart for strangers and kin.
    """

    edges: pd.DataFrame
    members: pd.DataFrame
    chance: pd.Series
    pairs_tested: dict[str, int]


def swap(account: np.ndarray, stratum: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Permute accounts within strata, every permutation as likely as any other.

    Args:
        account: of each interaction, shape (n,).
        stratum: likewise.
        random: randomness.

    Returns:
        The account that each interaction goes to, shape (n,): in each stratum the same accounts as often as before.
    """
    swapped = np.empty_like(account)
    swapped[np.argsort(stratum, kind="stable")] = account[np.lexsort([random.random(len(account)), stratum])]
    return swapped


def detected(
    tested: significance.Tested,
    pairs_tested: dict[str, int],
    clustered: communities.ClusterConfig,
    fdr: float,
    seed: int,
) -> Detected:
    """The clusters whose p-values are compared, as graph.selection finds them."""
    edges = tested.pairs[tested.pairs["q_value"] <= fdr]
    members = communities.find(edges["a"].to_numpy(), edges["z"].to_numpy(), clustered, seed)
    return Detected(edges, members, significance.clusters(selection.inside(edges, members), pairs_tested), pairs_tested)


def control(
    connection: duckdb.DuckDBPyConnection,
    observed: Detected,
    coacted: coaction.CoactionConfig,
    clustered: communities.ClusterConfig,
    config: PermutationConfig,
    *,
    fdr: float,
    seed: int,
    advance: Callable[[float], None] = lambda _: None,
) -> Control:
    """Compare observed clusters with those of permuted logs.

    Args:
        connection: with the tables of coaction.prepare, which stay as they are.
        observed: what `detected` found in the log as it is.
        coacted: what counted as a co-action in it.
        clustered: how clusters were looked for.
        config: how it is permuted.
        fdr: rate of false discoveries among edges over all pairs.
        seed: of community detection.
        advance: told of one step a permuted log.
    """
    units, stratum, found = stratify(connection, config)
    account = units["a"].to_numpy(np.int64)
    events = connection.execute("SELECT a, o, ts, e FROM events ORDER BY e, o, a").df()
    own = connection.cursor()  # its temporary tables are its own
    logs: list[_Log] = []
    moved, repeats = [], [_repeats(connection)]
    try:
        own.register("observed", pa.Table.from_pandas(events, preserve_index=False))
        for name in ("account_ids", "object_ids", "traits"):
            own.register("copied", connection.sql(f"SELECT * FROM {name}").to_arrow_table())
            own.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM copied")
        for number in range(config.permutations):
            by = swap(account, stratum, np.random.default_rng([config.seed, number]))
            own.register("handed", pa.table({"e": units["e"], "a": units["a"], "by": by}))
            own.execute(sql("permuted"))
            # counting the pairs tested anew would take most of the time, and hardly any comes or goes by a swap
            counted = replace(coaction.count(own, coacted, FEW), pairs_tested=observed.pairs_tested)
            tested = significance.test(counted, fdr)
            again = detected(tested, counted.pairs_tested, clustered, fdr, seed)
            moved.append(float(np.mean(by != account)) if len(by) else 0.0)
            repeats.append(_repeats(own))
            logs.append(_against(observed, again, tested.pairs["p_value"].to_numpy(float)))
            advance(1)
    finally:
        own.close()
    table = _compared(observed, logs).assign(own=_own(observed.members, account, stratum))
    return Control(
        clusters=table,
        p_value=float(table["p_permuted"].min()) if len(table) else 1.0,
        logs=pd.DataFrame([log.told for log in logs]),
        communities=found,
        strata=int(stratum.max(initial=-1)) + 1,
        moved=float(np.mean(moved)),
        repeats=(repeats[0], float(np.mean(repeats[1:]))),
    )


@dataclass(frozen=True)
class _Log:
    """A permuted log, compared with the clusters observed.

    Attributes:
        told: its row of Control.logs.
        again: by observed cluster that recurs in it, the smallest p-value of a cluster in which it does.
    """

    told: dict[str, float]
    again: pd.Series


def stratify(connection: duckdb.DuckDBPyConnection, config: PermutationConfig) -> tuple[pd.DataFrame, np.ndarray, int]:
    """The interactions (e, a), the stratum of each, numbered from 0, and how many object communities there are."""
    units = connection.execute(sql("permutable"), {"slot": config.slot}).df()
    objects: int = connection.execute("SELECT count(*) FROM object_ids").fetchall()[0][0]
    community = np.zeros(objects, dtype=np.int64)
    if config.communities:
        acted = connection.execute("SELECT DISTINCT a, o FROM events").df()
        community = audiences.find(acted["a"].to_numpy(), acted["o"].to_numpy(), objects, config.seed)
    keys = np.column_stack(
        [pd.factorize(units["channels"], sort=True)[0], community[units["o"].to_numpy(np.int64)], units["slot"]]
    ).astype(np.int64)
    _, stratum = np.unique(keys, axis=0, return_inverse=True)
    return units[["e", "a"]], stratum.ravel().astype(np.int64), int(community.max(initial=0)) + 1


def _against(observed: Detected, found: Detected, p: np.ndarray) -> _Log:
    """Compare what a permuted log shows, p being the p-values of its pairs, with what was observed."""
    related = _related(observed.members, found.members)
    others = found.chance.drop(related["permuted"].unique())
    told = {
        "edges": len(found.edges),
        "clusters": len(found.chance),
        "least": float(others.min()) if len(others) else NONE,
        **{f"below_{level:g}": int((p <= level).sum()) for level in LEVELS},
    }
    return _Log(told, related.assign(p=related["permuted"].map(found.chance)).groupby("observed")["p"].min())


def _related(observed: pd.DataFrame, permuted: pd.DataFrame) -> pd.DataFrame:
    """Observed clusters and the permuted ones in which they recur: observed, permuted."""
    both = observed[["account", "cluster"]].merge(
        permuted[["account", "cluster"]], on="account", suffixes=("", "_again")
    )
    joint = both.groupby(["cluster", "cluster_again"]).size().rename("joint").reset_index()
    smaller = np.fmin(
        joint["cluster"].map(observed["cluster"].value_counts()).to_numpy(float),
        joint["cluster_again"].map(permuted["cluster"].value_counts()).to_numpy(float),
    )
    recurs = joint[joint["joint"].to_numpy() >= RECURS * smaller]
    return pd.DataFrame({"observed": recurs["cluster"], "permuted": recurs["cluster_again"]})


def _compared(observed: Detected, logs: list[_Log]) -> pd.DataFrame:
    """p_value, p_permuted and recurs of each observed cluster."""
    chance = observed.chance
    larger = np.zeros(len(chance))
    recurs = np.zeros(len(chance))
    for log in logs:
        again = log.again.reindex(chance.index)
        recurs += again.notna().to_numpy()
        larger += np.fmin(again.to_numpy(float), log.told["least"]) <= chance.to_numpy(float)
    return pd.DataFrame(
        {"p_value": chance, "p_permuted": (1 + larger) / (1 + len(logs)), "recurs": recurs / len(logs)},
        index=chance.index,
    )


def _own(members: pd.DataFrame, account: np.ndarray, stratum: np.ndarray) -> pd.Series:
    """By cluster: of the interactions in its members' strata the share that is theirs, on average over their own."""
    acted = pd.DataFrame({"account": account, "stratum": stratum}).merge(members[["account", "cluster"]], on="account")
    theirs = acted.groupby(["cluster", "stratum"]).size().rename("theirs").reset_index()
    share = theirs["theirs"] / np.bincount(stratum, minlength=1)[theirs["stratum"]]
    total = theirs.groupby("cluster")["theirs"].sum()
    own: pd.Series = (share * theirs["theirs"]).groupby(theirs["cluster"]).sum() / total
    return own


def _repeats(connection: duckdb.DuckDBPyConnection) -> float:
    """Share of actions on an object that the same account acted on before: a swap may bring an account there twice."""
    rows, distinct = connection.execute(
        "SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT a, o FROM events)) FROM events"
    ).fetchall()[0]
    return 1 - int(distinct) / max(int(rows), 1)
