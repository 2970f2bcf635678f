"""`shoal cluster`: from a file of edges to a file of clusters, without a run.

The significant edges of `shoal coact` have been tested. Of any other edges, a cluster has to hold more than chance
explains (graph.surplus), or every triangle of a large graph would be one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from graph import communities, roles
from graph.communities import ClusterConfig
from graph.errors import InputError
from graph.model import CLUSTERS
from graph.tablefiles import check_target, made_with, read_table, typed, write_table
from graph.words import count

Weighing = Literal["one", "weight", "objects", "excess"]
ENDS = (("account_a", "account_b"), ("from", "to"), ("user_1", "user_2"))  # ours, and the peers' names for it
SUFFIXES = (".parquet", ".csv")  # a table of clusters is no graph
ALPHA = 0.05  # level at which a cluster of untested edges has to hold more than chance explains
TESTED = 0.1  # edges have been tested if none has a q-value above it: nobody lives with a larger rate of false ones


@dataclass(frozen=True)
class EdgeList:
    """Edges to cluster: each pair once, sorted.

    Attributes:
        pairs: a, z (integers, a < z), weight, co_actions, a_first2 (twice those in which a acted first).
        names: account ids in order of their integers, in order of their bytes.
        weighing: what the weight is.
        dropped: pairs left out because their weight is not above zero.
        tested: every edge has a q_value that says it is significant.
    """

    pairs: pd.DataFrame
    names: np.ndarray
    weighing: Weighing
    dropped: int
    tested: bool

    def digest(self) -> str:
        """SHA-256 of the edges, whatever order their file has."""
        state = hashlib.sha256("\n".join(self.names).encode())
        for column in ("a", "z", "weight", "co_actions", "a_first2"):
            state.update(self.pairs[column].to_numpy().tobytes())
        return state.hexdigest()


def edge_list(table: pa.Table, where: str, weighing: Weighing | None = None) -> EdgeList:
    """Edges of a table: account_a, account_b and a weight, or the table that `shoal coact` writes.

    Of the latter the rows of channel `all` are taken. A pair that stands there twice (or once each way) is one edge
    whose weights are added.

    Args:
        table: the rows.
        where: name of the file, for errors.
        weighing: what an edge weighs: `one`, the column `weight`, `objects`, or `excess`: objects beyond those that
            chance explains. By default 1 in a table of `shoal coact`, else the column `weight`.

    Raises:
        InputError: a column is missing, or a row has no account, one account twice, or no weight above zero.
    """
    ends = next((ends for ends in ENDS if set(ends) <= set(table.column_names)), None)
    if ends is None:
        raise InputError(
            f"{where}: missing column account_a or account_b; a file of edges has account_a, account_b and weight, "
            "or is what `shoal coact` writes"
        )
    rows = np.arange(1, table.num_rows + 1)
    if "channel" in table.column_names:
        chosen = pc.equal(table["channel"].cast(pa.string()), "all").to_numpy(zero_copy_only=False)
        if len(chosen) and not chosen.any():
            raise InputError(f"{where}: channel: no row of it is of channel all; expected what `shoal coact` writes")
        table, rows = table.filter(pa.array(chosen)), rows[chosen]
    weighing = weighing or ("one" if "channel" in table.column_names else "weight")
    one, two = (_ids(table, column, rows, where) for column in ends)
    same = np.flatnonzero(pc.equal(one, two).to_numpy(zero_copy_only=False))
    if len(same):
        raise InputError(f"{where}: row {rows[same[0]]}, {ends[1]}: the same account as {ends[0]}; expected another")
    weight = _weights(table, weighing, rows, where)
    co_actions, first2 = _leading(table, rows, where)
    names = pc.unique(pa.chunked_array([*one.chunks, *two.chunks], pa.string()))
    names = names.take(pc.array_sort_indices(names))  # in order of their bytes
    a, z = (pc.index_in(ids, names).to_numpy().astype(np.int64) for ids in (one, two))
    pairs = pd.DataFrame(
        {
            "a": np.minimum(a, z),
            "z": np.maximum(a, z),
            "weight": weight,
            "co_actions": co_actions,
            "a_first2": np.where(a < z, first2, 2 * co_actions - first2),
        }
    )
    # sorted by every column before floats are added, so that the order of rows changes nothing
    pairs = pairs.sort_values(list(pairs.columns)).groupby(["a", "z"], as_index=False, sort=True).sum()
    if weighing == "one":
        pairs["weight"] = 1.0
    above = pairs["weight"] > 0
    return EdgeList(
        pairs[above].reset_index(drop=True),
        names.to_numpy(zero_copy_only=False),
        weighing,
        int((~above).sum()),
        _tested(table, rows, where),
    )


def find(edges: EdgeList, config: ClusterConfig, seed: int, alpha: float | None) -> pa.Table:
    """The table CLUSTERS (graph.model) of the edges, sorted by account.

    Where the edges do not say who led, roles rest on degree alone, and nobody is `followed`. For `alpha` see
    graph.communities.find.
    """
    pairs = edges.pairs
    a, z = pairs["a"].to_numpy(), pairs["z"].to_numpy()
    weight = None if edges.weighing == "one" else pairs["weight"].to_numpy()
    members = communities.find(a, z, config, seed, weight=weight, alpha=alpha)
    members = roles.assign(members, pairs)
    named = edges.names.astype(object)
    rows = {
        "account_id": named[members["account"].to_numpy(np.int64)],
        "cluster_id": "cluster-" + named[members["cluster"].to_numpy(np.int64)],
        "role": members["role"],
        "stability": members["stability"],
    }
    return CLUSTERS.check(pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False), "clusters")


def _ids(table: pa.Table, column: str, rows: np.ndarray, where: str) -> pa.ChunkedArray:
    """A column of account ids as text. Raises InputError naming the first row without one."""
    ids = table[column].cast(pa.string())
    empty = np.flatnonzero(pc.fill_null(pc.equal(ids, ""), fill_value=True).to_numpy(zero_copy_only=False))
    if len(empty):
        raise InputError(f"{where}: row {rows[empty[0]]}, {column}: empty; expected an account id")
    return ids


def _numbers(table: pa.Table, column: str, rows: np.ndarray, where: str) -> np.ndarray:
    """A column as floats, null as nan. Raises InputError naming column and row."""
    if column not in table.column_names:
        raise InputError(
            f"{where}: missing column {column}; a file of edges has account_a, account_b and weight "
            "(or say --weight one), or is what `shoal coact` writes"
        )
    numbers: np.ndarray = typed(table, column, pa.float64(), where, rows).to_numpy(zero_copy_only=False)
    return numbers


def _weights(table: pa.Table, weighing: Weighing, rows: np.ndarray, where: str) -> np.ndarray:
    if weighing == "one":
        return np.ones(table.num_rows)
    column = "weight" if weighing == "weight" else "objects"
    weight = _numbers(table, column, rows, where)
    wrong = np.flatnonzero(~(np.isfinite(weight) & (weight > 0)))
    if len(wrong):
        given = table[column][int(wrong[0])].as_py()
        raise InputError(f"{where}: row {rows[wrong[0]]}, {column}: {given!r}; expected a number above zero")
    if weighing == "excess":
        expected: np.ndarray = np.nan_to_num(_numbers(table, "expected", rows, where))
        weight = weight - expected
    return weight


def _tested(table: pa.Table, rows: np.ndarray, where: str) -> bool:
    if "q_value" not in table.column_names:
        return False
    return bool((_numbers(table, "q_value", rows, where) <= TESTED).all())  # one that is missing is none


def _leading(table: pa.Table, rows: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Co-actions of each row and twice those that its first account led; one and a tie where the table does not say."""
    if not {"co_actions", "a_first_share"} <= set(table.column_names):
        return np.ones(table.num_rows, np.int64), np.ones(table.num_rows, np.int64)
    co_actions = np.nan_to_num(_numbers(table, "co_actions", rows, where)).astype(np.int64)
    share = np.nan_to_num(_numbers(table, "a_first_share", rows, where))
    return co_actions, np.rint(2 * co_actions * share).astype(np.int64)


def cluster_file(
    edges: Path, out: Path, weighing: Weighing | None, asked: Mapping[str, Any], seed: int, alpha: float | None = None
) -> list[str]:
    """Cluster a file of edges; returns what to tell a person, line by line.

    Args:
        edges: a file that graph.tablefiles reads.
        out: where to; .parquet or .csv.
        weighing: see `edge_list`.
        asked: fields of ClusterConfig that are not to be its defaults.
        seed: of community detection.
        alpha: level at which a cluster has to hold more than chance explains; 1: it has not. By default ALPHA, and 1 if
            every edge has been tested.

    Raises:
        InputError: the file or an option is not usable as it is, or `out` cannot be written.
    """
    check_target(out, SUFFIXES)
    if out.exists() and edges.exists() and out.samefile(edges):
        raise InputError(f"{out}: is the file that is read; --out needs another name")
    config = _config(asked)
    if alpha is not None and not 0 < alpha <= 1:
        raise InputError(f"alpha: {alpha}; expected a level above 0 and at most 1")
    table, made = read_table(edges)
    listed = edge_list(table, str(edges), weighing)
    alpha = alpha or (1.0 if listed.tested else ALPHA)
    clusters = find(listed, config, seed, alpha if alpha < 1 else None)
    choices = {
        "made_by": "shoal cluster",
        "parameters": {**asdict(config), "seed": seed, "weight": listed.weighing, "alpha": alpha},
        "input": {
            "file": edges.name,
            "edges": len(listed.pairs),
            "tested": listed.tested,
            "sha256": listed.digest(),
            "choices": made,
        },
        "versions": made_with(),
    }
    write_table(clusters, out, choices)
    read = f"{edges}: {count(len(listed.pairs), 'edge')} of {count(len(listed.names), 'account')}"
    return [read, *_told(out, clusters, listed, alpha)]


def _told(out: Path, clusters: pa.Table, listed: EdgeList, alpha: float) -> Iterator[str]:
    """What was done, line by line."""
    if listed.dropped:
        yield f"{count(listed.dropped, 'pair')} left out: chance explains all of their objects"
    found = pc.count_distinct(clusters["cluster_id"]).as_py()
    yield f"{out}: {count(found, 'cluster')} with {count(clusters.num_rows, 'account')}"
    if listed.pairs.empty:
        yield "The table is empty: there are no edges."
    elif alpha < 1:
        yield f"Not every edge has been tested: a group is kept if chance explains it at {alpha:g} or less (--alpha)."
    elif not found:
        yield "No group is dense enough."


def _config(asked: Mapping[str, Any]) -> ClusterConfig:
    """ClusterConfig of options; raises InputError for those that mean nothing."""
    for name, least in (("seeds", 1), ("least_size", 2)):
        if asked.get(name, least) < least:
            raise InputError(f"{name.replace('least', 'min')}: {asked[name]}; expected at least {least}")
    if not 0 <= asked.get("least_stability", 0) <= 1:
        raise InputError(f"min_stability: {asked['least_stability']}; expected 0 to 1")
    for resolution in asked.get("resolutions", ()):
        if not 0 < resolution < float("inf"):
            raise InputError(f"resolution: {resolution}; expected a number above zero")
    return ClusterConfig(**asked)
