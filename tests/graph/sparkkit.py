"""What the tests of Spark share: which statements run on it, logs of many small worlds, and both engines' answers."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from graph import coaction
from graph.coaction import CoactionConfig
from graph.engines import Connection
from graph.model import ACCOUNTS, ACTIONS
from graph.spark import SparkConnection
from graph.statements import sql

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TEXTS = Path(coaction.__file__).with_name("sql")

# what `shoal coact` runs on Spark, in an order in which each finds the tables it reads
ON_SPARK = (
    *("accounts", "objects", "events", "traits", "hot", "candidates", "channels", "meetings", "crowds", "near_pairs"),
    *("pairs_tested", "edges", "looked_at", "coactions", "coactions_plain", "taking_part", "events_of", "events_on"),
)
# and what CooRTweet's known answers are reproduced with
COORTWEET = tuple(f"coortweet_{n}" for n in ("rows", "pairs", "kept", "flagged", "edges", "named_pairs", "accounts"))
LITERALS = {"window": 10, "horizon": 40, "crowd": 2, "least": 1, "pairs": "coortweet_kept", "kept": "coortweet_fast"}
GIVEN = {**LITERALS, "since": 0, "until": 1000, "rare": 0.05, "modulus": 1, "bucket": 10}


def bare(text: str) -> str:
    """A statement without its comments."""
    return re.sub(r"(?m)^--.*$", "", text)


def filled(name: str) -> tuple[str, dict[str, Any]]:
    """A statement with values for what it asks for."""
    text: str = sql(name)
    text = text.format(**LITERALS) if "{" in bare(text) else text
    return text, {k: GIVEN[k] for k in re.findall(r"\$(\w+)", bare(text))}


def empty() -> dict[str, pa.Table]:
    pairs = pa.table({"a": pa.array([], pa.int64()), "z": pa.array([], pa.int64())})
    return {
        "actions": ACTIONS.schema.empty_table(),
        "accounts": ACCOUNTS.schema.empty_table(),
        "alike": pairs,
        "kept": pairs,
        "suspects": pairs.select(["a"]),
        "wanted": pa.table({"channel": pa.array([], pa.string())}),
    }


@dataclass(frozen=True)
class Counted:
    """All that counting gives, as frames and values by name."""

    frames: dict[str, pd.DataFrame]
    values: dict[str, Any]


def counted(connection: Connection, config: CoactionConfig, suspects: Callable[[int], np.ndarray]) -> Counted:
    """Everything that is counted of the tables actions and accounts."""
    coaction.prepare(connection, 0, 1 << 62)
    found = coaction.count(connection, config)
    frames = {"candidates": found.candidates}
    for i, scale in enumerate(found.scales):
        frames[f"meetings {i}"] = scale.meetings
        frames[f"crowds {i}"] = scale.crowds(suspects(found.accounts))
    frames["edges"] = coaction.edge_counts(connection, found.candidates[["a", "z"]].drop_duplicates(), config)
    for name in ("coactions", "coactions_plain", "looked_at"):
        text, asked = filled(name)
        given = {"window": config.window} if "window" in asked else None
        frames[name] = pd.concat(
            [b.to_pandas() for b in connection.sql(text, params=given).to_arrow_reader(1 << 18)] or [pd.DataFrame()]
        )
    connection.execute(sql("taking_part").format(window=config.window, least=2))
    frames["taking part"] = connection.execute("SELECT a FROM taking_part ORDER BY a").df()
    connection.execute(sql("events_of"))  # makes events anew out of itself
    frames["events"] = connection.execute("SELECT a, o, ts, e FROM events ORDER BY e, o, a").df()
    values = {
        "channels": found.channels.tolist(),
        "channel_of": found.channel_of.tolist(),
        "names": coaction.account_names(connection).tolist(),
        "pairs_tested": found.pairs_tested,
        "hot": found.hot,
    }
    return Counted(frames, values)


def assert_same(one: Counted, two: Counted) -> None:
    assert one.values == two.values
    for name in one.frames:
        here, there = one.frames[name], two.frames[name]
        if name == "coactions_plain":  # in order of pair and object; of one object in any
            here, there = (f.sort_values(list(f), ignore_index=True) for f in (here, there))
        pd.testing.assert_frame_equal(here, there, obj=name)


def both(spark: SparkSession, tables: Mapping[str, pa.Table], ask: Callable[[Connection], Counted]) -> list[Counted]:
    """The answers of DuckDB and of Spark."""
    answers = []
    here, there = duckdb.connect(), SparkConnection(spark)
    for connection, end in ((here, here.close), (there, there.close)):
        for name, table in tables.items():
            connection.register(name, table)
        answers.append(ask(connection))
        end()
    return answers


NAMES = ("a", "B", "ä", "猫", "é", "😀", "~", " ")  # orders that differ by byte, by code unit and by language
TRAITS = [("a", "web", "d1"), ("B", "web", "d1"), ("ä", None, "d1"), ("猫", "app", None), ("~", "app", None)]
World = list[tuple[str, set[tuple[str, str]], int]]


def small_worlds(seed: int, many: int) -> list[World]:
    """Logs of up to 14 interactions each: (account, what it acts on, time)."""
    rng = random.Random(seed)
    things = [(channel, thing) for channel in ("like", "url") for thing in ("n", "x", "N")]
    return [
        [
            (rng.choice(NAMES), set(rng.sample(things, rng.randint(1, 3))), rng.randint(0, 90))
            for _ in range(rng.randint(2, 14))
        ]
        for _ in range(many)
    ]


def log_tables(worlds: list[World]) -> dict[str, pa.Table]:
    """Logs that share nothing, as one: Spark pays for each statement, hardly for rows."""
    rows = [
        (f"{w}e{i}", f"{account}{w}", channel, f"{thing}{w}", at, None)
        for w, world in enumerate(worlds)
        for i, (account, acts, at) in enumerate(world)
        for channel, thing in sorted(acts)
    ]
    actions = pd.DataFrame(rows, columns=ACTIONS.columns)
    people = pd.DataFrame(
        [(f"{n}{w}", c, d and f"{d}-{w}") for w in range(len(worlds)) for n, c, d in TRAITS],
        columns=["account_id", "registration_client", "device_id"],
    )
    return {
        "actions": pa.Table.from_pandas(actions, ACTIONS.schema, preserve_index=False),
        "accounts": pa.Table.from_pandas(people, preserve_index=False),
    }
