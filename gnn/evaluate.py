"""How good a model is on accounts it was not trained, selected or calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gnn.calibrate import log_loss
from gnn.window import Floats

THRESHOLDS = (0.5, 0.9)
BINS = 10
Z95 = 1.959963984540054


@dataclass(frozen=True)
class AtThreshold:
    """Accounts scored at or above a threshold.

    `precision` is None where there are none; `lower` is the 95% Wilson lower bound (Wilson 1927), which takes accounts
    for independent: members of one network are not, so it is a bound for the networks tested on.
    """

    threshold: float
    flagged: int
    precision: float | None
    lower: float
    recall: float


@dataclass(frozen=True)
class Metrics:
    """On one part of the split; rates are of the population where negatives were sampled (weights)."""

    accounts: int
    positives: int
    auroc: float
    auprc: float
    ece: float
    log_loss: float
    at: tuple[AtThreshold, ...]

    def as_dict(self) -> dict[str, Any]:
        """For model.json."""
        return asdict(self)


def evaluate(logits: Floats, probability: Floats, y: Floats, weight: Floats) -> Metrics:
    """Compare a model with labels: ranks by its logits, the rest by its calibrated probabilities.

    All arguments float64 [accounts]; both classes present.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    return Metrics(
        accounts=len(y),
        positives=int((y == 1).sum()),
        auroc=float(roc_auc_score(y, logits, sample_weight=weight)),
        auprc=float(average_precision_score(y, logits, sample_weight=weight)),
        ece=calibration_error(probability, y, weight),
        log_loss=log_loss(probability, y, weight),
        at=tuple(_at(probability, y, weight, threshold) for threshold in THRESHOLDS),
    )


def calibration_error(probability: Floats, y: Floats, weight: Floats) -> float:
    """Expected calibration error: sum over BINS equal bins of weight share * |mean probability - rate|."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, weight * probability, BINS) - np.bincount(bins, weight * y, BINS)
    return float(np.abs(gap).sum() / weight.sum())


def wilson_lower(share: float, trials: float) -> float:
    """Lower bound of the 95% Wilson interval for `share` successes in `trials`; 0 without trials."""
    if trials <= 0:
        return 0.0
    z2 = Z95**2
    centre = share + z2 / (2 * trials)
    spread = Z95 * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, float((centre - spread) / (1 + z2 / trials)))


def _at(probability: Floats, y: Floats, weight: Floats, threshold: float) -> AtThreshold:
    flagged = probability >= threshold
    w = weight[flagged]
    hits = float((w * y[flagged]).sum())
    precision = hits / float(w.sum()) if len(w) else None
    effective = float(w.sum() ** 2 / (w**2).sum()) if len(w) else 0.0  # of unequal weights (Kish 1965)
    return AtThreshold(
        threshold=threshold,
        flagged=int(flagged.sum()),
        precision=precision,
        lower=wilson_lower(precision or 0.0, effective),
        recall=hits / float((weight * y).sum()),
    )


def comparison(models: Mapping[str, Metrics]) -> str:
    """The models side by side, one a row, for a terminal."""
    head = f"{'held out':<14}{'AUROC':>8}{'AUPRC':>8}{'ECE':>8}{'log loss':>10}"
    head += "".join(f"{f'precision at {t}':>24}{'recall':>8}" for t in THRESHOLDS)
    lines = [head]
    for name, m in models.items():
        line = f"{name:<14}{m.auroc:>8.3f}{m.auprc:>8.3f}{m.ece:>8.3f}{m.log_loss:>10.3f}"
        for a in m.at:
            said = "none flagged" if a.precision is None else f"{a.precision:.3f} (at least {a.lower:.3f})"
            line += f"{said:>24}{a.recall:>8.3f}"
        lines.append(line)
    return "\n".join(lines)
