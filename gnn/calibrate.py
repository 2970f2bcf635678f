"""From a model's logits to probabilities, on the validation part.

The rule: Platt's sigmoid (Platt 1999; temperature scaling with a bias, so that class weights and sampled
negatives are undone) below ENOUGH validation accounts of either class; isotonic regression (Zadrozny and
Elkan 2002) from there on. A few networks are too little for the steps of isotonic regression.
Both are fitted to Platt's targets, (n + 1) / (n + 2) and 1 / (n + 2) for n accounts of the class, so that
no validation part, however clean, makes a model certain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnn.window import Floats

ENOUGH = 1000


@dataclass(frozen=True)
class Calibration:
    """`platt`: x = (slope,), y = (intercept,). `isotonic`: probability y at logit x, linear between, flat outside."""

    method: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    def apply(self, logits: Floats) -> Floats:
        """Probabilities for logits; never decreasing in the logit."""
        if self.method == "platt":
            return sigmoid(self.x[0] * logits + self.y[0])
        return np.interp(logits, self.x, self.y)


IDENTITY = Calibration("platt", (1.0,), (0.0,))


def calibrate(logits: Floats, y: Floats, weight: Floats) -> Calibration:
    """Fit to validation accounts; all arguments float64 [accounts], y 0 or 1.

    Returns the identity if that has the lower log loss against Platt's targets.
    """
    goals = platt_targets(y)
    enough = min((y == 1).sum(), (y == 0).sum()) >= ENOUGH
    fitted = _isotonic(logits, goals, weight) if enough else _platt(logits, goals, weight)
    better = log_loss(fitted.apply(logits), goals, weight) <= log_loss(IDENTITY.apply(logits), goals, weight)
    return fitted if better else IDENTITY


def platt_targets(y: Floats) -> Floats:
    """Targets a little inside 0 and 1, by the number of accounts of each class."""
    ones = float((y == 1).sum())
    zeros = len(y) - ones
    return np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))


def log_loss(probability: Floats, y: Floats, weight: Floats) -> float:
    """Weighted mean of -y ln p - (1 - y) ln(1 - p)."""
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return float(np.average(-y * np.log(p) - (1 - y) * np.log1p(-p), weights=weight))


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(x, dtype=np.float64))))


def logit(probability: Floats, least: float) -> Floats:
    """ln(p / (1 - p)), p kept `least` away from 0 and 1."""
    p = np.clip(np.asarray(probability, dtype=np.float64), least, 1 - least)
    return np.log(p) - np.log1p(-p)


def _platt(logits: Floats, goals: Floats, weight: Floats) -> Calibration:
    """Newton's method with halved steps on a convex loss; a slope below 0 (ranked backwards) becomes 0."""
    design = np.column_stack([logits, np.ones(len(logits))])
    at = np.array([1.0, 0.0])
    loss = log_loss(sigmoid(design @ at), goals, weight)
    for _ in range(100):
        p = sigmoid(design @ at)
        gradient = design.T @ (weight * (p - goals))
        curvature = (design * (weight * p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > 1e-6 and log_loss(sigmoid(design @ (at - size * step)), goals, weight) > loss:
            size /= 2
        new = log_loss(sigmoid(design @ (at - size * step)), goals, weight)
        if loss - new < 1e-12:
            break
        at, loss = at - size * step, new
    if at[0] <= 0:
        rate = float(np.average(goals, weights=weight))
        return Calibration("platt", (0.0,), (float(logit(np.array([rate]), 1e-9)[0]),))
    return Calibration("platt", (float(at[0]),), (float(at[1]),))


def _isotonic(logits: Floats, goals: Floats, weight: Floats) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(logits, goals, sample_weight=weight)
    return Calibration(
        "isotonic", tuple(float(v) for v in fitted.X_thresholds_), tuple(float(v) for v in fitted.y_thresholds_)
    )
