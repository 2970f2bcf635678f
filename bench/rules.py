"""Rules other than Shoal's for which pairs of accounts are coordinated: the peers' and two null models.

bench/nulls.py compares them. BiCM needs the package bicm, which `make bench-install` puts into bench/.venv.
"""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
import worlds
from scipy.sparse import coo_array
from scipy.stats import poisson

from graph import significance
from graph.model import SECOND
from graph.statements import sql

PEER_WINDOW = 60 * SECOND
SLOT = 300 * SECOND
LARGEST = 6_000  # accounts; BiCM's matrices are dense
NO_BICM = "BiCM left out: package bicm is not installed here; `make bench-install` makes bench/.venv, which has it"


class Rule(NamedTuple):
    """What a rule keeps: edges (a, z), clusters (account, cluster; None: found by communities.find), CPU seconds."""

    edges: pd.DataFrame
    members: pd.DataFrame | None
    cpu_s: float


def raw(connection: duckdb.DuckDBPyConnection) -> dict[str, Rule]:
    """The peers' rules: co-actions within 60 s, at least so many, or above a quantile."""
    began = time.process_time()
    pairs = connection.execute(sql("coactions"), {"window": PEER_WINDOW}).df()
    pairs = pairs[pairs["channel"] == "all"]
    spent = time.process_time() - began
    rules = {f"raw weight >= {least}": Rule(pairs[pairs["co_actions"] >= least], None, spent) for least in (2, 5, 10)}
    quantile = pairs["co_actions"].quantile(0.99) if len(pairs) else 0.0
    return rules | {"raw weight, quantile .99": Rule(pairs[pairs["co_actions"] > quantile], None, spent)}


def activity(world: worlds.World, fdr: float) -> Rule:
    """Poisson: joint objects expected from how much both do and how popular objects are; BH over all pairs."""
    began = time.process_time()
    frame = pd.DataFrame({"a": world.a, "o": world.o, "ts": world.ts})
    connection = duckdb.connect()
    connection.register("acted", frame)
    met = connection.execute(
        "SELECT a, z, count(*) AS objects FROM (SELECT DISTINCT x.a AS a, y.a AS z, x.o FROM acted x JOIN acted y "
        "ON x.o = y.o AND x.a < y.a AND abs(x.ts - y.ts) <= 60000000) GROUP BY a, z ORDER BY a, z"
    ).df()
    per_object = connection.execute(
        "SELECT o, count(*) AS pairs FROM (SELECT DISTINCT x.a, y.a, x.o FROM acted x JOIN acted y "
        "ON x.o = y.o AND x.a < y.a AND abs(x.ts - y.ts) <= 60000000) GROUP BY o"
    ).df()
    connection.close()
    degree = frame.drop_duplicates(["a", "o"]).groupby("a").size()
    # sum over objects of (popularity share)^2 x rate of meeting there = pairs met / all pairs of (distinct) activity
    rate = 2 * per_object["pairs"].sum() / degree.sum() ** 2
    expected = met["a"].map(degree) * met["z"].map(degree) * rate
    p = poisson.sf(met["objects"] - 1, expected)
    accounts = len(degree)
    return Rule(met[significance.q_values(p, accounts * (accounts - 1) // 2) <= fdr], None, time.process_time() - began)


def bicm(a: np.ndarray, things: np.ndarray, fdr: float) -> Rule:
    """Accounts that share more things than the degrees of both explain (Saracco et al., New J. Phys. 2017).

    The package fits the model; the p-values are its own (Poisson) in one product of matrices instead of pair by pair.
    """
    from bicm import BipartiteGraph

    began = time.process_time()
    distinct = pd.DataFrame({"a": a, "o": things}).drop_duplicates()
    distinct = distinct[distinct.groupby("o")["a"].transform("size") > 1]  # the others bind nobody
    accounts, row = np.unique(distinct["a"], return_inverse=True)
    objects, column = np.unique(distinct["o"], return_inverse=True)
    graph = BipartiteGraph(degree_sequences=(np.bincount(row), np.bincount(column)))
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph.solve_tool()
    both = np.outer(graph.x, graph.y)
    chance = both / (1 + both)
    acted = coo_array((np.ones(len(row)), (row, column)), shape=(len(accounts), len(objects))).tocsr()
    shared = coo_array(acted @ acted.T)
    upper = shared.row < shared.col
    x, z, joint = shared.row[upper], shared.col[upper], shared.data[upper]
    p = poisson.sf(joint - 1, (chance @ chance.T)[x, z])
    kept = significance.q_values(p, len(accounts) * (len(accounts) - 1) // 2) <= fdr
    edges = pd.DataFrame({"a": accounts[x[kept]], "z": accounts[z[kept]]})
    return Rule(edges, None, time.process_time() - began)


def bicm_rules(world: worlds.World, fdr: float) -> dict[str, Rule]:
    """BiCM on objects, and on objects by stretches of time; nothing where the package is not installed."""
    try:
        import bicm as _  # noqa: F401
    except ImportError:
        print(NO_BICM, flush=True)
        return {}
    if int(world.a.max()) >= LARGEST:
        print(f"BiCM left out: its matrices of more than {LARGEST:,} accounts would not fit", flush=True)
        return {}
    timed = pd.factorize(pd.Series(world.o.astype(str)) + "_" + pd.Series((world.ts // SLOT).astype(str)))[0]
    return {"BiCM, objects": bicm(world.a, world.o, fdr), "BiCM, objects x 5 min": bicm(world.a, timed, fdr)}
