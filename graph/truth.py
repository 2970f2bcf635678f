"""Comparing a run with a known answer: which accounts truly are members of which network."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import pandas as pd

from graph.errors import InputError
from graph.runs import Run

FOUND = 0.5  # Jaccard overlap from which a planted network counts as found


@dataclass(frozen=True)
class Comparison:
    """A run against the truth.

    Attributes:
        accounts: one row a clustered account: account_id, cluster_id, role, and its truth (class, lookalike, network).
        networks: one row a planted network, with the truth's columns and members, found_members (in any cluster),
            best_jaccard (overlap with the best cluster).
    """

    accounts: pd.DataFrame
    networks: pd.DataFrame

    @property
    def members(self) -> pd.DataFrame:
        """The accounts that the run claims to be members: clustered, and not merely followed."""
        return self.accounts[self.accounts["role"] != "followed"]

    @property
    def precision(self) -> tuple[float, float, float]:
        """Share of claimed members that truly belong to a planted network, with its 95% Wilson interval."""
        return wilson(int((self.members["class"] == "network").sum()), len(self.members))

    @property
    def recall(self) -> tuple[float, float, float]:
        """Share of the members of planted networks that the run claims, with its 95% Wilson interval."""
        return wilson(int(self.networks["found_members"].sum()), int(self.networks["members"].sum()))

    @property
    def networks_found(self) -> int:
        """Planted networks with a cluster of at least FOUND overlap."""
        return int((self.networks["best_jaccard"] >= FOUND).sum())

    def __str__(self) -> str:
        """For a terminal: per network and per account. The figures are only as real as the platform."""
        columns = ["network", "behaviour", "size", "targets", "jitter_s", "camouflage", "platform_facts"]
        table = self.networks[[*columns, "found_members", "best_jaccard"]].sort_values(["size", "network"])
        lines = [
            "Against the truth of the simulated platform (every figure synthetic):",
            table.to_string(index=False, float_format="{:.2f}".format),
        ]
        for name, (value, low, high) in (("precision", self.precision), ("recall", self.recall)):
            lines.append(f"  {name} of membership, per account: {value:.3f} (95% interval {low:.3f} to {high:.3f})")
        wrong = self.members[self.members["class"] != "network"]["lookalike"].fillna("other").value_counts()
        if len(wrong):
            lines.append(f"  wrong members are: {', '.join(f'{n} {name}' for name, n in wrong.items())}")
        lines.append(f"  networks found (Jaccard at least {FOUND}): {self.networks_found} of {len(self.networks)}")
        return "\n".join(lines)


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float, float]:
    """Proportion with its 95% interval (Wilson, JASA 1927): value, low, high. Without cases: 0, 0, 1."""
    if n == 0:
        return 0.0, 0.0, 1.0
    p, scale = hits / n, 1 + z * z / n
    middle, half = (p + z * z / (2 * n)) / scale, z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    return p, max(0.0, middle - half), min(1.0, middle + half)


def compare(run: Run, truth: Path) -> Comparison:
    """Compare a run with the folder of truth that the simulator writes (accounts.parquet, networks.parquet)."""
    for name in ("accounts.parquet", "networks.parquet"):
        if not (truth / name).is_file():
            raise InputError(f"{truth}: no {name}; expected the truth folder of a simulated platform")
    who = pd.read_parquet(truth / "accounts.parquet")
    planted = pd.read_parquet(truth / "networks.parquet")
    clusters = run.table("clusters").to_pandas()
    accounts = clusters.merge(who, on="account_id", how="left")
    claimed = accounts[accounts["role"] != "followed"]
    members = who[who["class"] == "network"].groupby("network").size().rename("members")
    inside = claimed[claimed["class"] == "network"].groupby("network").size().rename("found_members")
    joint = claimed.groupby(["network", "cluster_id"]).size().rename("joint").reset_index()
    sizes = claimed.groupby("cluster_id").size().rename("size").reset_index()
    joint = joint.merge(sizes, on="cluster_id").merge(members.reset_index(), on="network")
    joint["best_jaccard"] = joint["joint"] / (joint["size"] + joint["members"] - joint["joint"])
    best = joint.groupby("network")["best_jaccard"].max()
    table = planted.set_index("network").join([members, inside, best]).fillna({"found_members": 0, "best_jaccard": 0.0})
    table["found_members"] = table["found_members"].astype(int)
    return Comparison(accounts, table.reset_index())
