"""Every case of bad input (tests/ingest/corpus.py) ends as the reference page says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from corpus import CASES, Case

from graph.errors import InputError
from graph.workspace import Workspace
from ingest.load import ingest

NOW = 1_790_000_000_000_000  # 2026-09-21T14:13:20Z
ALL = [pytest.param(case, id=f"{group}: {case.what}") for group, cases in CASES.items() for case in cases]


def test_there_are_enough_and_none_stands_twice() -> None:
    names = [case.what for cases in CASES.values() for case in cases]
    assert len(names) >= 60


@pytest.mark.parametrize("case", ALL)
def test_bad_input(case: Case, tmp_path: Path) -> None:
    workspace, path = Workspace(tmp_path / "data"), tmp_path / case.name
    path.write_bytes(case.bytes())
    if case.refused:
        with pytest.raises(InputError) as error:
            ingest(workspace, path, case.format_name, now=NOW)
        assert str(path) in str(error.value)
        assert case.refused in str(error.value)
        assert workspace.log.batches() == []
        return
    done = ingest(workspace, path, case.format_name, now=NOW)
    found = {}
    if done.rejects is not None:
        for line in done.rejects.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            assert row["file"] == case.name
            found[row["row"]] = "; ".join(row["reasons"])
    assert (done.appended, sorted(found)) == (case.appended, sorted(case.rejected)), found
    for number, reason in case.rejected.items():
        assert reason in found[number]
        assert len(found[number]) < 400
    if case.texts is not None:
        with workspace.log.connect() as connection:
            stored = connection.execute("SELECT text FROM interactions ORDER BY event_id").fetchall()
        assert tuple(text for (text,) in stored) == case.texts
