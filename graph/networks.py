"""Networks: clusters of successive runs matched by overlap, so that a network keeps its id over time."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import NamedTuple

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
    "hashtag_sequence": "use the same hashtags in the same order",
    "template": "post the same text",
    "message_template": "send the same text in private",
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
    clusters = _grouped(members["cluster_id"], members["account_id"])
    before = _grouped(earlier["network_id"], earlier["account_id"])
    overlaps = _overlaps(clusters, before)
    inherited: dict[str, _Overlap] = {}
    given: set[str] = set()
    for one in overlaps:
        if one.jaccard >= MATCH and one.cluster_id not in inherited and one.network_id not in given:
            inherited[one.cluster_id] = one
            given.add(one.network_id)
    related: dict[str, list[_Overlap]] = {}
    for one in overlaps:
        if one.related:
            related.setdefault(one.cluster_id, []).append(one)
    taken = set(before)
    rows = []
    for cluster_id, accounts in clusters.items():
        own, parents = inherited.get(cluster_id), related.get(cluster_id, [])
        rows.append(
            {
                "cluster_id": cluster_id,
                "network_id": own.network_id if own else _new_id(accounts, taken),
                "change": _change(parents, own),
                "parents": sorted(one.network_id for one in parents),
                "size": len(accounts),
                "size_before": own.old_size if own else None,
                "joined": own.size - own.joint if own else None,
                "left": own.old_size - own.joint if own else None,
            }
        )
    columns = ["cluster_id", "network_id", "change", "parents", "size", "size_before", "joined", "left"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[4:], "Int64"))


def lineage(found: pd.DataFrame, parent: Run | None) -> pa.Table:
    """The history's newest page: the networks of `identify`, and those of the parent run that nothing continues."""
    rows = found.drop(columns="cluster_id").assign(last_run_id=None, title=None).astype(object).to_dict("records")
    earlier = members_of(parent)
    gone = sorted(set(earlier["network_id"]) - {p for parents in found["parents"] for p in parents})
    if gone and parent is not None:
        sizes = earlier["network_id"].value_counts()
        known = parent.table("networks", ["network_id", "title"])
        titles = dict(zip(known["network_id"].to_pylist(), known["title"].to_pylist(), strict=True))
        rows += [
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
    counts = ("size", "size_before", "joined", "left")
    rows = [{**row, **{c: None if pd.isna(row[c]) else int(row[c]) for c in counts}} for row in rows]
    rows.sort(key=lambda row: row["network_id"])
    return LINEAGE.check(pa.Table.from_pylist(rows, LINEAGE.schema), "lineage")


class _Overlap(NamedTuple):
    """What a cluster and an earlier network have in common, in accounts."""

    cluster_id: str
    network_id: str
    joint: int
    size: int
    old_size: int

    @property
    def jaccard(self) -> float:
        return self.joint / (self.size + self.old_size - self.joint)

    @property
    def related(self) -> bool:
        """A part that split off, or a network swallowed by another, overlaps little but wholly."""
        return self.joint >= RELATED * min(self.size, self.old_size)


def _grouped(groups: pd.Series, accounts: pd.Series) -> dict[str, list[str]]:
    """Sorted accounts of each group, groups in order."""
    found: dict[str, list[str]] = {}
    for group, account in sorted(zip(groups, accounts, strict=True)):
        found.setdefault(group, []).append(account)
    return found


def _overlaps(clusters: dict[str, list[str]], before: dict[str, list[str]]) -> list[_Overlap]:
    """One a cluster and earlier network with accounts in common, largest first; equal ones by accounts, not names."""
    network_of = {account: network_id for network_id, accounts in before.items() for account in accounts}
    joint = Counter(
        (cluster_id, network_of[account])
        for cluster_id, accounts in clusters.items()
        for account in accounts
        if account in network_of
    )
    found = [_Overlap(c, n, both, len(clusters[c]), len(before[n])) for (c, n), both in joint.items()]
    return sorted(found, key=lambda one: (-one.jaccard, -one.joint, clusters[one.cluster_id][0], one.network_id))


def _new_id(accounts: list[str], taken: set[str]) -> str:
    """An id that follows from the members; another one where an earlier network has it: they may have split from it."""
    text = "\x1f".join(accounts)
    while (made := "net-" + hashlib.sha256(text.encode()).hexdigest()[:12]) in taken:
        text += "\x1e"
    taken.add(made)
    return made


def _change(parents: list[_Overlap], own: _Overlap | None) -> str:
    if not parents:
        return "born"
    if len(parents) > 1:
        return "merged"
    if own is None:
        return "split" if parents[0].size <= parents[0].old_size else "merged"
    if own.jaccard >= SAME:
        return "same"
    return "grew" if own.size >= own.old_size else "shrank"


def title(size: int, channels: list[str], objects: int, days: int) -> str:
    """What a network does, in a line: `48 accounts that comment on the same notes: 31 objects on 9 days`."""
    done = " and ".join(VERBS.get(c, f"act together on channel {c}") for c in channels[:2]) or "act together"
    return f"{size:,} accounts that {done}: {objects:,} objects on {days:,} days"
