"""Tables as files: what is read is what was written, in every kind of file; whole or not at all; same bytes."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import InputError
from graph.model import EDGES
from graph.tablefiles import SUFFIXES, check_target, read_table, typed, write_table

CHOICES = {"made_by": "test", "parameters": {"window": 1, "name": 'q"uo<te> & 猫'}, "versions": {"a": "1"}}
letters = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
texts = st.text(letters | st.sampled_from("\t\n\r\"',<&> "))
whole = st.integers(-(2**63), 2**63 - 1)
rows = st.fixed_dictionaries(
    {
        "co_actions": whole,
        "objects": whole,
        "first_at": whole,
        "last_at": whole,
        "a_first_share": st.floats(0, 1),
        "expected": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "p_value": st.floats(0, 1),
        "q_value": st.floats(0, 1),
    }
)
keys = st.tuples(texts, texts, st.sampled_from(["all", "like", "url", 'a "channel", odd']))


def table_of(held: dict[tuple[str, str, str], dict[str, Any]]) -> pa.Table:
    """A table of edges, in order."""
    ordered = sorted(held, key=lambda k: tuple(part.encode() for part in k))
    named = [held[key] | dict(zip(("account_a", "account_b", "channel"), key, strict=True)) for key in ordered]
    return pa.Table.from_pylist(named, EDGES.schema)


def usable(held: dict[tuple[str, str, str], dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {k: v for k, v in held.items() if k[0].encode() < k[1].encode() and k[0]}


tables = st.dictionaries(keys, rows, max_size=6).map(usable).map(table_of)
ONE = table_of({("a", "b", "all"): dict.fromkeys(EDGES.columns[3:7], 1) | dict.fromkeys(EDGES.columns[7:], 0.5)})


def as_edges(table: pa.Table, where: str) -> pa.Table:
    """What was read, with its columns as numbers."""
    held = {
        f.name: typed(table, f.name, f.type, where) if f.type != pa.string() else table[f.name] for f in EDGES.schema
    }
    return EDGES.check(pa.table(held), where)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=30, deadline=None)
@given(tables)
def test_what_is_read_is_what_was_written(suffix: str, table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"edges{suffix}"
        assert write_table(table, path, CHOICES) == table.num_rows
        again, choices = read_table(path)
        assert choices == CHOICES
        if suffix in (".graphml", ".gexf") and table.num_rows == 0:
            assert again.num_rows == 0
            return
        if suffix in (".graphml", ".gexf") and "expected" not in again.column_names:  # every one of them is null
            again = again.append_column("expected", pa.nulls(again.num_rows, pa.float64()))
        assert as_edges(again, path.name).equals(table)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=10, deadline=None)
@given(tables)
def test_the_same_table_gives_the_same_bytes_however_it_comes(suffix: str, table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder) / f"1{suffix}", Path(folder) / f"2{suffix}"
        write_table(table, one, CHOICES)
        write_table(
            pa.RecordBatchReader.from_batches(table.schema, table.to_batches()), two, dict(reversed(CHOICES.items()))
        )
        assert one.read_bytes() == two.read_bytes()
        assert sorted(p.name for p in Path(folder).iterdir() if "tmp" in p.name) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_text_in_dictionaries_is_text_in_the_file(tmp_path: Path, suffix: str) -> None:
    table = pa.table({"user_1": ["b", "a", "b"], "user_2": ["a", "c", "a\n"], "weight": [3, 1, 2]})
    coded = pa.table(
        {
            name: c if name == "weight" else c.dictionary_encode()
            for name, c in zip(table.column_names, table.columns, strict=True)
        }
    )
    for name, held in (("plain", table), ("coded", coded)):
        write_table(held, tmp_path / f"{name}{suffix}", CHOICES)
    (plain, choices), (again, same) = (read_table(tmp_path / f"{name}{suffix}") for name in ("plain", "coded"))
    assert again.equals(plain)
    assert choices == same == CHOICES
    if suffix == ".parquet":
        assert again.equals(table)
        assert pq.read_metadata(tmp_path / "coded.parquet").row_group(0).column(0).statistics.min == "a"


def test_networkx_reads_graphs_with_their_attributes_and_direction(tmp_path: Path) -> None:
    held = {("a", "b", "all"): ONE.to_pylist()[0], ("a", "b", "like"): ONE.to_pylist()[0] | {"channel": "like"}}
    table = pa.Table.from_pylist(list(held.values()), EDGES.schema)
    for suffix, read in ((".graphml", nx.read_graphml), (".gexf", nx.read_gexf)):
        for directed in (False, True):
            path = tmp_path / f"g{directed}{suffix}"
            write_table(table, path, CHOICES, directed=directed)
            graph = read(path)
            assert (graph.is_directed(), graph.is_multigraph()) == (directed, True)
            assert sorted(graph) == ["a", "b"]
            seen = [{k: v for k, v in held.items() if k != "id"} for *_, held in graph.edges(data=True)]
            wanted = [{k: v for k, v in row.items() if not k.startswith("account")} for row in table.to_pylist()]
            assert sorted(seen, key=str) == sorted(wanted, key=str)


def test_the_choices_stand_where_each_kind_of_file_keeps_them(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        write_table(ONE, tmp_path / f"e{suffix}", CHOICES)
    assert json.loads(pq.read_schema(tmp_path / "e.parquet").metadata[b"shoal"]) == CHOICES
    assert json.loads(nx.read_graphml(tmp_path / "e.graphml").graph["shoal"]) == CHOICES
    sidecar = json.loads((tmp_path / "e.csv.meta.json").read_text(encoding="utf-8"))
    assert sidecar.pop("file")["name"] == "e.csv"
    assert sidecar == CHOICES
    # a table that was changed since is not the one that the sidecar speaks of
    (tmp_path / "e.csv").write_text((tmp_path / "e.csv").read_text().replace("like", "url").replace("all", "all "))
    assert read_table(tmp_path / "e.csv")[1] == {}


def test_csv_is_what_any_reader_of_csv_expects(tmp_path: Path) -> None:
    table = table_of({('a "1"', "b,\n2", "all"): {**ONE.to_pylist()[0], "expected": None}})
    write_table(table, tmp_path / "e.csv", {})
    with (tmp_path / "e.csv").open(newline="", encoding="utf-8") as file:
        header, row = csv.reader(file)
    assert header == EDGES.columns
    assert row[:4] == ['a "1"', "b,\n2", "all", "1"]
    assert row[EDGES.columns.index("expected")] == ""


@pytest.mark.parametrize("suffix", [".graphml", ".gexf"])
def test_what_xml_cannot_hold_is_refused_by_name(tmp_path: Path, suffix: str) -> None:
    table = table_of({("a", "b\x01", "all"): ONE.to_pylist()[0]})
    with pytest.raises(InputError, match=r"holds U\+0001"):
        write_table(table, tmp_path / f"e{suffix}", CHOICES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("ends", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, suffix: str, ends: type[BaseException]
) -> None:
    path = tmp_path / f"e{suffix}"
    write_table(ONE, path, CHOICES)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def batches() -> Iterator[pa.RecordBatch]:
        yield from ONE.to_batches()
        raise ends

    with pytest.raises(ends):
        write_table(pa.RecordBatchReader.from_batches(ONE.schema, batches()), path, {})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("e.xlsx", "expected a name ending in .parquet, .csv, .graphml or .gexf"),
        ("e", "cannot tell which kind of file"),
        ("no/e.csv", "there is no folder"),
        ("folder.csv", "is a folder"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_told_before_the_work(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=said):
        check_target(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.xlsx", b"x", "cannot tell what this is"),
        ("e.csv", b"", "empty file"),
        ("e.csv", b"a,b\n1\n", "cannot be read as csv"),
        ("e.csv", b"a,b\n\xff\xfe,2\n", "cannot be read as csv"),
        ("e.parquet", b"PAR1 no", "cannot be read as parquet"),
        ("e.graphml", b"<graphml>", "cannot be read as graphml"),
        ("e.graphml", b"<html></html>", "cannot be read as graphml"),
        ("e.gexf", b"not xml", "cannot be read as gexf"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_table(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "e.csv")


def test_a_value_that_is_no_number_is_named_with_its_row() -> None:
    table = pa.table({"weight": ["1", "", "two"]})
    with pytest.raises(InputError, match=r"e\.csv: row 3, weight: two is not a whole number"):
        typed(table, "weight", pa.int64(), "e.csv")
    assert typed(table.slice(0, 2), "weight", pa.int64(), "e.csv").to_pylist() == [1, None]
