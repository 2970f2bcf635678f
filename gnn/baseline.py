"""The baseline GraphSAGE must beat: a random forest on [x, mean1, mean2], the same inputs.

The forest is kept as flat arrays: a checkpoint then holds numbers only (nothing to unpickle, the same
bytes for the same forest), and scoring needs no scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gnn.calibrate import logit
from gnn.features import Matrix
from gnn.window import Floats

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

TREES = 200
LEAF = 5  # accounts in a leaf, at least


@dataclass(frozen=True)
class Forest:
    """Trees in one numbering of nodes.

    `roots` int32 [trees]; `left`, `right` (child; -1 in a leaf), `feature` int32 [nodes]; `threshold`
    float32 [nodes]: x <= threshold goes left; `value` float32 [nodes]: share of positives.
    """

    roots: npt.NDArray[np.int32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: Matrix
    value: Matrix

    def probability(self, x: Matrix) -> Floats:
        """Mean over trees of the leaf's share of positives; [accounts, inputs] -> float64 [accounts]."""
        total = np.zeros(len(x))
        for root in self.roots:
            node = np.full(len(x), root)
            moving = np.flatnonzero(self.left[node] >= 0)
            while len(moving):
                here = node[moving]
                goes_left = x[moving, self.feature[here]] <= self.threshold[here]
                node[moving] = np.where(goes_left, self.left[here], self.right[here])
                moving = moving[self.left[node[moving]] >= 0]
            total += self.value[node]
        return total / len(self.roots)

    def logits(self, x: Matrix) -> Floats:
        """Log odds of `probability`, kept half a tree away from certainty."""
        return logit(self.probability(x), 0.5 / len(self.roots))


def grow_forest(x: Matrix, y: npt.NDArray[np.int8], seed: int) -> Forest:
    """Train on labelled accounts: x float32 [accounts, inputs], y 0 or 1. Same seed, same forest."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        n_estimators=TREES,
        min_samples_leaf=min(LEAF, max(1, len(y) // 20)),
        class_weight="balanced_subsample",
        n_jobs=1,
        random_state=seed % 2**32,
    )
    return flatten(forest.fit(x, y))


def flatten(forest: RandomForestClassifier) -> Forest:
    """The arrays of a fitted scikit-learn forest of two classes: the same probabilities, to float32."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    offsets = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1].astype(np.int32)

    def children(name: str) -> npt.NDArray[np.int32]:
        parts = [np.where(c < 0, -1, c + o) for t, o in zip(trees, offsets, strict=True) for c in [getattr(t, name)]]
        return np.concatenate(parts).astype(np.int32)

    counts = np.concatenate([tree.value[:, 0, :] for tree in trees])
    return Forest(
        roots=offsets,
        left=children("children_left"),
        right=children("children_right"),
        feature=np.maximum(np.concatenate([tree.feature for tree in trees]), 0).astype(np.int32),
        threshold=_not_above(np.concatenate([tree.threshold for tree in trees])),
        value=(counts[:, 1] / counts.sum(axis=1)).astype(np.float32),
    )


def _not_above(threshold: Floats) -> Matrix:
    """The greatest float32 not above: float32 x <= threshold then holds for the same x."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded).astype(np.float32)
