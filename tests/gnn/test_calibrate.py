from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.calibrate import ENOUGH, IDENTITY, calibrate, log_loss, logit, platt_targets, sigmoid


def sample(size: int, slope: float, shift: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True log odds z; the model says slope * z + shift."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 2, size)
    y = (rng.random(size) < sigmoid(z)).astype(float)
    y[:2] = 0, 1
    return slope * z + shift, y


@settings(max_examples=60, deadline=None)
@given(st.integers(4, 400), st.floats(-3, 20), st.floats(-10, 10), st.integers(0, 2**31), st.floats(0.2, 50))
def test_calibration_never_makes_the_fit_worse(size: int, slope: float, shift: float, seed: int, heavy: float) -> None:
    logits, y = sample(size, slope, shift, seed)
    weight = np.where(y == 1, 1.0, heavy)
    found = calibrate(logits, y, weight)
    goals = platt_targets(y)
    assert log_loss(found.apply(logits), goals, weight) <= log_loss(sigmoid(logits), goals, weight) + 1e-9
    ordered = found.apply(np.sort(logits))
    assert (np.diff(ordered) >= 0).all(), "never turns the order around"
    assert ((ordered >= 0) & (ordered <= 1)).all()


@pytest.mark.parametrize(("size", "method"), [(500, "platt"), (8 * ENOUGH, "isotonic")])
def test_an_overconfident_model_is_corrected_on_accounts_it_was_not_fitted_to(size: int, method: str) -> None:
    logits, y = sample(size, 5.0, 3.0, 1)
    found = calibrate(logits, y, np.ones(size))
    assert found.method == method
    fresh, truth = sample(20_000, 5.0, 3.0, 2)
    raw, fixed = (log_loss(p, truth, np.ones(20_000)) for p in (sigmoid(fresh), found.apply(fresh)))
    assert fixed < 0.6 * raw
    best = log_loss(sigmoid((fresh - 3.0) / 5.0), truth, np.ones(20_000))
    assert fixed < best + 0.02


def test_perfect_validation_makes_nobody_certain() -> None:
    y = np.repeat([0.0, 1.0], 30)
    probability = calibrate(np.where(y == 1, 50.0, -50.0), y, np.ones(60)).apply(np.array([-1000.0, 1000.0]))
    few = calibrate(np.where(y == 1, 2.0, -2.0), y, np.ones(60)).apply(np.array([-2.0, 2.0]))
    assert few[0] == pytest.approx(1 / 32, abs=1e-3)
    assert few[1] == pytest.approx(31 / 32, abs=1e-3)
    assert probability[0] < 0.5 < probability[1]


def test_a_model_that_ranks_backwards_says_the_base_rate() -> None:
    y = np.repeat([1.0, 0.0, 0.0, 0.0], 25)
    found = calibrate(np.where(y == 1, -3.0, 3.0), y, np.ones(100))
    assert found.apply(np.array([-9.0, 0.0, 9.0])) == pytest.approx([27 / 104] * 3, abs=0.03)


def test_log_odds_and_back() -> None:
    p = np.array([0.0, 0.2, 0.5, 1.0])
    np.testing.assert_allclose(sigmoid(logit(p, 0.01)), [0.01, 0.2, 0.5, 0.99])
    np.testing.assert_allclose(IDENTITY.apply(np.array([0.0])), [0.5])
