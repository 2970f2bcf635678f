"""Networks: clusters of successive runs matched by overlap, so that a network keeps its id over time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from graph.model import LINEAGE
from graph.runs import Run

MATCH = 1 / 3  # least Jaccard overlap of two clusters that are one network; implies RELATED
RELATED = 0.5  # least share of the smaller one that a split or a merger has in common
SAME = 0.95  # from which a network has not changed

VERBS = {
    "comment": "comment on the same notes",
    "reply": "reply to the same notes",
    "like": "like the same notes",
    "share": "share the same things",
    "collect": "collect the same notes",
    "view": "view the same notes",
    "follow": "follow the same accounts",
    "message": "message the same accounts",
    "group_message": "speak in the same group chats",
    "url": "post the same links",
    "hashtag": "use the same hashtags",
    "template": "post the same text",
}


def members_of(run: Run | None) -> pd.DataFrame:
    """Members of a run's networks: account_id, network_id. Of a dissolved network, ask the parent run."""
    if run is None:
        return pd.DataFrame({"account_id": [], "network_id": []}, dtype=str)
    clusters = run.table("clusters", ["account_id", "cluster_id"]).to_pandas()
    members = clusters.merge(run.table("networks", ["network_id", "cluster_id"]).to_pandas(), on="cluster_id")
    return pd.DataFrame(members[["account_id", "network_id"]])


def identify(members: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """Give every cluster a network id and say how the network changed.

    Args:
        members: account_id, cluster_id of this run.
        earlier: account_id, network_id of the run before (empty: there was none).

    Returns:
        cluster_id, network_id, change, parents (sorted list of the earlier networks it continues), size, size_before
        (of the earlier network with its id; missing for a new id), joined and left (accounts, against that one),
        sorted by cluster_id. Overlaps are served largest first, so a cluster inherits from the network it shares most
        with, and of several parts the largest inherits. What clusters are called and how rows are ordered is of no
        account. `change` is, with an id inherited: same, grew, shrank, or merged if it continues several; with a new
        one: born if it continues none, split if it is part of one, merged otherwise.
    """
    overlap = _overlaps(members, earlier)
    near = overlap[overlap["jaccard"] >= MATCH]
    inherited: dict[str, str] = {}
    given: set[str] = set()
    for cluster_id, network_id in near[["cluster_id", "network_id"]].itertuples(index=False, name=None):
        if cluster_id not in inherited and network_id not in given:
            inherited[cluster_id] = network_id
            given.add(network_id)
    taken = set(earlier["network_id"])
    related = {str(name): rows for name, rows in overlap[overlap["related"]].groupby("cluster_id")}
    rows = []
    for cluster_id, accounts in members.sort_values("account_id").groupby("cluster_id", sort=True)["account_id"]:
        network_id = inherited.get(str(cluster_id))
        parents = related.get(str(cluster_id), overlap.iloc[:0])
        rows.append(
            {
                "cluster_id": cluster_id,
                "network_id": network_id or _new_id(list(accounts), taken),
                "change": _change(parents, network_id),
                "parents": sorted(parents["network_id"]),
                "size": len(accounts),
                **_compared(parents, network_id),
            }
        )
    columns = ["cluster_id", "network_id", "change", "parents", "size", "size_before", "joined", "left"]
    return pd.DataFrame(rows, columns=columns)


def lineage(found: pd.DataFrame, parent: Run | None) -> pa.Table:
    """The history's newest page: the networks of `identify`, and those of the parent run that nothing continues."""
    rows = found.assign(last_run_id=None, title=None).astype({"size_before": object, "joined": object, "left": object})
    earlier = members_of(parent)
    gone = sorted(set(earlier["network_id"]) - {p for parents in found["parents"] for p in parents})
    if gone and parent is not None:
        sizes = earlier["network_id"].value_counts()
        known = parent.table("networks", ["network_id", "title"])
        titles = dict(zip(known["network_id"].to_pylist(), known["title"].to_pylist(), strict=True))
        dissolved = [
            {
                "network_id": name,
                "change": "dissolved",
                "parents": [],
                "size": 0,
                "size_before": int(sizes[name]),
                "joined": 0,
                "left": int(sizes[name]),
                "last_run_id": parent.run_id,
                "title": titles[name],
            }
            for name in gone
        ]
        rows = pd.concat([rows, pd.DataFrame(dissolved, dtype=object)], ignore_index=True)
    listed = rows.sort_values("network_id")[LINEAGE.columns].astype(object)
    listed = listed.where(listed.notna(), None)
    return LINEAGE.check(pa.Table.from_pylist(listed.to_dict("records"), LINEAGE.schema), "lineage")


def _overlaps(members: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """One row a cluster and earlier network with accounts in common, largest overlap first."""
    joined = members.merge(earlier, on="account_id").groupby(["cluster_id", "network_id"]).size().rename("joint")
    clusters = members.groupby("cluster_id")["account_id"].agg(size="size", first="min").reset_index()
    overlap = joined.reset_index().merge(clusters, on="cluster_id")
    overlap = overlap.merge(earlier.groupby("network_id").size().rename("old_size").reset_index(), on="network_id")
    overlap["jaccard"] = overlap["joint"] / (overlap["size"] + overlap["old_size"] - overlap["joint"])
    # a part that split off, or a network swallowed by another, overlaps little but wholly
    overlap["related"] = overlap["joint"] / np.minimum(overlap["size"], overlap["old_size"]) >= RELATED
    order = ["jaccard", "joint", "first", "network_id"]
    return overlap.sort_values(order, ascending=[False, False, True, True], ignore_index=True)


def _new_id(accounts: list[str], taken: set[str]) -> str:
    """An id that follows from the members; another one where an earlier network has it: they may have split from it."""
    text = "\x1f".join(accounts)
    while (made := "net-" + hashlib.sha256(text.encode()).hexdigest()[:12]) in taken:
        text += "\x1e"
    taken.add(made)
    return made


def _change(parents: pd.DataFrame, network_id: str | None) -> str:
    if parents.empty:
        return "born"
    if len(parents) > 1:
        return "merged"
    own = parents.iloc[0]
    if network_id is None:
        return "split" if own["size"] <= own["old_size"] else "merged"
    if own["jaccard"] >= SAME:
        return "same"
    return "grew" if own["size"] >= own["old_size"] else "shrank"


def _compared(parents: pd.DataFrame, network_id: str | None) -> Mapping[str, int | None]:
    """How many accounts joined and left the earlier network of this id; nothing for a new id."""
    if network_id is None:
        return {"size_before": None, "joined": None, "left": None}
    own = parents[parents["network_id"] == network_id].iloc[0]
    before, joint = int(own["old_size"]), int(own["joint"])
    return {"size_before": before, "joined": int(own["size"]) - joint, "left": before - joint}


def title(size: int, channels: list[str], objects: int, days: int) -> str:
    """What a network does, in a line: `48 accounts that comment on the same notes: 31 objects on 9 days`."""
    done = " and ".join(VERBS.get(c, f"act together on channel {c}") for c in channels[:2]) or "act together"
    return f"{size:,} accounts that {done}: {objects:,} objects on {days:,} days"
