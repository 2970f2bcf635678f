"""Reborn: new accounts that match a banned network are found, and people who like the same things are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from graphkit import T0, append

from graph import coaction, reborn
from graph.log import EventLog
from graph.model import DAY, LOG_TABLES, REBORN

BAN = T0 + 20 * DAY  # the banned network acts before, everything else after
UNTIL = T0 + 40 * DAY
PEOPLE = 300
Acts = dict[str, list[str]]  # account -> objects


class World:
    """People with habits, a banned network, and others: all into one log."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.log = EventLog(folder / "log")
        self.rng = np.random.default_rng(seed)
        self.actions: list[dict[str, Any]] = []
        self.facts: list[dict[str, Any]] = []
        self.bans: list[dict[str, Any]] = []
        self.networks: dict[str, list[str]] = {}
        popular = [f"note:popular-{i}" for i in range(400)]
        share = 1 / np.arange(1, 401)
        for n in range(PEOPLE):
            liked = self.rng.choice(popular, 25, replace=False, p=share / share.sum())
            self.act(f"person-{n:03d}", [str(x) for x in liked], BAN)

    def act(self, account: str, objects: list[str], at: int) -> None:
        for thing in objects:
            channel = "template" if thing.startswith("template:") else "like"
            row = {"event_id": f"e{len(self.actions)}", "account_id": account, "channel": channel, "object_id": thing}
            self.actions.append({**row, "at": at + int(self.rng.integers(0, 15 * DAY))})

    def banned(self, name: str, size: int, objects: list[str], *, at: int = BAN, share: float = 0.8) -> list[str]:
        """A network that acted before its ban."""
        accounts = [f"{name}-{i:02d}" for i in range(size)]
        for account in accounts:
            self.act(account, [x for x in objects if self.rng.random() < share], at - 16 * DAY)
            ban = {"record_id": f"imposed:{account}", "ban_id": f"b:{account}", "account_id": account}
            self.bans.append({**ban, "network_id": name, "what": "imposed", "at": at})
        return accounts

    def network(
        self, name: str, size: int, objects: list[str], *, share: float = 0.8, at: int = BAN + DAY
    ) -> list[str]:
        """A network found in this run."""
        self.networks[name] = [f"{name}-{i:02d}" for i in range(size)]
        for account in self.networks[name]:
            self.act(account, [x for x in objects if self.rng.random() < share] or objects[:1], at)
        return self.networks[name]

    def run(self, **more: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """What is found: network -> its row, over a window that begins with the ban."""
        append(self.log, actions=self.actions, accounts=self.facts, bans=self.bans, **more)
        with self.log.connect() as connection:
            coaction.prepare(connection, BAN, UNTIL)
            names = {x: a for a, x in enumerate(coaction.account_names(connection))}
            rows = [(names[x], n) for n, members in self.networks.items() for x in members if x in names]
            members = pd.DataFrame(rows, columns=["a", "network_id"]).sample(frac=1, random_state=1)
            table = reborn.find(connection, members, BAN, UNTIL)
        assert table.schema == REBORN.schema
        return {row["network_id"]: row for row in table.to_pylist()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Before anything happened."""
    return World(tmp_path)


def notes(name: str, count: int) -> list[str]:
    return [f"note:{name}-{i}" for i in range(count)]


def test_the_same_targets_that_nobody_else_has(world: World) -> None:
    world.banned("old", 12, notes("farm", 20))
    world.network("new", 10, notes("farm", 12) + notes("popular", 30))
    world.network("other", 10, notes("elsewhere", 20) + notes("popular", 30))
    found = world.run()
    assert list(found) == ["new"]
    row = found["new"]
    assert (row["banned_network_id"], row["matched_by"]) == ("old", ["target"])
    assert (row["targets"], row["templates"], row["devices"]) == (12, 0, 0)
    assert (row["new_accounts"], row["banned_accounts"], row["banned_at"]) == (10, 12, BAN)
    assert row["p_value"] < 1e-6


@pytest.mark.parametrize("kind", ["template", "device", "client and device"])
def test_the_same_texts_or_devices(world: World, kind: str) -> None:
    texts = [f"template:private-{i}" for i in range(4)] if kind == "template" else []
    old = world.banned("old", 12, notes("farm", 20) + texts)
    new = world.network("new", 10, notes("fresh", 20) + texts)
    if kind != "template":
        both = [{"account_id": x, "device_id": f"d{i % 4}"} for group in (old, new) for i, x in enumerate(group)]
        client = {"registration_client": "farm-tool"} if "client" in kind else {}
        world.facts += [{**row, **client} for row in both]
    row = world.run()["new"]
    assert row["matched_by"] == ["template" if kind == "template" else "device"]
    assert row["devices" if texts == [] else "templates"] == 4 + ("client" in kind)
    sentence = reborn.told(row)
    assert "network old" in sentence
    assert "raises priority, and nothing else" in sentence
    assert not any(text in sentence for text in texts), "nothing private is named"


def test_popular_targets_and_clients_say_nothing(world: World) -> None:
    old = world.banned("old", 12, notes("popular", 40) + notes("farm", 20))
    new = world.network("new", 12, notes("popular", 40), share=1.0)
    people = [f"person-{n:03d}" for n in range(PEOPLE)]
    world.facts += [{"account_id": x, "registration_client": "phone", "device_id": None} for x in (*old, *new, *people)]
    assert world.run() == {}


@pytest.mark.parametrize("keenness", [0.3, 0.6, 0.95])
def test_fans_of_what_a_banned_network_pushed_are_not_it(world: World, keenness: float) -> None:
    """The farm pushed one artist's notes; keen fans of the artist act on most of them, other fans on some."""
    artist = notes("artist", 30)
    for n in range(60):
        appeal = world.rng.beta(2, 4)
        world.act(f"fan-{n:02d}", [x for x in artist if world.rng.random() < appeal], BAN + DAY)
    world.banned("old", 15, artist)
    world.network("club", 15, artist, share=keenness)
    assert world.run() == {}


def test_one_thing_in_common_is_a_coincidence(world: World) -> None:
    world.banned("old", 12, notes("farm", 20))
    world.network("new", 30, [*notes("farm", 1), *notes("fresh", 20)], share=1.0)
    assert world.run() == {}


def test_a_network_seen_before_the_ban_is_not_new(world: World) -> None:
    world.banned("old", 12, notes("farm", 20))
    for account in world.network("sister", 10, notes("farm", 20)):
        world.act(account, notes("fresh", 2), BAN - 16 * DAY)
    assert world.run() == {}


def test_the_banned_themselves_are_not_reborn(world: World) -> None:
    old = world.banned("old", 12, notes("farm", 20))
    for account in old:  # banned on paper, and still at it
        world.act(account, notes("farm", 20), BAN + DAY)
    world.networks["same"] = old
    assert world.run() == {}


def lifted(accounts: list[str], at: int) -> list[dict[str, Any]]:
    return [
        {
            "record_id": f"lifted:{x}",
            "ban_id": f"b:{x}",
            "account_id": x,
            "network_id": "old",
            "what": "lifted",
            "at": at,
        }
        for x in accounts
    ]


def test_a_ban_taken_back_is_withdrawn_and_one_found_genuine_is_no_witness(world: World) -> None:
    old = world.banned("old", 12, notes("farm", 20))
    world.network("new", 10, notes("farm", 12))
    assert list(world.run()) == ["new"]
    genuine = [
        {"label_id": x, "account_id": x, "label": "genuine", "source": "review", "at": BAN + DAY} for x in old[:6]
    ]
    world.actions, world.bans = [], []
    assert world.run(labels=genuine)["new"]["banned_accounts"] == 6
    world.bans = lifted(old[6:], UNTIL)  # after the run's window: not known yet
    assert world.run()["new"]["banned_accounts"] == 6
    world.bans = lifted(old[6:9], BAN + DAY)
    for row in world.bans:
        row["record_id"] += ":again"
    assert world.run()["new"]["banned_accounts"] == 3
    world.bans = lifted(old[9:], BAN + DAY)
    for row in world.bans:
        row["record_id"] += ":again"
    assert world.run() == {}


def test_a_run_over_earlier_data_knows_no_later_ban(world: World) -> None:
    world.banned("old", 12, notes("farm", 20), at=UNTIL)
    world.network("new", 10, notes("farm", 12))
    assert world.run() == {}


def test_without_bans_or_without_clusters_the_table_is_empty(world: World) -> None:
    world.network("new", 10, notes("farm", 12))
    assert world.run() == {}
    world.actions, world.networks = [], {}
    world.banned("old", 12, notes("farm", 20))
    assert world.run() == {}


def test_a_help_desk_that_answers_everybody_is_not_it(world: World) -> None:
    """The farm pushed 40 of 800 obscure notes; 15 accounts that answer on most of the 800 have most of the 40."""
    obscure = notes("obscure", 800)
    for n in range(PEOPLE):
        world.act(f"person-{n:03d}", [str(x) for x in world.rng.choice(obscure, 5, replace=False)], BAN + DAY)
    world.banned("old", 15, obscure[:40])
    world.network("desk", 15, obscure, share=0.2)
    assert world.run() == {}


def test_innocent_networks_with_topics_are_matched_no_oftener_than_stated(tmp_path: Path) -> None:
    """9 worlds of 10 topics of 60, 150 or 400 notes, 3 banned networks and 12 of people each; alpha = 0.01 a world."""
    matched = 0
    for seed in range(9):
        world = World(tmp_path / str(seed), seed)
        topics = [notes(f"topic{t}", (60, 150, 400)[seed % 3]) for t in range(10)]
        for n in range(PEOPLE):
            loyal = world.rng.choice(topics[n % 10], int(world.rng.integers(5, 40)), replace=False)
            world.act(f"person-{n:03d}", [str(x) for x in loyal], BAN + DAY)
        for b in range(3):
            world.banned(f"old{b}", 10, [str(x) for x in world.rng.choice(topics[b], 25, replace=False)])
        for c in range(12):
            liked = [str(x) for x in world.rng.choice(topics[c % 6], 25, replace=False)]
            world.network(f"new{c}", int(world.rng.integers(4, 20)), liked)
        matched += bool(world.run())
    assert matched <= 1  # P(2 or more of 9) is under 0.004 at alpha


def test_the_log_has_a_table_of_bans() -> None:
    assert LOG_TABLES["bans"].columns == ["record_id", "ban_id", "account_id", "network_id", "what", "at"]
