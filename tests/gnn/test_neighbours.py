from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from gnn_platform import SINCE, UNTIL, Platform, make

from gnn.features import build_features
from gnn.labels import UNKNOWN, choose_labels
from gnn.neighbours import MOST, Neighbours, coordination_pairs, find_neighbours, mean_over
from gnn.window import open_window
from graph.log import EventLog
from graph.model import CLUSTERS, EDGES
from graph.runs import Building

SMALL = Platform(organic=80, networks=4, members=6, events=12, notes=40)


def neighbours_of(building: Building, log: EventLog, target: str) -> tuple[Neighbours, np.ndarray]:
    with open_window(building, log) as window:
        return find_neighbours(window, target), coordination_pairs(window)


def test_coordination_edges_carry_no_messages_for_coordinated(tmp_path: Path) -> None:
    log, building = make(tmp_path, SMALL)
    found, edges = neighbours_of(building, log, "coordinated")
    assert len(edges) > 0
    sharers_only = found.mean.toarray().copy()
    with open_window(building, log) as window:
        contacts = window.rows("contacts", since=window.since, until=window.until, most=MOST)
    sharers_only[np.asarray(contacts["who"]), np.asarray(contacts["other"])] = 0
    assert sharers_only.any(), "shared rare objects do carry some"
    assert not sharers_only[edges[:, 0], edges[:, 1]].any()
    hosted, _ = neighbours_of(building, log, "ai_hosted")
    assert hosted.mean.toarray()[edges[:, 0], edges[:, 1]].all(), "for ai_hosted they do"


def test_rows_are_means_and_bounded(tmp_path: Path) -> None:
    log, building = make(tmp_path, SMALL)
    found, _ = neighbours_of(building, log, "coordinated")
    sums = np.asarray(found.mean.sum(axis=1)).ravel()
    counts = np.diff(found.mean.indptr)
    np.testing.assert_allclose(sums[counts > 0], 1, rtol=1e-5)
    assert counts.max() <= 2 * MOST
    assert (counts[[sorted(SMALL.names()).index(SMALL.names()[i]) for i in range(SMALL.hermits)]] == 0).all()


def test_bots_that_trail_an_account_change_nothing_about_it(tmp_path: Path) -> None:
    """Framing: edges in which the victim always led, and a place in their cluster as `followed`."""
    log, building = make(tmp_path, SMALL)
    victim = SMALL.names()[SMALL.hermits + 1]
    bots = sorted(SMALL.names()[SMALL.organic : SMALL.organic + SMALL.members])
    row = sorted(SMALL.names()).index(victim)

    def seen() -> tuple[np.ndarray, np.ndarray]:
        with open_window(building, log) as window:
            values = build_features(window, "ai_hosted").values[row]
            return values, find_neighbours(window, "ai_hosted").mean.toarray()[row]

    before = seen()
    pairs = [(min(b, victim), max(b, victim)) for b in bots]
    extra = [(a, b, "all", 9, 9, SINCE, UNTIL, 1.0 if a == victim else 0.0, 0.1, 1e-9, 1e-8) for a, b in pairs]
    columns = dict(zip(EDGES.columns, zip(*extra, strict=True), strict=True))
    building.write("edges", pa.concat_tables([building.table("edges"), pa.table(columns, schema=EDGES.schema)]))
    clusters = building.table("clusters")
    of_bots = clusters.filter(pa.compute.equal(clusters["account_id"], bots[0]))["cluster_id"][0].as_py()
    followed = pa.table(
        {"account_id": [victim], "cluster_id": [of_bots], "role": ["followed"], "stability": [1.0]},
        schema=CLUSTERS.schema,
    )
    building.write("clusters", pa.concat_tables([clusters, followed]))
    for one, other in zip(before, seen(), strict=True):
        np.testing.assert_array_equal(one, other)
    with open_window(building, log) as window:
        labels = choose_labels(window, 0)
    assert labels.target == "coordinated"
    assert labels.y[row] == UNKNOWN, "followed accounts are nobody's example"


def test_no_pairs_at_all() -> None:
    found = mean_over(3, [np.zeros((0, 2), dtype=np.int64)], degree_from=1)
    assert found.links == 0
    assert found.degree.tolist() == [0, 0, 0]
