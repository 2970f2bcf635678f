"""Reborn: networks of new accounts that match a banned network by text, device or target: priority, never a tier.

A network is compared with a banned one on the traits that the banned accounts had in common, of three kinds apart:
*template*, *device* (with registration clients) and *target* (every other object). The network counts as one actor,
which has a trait if two of its accounts do (one, for a device). Popular traits say nothing: what any group of as many
accounts would have is measured on the *people*, who are the accounts of the data window in no cluster and not banned,

    rate_t = (k_t + PRIOR * (K_t + 1) / (N + 1)) / (U_t + PRIOR),    c_t = max(1 - (1 - rate_t)^n, reach_t)

with N people, K_t of them with trait t; U_t people with at least one *other* trait of the banned network, k_t of them
with t; n accounts in the network; reach_t its share of all texts, or targets, that about as many people have (of those
that one has, where nobody has t). So it is given how much the network does of what few people do, as a help desk does
who answers everybody, and a common interest is given: a trait is as common as it is among those who are
near the banned network's things anyway. Traits of more than RARE of the people are left out. The weight of the traits
met is tested by Chernoff's bound (graph.significance.log_tail), and Bonferroni over networks, banned networks and
kinds holds the chance of any false match in a run at ALPHA, if networks of the innocent choose as the people do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from graph.model import REBORN
from graph.significance import at_least_once, log_tail
from graph.statements import sql
from graph.words import count, day, shown

ALPHA = 0.01  # chance of any false match in a run
RARE = 0.05  # share of people; a trait that more of them have says nothing
PRIOR = 10.0  # people; what a trait's rate in general weighs against its rate among the near
COMMON = 2  # accounts that make a text or target a trait of a network
LEAST = 2  # traits of a kind; fewer in common are a coincidence
NEW = 0.5  # share of a network's accounts; more must be new for it to be reborn
LEVELS = 64  # of the binary logarithm of a number of people
KINDS = ("template", "device", "target")


def find(connection: duckdb.DuckDBPyConnection, members: pd.DataFrame, since: int, until: int) -> pa.Table:
    """The run's table `reborn`.

    Args:
        connection: of the event log, with the tables of graph.coaction.prepare.
        members: a (the account's integer), network_id of each clustered account.
        since: first microsecond of the data window.
        until: the one after the last. A ban counts if it was imposed before it, and not lifted by then.
    """
    connection.execute(sql("banned"), {"until": until})
    bans = connection.execute('SELECT network_id, account_id, "at" FROM banned ORDER BY ALL').df()
    if bans.empty or members.empty:
        return REBORN.schema.empty_table()
    connection.execute(sql("trait_uses"))
    connection.execute(sql("ban_traits"), {"until": until, "least": COMMON})
    traits = connection.execute("SELECT network_id, kind, trait FROM ban_traits ORDER BY ALL").df()
    holders = connection.execute(sql("reborn_holders"), {"since": since, "until": until}).df()
    names = connection.execute("SELECT account_id FROM account_ids ORDER BY a").df()["account_id"]
    banned = names.isin(set(bans["account_id"])).to_numpy()
    people = ~banned
    people[members["a"].to_numpy(np.int64)] = False
    holders, traits = _without_popular(holders, traits, people)
    listed = _seen(connection, members).assign(banned=lambda m: banned[m["a"].to_numpy(np.int64)])
    reach = _reach(connection, listed, people, since, until)
    tests = [
        _compare(str(network_id), own, traits[traits["network_id"] == network_id], holders, listed, reach, people)
        for network_id, own in bans.groupby("network_id", sort=True)
    ]
    return _matched(pd.concat(tests, ignore_index=True))


def _seen(connection: duckdb.DuckDBPyConnection, members: pd.DataFrame) -> pd.DataFrame:
    """Members with first_at, when each was first seen."""
    connection.register("members", pa.table({"a": members["a"].to_numpy(np.int64)}))
    first = connection.execute(sql("first_seen")).df()
    connection.unregister("members")
    return members.merge(first, on="a").sort_values("a", ignore_index=True)


def _reach(
    connection: duckdb.DuckDBPyConnection, members: pd.DataFrame, people: np.ndarray, since: int, until: int
) -> dict[tuple[str, str], np.ndarray]:
    """By kind and network: its share of what 1, 2 to 3, 4 to 7, ... people have."""
    able = members[~members["banned"]]
    standing = pa.table(
        {
            "a": np.concatenate([able["a"].to_numpy(np.int64), np.flatnonzero(people)]),
            "network": pa.array([*able["network_id"], *[None] * int(people.sum())], pa.string()),
        }
    )
    connection.register("standing", standing)
    rows = connection.execute(sql("reach"), {"since": since, "until": until, "least": COMMON}).df()
    connection.unregister("standing")
    everything = rows[rows["network"].isna()].set_index(["kind", "about"])["things"].to_dict()
    share: dict[tuple[str, str], np.ndarray] = {}
    for row in rows[rows["network"].notna()].to_dict("records"):
        levels = share.setdefault((row["kind"], row["network"]), np.zeros(LEVELS))
        levels[row["about"]] = row["things"] / everything[row["kind"], row["about"]]
    return share


def _without_popular(
    holders: pd.DataFrame, traits: pd.DataFrame, people: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    among = holders[people[holders["a"].to_numpy(np.int64)]]
    sizes = among.groupby(["kind", "trait"]).size()
    popular = sizes[sizes > RARE * people.sum()].index
    keep = [~pd.MultiIndex.from_frame(t[["kind", "trait"]]).isin(popular) for t in (holders, traits)]
    return holders[keep[0]], traits[keep[1]]


def _compare(
    banned_id: str,
    bans: pd.DataFrame,
    traits: pd.DataFrame,
    holders: pd.DataFrame,
    members: pd.DataFrame,
    reach: Mapping[tuple[str, str], np.ndarray],
    people: np.ndarray,
) -> pd.DataFrame:
    """One row a network of mostly new accounts and kind: what it shares with one banned network, and its p-value."""
    banned_at = int(bans["at"].min())
    own = members.assign(new=~members["banned"] & (members["first_at"] >= banned_at))
    networks = own.groupby("network_id", sort=True).agg(size=("a", "size"), new=("new", "sum"))
    networks = networks[networks["new"] > NEW * networks["size"]]
    network_of = own[~own["banned"]].set_index("a")["network_id"]
    accounts = network_of.value_counts().reindex(networks.index).to_numpy(float)
    rows = []
    for kind in KINDS:
        mine = traits.loc[traits["kind"] == kind, "trait"].to_numpy()
        if len(mine) < LEAST or networks.empty:
            continue
        here = holders[(holders["kind"] == kind) & holders["trait"].isin(mine)]
        rate, about = _rates(here[people[here["a"].to_numpy(np.int64)]], mine, int(people.sum()))
        inside = here.assign(network_id=here["a"].map(network_of)).groupby(["network_id", "trait"]).size()
        least = 1 if kind == "device" else COMMON
        met = (inside >= least).unstack(fill_value=False).reindex(index=networks.index, columns=mine, fill_value=False)
        shared = met.to_numpy().astype(bool)
        chance = at_least_once(np.tile(rate, len(networks)), np.repeat(accounts, len(mine)))
        reached = np.concatenate([reach.get((kind, name), np.zeros(LEVELS))[about] for name in networks.index])
        chance = np.clip(np.maximum(chance, reached), 0, 1 - 1e-9)
        pair = np.repeat(np.arange(len(networks)), len(mine))
        p = np.exp(log_tail(pair, shared.ravel(), chance, len(networks)))
        found = networks[["new"]].assign(kind=kind, shared=shared.sum(axis=1), p=p)
        rows.append(found.assign(p=found["p"].where(found["shared"] >= LEAST, 1.0)).reset_index())
    columns = ["network_id", "new", "kind", "shared", "p"]
    table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)
    return table.assign(banned_network_id=banned_id, banned_accounts=len(bans), banned_at=banned_at)


def _rates(holders: pd.DataFrame, traits: np.ndarray, people: int) -> tuple[np.ndarray, np.ndarray]:
    """rate_t of each trait, from the people (a) who have it (see the module), and the binary logarithm of K_t."""
    having = holders["a"].map(holders["a"].value_counts())  # of the banned network's traits, so many each
    number = pd.Series(np.arange(len(traits)), index=traits)
    where = holders["trait"].map(number).to_numpy(np.int64)
    everyone = np.bincount(where, minlength=len(traits))
    near = np.bincount(where, weights=(having > 1).to_numpy(float), minlength=len(traits))
    others = holders["a"].nunique() - (everyone - near)  # who has this trait alone is near by no other one
    rate = (near + PRIOR * (everyone + 1) / (people + 1)) / (others + PRIOR)
    return np.minimum(rate, 1.0), np.log2(np.maximum(everyone, 1)).astype(np.int64)


def _matched(tests: pd.DataFrame) -> pa.Table:
    """Rows of REBORN: networks and banned networks that match by at least one kind."""
    tests["p"] = np.minimum(tests["p"].astype(float) * len(tests), 1.0)
    rows = []
    for (network_id, banned_id), kinds in tests.groupby(["network_id", "banned_network_id"], sort=True):
        telling = kinds[kinds["p"] <= ALPHA].sort_values(["p", "kind"])
        if telling.empty:
            continue
        shared = dict(zip(kinds["kind"], kinds["shared"].astype(int), strict=True))
        first = kinds.iloc[0]
        rows.append(
            {
                "network_id": network_id,
                "banned_network_id": banned_id,
                "matched_by": list(telling["kind"]),
                "p_value": float(telling["p"].iloc[0]),
                **{f"{kind}s": shared.get(kind, 0) for kind in KINDS},
                "new_accounts": int(first["new"]),
                "banned_accounts": int(first["banned_accounts"]),
                "banned_at": int(first["banned_at"]),
            }
        )
    return REBORN.check(pa.Table.from_pylist(rows, REBORN.schema), "reborn")


def told(row: Mapping[str, Any]) -> str:
    """A row of REBORN in a sentence that names no object."""
    nouns = {"template": "text", "device": "device or client", "target": "target"}
    shared = [count(row[f"{kind}s"], nouns[kind]) for kind in row["matched_by"]]
    shared = [text.replace("device or clients", "devices or clients") for text in shared]
    return (
        f"It may be network {shown(row['banned_network_id'])} again, banned on {day(row['banned_at'])}: "
        f"{count(row['new_accounts'], 'account')} not seen before then, with {' and '.join(shared)} of it that few "
        f"others have (p = {row['p_value']:.2g} over all that was compared). That raises priority, and nothing else."
    )
