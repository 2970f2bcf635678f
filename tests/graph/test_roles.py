"""Roles and leads: who belongs, who is trailed, and how far ahead; the framed are never core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from graphkit import T0, append
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import coaction, roles
from graph.detect import DetectConfig, data_window, detect, run_key
from graph.log import EventLog
from graph.model import DAY, SECOND
from graph.runs import Run, RunStore

BOTS = [f"bot-{i}" for i in range(8)]


def clustered(size: int) -> pd.DataFrame:
    return pd.DataFrame({"account": np.arange(size), "cluster": 0, "stability": 1.0})


def edge(a: int, z: int, co_actions: int, a_first2: int) -> dict[str, int]:
    return {"a": a, "z": z, "co_actions": co_actions, "a_first2": a_first2}


def test_roles_by_hand() -> None:
    """0 is trailed by 1 to 3, who know one another; 4 hangs on by one edge; 5 has more edges outside."""
    inner = [edge(1, 2, 10, 10), edge(1, 3, 10, 9), edge(2, 3, 10, 11)]
    victim = [edge(0, other, 10, 20) for other in (1, 2, 3)]
    loose = [edge(3, 4, 10, 10)]
    bridge = [edge(2, 5, 10, 10), edge(5, 6, 10, 10), edge(5, 7, 10, 10)]
    found = roles.assign(clustered(6), pd.DataFrame(inner + victim + loose + bridge)).set_index("account")
    assert found["role"].to_dict() == {0: "followed", 1: "core", 2: "core", 3: "core", 4: "periphery", 5: "bridge"}
    assert found["lead_share"][0] == 1.0
    assert found["lead_share"][1] == (0 + 10 + 9) / 60
    assert found["inner"].to_dict() == {0: 3, 1: 3, 2: 4, 3: 4, 4: 1, 5: 1}


edges = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 9), st.floats(0, 1)).filter(lambda e: e[0] < e[1]),
    min_size=1,
    max_size=20,
    unique_by=lambda e: e[:2],
)


@settings(max_examples=50, deadline=None)
@given(edges)
def test_who_mostly_acts_first_is_followed_and_nobody_else(drawn: list[tuple[int, int, int, float]]) -> None:
    table = pd.DataFrame([edge(a, z, n, round(2 * n * part)) for a, z, n, part in drawn])
    found = roles.assign(clustered(5), table)
    for row in found.itertuples():
        first = total = 0
        for one in table.itertuples():
            if row.account in (one.a, one.z) and max(one.a, one.z) < 5:
                total += 2 * one.co_actions
                first += one.a_first2 if row.account == one.a else 2 * one.co_actions - one.a_first2
        assert pd.isna(row.lead_share) if not total else row.lead_share == first / total
        assert (row.role == "followed") == (total > 0 and first >= roles.FOLLOWED * total)


def act(number: int, account: str, channel: str, thing: str, at: int) -> dict[str, Any]:
    return {"event_id": f"e{number}", "account_id": account, "channel": channel, "object_id": thing, "at": at}


def test_leads_by_hand(tmp_path: Path) -> None:
    """b is 10 s behind a twice and 30 s ahead once; one meeting is seen on two channels and counts once."""
    log = EventLog(tmp_path / "log")
    at = {0: (0, 10), 1: (0, 10), 2: (30, 0)}
    actions = []
    for n, (a, b) in at.items():
        actions += [act(2 * n, "a", "like", f"note:{n}", T0 + n * DAY + a * SECOND)]
        actions += [act(2 * n + 1, "b", "like", f"note:{n}", T0 + n * DAY + b * SECOND)]
    actions += [{**row, "channel": "template", "object_id": "template:x"} for row in actions[:2]]
    actions += [act(9, "c", "like", "note:9", T0)]
    append(log, actions=actions)
    with log.connect() as connection:
        coaction.prepare(connection, T0, T0 + 9 * DAY)
        members = pd.DataFrame({"account": [0, 1, 2], "cluster": 0, "lead_share": [2 / 3, 1 / 3, np.nan]})
        inside = pd.DataFrame({"a": [0], "z": [1]})
        found = roles.leads(connection, inside, members, 60 * SECOND)
    assert found["co_actions"].tolist() == [3, 3, 0]
    assert found["median_lag"].tolist()[:2] == [-10 * SECOND, 10 * SECOND]
    assert found["median_lag"].isna().tolist() == [False, False, True]


def detected(folder: Path, actions: list[dict[str, Any]]) -> Run:
    log, config = EventLog(folder / "log"), DetectConfig()
    append(log, actions=actions)
    building = RunStore(folder / "runs").begin(run_key(log, data_window(log, None, None), config))
    detect(building, log, config, None, lambda _n: None)
    return building.finish(None, {})


def test_a_framed_account_is_followed_and_its_shadows_are_the_network(tmp_path: Path) -> None:
    """Eight bots like what a person likes, each time within seconds: the person is trailed and trails nobody."""
    rng = np.random.default_rng(4)
    actions: list[dict[str, Any]] = []

    def add(account: str, thing: str, at: float) -> None:
        actions.append(act(len(actions), account, "like", thing, int(at)))

    for day in range(14):
        for n in range(2):
            start = T0 + day * DAY + (8 + 5 * n + rng.random()) * 3600 * SECOND
            add("victim", f"note:{day}-{n}", start)
            for bot in BOTS:
                add(bot, f"note:{day}-{n}", start + rng.uniform(5, 60) * SECOND)
    for person in range(150):
        for thing in rng.integers(0, 60, 20):
            add(f"person-{person}", f"note:common-{thing}", T0 + rng.integers(0, 14 * DAY))
    run = detected(tmp_path, actions)
    role = dict(zip(*(run.table("clusters")[c].to_pylist() for c in ("account_id", "role")), strict=True))
    assert role["victim"] == "followed"
    assert {role[bot] for bot in BOTS} == {"core"}
    lead = {row["account_id"]: row for row in run.table("leads").to_pylist()}
    assert lead["victim"]["lead_share"] == 1.0
    assert -60 * SECOND <= lead["victim"]["median_lag"] <= -5 * SECOND
    assert lead["victim"]["co_actions"] == 28 * len(BOTS)
    assert all(0 < lead[bot]["lead_share"] < roles.FOLLOWED for bot in BOTS)
    assert run.table("lineage").column("change").to_pylist() == ["born"]
    assert pa.types.is_int64(run.table("leads").schema.field("median_lag").type)
