"""Spark in the place of DuckDB: the same texts, the same integers. One Spark, so one file: see conftest.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shoalkit import shoal
from sparkkit import ON_SPARK, assert_same, both, counted, empty, filled, log_tables, small_worlds

from graph import coact, spark_home
from graph.coaction import CoactionConfig
from graph.dialect import for_spark
from graph.engines import Connection
from graph.errors import ConflictError
from graph.log import EventLog
from graph.model import ACCOUNTS, ACTIONS, SECOND
from graph.peers.coortweet import CooRTweetConfig, network, pairs
from graph.spark import SparkConnection
from graph.tablefiles import read_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
Connect = Callable[[Mapping[str, pa.Table]], Connection]


def test_values_are_never_part_of_the_text(spark: SparkSession) -> None:
    values = [
        "'; DROP TABLE x; --",
        "\\' OR 1=1 --",
        "${spark.master}",
        ":p1 $p2",
        "%s ? {}",
        "'\n\\n\t",
        "猫😀\u2028",
        "",
    ]
    text = "SELECT " + ", ".join(f"$p{i} AS p{i}" for i in range(len(values)))
    given = {f"p{i}": value for i, value in enumerate(values)}
    assert SparkConnection(spark).execute(text, given).fetchall() == [tuple(values)]


def test_spark_listens_on_this_machine_alone_and_shows_no_pages(spark: SparkSession) -> None:
    java = psutil.Process(spark.sparkContext._gateway.proc.pid)
    ports = [c.laddr for p in (java, psutil.Process()) for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
    assert ports
    assert {p.ip.removeprefix("::ffff:") for p in ports} <= {"127.0.0.1", "::1"}
    assert spark.sparkContext.uiWebUrl is None
    assert "-Xmx1024m" in java.cmdline()


def test_a_process_has_one_spark(spark: SparkSession) -> None:
    with pytest.raises(ConflictError, match="one at a time"), spark_home.session():
        pass


def test_each_statement_has_the_same_columns_and_types(spark: SparkSession) -> None:
    there, here = SparkConnection(spark), duckdb.connect()
    for name, table in empty().items():
        there.register(name, table)
        here.register(name, table)
    for name in ON_SPARK:
        text, asked = filled(name)
        statement = for_spark(text)
        frame = there._session.sql(statement.query, args=asked)  # planned, not run
        asked_for = here.sql(text, params=asked)
        if statement.makes is not None:
            frame.createOrReplaceTempView(statement.makes)
            asked_for = here.sql(f"SELECT * FROM {statement.makes}")
        wanted = asked_for.to_arrow_table().schema
        got = {f.name: f.dataType.simpleString() for f in frame.schema.fields}
        names = {"int8": "tinyint", "int32": "int", "int64": "bigint", "bool": "boolean"}
        assert got == {f.name: names.get(str(f.type), str(f.type)) for f in wanted}, name
    here.close()


def test_all_that_is_counted_is_the_same(spark: SparkSession) -> None:
    """Eighty worlds that share nothing, as one log: Spark pays for each statement, hardly for rows."""
    config = CoactionConfig(10, 40, (1.0,), least_objects=1, crowd=2)
    tables = log_tables(small_worlds(seed=1, many=80))
    one, two = both(spark, tables, lambda c: counted(c, config, lambda accounts: np.arange(accounts) % 3 == 0))
    assert min(len(frame) for frame in one.frames.values()) > 0, {n: len(f) for n, f in one.frames.items()}
    assert one.values["hot"]["objects"] > 0
    assert_same(one, two)


def farm(path: Path) -> None:
    """Three accounts that like and mention eight notes within a second, amid others who do not (synthetic)."""
    random = np.random.default_rng(7)
    rows = []
    for note in range(8):
        start = 1_790_000_000 + 90_000 * note
        acts = [(f"bot {i}", start + i) for i in range(3)]
        acts += [(f"Ä{random.integers(40)}", start + int(random.integers(20_000))) for _ in range(30)]
        for i, (account, at) in enumerate(acts):
            rows += [(f"e{note}-{i}", account, channel, f"note:{note}", at) for channel in ("like", "url")[: 1 + i % 2]]
    frame = pd.DataFrame(rows, columns=["event_id", "account_id", "channel", "object_id", "at"])
    frame["at"] = pd.to_datetime(frame["at"], unit="s", utc=True).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    frame.to_csv(path, index=False)


def test_the_command_gives_the_same_edges(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def running(**_: Any) -> Iterator[SparkSession]:
        yield spark  # a process can have one, and it is this

    monkeypatch.setattr(spark_home, "session", running)
    events, made = tmp_path / "actions.csv", {}
    farm(events)
    asked = ("--format", "actions", "--window", "60s", "--channel", "like", "--min-participation", 2)
    for name in ("duckdb", "spark"):
        out = tmp_path / f"{name}.parquet"
        done = shoal("coact", events, "--out", out, "--engine", name, *asked)
        assert done.code == 0, done.err
        said = re.sub(r"\d+\.\d s", "", done.out + done.err).replace(f"{name}.parquet", "")
        table, choices = read_table(out)
        assert choices.pop("engine") == name
        made[name] = (table, choices, said)
    assert made["duckdb"] == made["spark"]
    found = made["spark"][0].to_pandas()
    assert found["account_a"].str.startswith("bot").all()
    assert found["account_b"].str.startswith("bot").all()
    assert len(found) == 6  # a row for each pair and channel, and one for `all`


@pytest.fixture(scope="module")
def russian(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """CooRTweet's own data set as an event log: 35,125 shares; one message counts once."""
    shares = pd.read_parquet(shared_data / "cooRTweet" / "russian_coord_tweets.parquet")
    assert len(shares) == 35_125
    shares = shares.drop_duplicates("content_id")
    columns = {
        "event_id": shares["content_id"].astype(str),
        "account_id": shares["account_id"].astype(str),
        "channel": "share",
        "object_id": shares["object_id"].astype(str),
        "at": shares["timestamp_share"].astype("int64") * SECOND,
        "content_id": shares["content_id"].astype(str),
    }
    log = EventLog(tmp_path_factory.mktemp("a log of [1] {2} 100% é=ü"))
    table = pa.Table.from_pandas(pd.DataFrame(columns), ACTIONS.schema, preserve_index=False)
    staging = log.stage("shares")
    pq.write_table(table, staging / "actions.parquet")
    log.commit(staging, {})
    return log


def test_every_pair_of_real_data_is_the_same(spark: SparkSession, russian: EventLog, shared_data: Path) -> None:
    config = coact.CoactConfig(CoactionConfig(10 * SECOND, 600 * SECOND), every=True)
    there = SparkConnection(spark, russian.root / ".spill")
    there.read(russian)
    with russian.connect() as here:
        one, two = coact.coact(here, config), coact.coact(there, config)
        edges = two.edges.read_all()
        assert edges.equals(one.edges.read_all())
    assert two.facts == one.facts
    there.close()
    assert list((russian.root / ".spill").iterdir()) == []
    # the toolkit's network, by the toolkit: who co-acted with whom at all
    golden = pq.read_table(shared_data / "cooRTweet" / "cnt152_russian_coretweet_tw10_min1.parquet").to_pandas()
    assert len(golden) == 2184
    wanted = {tuple(sorted(map(str, pair))) for pair in golden[["user_1", "user_2"]].itertuples(index=False)}
    assert set(zip(edges["account_a"].to_pylist(), edges["account_b"].to_pylist(), strict=True)) == wanted


@pytest.mark.parametrize("window", [10, 60])
def test_coortweets_known_answers_are_those_of_its_texts_on_spark(
    spark: SparkSession, shared_data: Path, window: int
) -> None:
    folder = shared_data / "cooRTweet"
    there, table = SparkConnection(spark), pq.read_table(folder / "russian_coord_tweets.parquet")
    config = CooRTweetConfig(window, 2, 0.5)
    known = pq.read_table(folder / f"coort_russian_tw{window}_mp2_edges.parquet")
    edges = network(table, config, there)
    assert edges.equals(network(table, config))
    for name in ("from", "to", "weight", "n_content_id", "n_content_id_y", "weight_threshold"):
        assert edges[name].to_pylist() == known[name].to_pylist()
    if window == 60:
        fast = CooRTweetConfig(60, 2, 0.5, 10)
        assert pairs(table, fast, there).equals(pairs(table, fast))
    there.close()


def test_a_large_answer_is_the_same_and_leaves_no_file(spark: SparkSession, tmp_path: Path) -> None:
    many = 740  # accounts at one moment: 273,430 pairs
    actions = pd.DataFrame({"event_id": [f"e{i}" for i in range(many)], "account_id": [f"a{i}" for i in range(many)]})
    actions = actions.assign(channel="like", object_id="note:1", at=[i % 60 for i in range(many)], content_id=None)
    table = pa.Table.from_pandas(actions, ACTIONS.schema, preserve_index=False)
    config = coact.CoactConfig(CoactionConfig(60, 3600), every=True, test=False)
    answers = []
    with duckdb.connect() as here:
        for connection in (here, SparkConnection(spark, tmp_path)):
            connection.register("actions", table)
            connection.register("accounts", ACCOUNTS.schema.empty_table())
            answers.append(coact.coact(connection, config).edges.read_all())
    one, two = answers
    assert one.num_rows == many * (many - 1)  # a row for the channel, and one for all
    assert two.equals(one)
    assert list(tmp_path.iterdir()) == []


def test_an_account_is_what_was_said_of_it_last(spark: SparkSession, tmp_path: Path) -> None:
    log = EventLog(tmp_path / ".hidden" / "channel=x")
    for batch, clients in (("one", ["app", "web"]), ("two", ["ios", None]), ("three", ["tv"])):
        names = ["a", "b"][: len(clients)] if batch != "two" else ["b", "c"]
        rows = [{"account_id": n, "registration_client": c} for n, c in zip(names, clients, strict=True)]
        staging = log.stage(batch)
        pq.write_table(pa.Table.from_pylist(rows, ACCOUNTS.schema), staging / "accounts.parquet")
        log.commit(staging, {})
    there = SparkConnection(spark)
    there.read(log)
    text = "SELECT account_id, registration_client FROM accounts ORDER BY account_id"
    with log.connect() as here:
        wanted = here.execute(text).fetchall()
    assert there.execute(text).fetchall() == wanted == [("a", "tv"), ("b", "ios"), ("c", None)]
    assert there.execute("SELECT count(*) FROM interactions").fetchall() == [(0,)]


def test_tables_are_made_anew_and_forgotten(engine: Connect) -> None:
    connection = engine({"given": pa.table({"x": [3, 1, 2]})})
    connection.execute("CREATE OR REPLACE TEMP TABLE kept AS SELECT x FROM given WHERE x > $least", {"least": 1})
    connection.unregister("given")
    connection.execute("CREATE OR REPLACE TEMP TABLE kept AS SELECT x * 10 AS x FROM kept")
    connection.execute("CREATE OR REPLACE TEMP TABLE kept AS SELECT x + $more AS x FROM kept", {"more": 1})
    assert connection.execute("SELECT x FROM kept ORDER BY x").fetchall() == [(21,), (31,)]
    assert connection.sql("SELECT x FROM kept ORDER BY x DESC").to_arrow_table()["x"].to_pylist() == [31, 21]
    batches = connection.sql("SELECT x FROM kept ORDER BY x").to_arrow_reader(1)
    assert [batch["x"].to_pylist() for batch in batches] == [[21], [31]]
    connection.register("given", pa.table({"x": [7]}))
    assert connection.execute("SELECT x FROM given").df()["x"].tolist() == [7]


def test_connections_share_no_tables(engine: Connect) -> None:
    one, two = engine({"given": pa.table({"x": [1]})}), engine({"given": pa.table({"x": [2]})})
    for connection in (one, two):
        connection.execute("CREATE OR REPLACE TEMP TABLE kept AS SELECT x FROM given")
    assert [c.execute("SELECT x FROM kept").fetchall() for c in (one, two)] == [[(1,)], [(2,)]]
