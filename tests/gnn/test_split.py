from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.dataset import OUT, TEST, TRAIN, VALIDATION, split
from gnn.labels import UNKNOWN, Labels


def labels(y: np.ndarray, group: np.ndarray, recorded_at: np.ndarray | None = None) -> Labels:
    at = np.zeros(len(y), dtype=np.int64) if recorded_at is None else recorded_at
    return Labels("ai_hosted", y.astype(np.int8), (y != UNKNOWN).astype(float), group.astype(np.int64), at)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_cluster_is_never_on_both_sides(data: st.DataObject) -> None:
    size = data.draw(st.integers(120, 300))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    group = np.where(rng.random(size) < 0.5, 1000 + rng.integers(0, 12, size), np.arange(size))
    y = rng.choice([UNKNOWN, 0, 1], size, p=[0.2, 0.4, 0.4])
    at = rng.integers(1, 1000, size) if data.draw(st.booleans()) else None
    found = split(labels(y, group, at), data.draw(st.integers(0, 100)))
    assert ((found.parts == OUT) == (y == UNKNOWN)).all()
    for number in np.unique(group):
        parts = set(found.parts[(group == number) & (y != UNKNOWN)].tolist())
        assert len(parts) <= 1
    for part in (TRAIN, VALIDATION, TEST):
        assert set(y[found.parts == part].tolist()) == {0, 1}


def test_three_networks_are_enough_whatever_their_sizes() -> None:
    group = np.concatenate([np.repeat([500, 501, 502], [200, 6, 5]), np.arange(100)])
    y = np.concatenate([np.ones(211), np.zeros(100)])
    parts = split(labels(y, group), 3).parts
    assert {int(parts[0]), int(parts[200]), int(parts[206])} == {TRAIN, VALIDATION, TEST}
    assert parts[0] == TRAIN, "the largest one trains"


def test_newest_labels_are_the_test_where_time_allows() -> None:
    at = np.arange(1, 201)
    y = np.arange(200) % 2
    found = split(labels(y, np.arange(200), at), 0)
    assert found.rule == "time and network"
    assert at[found.parts == TEST].min() > at[(found.parts == TRAIN) | (found.parts == VALIDATION)].max()


def test_one_moment_splits_by_network_alone() -> None:
    found = split(labels(np.arange(200) % 2, np.arange(200), np.full(200, 7)), 0)
    assert found.rule == "network"
    shares = [(found.parts == p).mean() for p in (TRAIN, VALIDATION, TEST)]
    np.testing.assert_allclose(shares, [0.6, 0.2, 0.2], atol=0.02)


def test_a_network_with_one_late_label_goes_over_whole() -> None:
    at = np.arange(1, 201)
    group = np.arange(200)
    group[[0, 199]] = 999
    parts = split(labels(np.arange(200) % 2, group, at), 0).parts
    assert parts[0] == parts[199] == TEST
