"""A model of texts on a run: whose texts it reads, and what the derived run holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from gnn_platform import SINCE, UNTIL, Platform, make
from test_text import CLEAR, made

from gnn.cli import COMMANDS
from gnn.text.file import save
from gnn.text.model import TextModel, score, train
from gnn.text.scores import BATCH, LEAST_TEXTS, of_run
from graph.errors import IntegrityError
from graph.log import EventLog
from graph.model import INTERACTIONS, TEXT_SCORES
from graph.runs import Building
from graph.workspace import Workspace

SPOKEN = made(CLEAR, accounts=14, texts=8, seed=8)


@pytest.fixture(scope="module")
def model() -> TextModel:
    return train(made(CLEAR), seed=1)[0]


@pytest.fixture
def place(tmp_path: Path) -> tuple[Workspace, Building]:
    """A log: a small platform, whose texts are strange to the model, and SPOKEN, some of it in private or too late."""
    log, building = make(tmp_path, Platform(organic=40, networks=2, members=4, events=6, notes=20))
    rows = [
        {
            "event_id": f"s{i}",
            "account_id": account,
            "kind": "message" if account == "g00" else "comment",
            "at": UNTIL if account == "g01" else SINCE + i,
            "text": None if account == "g00" else form,
            "target_id": "n1",
        }
        for i, (form, account) in enumerate(zip(SPOKEN.forms, SPOKEN.accounts, strict=True))
    ]
    staging = log.stage("spoken")
    pq.write_table(pa.Table.from_pylist(rows, schema=INTERACTIONS.schema), staging / "interactions.parquet")
    log.commit(staging, {"source": "test"})
    return Workspace(tmp_path), building


def test_it_reads_public_texts_of_the_data_window(place: tuple[Workspace, Building], model: TextModel) -> None:
    workspace, building = place
    found = of_run(model, building, workspace.log)
    assert found.schema.equals(TEXT_SCORES.schema)
    rows = {row["account_id"]: row for row in found.to_pylist()}
    assert not {"g00", "g01"} & set(rows), "private, and after the data window"
    for name in ("g02", "a00", "a13"):
        alone = score(model, SPOKEN.forms[SPOKEN.accounts == name]).probability
        told = alone[~np.isnan(alone)]
        assert (rows[name]["texts"], rows[name]["scored"]) == (8, len(told))
        wanted = np.mean(told) if len(told) >= LEAST_TEXTS else None
        assert rows[name]["ai_share"] == (wanted if wanted is None else pytest.approx(wanted))
    strangers = [row for name, row in rows.items() if name.startswith("u")]
    assert strangers
    assert all((row["scored"], row["ai_share"]) == (0, None) for row in strangers), "it keeps silent about them"


def test_batches_change_nothing(
    place: tuple[Workspace, Building], model: TextModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, building = place
    whole = of_run(model, building, workspace.log)
    monkeypatch.setattr("gnn.text.scores.BATCH", 37)
    assert BATCH > 37
    assert of_run(model, building, workspace.log).equals(whole)


def test_a_log_without_texts_has_no_scores(tmp_path: Path, model: TextModel) -> None:
    _, building = make(tmp_path, Platform(organic=10, networks=1, members=4, events=4, notes=9))
    assert of_run(model, building, EventLog(tmp_path / "empty")).num_rows == 0


def test_the_command_derives_a_run(place: tuple[Workspace, Building], model: TextModel, tmp_path: Path) -> None:
    workspace, building = place
    run = building.finish(None, {"shoal": "test"})
    workspace.runs.make_current(run)
    file = tmp_path / "model.npz"
    save(file, model, {"salt": "ab" * 32}, SPOKEN.accounts)
    arguments = ["apply", str(file), "--current", "--dir", str(workspace.root)]
    done = CliRunner().invoke(COMMANDS["text"], arguments, catch_exceptions=False)
    assert done.exit_code == 0
    derived = workspace.runs.current()
    derived.verify()
    assert (derived.manifest["parent"], run.has("text_scores")) == (run.run_id, False)
    assert derived.table("behaviour").equals(run.table("behaviour"))
    scores = derived.table("text_scores")
    told = scores.num_rows - scores["ai_share"].null_count
    assert done.stdout.startswith(f"{told} of {scores.num_rows} accounts with public texts")
    assert derived.manifest["steps"]["text_scores"]["accounts"] == scores.num_rows
    file.write_bytes(b"not a model")
    with pytest.raises(IntegrityError, match="not a model"):
        CliRunner().invoke(COMMANDS["text"], arguments, catch_exceptions=False)
    assert len(workspace.runs.all()) == 2
