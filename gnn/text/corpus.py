"""Files of texts: who wrote which, and for learning, how it was labelled.

| column | holds |
|---|---|
| text | the text |
| account_id | who wrote it |
| label | ai_hosted or genuine; only where something is learned or measured |
| domain | optional: the kind of text (a topic, a platform, a tool), so that one of them can be left out |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.json as pjson
import pyarrow.parquet as pq

from gnn.text.form import normal
from graph.errors import InputError

LABELS = ("genuine", "ai_hosted")  # a label's place is its class
COLUMNS = ("text", "account_id", "label", "domain")
NO_DOMAIN = ""


@dataclass(frozen=True)
class Corpus:
    """Texts in the order of the file: normal forms, account ids, classes (-1: none given), domains.

    `rows` are their numbers in the file, from 1; `dropped` is how many were left out as copies.
    """

    forms: npt.NDArray[np.object_]
    accounts: npt.NDArray[np.object_]
    y: npt.NDArray[np.int64]
    domains: npt.NDArray[np.object_]
    rows: npt.NDArray[np.int64]
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.forms)

    def take(self, kept: npt.NDArray[np.bool_]) -> Corpus:
        """The texts that `kept` marks."""
        return Corpus(
            self.forms[kept], self.accounts[kept], self.y[kept], self.domains[kept], self.rows[kept], self.dropped
        )

    def weights(self) -> npt.NDArray[np.float64]:
        """One over the number of texts of the text's account, mean 1: a busy account counts no more than others."""
        _, place, counts = np.unique(self.accounts.astype(str), return_inverse=True, return_counts=True)
        weight = 1.0 / counts[place]
        return np.asarray(weight / weight.mean()) if len(weight) else weight


def read_corpus(path: Path, *, labelled: bool) -> Corpus:
    """Read a file of texts.

    Raises InputError naming file, row, column and what was expected.
    """
    table = _read(path)
    wanted = COLUMNS[:3] if labelled else COLUMNS[:2]
    missing = [c for c in wanted if c not in table.column_names]
    if missing:
        raise InputError(
            f"{path}: missing column {', '.join(missing)}; expected {', '.join(wanted)}, and domain if several"
        )
    if not table.num_rows:
        raise InputError(f"{path}: no rows")
    columns = {c: _words(table, c, path) for c in COLUMNS if c in table.column_names}
    accounts = columns["account_id"].to_numpy(zero_copy_only=False)
    _refuse(accounts == "", path, "account_id", "empty; expected who wrote the text")
    y = np.full(table.num_rows, -1)
    if labelled:
        y = pc.index_in(columns["label"], value_set=pa.array(LABELS)).fill_null(-1).to_numpy(zero_copy_only=False)
        _refuse(y < 0, path, "label", f"is none of {', '.join(sorted(LABELS))}", columns["label"])
    domains = columns["domain"].to_numpy(zero_copy_only=False) if "domain" in columns else [NO_DOMAIN] * len(y)
    forms = [normal(text) for text in columns["text"].to_pylist()]
    return Corpus(
        np.array(forms, dtype=object),
        np.array(accounts, dtype=object),
        np.asarray(y, dtype=np.int64),
        np.array(domains, dtype=object),
        np.arange(1, len(y) + 1),
    )


def without_copies(corpus: Corpus) -> Corpus:
    """Each normal form once, for copies would stand on both sides of a split; one with both labels not at all."""
    forms, first, place = np.unique(corpus.forms.astype(str), return_index=True, return_inverse=True)
    ones = np.bincount(place, corpus.y == 1, len(forms)) > 0
    zeros = np.bincount(place, corpus.y == 0, len(forms)) > 0
    kept = np.zeros(len(corpus), np.bool_)
    kept[first[~(ones & zeros)]] = True
    left = corpus.take(kept)
    return Corpus(left.forms, left.accounts, left.y, left.domains, left.rows, len(corpus) - len(left))


def _refuse(
    bad: npt.NDArray[np.bool_], path: Path, column: str, wrong: str, shown: pa.ChunkedArray | None = None
) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        value = "" if shown is None else f"{shown[row].as_py()[:60]!r} "
        raise InputError(f"{path}: row {row + 1}, {column}: {value}{wrong} ({int(bad.sum()):,} rows)")


def _words(table: pa.Table, column: str, path: Path) -> pa.ChunkedArray:
    try:
        return pc.fill_null(table[column].cast(pa.string()), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"{path}: {column}: {table[column].type}; expected text") from error


def _read(path: Path) -> pa.Table:
    kind = path.suffix.lower()
    if kind not in _READERS:
        raise InputError(f"{path}: cannot tell what this is; expected a name ending in {', '.join(_READERS)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: empty file")
    try:
        return _READERS[kind](path)
    except (pa.ArrowException, OSError, ValueError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0][:300]
        raise InputError(f"{path}: cannot be read as {kind[1:]}: {said}") from error


def _csv(path: Path) -> pa.Table:
    return pcsv.read_csv(
        path,
        read_options=pcsv.ReadOptions(use_threads=False),  # errors then name their row
        parse_options=pcsv.ParseOptions(newlines_in_values=True),
        convert_options=pcsv.ConvertOptions(
            column_types=dict.fromkeys(COLUMNS, pa.string()), strings_can_be_null=False, include_missing_columns=False
        ),
    )


def _lines(path: Path) -> pa.Table:
    schema = pa.schema([pa.field(c, pa.string()) for c in COLUMNS])
    options = pjson.ParseOptions(explicit_schema=schema, newlines_in_values=False)
    table = pjson.read_json(path, parse_options=options)
    given = [c for c in table.column_names if c not in COLUMNS or table[c].null_count < table.num_rows]
    return table.select(given)


def _parquet(path: Path) -> pa.Table:
    names = set(pq.read_schema(path).names)
    return pq.read_table(path, columns=[c for c in COLUMNS if c in names], partitioning=None)


_READERS: dict[str, Callable[[Path], pa.Table]] = {".csv": _csv, ".jsonl": _lines, ".parquet": _parquet}
