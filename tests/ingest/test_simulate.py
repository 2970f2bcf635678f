"""The simulated platform: its files, its promises and its secrets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from graph.errors import InputError
from graph.files import sha256_of
from graph.model import ACCOUNTS, DAY, INTERACTIONS, LABELS_TABLE, SECOND
from ingest.simulate import STEPS, SimulationReport, simulate
from ingest.simulation.cast import BEHAVIOURS, HOSTING_TOOLS, LOOKALIKES, network_sizes
from ingest.simulation.world import START

FILES = ("interactions", "accounts", "labels", "truth/accounts", "truth/networks")
NOTE_ACTS = ("comment", "reply", "like", "share", "collect", "view")
HOUR = 3_600 * SECOND


@dataclass
class Platform:
    folder: Path
    report: SimulationReport
    interactions: pd.DataFrame
    accounts: pd.DataFrame
    labels: pd.DataFrame
    truth: pd.DataFrame
    networks: pd.DataFrame


def read(folder: Path, report: SimulationReport) -> Platform:
    tables = [pq.read_table(folder / f"{name}.parquet").to_pandas() for name in FILES]
    network = tables[3].set_index("account_id").network
    tables[0]["network"] = tables[0].account_id.map(network)
    return Platform(folder, report, *tables)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    folder = tmp_path_factory.mktemp("small")
    return read(folder, simulate(folder, 3_000, 11))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    folder = tmp_path_factory.mktemp("large")
    return read(folder, simulate(folder, 20_000, 5))


def hashes(folder: Path) -> list[str]:
    return [sha256_of(folder / f"{name}.parquet") for name in FILES]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, small: Platform) -> None:
    again = simulate(tmp_path / "again", 3_000, 11)
    other = simulate(tmp_path / "other", 3_000, 12)
    assert hashes(again.folder) == hashes(small.folder)
    assert not set(hashes(other.folder)) & set(hashes(small.folder))


@pytest.mark.parametrize("hash_seed", ["4242"])
def test_another_hash_seed_changes_nothing(tmp_path: Path, small: Platform, hash_seed: str) -> None:
    code = "import sys, pathlib, ingest.simulate as s; s.simulate(pathlib.Path(sys.argv[1]), 3000, 11)"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)
    assert hashes(tmp_path) == hashes(small.folder)


@pytest.mark.parametrize(
    ("name", "table"), [("interactions", INTERACTIONS), ("accounts", ACCOUNTS), ("labels", LABELS_TABLE)]
)
def test_files_have_the_native_schema(small: Platform, name: str, table: object) -> None:
    found = pq.read_schema(small.folder / f"{name}.parquet")
    assert found.equals(table.schema)  # type: ignore[attr-defined]


def test_the_report_counts_what_is_in_the_files(small: Platform) -> None:
    report = small.report
    assert report.interactions == len(small.interactions)
    assert {k: n for k, n in report.kinds.items() if n} == small.interactions.kind.value_counts().to_dict()
    assert report.classes == small.truth["class"].value_counts().to_dict()
    assert report.lookalikes == small.truth.lookalike.value_counts().to_dict()
    assert (report.networks, report.labels) == (len(small.networks), len(small.labels))
    assert report.accounts == len(small.accounts) == len(small.truth)
    assert (report.started_at, report.ended_at) == (small.interactions["at"].min(), small.interactions["at"].max())


def test_ids_are_unique_times_in_the_window_and_rows_by_time(small: Platform) -> None:
    rows = small.interactions
    assert rows.event_id.is_unique
    assert small.accounts.account_id.is_unique
    assert rows.content_id.dropna().is_unique
    assert small.labels.label_id.is_unique
    assert rows["at"].is_monotonic_increasing
    assert rows["at"].between(START, START + 28 * DAY - 1).all()


def test_targets_exist_and_are_of_their_kind(small: Platform) -> None:
    rows, known = small.interactions, set(small.accounts.account_id)
    assert set(rows.account_id) <= known
    notes = rows[rows.kind == "note"]
    assert notes.target_id.isna().all()
    assert notes.content_id.notna().all()
    addressed = rows[rows.kind.isin(["message", "follow"])]
    assert set(addressed.target_id) <= known
    assert (addressed.target_id != addressed.account_id).all()
    posted = notes.set_index("content_id")[["at", "account_id"]].add_suffix("_note")
    acts = rows[rows.kind.isin(NOTE_ACTS)].join(posted, on="target_id")
    acts = acts.dropna(subset="at_note")
    assert len(acts) > 0.7 * rows.kind.isin(NOTE_ACTS).sum()  # the others' notes are older than the window
    assert (acts["at"] > acts.at_note).all()
    assert (acts.account_id != acts.account_id_note).all()


def test_every_class_is_there_at_20000_accounts(large: Platform) -> None:
    report = large.report
    assert min(report.lookalikes[name] for name in LOOKALIKES) >= 60
    assert report.classes["solitary"] == 200
    assert report.classes["framed"] == 4
    assert 25 <= report.networks <= 35
    assert report.classes["network"] <= 0.12 * 20_000
    planted = large.networks[large.networks.behaviour != "shadowing"]
    assert set(planted["size"]) == {5, 8, 12, 20, 40, 90, 200, 500}
    assert set(planted.behaviour) == set(BEHAVIOURS)
    assert planted.targets.between(8, 60).all()
    assert planted.jitter_s.between(5, 600).all()
    assert planted.camouflage.between(0, 0.85).all()
    assert planted.participation.between(0.5, 1).all()
    assert planted.jitter_s.min() < 8
    assert planted.jitter_s.max() > 400
    assert planted.camouflage.max() > 0.7
    assert 400_000 <= report.interactions <= 700_000
    sizes = large.truth.groupby("network").size()
    assert sizes.to_dict() == large.networks.set_index("network")["size"].to_dict()


@pytest.mark.parametrize(
    ("accounts", "least", "most"), [(500, 3, 5), (1_400, 6, 9), (3_000, 7, 10), (100_000, 120, 180)]
)
def test_networks_never_take_more_than_their_share(accounts: int, least: int, most: int) -> None:
    sizes = network_sizes(accounts)
    bots = (50 if accounts >= 5_000 else 12) * max(1, accounts // 5_000)
    assert sum(sizes) + bots <= 0.12 * accounts
    assert least <= len(sizes) + max(1, accounts // 5_000) <= most


def test_the_small_platform_has_every_class_too(small: Platform) -> None:
    assert min(small.report.lookalikes[name] for name in LOOKALIKES) >= 5
    assert small.report.classes["framed"] == 1
    assert 7 <= small.report.networks <= 10
    assert small.report.classes["network"] <= 0.12 * 3_000


def joint_objects(platform: Platform, network: pd.Series) -> pd.DataFrame:
    """Object, account and time of what a network's behaviour acts on together."""
    rows = platform.interactions[platform.interactions.network == network.network]
    kinds = {
        "group_chat_ring": ("group_message",),
        "message_fan_out": ("message",),
        "mixed_engagement": ("like", "share", "collect"),
    }
    rows = rows[rows.kind.isin(kinds.get(network.behaviour, ("comment", "reply")))]
    objects = rows.target_id
    if network.behaviour == "template_reuse":
        objects = rows.text.map(lambda text: "".join(re.findall(r"[^\W\d_]", text))[-40:])
    return pd.DataFrame({"object": objects, "account": rows.account_id, "at": rows["at"]})


def test_planted_networks_keep_their_plan(large: Platform) -> None:
    for network in large.networks[large.networks.behaviour != "shadowing"].itertuples():
        acts = joint_objects(large, pd.Series(network._asdict()))
        joint, spans, joined, days = 0, [], [], set()
        acts = acts[acts.groupby("object").at.transform("size") >= max(2, 0.3 * network.size)]
        for _, group in acts.groupby("object"):
            times = group["at"].to_numpy()
            # the act with most others within the jitter after it begins the call
            reach = np.searchsorted(times, times + network.jitter_s * SECOND, side="right") - np.arange(len(times))
            first = int(reach.argmax())
            who = group.account.iloc[first : first + reach[first]].nunique()
            if who >= max(2, 0.3 * network.size):
                joint += 1
                joined.append(who / network.size)
                spans.append((times[first + reach[first] - 1] - times[first]) / SECOND)
                days.add(int(times[first] // DAY))
        assert 0.8 * network.targets <= joint <= 1.3 * network.targets + 2, network
        assert max(spans) <= network.jitter_s, network
        assert max(spans) >= 0.25 * network.jitter_s, network
        assert len(days) >= 3, network
        assert abs(np.mean(joined) - network.participation) < 0.2, network


def test_camouflage_is_the_planned_share_of_ordinary_acts(large: Platform) -> None:
    planted = large.networks[
        large.networks.behaviour.isin(["group_chat_ring", "mixed_engagement"]) & (large.networks["size"] >= 12)
    ]
    assert len(planted) >= 3
    for network in planted.itertuples():
        rows = large.interactions[(large.interactions.network == network.network) & (large.interactions.kind != "note")]
        joint = network.targets * network.participation * network.size
        assert 1 - joint / len(rows) == pytest.approx(network.camouflage, abs=0.15)


def test_a_framed_account_always_leads(small: Platform) -> None:
    victim = small.truth.account_id[small.truth["class"] == "framed"].item()
    shadow = small.networks[small.networks.behaviour == "shadowing"].iloc[0]
    bots = small.truth.account_id[small.truth.network == shadow.network]
    rows = small.interactions[small.interactions.kind.isin(NOTE_ACTS)]
    led = rows[rows.account_id == victim].groupby("target_id")["at"].min()
    followed = rows[rows.account_id.isin(bots) & rows.target_id.isin(led.index)]
    lag = (followed["at"] - followed.target_id.map(led)) / SECOND
    assert (lag > 0).all()
    assert lag.median() <= shadow.jitter_s
    assert set(followed.target_id) == set(led.index)  # on every act
    assert followed.account_id.nunique() == shadow["size"]
    assert not small.truth.ai_hosted[small.truth.account_id == victim].item()


def rank_of(values: pd.Series, chosen: pd.Series) -> float:
    """Mean rank of the chosen, 0 to 1; one half if the order says nothing."""
    order = values.rank() / len(values)
    return float(order[chosen].mean())


def test_ids_say_nothing(large: Platform) -> None:
    truth, rows = large.truth, large.interactions
    assert list(truth.account_id) == sorted(truth.account_id)
    for chosen in (truth.ai_hosted, truth["class"] == "lookalike"):
        assert abs(rank_of(truth.account_id, chosen) - 0.5) < 0.03
    latin = truth.account_id.map(str.isascii)
    assert 0.05 < 1 - latin.mean() < 0.2
    assert abs(truth.ai_hosted[latin].mean() - truth.ai_hosted[~latin].mean()) < 0.03
    hosted = rows.account_id.isin(set(truth.account_id[truth.ai_hosted]))
    assert abs(rank_of(rows.event_id, hosted) - 0.5) < 0.01
    devices = large.accounts.set_index("account_id").device_id[truth.account_id].reset_index(drop=True)
    assert abs(rank_of(devices, truth.ai_hosted) - 0.5) < 0.03


def test_registrations_are_sane(large: Platform) -> None:
    accounts = large.accounts.set_index("account_id")
    first = large.interactions.groupby("account_id")["at"].min()
    assert (accounts.registered_at[first.index] <= first).all()
    age = (START - accounts.registered_at) / DAY
    assert age.max() < 11 * 365
    assert 0.005 < (age < 0).mean() < 0.06  # some join within the window
    bots = large.truth.account_id[large.truth.ai_hosted]
    assert (age[bots] > 0).all()


def test_platform_facts_hold_for_whole_networks_and_nobody_genuine(large: Platform) -> None:
    client = large.accounts.set_index("account_id").registration_client[large.truth.account_id].to_numpy()
    for network in large.networks.itertuples():
        found = set(client[(large.truth.network == network.network).to_numpy()])
        if network.platform_facts:
            assert found == {network.registration_client}
        else:
            assert not found & set(HOSTING_TOOLS)
    planted = large.networks[large.networks.behaviour != "shadowing"]
    assert planted.platform_facts.mean() == pytest.approx(0.4, abs=0.05)
    by_tool = np.isin(client, HOSTING_TOOLS)
    assert large.truth.ai_hosted[by_tool].all()
    assert "scheduler-pro" in client[~large.truth.ai_hosted.to_numpy()]


def test_labels_are_few_true_and_never_about_the_framed(large: Platform) -> None:
    labels = large.labels.merge(large.truth, on="account_id", validate="many_to_one")
    assert set(labels.source) == {"platform", "review"}
    assert 0.01 < len(labels) / 20_000 < 0.06
    assert labels.ai_hosted[labels.label != "genuine"].all()
    assert not labels.ai_hosted[labels.label == "genuine"].any()
    assert set(labels["class"][labels.label == "whole_history_ai"]) == {"solitary"}
    assert not (labels["class"] == "framed").any()
    assert 0.02 < (labels["at"] >= START + 28 * DAY).mean() < 0.3
    assert labels.confidence.between(0, 1).all()
    per_network = (
        labels[labels.label == "ai_hosted"].groupby("network").size() / large.networks.set_index("network")["size"]
    )
    assert per_network.isna().mean() > 0.1  # some networks nobody has looked at


def quiet_hours(rows: pd.DataFrame, least: int) -> pd.Series:
    """Longest run of hours of the day without any act, per account of at least `least` acts."""
    rows = rows[rows.groupby("account_id")["at"].transform("size") >= least]

    def longest(times: pd.Series) -> float:
        hours = np.sort(times.to_numpy() / HOUR % 24)
        return float(np.diff(np.append(hours, hours[0] + 24)).max())

    return rows.groupby("account_id")["at"].apply(longest)


def test_people_sleep_and_bots_need_not(large: Platform) -> None:
    rows, truth = large.interactions, large.truth
    people = quiet_hours(rows[rows.account_id.isin(truth.account_id[truth["class"] == "organic"])], 100)
    solitary = quiet_hours(rows[rows.account_id.isin(truth.account_id[truth["class"] == "solitary"])], 100)
    night = quiet_hours(rows[rows.account_id.isin(truth.account_id[truth.lookalike == "night_shift"])], 60)
    assert len(people) > 300
    assert len(solitary) > 30
    assert people.quantile(0.05) > 3
    assert people.median() > 5
    assert solitary.median() < 3
    assert night.median() > 5  # odd hours, but as long a gap as anybody's


def test_activity_and_popularity_have_heavy_tails(large: Platform) -> None:
    organic = set(large.truth.account_id[large.truth["class"] == "organic"])
    rows = large.interactions
    counts = rows[rows.account_id.isin(organic)].groupby("account_id").size()
    assert counts.median() < 20
    assert counts.max() > 400
    assert (counts > 100).sum() > 200
    notes = rows[rows.kind.isin(NOTE_ACTS)].groupby("target_id").size()
    assert 0.01 < notes.max() / len(rows) < 0.06
    assert notes.median() < 15


def test_lookalikes_look_like_it(large: Platform) -> None:
    rows, truth = large.interactions, large.truth
    accounts = large.accounts.set_index("account_id")

    def of(name: str) -> pd.Series:
        return truth.account_id[truth.lookalike == name]

    scheduled = rows[(rows.kind == "note") & rows.account_id.isin(of("scheduler_brand"))]
    assert ((scheduled["at"] // SECOND % 900) < 3).all()
    assert set(scheduled.client) == {"scheduler-pro", "post-planner"}
    desks = of("customer_service")
    assert (accounts.verified_role[desks] == "customer_service").all()
    written = rows[(rows.kind == "message") & rows.target_id.isin(desks)]
    answered = rows[(rows.kind == "message") & rows.account_id.isin(desks)]
    assert written.account_id.nunique() > 1_000
    assert len(answered) <= len(written)
    first = written.groupby(["target_id", "account_id"])["at"].min()
    assert (
        answered["at"].to_numpy() > first.loc[list(zip(answered.account_id, answered.target_id, strict=True))]
    ).all()
    assert accounts.declared_automation[of("ai_labelling_creator")].all()
    for name, least in (("household", 2), ("school", 30)):
        per_device = accounts.device_id[of(name)].value_counts()
        assert per_device.min() >= least
        assert not set(per_device.index) & set(accounts.device_id.drop(of(name)))
    slogans = rows[(rows.kind == "comment") & rows.account_id.isin(of("fan_campaign"))].text.value_counts()
    assert slogans.iloc[0] > 500


def naive_precision(platform: Platform, least: int) -> tuple[int, float]:
    """Pairs with at least `least` objects within 60 s (the threshold peers use), and the share of planted ones."""
    import duckdb

    rows = platform.interactions
    rows = rows[rows.target_id.notna() & (rows.kind != "follow")]
    known = platform.truth.account_id
    acts = pd.DataFrame({"a": pd.Index(known).get_indexer(rows.account_id), "o": pd.factorize(rows.target_id)[0]})
    acts["s"] = rows["at"].to_numpy() // SECOND
    with duckdb.connect() as connection:
        connection.register("acts", acts)
        pairs = connection.sql(
            "WITH b AS (SELECT a, o, s, s // 60 AS k FROM acts), "
            "w AS (SELECT a, o, s, unnest([k - 1, k, k + 1]) AS k FROM b) "
            "SELECT x.a AS first, y.a AS second FROM b x JOIN w y ON x.o = y.o AND x.k = y.k AND x.a < y.a "
            f"AND abs(x.s - y.s) <= 60 GROUP BY 1, 2 HAVING count(DISTINCT x.o) >= {least}"
        ).fetchnumpy()
    network = platform.truth.network.to_numpy()
    first, second = network[pairs["first"]], network[pairs["second"]]
    return len(first), float(np.mean(pd.notna(first) & (first == second)))


def test_a_raw_threshold_fails_on_it(large: Platform) -> None:
    pairs, precision = naive_precision(large, 3)
    assert pairs > 50_000
    assert 0.05 < precision < 0.6


def test_long_organic_texts_seldom_coincide_and_templates_do(large: Platform) -> None:
    rows = large.interactions
    organic = set(large.truth.account_id[large.truth["class"] == "organic"])
    texts = rows[rows.kind.isin(["comment", "reply", "note"]) & rows.account_id.isin(organic)].text
    long = texts[texts.str.len() >= 20]
    assert long.duplicated().mean() < 0.01
    short = texts[texts.str.len() < 12]
    assert short.duplicated().mean() > 0.5
    assert rows.text.str.contains("哈哈哈").sum() > 100


def test_progress_is_reported_in_steps(tmp_path: Path) -> None:
    steps: list[float] = []
    simulate(tmp_path, 500, 0, days=7, advance=steps.append)
    assert steps == [1] * STEPS


@pytest.mark.parametrize(
    ("accounts", "seed", "days", "message"),
    [(499, 1, 28, "accounts: 499"), (500, -1, 28, "seed: -1"), (500, 1, 6, "days: 6")],
)
def test_impossible_platforms_are_refused(tmp_path: Path, accounts: int, seed: int, days: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate(tmp_path, accounts, seed, days=days)
    assert not list(tmp_path.iterdir())


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        simulate(tmp_path / "taken", 500, 1)
