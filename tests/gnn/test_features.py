from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gnn_platform import Platform, make, variant
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gnn.catalogue import ALWAYS, COORDINATION, features_of
from gnn.dataset import Inputs, build_inputs
from gnn.features import Features, Scaling, build_features, longest_empty_run
from gnn.window import open_window

SMALL = Platform(organic=80, networks=4, members=6, events=12, notes=40)


def inputs_of(folder: Path, platform: Platform, target: str) -> Inputs:
    log, building = make(folder, platform)
    with open_window(building, log) as window:
        return build_inputs(window, target)


def features_in(folder: Path, platform: Platform, target: str = "coordinated") -> Features:
    log, building = make(folder, platform)
    with open_window(building, log) as window:
        return build_features(window, target)


def column(features: Features, name: str) -> np.ndarray:
    return features.values[:, features.names.index(name)]


@pytest.mark.parametrize("target", ["coordinated", "ai_hosted"])
def test_neither_platform_facts_nor_labels_enter(tmp_path: Path, target: str) -> None:
    plain = inputs_of(tmp_path / "plain", SMALL, target)
    facts = inputs_of(tmp_path / "facts", variant(SMALL, facts=1), target)
    labelled = inputs_of(tmp_path / "labelled", variant(SMALL, labels="some"), target)
    other = inputs_of(tmp_path / "other", variant(SMALL, seed=1), target)
    for same in (facts, labelled):
        np.testing.assert_array_equal(plain.values, same.values)
        np.testing.assert_array_equal(plain.neighbours.mean.toarray(), same.neighbours.mean.toarray())
    assert not np.array_equal(plain.values, other.values, equal_nan=True), "the comparison sees a difference"


def test_coordination_edges_enter_for_ai_hosted_only(tmp_path: Path) -> None:
    values = {
        (target, edges): inputs_of(tmp_path / f"{target}{edges}", variant(SMALL, edges=edges), target).values
        for target in ("coordinated", "ai_hosted")
        for edges in (True, False)
    }
    np.testing.assert_array_equal(values["coordinated", True], values["coordinated", False])
    assert not np.array_equal(values["ai_hosted", True], values["ai_hosted", False], equal_nan=True)
    assert set(features_of("ai_hosted")) - set(features_of("coordinated")) == set(COORDINATION)


def test_values_mean_what_the_catalogue_says(tmp_path: Path) -> None:
    features = features_in(tmp_path, SMALL)
    assert features.names == tuple(f.name for f in ALWAYS)
    never = ~np.asarray(features.unknown)
    assert np.isfinite(features.values[:, never]).all(), "only features marked unknown may be missing"
    shares = np.column_stack([column(features, n) for n in features.names if n.startswith("share_")])
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    names = np.asarray(SMALL.names())
    order = np.argsort(names)
    member = (np.arange(SMALL.size) >= SMALL.organic)[order]
    latency = column(features, "comment_latency")
    assert np.nanmedian(latency[member]) < np.nanmedian(latency[~member]), "planted: members comment fast"
    assert np.nanmean(column(features, "repeats")[member]) > np.nanmean(column(features, "repeats")[~member])


def test_a_source_that_only_knows_objects(tmp_path: Path) -> None:
    features = features_in(tmp_path, variant(SMALL, objects_only=True))
    assert len(features.values) > 0
    assert np.isnan(column(features, "followers")).all(), "unknown, not zero"
    assert np.isfinite(column(features, "gap_mean")).any()
    assert (column(features, "share_comment") > 0).any()


@given(st.lists(st.integers(0, 23), max_size=24))
def test_empty_hours_against_the_obvious_way(hours: list[int]) -> None:
    clock = np.zeros((1, 24))
    clock[0, hours] = 1
    runs = [next((n for n in range(24) if clock[0, (start + n) % 24]), 24) for start in range(24)]
    assert longest_empty_run(clock)[0] == max(runs)


@given(st.lists(st.integers(0, 23), max_size=24), st.integers(0, 23))
def test_empty_hours_are_the_same_wherever_one_lives(hours: list[int], shift: int) -> None:
    clock = np.zeros((1, 24))
    clock[0, hours] = 1
    assert longest_empty_run(clock)[0] == longest_empty_run(np.roll(clock, shift, axis=1))[0]


@given(arrays(np.float32, (7, 3), elements=st.floats(-1000, 1000, width=32) | st.just(float("nan"))))
def test_scaling_leaves_no_hole_and_says_where_one_was(values: np.ndarray) -> None:
    unknown = (True, False, True)
    scaled = Scaling.fit(values).apply(values, unknown)
    assert scaled.shape == (7, 5)
    assert np.isfinite(scaled).all()
    np.testing.assert_array_equal(scaled[:, 3:], np.isnan(values[:, [0, 2]]))
    assert np.abs(scaled[:, :3].mean(axis=0)).max() < 1e-2
