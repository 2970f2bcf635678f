"""Forgetting in what was inferred: runs, reports, and the scraps beside them.

A run stays what it is, less the accounts: their rows go, and where a name stands for something else (a cluster named
after its smallest member) a pseudonym takes its place. The manifest says how many accounts are gone and has the hashes
of what is there now. A run whose data window begins before the time from which events are kept goes whole.

A changed run is made beside the old one and takes its place; killed in between, the next call puts it there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graph.files import sha256_of, sync_file, sync_folder, write_bytes, write_json, write_table
from graph.forgetting import Wish
from graph.forgotten import PREFIX
from graph.report import render
from graph.runs import Run, RunStore
from graph.workspace import Workspace

OF = ("account_id", "account_a", "account_b")  # columns that say whose a row is
AFTER = ("cluster_id", "component", "coarse_community", "object_id")  # columns that may be named after an account
CLUSTER = "cluster-"
MODEL = "model.pt"


def affected(runs: RunStore, wish: Wish) -> tuple[list[Run], list[Run], list[Run]]:
    """The runs that go, those that hold one of the accounts, and of both those with a model that saw it."""
    gone = [run for run in runs.all() if _is_older(run, wish)]
    changed = [run for run in runs.all() if run not in gone and _holds(run, wish.names)]
    models = [run for run in (*gone, *changed) if run.has(MODEL) and _holds(run, wish.names, only="scores")]
    return gone, changed, models


def forget_in_runs(workspace: Workspace, wish: Wish) -> None:
    """Take it out of runs and reports; runs in the making are thrown away, they begin anew.

    Raises IntegrityError if a run that has to be changed is not what its manifest says.
    """
    runs = workspace.runs
    _resume(runs)
    shutil.rmtree(runs.root / ".building", ignore_errors=True)
    gone, changed, _ = affected(runs, wish)
    for run in gone:
        if runs.current_id() == run.run_id:
            (runs.root / "CURRENT").unlink()
        _page(workspace, run).unlink(missing_ok=True)
        (run.path / "manifest.json").unlink()  # from here on it is no run
        shutil.rmtree(run.path)
    for run in changed:
        run.verify()
        _write_anew(runs, run, wish.names)
        _swap(runs, run.run_id)
    for run in runs.all():
        page = _page(workspace, run)
        if page.exists() and any(name in page.read_text(encoding="utf-8") for name in wish.accounts):
            write_bytes(page, render(Run(run.run_id, run.path)).encode())


def forget_rejects(workspace: Workspace, wish: Wish) -> int:
    """Take refused rows about the accounts, and files of them from before the time, away; returns how many files.

    That is `rejects/`, and what a stream could not use (`incoming/refused-*`).
    """
    touched = 0
    for file in [*sorted(workspace.rejects.glob("*.jsonl")), *sorted((workspace.root / "incoming").glob("refused-*"))]:
        if wish.before is not None and file.stat().st_mtime * 1_000_000 < wish.before:
            file.unlink()
            touched += 1
            continue
        lines = file.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _names(_record(line), wish.accounts)]
        if len(kept) < len(lines):
            write_bytes(file, b"".join(kept), mode=0o600)
            touched += 1
    return touched


def _record(line: bytes) -> Any:
    """The refused record of a line: as a reject file wraps it, as it was sent, or as text where it is no JSON."""
    try:
        said = json.loads(line)
    except ValueError:
        return line.decode(errors="replace")
    return said.get("record", said) if isinstance(said, dict) else line.decode(errors="replace")


def _names(record: Any, accounts: tuple[str, ...]) -> bool:
    """Whether a refused record names one of the accounts: in a field of its own, or somewhere in its raw text."""
    if isinstance(record, dict):
        return any(value in accounts for value in record.values())
    return any(name in str(record) for name in accounts)


def _is_older(run: Run, wish: Wish) -> bool:
    since = (run.manifest["key"].get("window") or {}).get("since")
    return wish.before is not None and since is not None and since < wish.before


def _holds(run: Run, names: Mapping[str, str], only: str | None = None) -> bool:
    wanted = pa.array([*names, *(CLUSTER + n for n in names), *(PREFIX + n for n in names)], pa.string())
    for file in _tables(run):
        if only is not None and file.stem != only:
            continue
        columns = [c for c in pq.read_schema(file).names if c in (*OF, *AFTER)]
        table = pq.read_table(file, columns=columns, partitioning=None)
        if any(pc.any(pc.is_in(table[c], wanted)).as_py() for c in columns):
            return True
    return False


def _tables(run: Run) -> list[Path]:
    return [run.path / name for name in run.manifest["files"] if name.endswith(".parquet")]


def _write_anew(runs: RunStore, run: Run, names: Mapping[str, str]) -> None:
    target = runs.root / ".forgetting" / f"new-{run.run_id}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    manifest = json.loads(json.dumps(run.manifest))
    clusters = None
    for name in sorted(manifest["files"], key=lambda n: n != "clusters.parquet"):  # networks follow their clusters
        if not name.endswith(".parquet"):
            os.link(run.path / name, target / name)
            continue
        before = pq.read_table(run.path / name, partitioning=None)
        after = _without(before, names)
        if name == "clusters.parquet":
            clusters = after
        elif name == "networks.parquet" and clusters is not None:
            after = after.filter(pc.is_in(after["cluster_id"], clusters["cluster_id"].combine_chunks()))
        if after.equals(before):
            os.link(run.path / name, target / name)
            continue
        write_table(target / name, after)
        sync_file(target / name)
        entry = {"sha256": sha256_of(target / name), "bytes": (target / name).stat().st_size, "rows": after.num_rows}
        manifest["files"][name] = entry
    _follow(target, manifest)
    manifest["forgotten"] = manifest.get("forgotten", 0) + len(names)
    write_json(target / "manifest.json", manifest)


def _follow(target: Path, manifest: dict[str, Any]) -> None:
    """What a reborn network was is of no account once the network has no member left."""
    if not {"reborn.parquet", "networks.parquet"} <= set(manifest["files"]):
        return
    reborn = pq.read_table(target / "reborn.parquet", partitioning=None)
    networks = pq.read_table(target / "networks.parquet", columns=["network_id"], partitioning=None)
    kept = reborn.filter(pc.is_in(reborn["network_id"], networks["network_id"].combine_chunks()))
    if kept.num_rows < reborn.num_rows:
        file = target / "reborn.parquet"
        write_table(file, kept)
        entry = {"sha256": sha256_of(file), "bytes": file.stat().st_size, "rows": kept.num_rows}
        manifest["files"]["reborn.parquet"] = entry


def _without(table: pa.Table, names: Mapping[str, str]) -> pa.Table:
    gone = pa.array(list(names), pa.string())
    for column in OF:
        if column in table.column_names:
            table = table.filter(pc.invert(pc.fill_null(pc.is_in(table[column], gone), False)))
    instead = {
        **names,
        **{CLUSTER + a: CLUSTER + b for a, b in names.items()},
        **{PREFIX + a: PREFIX + b for a, b in names.items()},
    }
    old, new = pa.array(list(instead), pa.string()), pa.array(list(instead.values()), pa.string())
    for column in AFTER:
        if column in table.column_names:
            place = pc.index_in(table[column], old)
            named = pc.coalesce(pc.take(new, place), table[column])
            table = table.set_column(table.column_names.index(column), table.schema.field(column), named)
    return table


def _swap(runs: RunStore, run_id: str) -> None:
    """Put the changed run in place of the old one."""
    scraps = runs.root / ".forgetting"
    old, new, place = scraps / f"old-{run_id}", scraps / f"new-{run_id}", runs.root / run_id
    if place.exists():
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
    new.rename(place)
    sync_folder(runs.root)
    shutil.rmtree(old, ignore_errors=True)


def _resume(runs: RunStore) -> None:
    """Put runs in place that a killed call had made and not put there; throw away what it had not finished."""
    scraps = runs.root / ".forgetting"
    for new in sorted(scraps.glob("new-*")) if scraps.is_dir() else []:
        if (new / "manifest.json").is_file() and not (runs.root / new.name[4:]).exists():
            _swap(runs, new.name[4:])
    shutil.rmtree(scraps, ignore_errors=True)
    for path in runs.root.iterdir() if runs.root.is_dir() else []:
        if path.is_dir() and not path.name.startswith(".") and not (path / "manifest.json").exists():
            shutil.rmtree(path)  # a run that was going


def _page(workspace: Workspace, run: Run) -> Path:
    return workspace.reports / f"{run.run_id}.html"
