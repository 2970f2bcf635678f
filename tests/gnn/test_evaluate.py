from __future__ import annotations

import numpy as np
import pytest

from gnn.evaluate import calibration_error, comparison, evaluate, wilson_lower


@pytest.mark.parametrize(
    ("hits", "trials", "lower"), [(0, 10, 0.0), (10, 10, 0.7225), (81, 263, 0.2553), (98, 100, 0.9300), (0, 0, 0.0)]
)
def test_wilson_against_published_values(hits: int, trials: int, lower: float) -> None:
    assert wilson_lower(hits / trials if trials else 0.0, trials) == pytest.approx(lower, abs=5e-5)


def test_error_of_a_calibrated_and_of_a_boastful_model() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(50_000)
    y = (rng.random(50_000) < p).astype(float)
    ones = np.ones(50_000)
    assert calibration_error(p, y, ones) < 0.01
    assert calibration_error(np.where(p > 0.5, 0.99, 0.01), y, ones) == pytest.approx(0.24, abs=0.01)


def test_metrics_by_hand() -> None:
    y = np.array([1.0, 0, 1, 0])
    p = np.array([0.95, 0.92, 0.6, 0.1])
    found = evaluate(p, p, y, np.ones(4))
    assert found.auroc == pytest.approx(0.75)
    assert found.auprc == pytest.approx((1 + 2 / 3) / 2)
    half, most = found.at
    assert (half.flagged, half.precision, half.recall) == (3, pytest.approx(2 / 3), 1.0)
    assert (most.flagged, most.precision, most.recall) == (2, 0.5, 0.5)


def test_weights_stand_for_accounts_left_out() -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(4000) < 0.1).astype(float)
    p = np.clip(0.3 * y + 0.6 * rng.random(4000), 0, 1)
    kept = (y == 1) | (np.arange(4000) % 4 == 0)
    weight = np.where(y[kept] == 1, 1.0, (y == 0).sum() / (y[kept] == 0).sum())
    whole, part = evaluate(p, p, y, np.ones(4000)), evaluate(p[kept], p[kept], y[kept], weight)
    assert part.auprc == pytest.approx(whole.auprc, abs=0.05)
    assert part.at[0].precision == pytest.approx(whole.at[0].precision, abs=0.05)
    assert part.at[0].lower < whole.at[0].lower, "fewer accounts, less certainty"


def test_both_models_stand_side_by_side() -> None:
    y, p = np.array([1.0, 0.0]), np.array([0.8, 0.1])
    text = comparison({"GraphSAGE": evaluate(p, p, y, np.ones(2)), "forest": evaluate(-p, 1 - p, y, np.ones(2))})
    assert [line.split()[0] for line in text.splitlines()] == ["held", "GraphSAGE", "forest"]
    assert "none flagged" in text
