"""What the model learns from: labels that people or the platform gave, or weak labels from clusters.

Unlabelled is not human. For `ai_hosted` only labelled accounts enter the loss. For `coordinated` the
negatives are unclustered accounts, among them networks nobody found: a positive-unlabelled problem, so
the score is of looking like the clusters that were found, and a low score clears nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from gnn.window import Floats, Integers, Window

AI_LABELS = ("ai_hosted", "whole_history_ai", "registered_by_tool")
LEAST = 20  # accounts of each class that make a target learnable
LEAST_GROUPS = 3  # one for each part of the split
MOST_NEGATIVES = 50_000
UNKNOWN = -1


@dataclass(frozen=True)
class Labels:
    """Labels of a window's accounts, all [accounts].

    Attributes:
        target: `ai_hosted` or `coordinated`.
        y: 1, 0 or UNKNOWN.
        weight: how many accounts a labelled one stands for (1, more where negatives were sampled; 0 without label).
        group: number of its cluster; accounts outside clusters have one of their own. Never split.
        recorded_at: when the label was recorded, microseconds UTC; 0 for weak labels.
    """

    target: str
    y: npt.NDArray[np.int8]
    weight: Floats
    group: Integers
    recorded_at: Integers

    @property
    def positives(self) -> int:
        """Accounts with label 1."""
        return int((self.y == 1).sum())

    @property
    def negatives(self) -> int:
        """Accounts with label 0."""
        return int((self.y == 0).sum())

    def shortage(self) -> str | None:
        """Why nothing can be learned from these labels, or None."""
        groups = len(np.unique(self.group[self.y == 1]))
        if self.positives < LEAST or self.negatives < LEAST:
            return (
                f"too few labels for {self.target}: {self.positives} positive and {self.negatives} negative accounts, "
                f"{LEAST} of each are needed"
            )
        if groups < LEAST_GROUPS:
            return (
                f"the positive accounts are of {groups} cluster(s); {LEAST_GROUPS} are needed to train, calibrate and "
                "test on different ones"
            )
        return None


def choose_labels(window: Window, seed: int) -> Labels:
    """Reviewed and platform labels where there are enough of both classes, else weak labels from clusters.

    The newest review counts, without one the newest platform label; both recorded before the window's end.
    """
    given = given_labels(window)
    return _weak_labels(window, given.group, seed) if given.shortage() else given


def cluster_groups(window: Window) -> Integers:
    """For each account the number of its cluster, counted from `window.size`; outside clusters its own number."""
    clusters = window.source.table("clusters", ["account_id", "cluster_id"])
    who = window.numbers(clusters["account_id"])
    names = np.asarray(clusters["cluster_id"].to_pylist(), dtype=object)
    inside = who >= 0
    group = np.arange(window.size, dtype=np.int64)
    group[who[inside]] = window.size + np.unique(names[inside], return_inverse=True)[1]
    return group


def given_labels(window: Window) -> Labels:
    """The labels that reviews and the platform gave, of target `ai_hosted`."""
    rows = window.rows("labels", until=window.until)
    who = np.asarray(rows["who"], dtype=np.int64)
    y = np.full(window.size, UNKNOWN, dtype=np.int8)
    y[who] = np.isin(np.asarray(rows["label"], dtype=object).astype(str), AI_LABELS)
    recorded_at = np.zeros(window.size, dtype=np.int64)
    recorded_at[who] = np.ma.filled(np.ma.asarray(rows["at"]), 0)
    return Labels("ai_hosted", y, (y != UNKNOWN).astype(np.float64), cluster_groups(window), recorded_at)


def _weak_labels(window: Window, group: Integers, seed: int) -> Labels:
    """Members of clusters against unclustered accounts. Who is only followed by a cluster is neither."""
    clusters = window.source.table("clusters", ["account_id", "role"])
    followed = window.numbers(clusters.filter(pc.equal(clusters["role"], "followed"))["account_id"])
    y = np.where(group >= window.size, np.int8(1), np.int8(UNKNOWN))
    y[followed[followed >= 0]] = UNKNOWN
    outside = np.flatnonzero(group < window.size)
    sample = outside
    if len(outside) > MOST_NEGATIVES:
        sample = np.sort(np.random.default_rng([seed, 1]).choice(outside, MOST_NEGATIVES, replace=False))
    y[sample] = 0
    weight = np.where(y == 1, 1.0, 0.0)
    weight[sample] = len(outside) / max(1, len(sample))
    return Labels("coordinated", y, weight, group, np.zeros(window.size, dtype=np.int64))
