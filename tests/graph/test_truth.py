"""Comparing a run with a known answer, on an answer small enough to count by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from graph.errors import InputError
from graph.model import CLUSTERS
from graph.runs import RunStore
from graph.truth import compare, wilson


def test_counts_by_hand(tmp_path: Path) -> None:
    truth = tmp_path / "truth"
    truth.mkdir()
    pd.DataFrame(
        {
            "account_id": list("abcdefg"),
            "class": ["network"] * 4 + ["framed", "lookalike", "organic"],
            "lookalike": [None] * 5 + ["fan_campaign", None],
            "network": ["n1"] * 4 + [None] * 3,
            "ai_hosted": [True] * 4 + [False] * 3,
        }
    ).to_parquet(truth / "accounts.parquet")
    details = {"behaviour": "x", "size": 4, "targets": 9, "jitter_s": 1.0, "camouflage": 0.0, "platform_facts": True}
    pd.DataFrame([{"network": "n1", **details}, {"network": "n2", **details}]).to_parquet(truth / "networks.parquet")
    building = RunStore(tmp_path / "runs").begin({})
    members = [("a", "core"), ("b", "core"), ("c", "core"), ("e", "followed"), ("f", "core")]
    rows = [{"account_id": a, "cluster_id": "k", "role": r, "stability": 1.0} for a, r in members]
    building.write("clusters", pa.Table.from_pylist(rows, schema=CLUSTERS.schema))
    found = compare(building.finish(None, {}), truth)
    assert found.precision[0] == 3 / 4  # the fan is wrong; the framed account is not claimed
    assert found.networks.set_index("network").loc["n1", "best_jaccard"] == 3 / 5
    assert found.networks.set_index("network").loc["n2", "best_jaccard"] == 0
    assert found.networks_found == 1
    assert "1 fan_campaign" in str(found)


def test_wilson_against_published_values() -> None:
    assert wilson(0, 0) == (0.0, 0.0, 1.0)
    value, low, high = wilson(81, 263)  # Newcombe, Statistics in Medicine 1998, table I: .2553 to .3662
    assert value == pytest.approx(0.3080, abs=1e-4)
    assert (low, high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))


def test_a_folder_without_truth_is_named(tmp_path: Path) -> None:
    run = RunStore(tmp_path / "runs").begin({}).finish(None, {})
    with pytest.raises(InputError, match=r"no accounts\.parquet"):
        compare(run, tmp_path)
