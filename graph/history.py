"""A run beside the one before, in sentences: where networks come from, who leads them, what is gone, what is back."""

from __future__ import annotations

import pyarrow.compute as pc

from graph.reborn import told
from graph.runs import Run
from graph.words import apart, count, number, shown

TOP_LEADS = 3  # accounts that others trail, a network


def past(run: Run) -> dict[str, list[str]]:
    """What each network was in the run before."""
    said: dict[str, list[str]] = {}
    for row in run.table_or_empty("lineage").to_pylist():
        names = " and ".join(shown(name) for name in row["parents"])
        before, moved = row["size_before"], f"{number(row['joined'] or 0)} joined, {number(row['left'] or 0)} left"
        if row["change"] in ("grew", "shrank", "same"):
            said[row["network_id"]] = [f"It had {count(before, 'account')} in the run before: {moved}."]
        elif row["change"] == "split":
            said[row["network_id"]] = [f"It split from {names} of the run before."]
        elif row["change"] == "merged":
            said[row["network_id"]] = [f"It continues {names} of the run before."]
    return said


def leads(run: Run) -> dict[str, list[str]]:
    """Whom the others of each cluster trail."""
    roles = run.table_or_empty("clusters", ["account_id", "role"])
    followed = set(roles.filter(pc.equal(roles["role"], "followed"))["account_id"].to_pylist())
    said: dict[str, list[str]] = {}
    for row in sorted(run.table_or_empty("leads").to_pylist(), key=lambda r: (-r["co_actions"], r["account_id"])):
        if row["account_id"] in followed and len(said.setdefault(row["cluster_id"], [])) < TOP_LEADS:
            said[row["cluster_id"]].append(
                f"{shown(row['account_id'])} acted first in {row['lead_share']:.0%} of its co-actions, a median of "
                f"{apart(abs(row['median_lag']))} ahead: the others trail it, so it may be their victim."
            )
    return said


def reborn(run: Run) -> dict[str, list[str]]:
    """Which banned network each may be again, the surest first."""
    found: dict[str, list[str]] = {}
    for row in sorted(run.table_or_empty("reborn").to_pylist(), key=lambda r: (r["p_value"], r["banned_network_id"])):
        found.setdefault(row["network_id"], []).append(told(row))
    return found


def dissolved(run: Run) -> list[str]:
    """The networks of the run before that are gone, the largest first, each in a sentence."""
    rows = [row for row in run.table_or_empty("lineage").to_pylist() if row["change"] == "dissolved"]
    rows.sort(key=lambda row: (-row["size_before"], row["network_id"]))
    return [
        f"{shown(row['network_id'])} ({shown(row['title'] or count(row['size_before'], 'account'), 200)}): no group of "
        f"this run continues it; its last members are in run {shown(row['last_run_id'])}."
        for row in rows
    ]
