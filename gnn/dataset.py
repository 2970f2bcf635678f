"""What a model is given, and how its accounts are split: whole networks apart, and by time where labels allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnn.catalogue import features_of
from gnn.features import Matrix, Scaling, build_features
from gnn.labels import LEAST, UNKNOWN, Labels
from gnn.neighbours import Neighbours, find_neighbours
from gnn.window import Integers, Source, Window, data_window
from graph.files import digest_of, sha256_of
from graph.log import EventLog

OUT, TRAIN, VALIDATION, TEST = -1, 0, 1, 2
SHARES = (0.6, 0.2, 0.2)
LATEST = 0.2  # share of labels, the newest, that a split by time tests on
DEGREE = "neighbours"  # ln(1 + degree), last of the model's own inputs

Parts = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Inputs:
    """Features and neighbours of a window's accounts.

    `values`: float32 [accounts, names], NaN where unknown; the last column is ln(1 + degree).
    """

    accounts: npt.NDArray[np.object_]
    names: tuple[str, ...]
    unknown: tuple[bool, ...]
    values: Matrix
    neighbours: Neighbours

    def blocks(self, scaling: Scaling) -> Matrix:
        """[x, mean over neighbours, mean over neighbours' neighbours], standardised; float32 [accounts, 3 * width].

        Both models read these: the forest as they are, GraphSAGE as the input of its first layer.
        """
        own = scaling.apply(self.values, self.unknown)
        once = self.neighbours.mean @ own
        return np.hstack([own, once, self.neighbours.mean @ once]).astype(np.float32)


@dataclass(frozen=True)
class Split:
    """`parts`: int8 [accounts], TRAIN, VALIDATION, TEST or OUT (no label); `rule`: how it was made."""

    parts: Parts
    rule: str


def build_inputs(window: Window, target: str) -> Inputs:
    """Features and neighbours for a target."""
    features = build_features(window, target)
    neighbours = find_neighbours(window, target)
    return join_inputs(window.accounts, features.names, features.unknown, features.values, neighbours)


def join_inputs(
    accounts: npt.NDArray[np.object_],
    names: tuple[str, ...],
    unknown: tuple[bool, ...],
    values: Matrix,
    neighbours: Neighbours,
) -> Inputs:
    """Put the degree beside the features."""
    joined = np.column_stack([values, np.log1p(neighbours.degree)]).astype(np.float32)
    return Inputs(accounts, (*names, DEGREE), (*unknown, False), joined, neighbours)


def input_names(target: str) -> tuple[str, ...]:
    """Names of the columns of `Inputs.values` for a target."""
    return (*(f.name for f in features_of(target)), DEGREE)


def data_hash(source: Source, log: EventLog) -> str:
    """Names everything a model of this run is made from: the log, the data window, the run's tables."""
    tables = {t: sha256_of(source.path / f"{t}.parquet") for t in ("behaviour", "clusters", "edges")}
    return digest_of({"log": log.digest(), "window": data_window(source), "tables": tables})


def split(labels: Labels, seed: int) -> Split:
    """Split the labelled accounts 60/20/20; the accounts of one cluster are never on both sides.

    By time where the labels allow it: clusters and accounts with a label among the newest fifth are the
    test part, if that leaves both parts at least half of LEAST of each class. Otherwise by network alone.
    """
    by_time = _latest(labels)
    if by_time is None:
        return Split(_by_network(labels, labels.y != UNKNOWN, SHARES, seed), "network")
    earlier = _by_network(labels, (labels.y != UNKNOWN) & ~by_time, (0.75, 0.25), seed)
    return Split(np.where(by_time, np.int8(TEST), earlier), "time and network")


def _latest(labels: Labels) -> npt.NDArray[np.bool_] | None:
    known = labels.y != UNKNOWN
    cut = np.quantile(labels.recorded_at[known], 1 - LATEST, method="higher")
    late_groups = np.unique(labels.group[known & (labels.recorded_at > cut)])
    late = known & np.isin(labels.group, late_groups)
    if not late.any() or late.sum() > 2 * LATEST * known.sum():
        return None
    for side in (late, known & ~late):
        of = [np.flatnonzero(side & (labels.y == y)) for y in (0, 1)]
        if min(len(of[0]), len(of[1])) < LEAST // 2:
            return None
    rest = known & ~late & (labels.y == 1)
    return late if len(np.unique(labels.group[rest])) >= 2 else None


def _by_network(labels: Labels, known: npt.NDArray[np.bool_], shares: tuple[float, ...], seed: int) -> Parts:
    """Deal groups out, the one with most positives first, each to the part that lacks most positives.

    Groups without a positive are dealt out in a random order, each part its share.
    """
    rng = np.random.default_rng([seed, 2])
    names, which = np.unique(labels.group[known], return_inverse=True)
    y = labels.y[known]
    positives = np.bincount(which, y == 1, minlength=len(names))
    of_group = np.empty(len(names), dtype=np.int8)

    order = rng.permutation(len(names))
    order = order[np.argsort(-positives[order], kind="stable")]
    rich, poor = order[positives[order] > 0], order[positives[order] == 0]
    lacks = np.asarray(shares) * positives.sum()
    empty = set(range(len(shares)))
    for position, group in enumerate(rich):
        must = sorted(empty) if len(rich) - position <= len(empty) else range(len(shares))
        part = max(must, key=lambda p: (lacks[p], -p))
        of_group[group] = part
        lacks[part] -= positives[group]
        empty.discard(part)

    negatives = np.bincount(which, y == 0, minlength=len(names))
    taken = np.bincount(of_group[rich], negatives[rich], minlength=len(shares))
    wanted = np.maximum(np.asarray(shares) * negatives.sum() - taken, 0)
    edges = np.cumsum(wanted / max(1.0, wanted.sum()))[:-1] * negatives[poor].sum()
    of_group[poor] = np.searchsorted(edges, np.cumsum(negatives[poor]) - 0.5, side="right")

    parts: Integers = np.full(len(labels.y), OUT)
    parts[known] = of_group[which]
    return parts.astype(np.int8)
