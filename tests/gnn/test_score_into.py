from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from gnn_platform import Platform, make, variant

from gnn.apply import apply_checkpoint
from gnn.checkpoint import load_checkpoint, parse_checkpoint
from gnn.score import TOTAL, ScoreReport, score_into
from graph.errors import IntegrityError, NothingFoundError
from graph.files import sha256_of
from graph.log import EventLog
from graph.runs import Building

WEAK = Platform()
GIVEN = variant(WEAK, labels="some")
FILES = ("scores.parquet", "suggestions.parquet", "model.pt", "model.json")


@pytest.fixture(scope="module")
def weak(tmp_path_factory: pytest.TempPathFactory) -> tuple[EventLog, Building, ScoreReport]:
    log, building = make(tmp_path_factory.mktemp("weak"), WEAK)
    return log, building, score_into(building, log, 3)


def test_a_planted_signal_is_learned(
    weak: tuple[EventLog, Building, ScoreReport], capsys: pytest.CaptureFixture[str]
) -> None:
    _, building, report = weak
    assert report.target == "coordinated"
    assert report.positives == WEAK.networks * WEAK.members
    sage, forest = report.metrics["GraphSAGE"], report.metrics["forest"]
    chance = sage.positives / sage.accounts
    assert sage.auroc > 0.9
    assert sage.auprc > chance + 0.4
    print(report)
    printed = capsys.readouterr().out
    assert f"{forest.auprc:.3f}" in printed, "the baseline is printed beside it"
    assert f"{sage.auprc:.3f}" in printed
    assert building.is_done("scores")


def test_noise_is_not_learned(tmp_path: Path) -> None:
    log, building = make(tmp_path, variant(WEAK, signal=False, seed=9))
    report = score_into(building, log, 3)
    assert abs(report.metrics["GraphSAGE"].auroc - 0.5) < 0.25, "clusters drawn at random look like everybody"


def test_every_account_has_scores_even_hermits(weak: tuple[EventLog, Building, ScoreReport]) -> None:
    _, building, _ = weak
    scores = building.table("scores")
    accounts = building.table("behaviour", ["account_id"])["account_id"].to_pylist()
    assert scores["account_id"].to_pylist() == accounts
    assert set(WEAK.names()[: WEAK.hermits]) <= set(accounts)
    for name in ("score", "baseline"):
        values = scores[name].to_numpy()
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.max() <= 1
    assert set(scores["target"].to_pylist()) == {"coordinated"}


def test_reviewed_labels_make_the_other_target(tmp_path: Path) -> None:
    log, building = make(tmp_path, GIVEN)
    report = score_into(building, log, 0)
    assert report.target == "ai_hosted"
    labelled = [i for i in range(GIVEN.size) if i % 3 != 0]  # reports and truth are left out
    assert report.positives == sum(i >= GIVEN.organic for i in labelled)
    assert report.negatives == sum(i < GIVEN.organic for i in labelled)
    assert report.metrics["GraphSAGE"].auroc > 0.9
    suggested = set(building.table("suggestions")["account_id"].to_pylist())
    assert not suggested & {GIVEN.names()[i] for i in labelled}
    card = json.loads((building.path / "model.json").read_text())
    assert "It is not proof" in card["meaning"]


def test_suggestions_cover_networks_and_are_ordered(weak: tuple[EventLog, Building, ScoreReport]) -> None:
    _, building, report = weak
    table = building.table("suggestions")
    assert table.num_rows == report.suggestions <= 200
    priority = table["priority"].to_numpy()
    assert (np.diff(priority) <= 0).all()
    clusters = building.table("clusters")
    found = clusters.filter(pc.is_in(clusters["account_id"], table["account_id"].combine_chunks()))
    assert len(set(found["cluster_id"].to_pylist())) >= WEAK.networks // 2


def test_only_objects_are_known(tmp_path: Path) -> None:
    log, building = make(tmp_path, variant(WEAK, objects_only=True))
    report = score_into(building, log, 1)
    assert report.scored == building.table("behaviour").num_rows
    assert report.metrics["GraphSAGE"].auroc > 0.8


@pytest.mark.parametrize(
    ("platform", "why"),
    [
        (variant(WEAK, edges=False), "20 of each are needed"),
        (variant(WEAK, networks=2), "2 cluster(s)"),
        (Platform(organic=4, networks=1, members=2, events=1, notes=1, hermits=0), "too few labels"),
        (Platform(organic=1, networks=0, members=0, events=1, notes=1, hermits=0), "too few labels"),
    ],
)
def test_too_little_to_learn_from(tmp_path: Path, platform: Platform, why: str) -> None:
    log, building = make(tmp_path, platform)
    told: list[float] = []
    report = score_into(building, log, 0, advance=told.append)
    assert why in (report.reason or "")
    assert why in str(report)
    assert building.table("scores").num_rows == 0
    assert why in json.loads((building.path / "model.json").read_text())["reason"]
    assert not (building.path / "model.pt").exists()
    assert sum(told) == pytest.approx(TOTAL)
    run = building.finish(None, {})
    with pytest.raises(NothingFoundError, match=r"model\.json says why"):
        load_checkpoint(run)


def hashes(building: Building) -> dict[str, str]:
    return {name: sha256_of(building.path / name) for name in FILES}


def test_same_seed_same_bytes(weak: tuple[EventLog, Building, ScoreReport], tmp_path: Path) -> None:
    """In this process, and in another one whose hashes are ordered differently."""
    _, building, _ = weak
    log, again = make(tmp_path / "again", WEAK)
    told: list[float] = []
    score_into(again, log, 3, advance=told.append)
    assert hashes(again) == hashes(building)
    assert sum(told) == pytest.approx(TOTAL)

    script = (
        "import sys, pathlib; from gnn_platform import Platform, make; from gnn.score import score_into\n"
        f"log, building = make(pathlib.Path(sys.argv[1]), Platform(**{asdict(WEAK)!r}))\n"
        "score_into(building, log, 3); print(building.path)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent)])}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "other")],
        capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[2], check=True,
    )  # fmt: skip
    other = Path(done.stdout.strip())
    assert {name: sha256_of(other / name) for name in FILES} == hashes(building)


def test_another_seed_gives_another_model(weak: tuple[EventLog, Building, ScoreReport], tmp_path: Path) -> None:
    log, building = make(tmp_path, WEAK)
    score_into(building, log, 4)
    assert hashes(building)["model.pt"] != hashes(weak[1])["model.pt"]


def test_no_time_in_the_card(weak: tuple[EventLog, Building, ScoreReport]) -> None:
    text = (weak[1].path / "model.json").read_text()
    assert not re.search(r"20\d\d-\d\d-\d\d", text)
    card = json.loads(text)
    assert card["parts"]["train"]["positive"] > card["parts"]["test"]["positive"] > 0
    assert {"GraphSAGE", "forest"} == set(card["test"])
    assert "not a probability of being AI-hosted" in card["meaning"]


def test_a_checkpoint_scores_as_it_did(tmp_path: Path) -> None:
    log, building = make(tmp_path, WEAK)
    score_into(building, log, 5)
    first = building.table("scores")
    run = building.finish(None, {})
    checkpoint = load_checkpoint(run)
    assert (checkpoint.target, checkpoint.seed) == ("coordinated", 5)
    derived = building.store.derive(run, {"score": 1})
    report = apply_checkpoint(derived, log, checkpoint)
    assert "stored model" in str(report)
    assert derived.table("scores").equals(first)
    assert sha256_of(derived.path / "model.pt") == sha256_of(run.path / "model.pt"), "read back and written: same bytes"


def test_a_checkpoint_scores_accounts_it_never_saw(tmp_path: Path) -> None:
    log, building = make(tmp_path / "one", WEAK)
    score_into(building, log, 5)
    checkpoint = load_checkpoint(building.finish(None, {}))
    stranger = variant(WEAK, seed=77)
    log, building = make(tmp_path / "two", stranger)
    apply_checkpoint(building, log, checkpoint)
    scores = dict(zip(*(building.table("scores")[c].to_pylist() for c in ("account_id", "score")), strict=True))
    members = [scores[name] for name in stranger.names()[stranger.organic :]]
    others = [scores[name] for name in stranger.names()[: stranger.organic] if name in scores]
    assert np.median(members) > 0.5 > np.median(others)


def test_a_changed_checkpoint_is_refused(tmp_path: Path) -> None:
    log, building = make(tmp_path, WEAK)
    score_into(building, log, 5)
    run = building.finish(None, {})
    file = run.path / "model.pt"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"model\.pt is not what the manifest says"):
        load_checkpoint(run)
    for broken in (b"something else", bytes(data[:2000]), b"PK" + bytes(100)):
        with pytest.raises(IntegrityError, match="here: not a checkpoint"):
            parse_checkpoint(broken, "here")
