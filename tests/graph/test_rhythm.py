"""How accounts act in time, against a plain reading of what graph/rhythm.py says."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import pstdev
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import rhythm as module
from graph.model import ACTIONS, DAY, INTERACTIONS, SECOND
from graph.rhythm import AT_ONCE, QUIET, TEXT, rhythm
from graph.statements import sql

T0 = 1_788_220_800 * SECOND  # a midnight, UTC
UNTIL = T0 + 60 * DAY


class Act(NamedTuple):
    """One interaction."""

    account: str
    kind: str
    at: int
    target: str | None = None
    content: str | None = None
    text: str | None = None


def connected(acts: Iterable[Act], only_objects: Iterable[tuple[str, str, str, int]] = ()) -> duckdb.DuckDBPyConnection:
    """A log of interactions, and of actions (account, channel, object, at) that have none."""
    rows = [
        {"event_id": f"e{i:04}", "account_id": a.account, "kind": a.kind, "at": a.at, "target_id": a.target}
        | {"content_id": a.content, "text": a.text}
        for i, a in enumerate(acts)
    ]
    bare = [
        {"event_id": f"x{i:04}", "account_id": account, "channel": channel, "object_id": thing, "at": at}
        for i, (account, channel, thing, at) in enumerate(only_objects)
    ]
    # an interaction's own actions are no acts of their own
    own = [
        {
            **{k: r[k] for k in ("event_id", "account_id", "at")},
            "channel": r["kind"],
            "object_id": f"note:{r['target_id']}",
        }
        for r in rows
        if r["target_id"] is not None
    ]
    connection = duckdb.connect()
    connection.register("interactions", pa.Table.from_pylist(rows, INTERACTIONS.schema))
    connection.register("actions", pa.Table.from_pylist(own + bare, ACTIONS.schema))
    connection.execute(
        sql("accounts").replace("FROM actions", "FROM (FROM actions UNION BY NAME FROM interactions)"),
        {"since": T0, "until": UNTIL},
    )
    return connection


def plainly(acts: list[Act], least: int) -> dict[str, dict[str, Any]]:
    """The integers of graph/sql/rhythm.sql and common_sequences.sql, by loops and lists."""
    numbered = sorted(enumerate(acts), key=lambda x: (x[1].at, x[0]))
    own: dict[str, list[Act]] = defaultdict(list)
    posted: dict[str, tuple[int, int, str]] = {}
    for i, act in numbered:
        if act.kind != "view":
            own[act.account].append(act)
        if act.kind in ("note", "comment", "reply") and act.content is not None:
            posted[act.content] = min(posted.get(act.content, (act.at, i, act.account)), (act.at, i, act.account))
    answers: dict[str, list[tuple[int, int | None]]] = defaultdict(list)
    before: dict[frozenset[str], Act] = {}
    for _, act in numbered:
        if act.kind in ("comment", "reply") and act.target in posted:
            at, _, author = posted[act.target]
            if author != act.account and act.at >= at:
                chars = len("".join((act.text or "").split())) or None
                answers[act.account].append((act.at - at, chars))
        if act.kind == "message" and act.target and act.target != act.account:
            pair = frozenset((act.account, act.target))
            if pair in before and before[pair].account != act.account:
                answers[act.account].append((act.at - before[pair].at, None))
            before[pair] = act
    firsts = {who: list(dict.fromkeys((a.kind, a.target or a.content) for a in did)) for who, did in own.items()}
    shingles = {
        (who, n): {tuple(first[i : i + n]) for i in range(len(first) - n + 1)}
        for who, first in firsts.items()
        for n in (2, 4, 8, 16)
    }
    profiles = {who: quartiles([t for t, _ in each]) for who, each in answers.items() if len(each) >= least}
    found = {}
    for who, did in own.items():
        gaps = [b.at - a.at for a, b in pairwise(did)]
        by_beginning: list[dict[int, list[int]]] = [defaultdict(list) for _ in range(4)]
        for i, act in enumerate(did):
            for quarter, days in enumerate(by_beginning):
                days[(act.at - quarter * DAY // 4) // DAY].append(gaps[i - 1] if i else QUIET)
        restless = [sum(max(each) < QUIET for each in days.values()) for days in by_beginning]
        fewest = min(range(4), key=lambda quarter: restless[quarter] / len(by_beginning[quarter]))
        switches = [
            gap <= AT_ONCE and a.kind != b.kind and (a.target or a.content) != (b.target or b.content)
            for a, b, gap in zip(did, did[1:], gaps, strict=False)
        ]
        octaves = Counter(int(math.log2(max(1, g // SECOND))) for g in gaps)
        written = sorted(1000 * SECOND * c // max(t, SECOND) for t, c in answers[who] if c is not None and c >= TEXT)
        latencies = sorted(t for t, _ in answers[who])
        found[who] = {
            "acts": len(did),
            "active_days": len(by_beginning[0]),
            "gaps": len(gaps),
            "restless_days": restless[fewest],
            "of_days": len(by_beginning[fewest]),
            "switches": sum(switches),
            "gap_entropy": -sum(n / len(gaps) * math.log(n / len(gaps)) for n in octaves.values()) if gaps else None,
            "answers": len(latencies),
            "answer_us": middle(latencies),
            "written": len(written),
            "speed": middle(written),
            "alike": sum(p == profiles[who] for w, p in profiles.items() if w != who) if who in profiles else None,
            "longest": max(
                (n for n in (2, 4, 8, 16) for o in own if o != who and shingles[who, n] & shingles[o, n]), default=None
            ),
        }
    return found


def middle(values: list[int], part: float = 0.5) -> int | None:
    """The least value that at least `part` of them do not exceed."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)] if values else None


def quartiles(values: list[int]) -> tuple[int, ...]:
    """In quarters of an octave of seconds."""
    chosen = (middle(values, p) or 0 for p in (0.25, 0.5, 0.75))
    return tuple(math.floor(4 * math.log2(max(v, SECOND) / SECOND) + 0.5) for v in chosen)


KINDS = ("note", "comment", "reply", "like", "view", "message", "follow")
TIMES = st.one_of(st.integers(0, 8).map(lambda n: n * SECOND), st.integers(0, 40).map(lambda n: n * 2 * 3600 * SECOND))


@st.composite
def interactions(draw: st.DrawFn) -> list[Act]:
    """A few accounts that note, answer, like and write to each other."""
    acts = []
    for _ in range(draw(st.integers(0, 40))):
        who, kind = draw(st.sampled_from("abc")), draw(st.sampled_from(KINDS))
        at = T0 + draw(TIMES) + draw(TIMES)
        thing = draw(st.sampled_from("xyz"))
        if kind == "note":
            acts.append(Act(who, kind, at, None, thing))
        elif kind in ("message", "follow"):
            acts.append(Act(who, kind, at, draw(st.sampled_from("abc"))))
        else:
            text = draw(st.sampled_from([None, " ", "short", "long enough to have been written \n by hand"]))
            acts.append(Act(who, kind, at, thing, None, text if kind in ("comment", "reply") else None))
    return acts


@given(interactions(), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_every_integer_is_that_of_a_plain_reading(acts: list[Act], least: int) -> None:
    wanted = plainly(acts, least)
    connection = connected(acts)
    for name in ("acts", "answers"):
        connection.execute(sql(name), {"since": T0, "until": UNTIL})
    asked = {"quiet": QUIET, "at_once": AT_ONCE, "text": TEXT, "least": least}
    rows = connection.sql(sql("rhythm"), params=asked)
    got = {row["account_id"]: row for row in rows.to_arrow_table().to_pylist()}
    longest = connection.sql(sql("common_sequences")).to_arrow_table().to_pylist()
    found = {row["account_id"]: row["longest"] for row in longest}
    assert set(got) == set(wanted)
    for who, values in wanted.items():
        have = {**got[who], "longest": found.get(who)}
        for name, value in values.items():
            assert have[name] == (pytest.approx(value, abs=1e-8) if name == "gap_entropy" else value), (who, name)
    connection.close()


def steady(who: str, days: int, each: int) -> Iterator[Act]:
    """Likes, a hundred seconds apart, of notes that nobody else likes."""
    for day in range(days):
        for i in range(each):
            yield Act(who, "like", T0 + day * DAY + i * 100 * SECOND, f"{who}{day}.{i}")


def test_too_little_is_told_by_counts_and_by_nothing_else() -> None:
    acts = [*steady("few", 9, 2), *steady("short", 6, 9), *steady("enough", 10, 2)]
    table = {row["account_id"]: row for row in rhythm(connected(acts), T0, UNTIL).to_pylist()}
    assert [table[who]["acts"] for who in ("few", "short", "enough")] == [18, 54, 20]
    values = ("common_sequence", "restless_share", "switch_share", "gap_variation", "gap_entropy")
    assert {table[who][name] for who in ("few", "short") for name in values} == {None}
    assert None not in {table["enough"][name] for name in values}
    assert {table["enough"][name] for name in ("answer_seconds", "writing_speed", "same_profile")} == {None}


@given(
    wakes=st.integers(0, 23),
    slept=st.lists(st.integers(5 * 60, 11 * 60), min_size=10, max_size=10),
    late=st.lists(st.integers(-50, 50), min_size=10, max_size=10),
)
@settings(max_examples=40, deadline=None)
def test_whoever_rests_every_day_has_no_day_without_a_rest_whenever_that_is(
    wakes: int, slept: list[int], late: list[int]
) -> None:
    """Night shifts, carers, people abroad: they wake within an hour of their own time, and sleep at least 5 hours."""
    acts, hour = [], 3600 * SECOND
    for day in range(10):
        woke = T0 + day * DAY + wakes * hour + late[day] * 60 * SECOND
        awake = DAY - slept[day] * 60 * SECOND - 2 * hour  # the next waking may be 100 minutes earlier in the day
        acts += [Act("night", "like", woke + i * 3 * hour, f"n{day}.{i}") for i in range(1 + awake // (3 * hour))]
    row = rhythm(connected(acts), T0, UNTIL).to_pylist()[0]
    assert row["acts"] >= 20
    assert row["restless_share"] == 0


@given(interactions(), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_the_hour_of_the_clock_tells_nothing(acts: list[Act], quarters: int) -> None:
    """Everything a quarter, half or three quarters of a day later: only the number of UTC days may be another."""
    later = [act._replace(at=act.at + quarters * DAY // 4) for act in acts]
    found = []
    for each in (acts, later):
        connection = connected(each)
        for name in ("acts", "answers"):
            connection.execute(sql(name), {"since": T0, "until": UNTIL})
        asked = {"quiet": QUIET, "at_once": AT_ONCE, "text": TEXT, "least": 2}
        rows = connection.sql(sql("rhythm"), params=asked).to_arrow_table().to_pylist()
        found.append([{**row, "active_days": 0, "share": row["restless_days"] / row["of_days"]} for row in rows])
    for one, other in zip(*found, strict=True):
        assert {**one, "restless_days": 0, "of_days": 0} == {**other, "restless_days": 0, "of_days": 0}


def test_values_in_their_units() -> None:
    """One answers 30 letters after 10 s, 20 times; the gaps are a day and ten seconds less or more."""
    acts = []
    for i in range(20):
        at = T0 + i * DAY + (i % 2) * 10 * SECOND
        acts += [
            Act("author", "note", at, None, f"n{i}"),
            Act("fast", "comment", at + 10 * SECOND, f"n{i}", None, "x" * 30),
        ]
    row = {r["account_id"]: r for r in rhythm(connected(acts), T0, UNTIL).to_pylist()}["fast"]
    assert (row["answers"], row["written"], row["answer_seconds"], row["writing_speed"]) == (20, 20, 10.0, 3.0)
    gaps = [DAY + (10 if i % 2 == 0 else -10) * SECOND for i in range(19)]
    assert row["gap_variation"] == pytest.approx(pstdev(gaps) / (sum(gaps) / 19), abs=1e-6)
    assert (row["restless_share"], row["switch_share"], row["gap_entropy"], row["common_sequence"]) == (0, 0, 0, 0)


def test_one_log_gives_the_same_bytes_whatever_the_order_of_its_rows() -> None:
    acts = [Act(w, "like", T0 + i * 7919 * SECOND + j, f"n{i % 31}") for i in range(90) for j, w in enumerate("ab")]
    one = rhythm(connected(acts), T0, UNTIL)
    assert one["common_sequence"].to_pylist() == [16, 16]
    two = connected([])
    shuffled = pa.Table.from_pylist(
        [
            {"event_id": f"e{i:04}", "account_id": a.account, "kind": a.kind, "at": a.at, "target_id": a.target}
            for i, a in reversed(list(enumerate(acts)))
        ],
        INTERACTIONS.schema,
    )
    two.register("interactions", shuffled)
    two.execute(
        "CREATE OR REPLACE TEMP TABLE account_ids AS SELECT * FROM (VALUES (0, 'a'), (1, 'b')) t(a, account_id)"
    )
    assert rhythm(two, T0, UNTIL).equals(one)


def test_sources_that_know_objects_alone_have_a_rhythm_too() -> None:
    bare = [("a", "share", f"o{i}", T0 + i * DAY) for i in range(25)]
    table = rhythm(connected([], bare), T0, UNTIL).to_pylist()
    assert [(row["acts"], row["restless_share"]) for row in table] == [(25, 0.0)]


def test_the_least_is_that_of_the_behaviour_table() -> None:
    assert (module.LEAST_ACTIONS, module.LEAST_DAYS) == (20, 7)
