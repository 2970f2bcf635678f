"""Parsing: CSV in parts gives the records that it gives in one, and a screen of ids hides no bad one."""

from __future__ import annotations

import csv
import gzip
import io
import random
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import InputError
from graph.model import MAX_ID_CHARS
from ingest import linebreaks, readers
from ingest.formats.native import INTERACTIONS
from ingest.linebreaks import lines_are_records

FIELDS = ["", "a", "b c", 'say "x"', "one,two", "two\nlines", "e9,acc-1,like", 'e9,"', "\r", "\r\n", '"', '\n"', "字"]


def written(rows: list[list[str]], quoting: int, end: str = "\n") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator=end).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue()


@given(
    rows=st.lists(st.lists(st.sampled_from(FIELDS), min_size=3, max_size=3), min_size=1, max_size=30),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    chunk=st.integers(20, 200),
)
@settings(deadline=None)
def test_a_line_break_within_a_field_is_always_seen(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], quoting: int, end: str, chunk: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "x.csv"
    path.write_bytes(written([["x", "y", "z"], *rows], quoting, end).encode())
    before, linebreaks.CHUNK = linebreaks.CHUNK, chunk
    try:
        found = lines_are_records(path, ",")
    finally:
        linebreaks.CHUNK = before
    broken = any("\n" in field for row in rows for field in row)
    if broken:
        assert not found
    elif chunk == 200 and end == "\n":  # no line is so long: what a writer quotes as it should is told
        assert found


@pytest.mark.parametrize(
    "text",
    [
        'a,b\nx"y,"\n1,2\n"\n',  # a quote within a field, then one that opens: even on every line but within quotes
        'a,b\n"x"y,"\n1,2\n"\n',
        'a,b\n1,"2\n',
        'a,b\n"1;","2\n"\n',
    ],
)
def test_quotes_that_only_seem_closed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    assert not lines_are_records(path, ",")


def small_parts(monkeypatch: pytest.MonkeyPatch, whole: int) -> None:
    for name, value in (("AT_ONCE_BYTES", 1 << 16), ("MAX_RECORD_BYTES", 1 << 15), ("WHOLE_BYTES", whole)):
        monkeypatch.setattr(readers, name, value)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
@pytest.mark.parametrize("whole", [1 << 26, 1 << 17], ids=["as a whole", "larger than memory"])
@pytest.mark.parametrize("several_lines", [True, False])
def test_a_large_file_is_read_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, several_lines: bool, whole: int, suffix: str
) -> None:
    """Texts that look like records are no records, wherever a part of the file begins."""
    small_parts(monkeypatch, whole)
    rng = random.Random(5)
    break_ = "\n" if several_lines else ";"
    rows = []
    for n in range(1, 20_001):
        forged = break_.join(f"e{rng.randrange(10**6)},acc-1,like" for _ in range(rng.randrange(1, 12)))
        rows.append([f"e{n}", f"acc, {n} ", forged])
    path = tmp_path / f"x{suffix}"
    text = written([["event_id", "account_id", "text"], *rows], csv.QUOTE_MINIMAL).encode()
    path.write_bytes(text if suffix == ".csv" else gzip.compress(text, 1))
    if suffix == ".csv":
        assert lines_are_records(path, ",") is not several_lines
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        readers.open_raw(connection, path)
        read = connection.execute("SELECT source_row, event_id, account_id, text FROM raw").fetchall()
        assert connection.execute("SELECT count(*) FROM broken").fetchall() == [(0,)]
    assert read == [(n, *row) for n, row in enumerate(rows, start=1)]


@pytest.mark.parametrize("whole", [1 << 26, 1 << 17])
def test_a_quote_that_never_closes_at_the_end_of_a_large_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    """It is reported, or the file is refused: the records behind it are never lost without a word."""
    small_parts(monkeypatch, whole)
    path = tmp_path / "x.csv"
    path.write_text("event_id,text\n" + 'e,"two\nlines"\n' * 20_000 + 'e,"open\n' + "e,lost\n" * 3, encoding="utf-8")
    with duckdb.connect() as connection:
        if whole < path.stat().st_size:
            with pytest.raises(InputError, match="do not pair up"):
                readers.open_raw(connection, path)
            return
        readers.open_raw(connection, path)
        assert connection.execute("SELECT count(*) FROM raw").fetchall() == [(20_000,)]
        assert "unterminated quote" in connection.execute("SELECT reason FROM broken").fetchall()[0][0]


IDS = ["event_id", "account_id", "target_id", "content_id", "conversation_id", "client", "device_id"]
PARTS = ["a", "[", "{", "1", "]", "}", '"x":', "\t", "\x7f", " ", "字", "", "x" * (MAX_ID_CHARS // 2), "é" * 300]


@given(st.lists(st.tuples(*[st.lists(st.sampled_from(PARTS), max_size=4).map("".join) for _ in IDS]), min_size=1))
@settings(deadline=None)
def test_the_screen_of_ids_hides_no_bad_one(rows: list[tuple[str, ...]]) -> None:
    """What one question for all ids lets through has no reason by any check of its own."""
    columns = {"kind": "VARCHAR", "at": "VARCHAR"} | dict.fromkeys(IDS, "VARCHAR")
    names = ", ".join(f'"{c}"' for c in columns)
    typed = ", ".join(f'"{c}" VARCHAR' for c in columns)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE given (source_row BIGINT, {typed})")
        connection.executemany(
            f"INSERT INTO given VALUES (?, 'like', '1788000000000000'{', ?' * len(IDS)})",
            [(n, *row) for n, row in enumerate(rows)],
        )
        connection.execute(f"CREATE VIEW part AS SELECT source_row, {names} FROM given")
        screened = INTERACTIONS.select(columns, 1_795_000_000_000_000)
        mark = 'AS "device_id", CASE WHEN '
        start, end = screened.index(mark) + len(mark), screened.rindex(" THEN list_filter")
        unscreened = screened[:start] + "true" + screened[end:]
        assert connection.execute(screened).fetchall() == connection.execute(unscreened).fetchall()
