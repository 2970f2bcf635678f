"""Networks: clusters of successive runs matched by overlap, so that a network keeps its id over time."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

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


def identify(members: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """Give every cluster a network id and say how the network changed.

    Args:
        members: account_id, cluster_id of this run.
        earlier: account_id, network_id of the run before (empty: there was none).

    Returns:
        cluster_id, network_id, change (born, grew, shrank, same, split or merged), sorted by cluster_id.
        Overlaps are served largest first, so a cluster inherits from the network it shares most with.
    """
    joined = members.merge(earlier, on="account_id").groupby(["cluster_id", "network_id"]).size().rename("joint")
    overlap = (
        joined.reset_index()
        .merge(members.groupby("cluster_id").size().rename("size").reset_index(), on="cluster_id")
        .merge(earlier.groupby("network_id").size().rename("old_size").reset_index(), on="network_id")
    )
    overlap["jaccard"] = overlap["joint"] / (overlap["size"] + overlap["old_size"] - overlap["joint"])
    # a part that split off, or a network swallowed by another, overlaps little but wholly
    overlap["related"] = overlap["joint"] / np.minimum(overlap["size"], overlap["old_size"]) >= RELATED
    overlap = overlap.sort_values(["jaccard", "cluster_id", "network_id"], ascending=[False, True, True])
    inherited: dict[str, str] = {}
    for row in overlap[overlap["jaccard"] >= MATCH].itertuples():
        if row.cluster_id not in inherited and row.network_id not in inherited.values():
            inherited[str(row.cluster_id)] = str(row.network_id)
    rows = []
    for cluster_id, accounts in members.sort_values("account_id").groupby("cluster_id", sort=True)["account_id"]:
        related = overlap[(overlap["cluster_id"] == cluster_id) & overlap["related"]]
        network_id = inherited.get(str(cluster_id))
        rows.append((cluster_id, network_id or _new_id(list(accounts)), _change(related, network_id, inherited)))
    return pd.DataFrame(rows, columns=["cluster_id", "network_id", "change"])


def _new_id(accounts: list[str]) -> str:
    return "net-" + hashlib.sha256("\x1f".join(accounts).encode()).hexdigest()[:12]


def _change(related: pd.DataFrame, network_id: str | None, inherited: dict[str, str]) -> str:
    if network_id is None:
        return "split" if related["network_id"].isin(list(inherited.values())).any() else "born"
    if len(related) > 1:
        return "merged"
    own = related.iloc[0]
    if own["jaccard"] >= SAME:
        return "same"
    return "grew" if own["size"] >= own["old_size"] else "shrank"


def title(size: int, channels: list[str], objects: int, days: int) -> str:
    """What a network does, in a line: `48 accounts that comment on the same notes: 31 objects on 9 days`."""
    done = " and ".join(VERBS.get(c, f"act together on channel {c}") for c in channels[:2]) or "act together"
    return f"{size:,} accounts that {done}: {objects:,} objects on {days:,} days"
