"""A network action from proposal to reversal, as three people carry it out through HTTP (`make demo`).

The reviewer is simulated: it looks the answer up in the truth of a simulated platform.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from api.client import Client
from graph.errors import NothingFoundError

Say = Callable[[str], None]


class SimulatedReviewer:
    """Judges accounts by the truth of a simulated platform, through a client that may write reviews."""

    def __init__(self, client: Client, truth: Path) -> None:
        self._client = client
        networks = pq.read_table(truth / "networks.parquet", columns=["network", "platform_facts"]).to_pylist()
        by_tool = {row["network"] for row in networks if row["platform_facts"]}
        rows = pq.read_table(truth / "accounts.parquet").to_pylist()
        self._decision = {row["account_id"]: _decision(row, by_tool) for row in rows}

    def review(self, action: dict[str, Any]) -> None:
        """Review the blind sample of an action."""
        for account_id in action["sample"]["accounts"] if action["sample"] else []:
            decision = self._decision[account_id]
            self._client.review(account_id, decision, "Looked at its history.", action["action_id"])


def _decision(row: dict[str, Any], by_tool: set[str]) -> str:
    if row["network"] in by_tool:
        return "registered_by_tool"
    return "ai_hosted" if row["ai_hosted"] else "genuine"


def act(analyst: Client, reviewer: Client, lead: Client, truth: Path, say: Say) -> dict[str, Any]:
    """Ban the largest network whose verdict is `ban`, and reverse it; says each step. Returns the action at its end.

    Raises NothingFoundError when no network has that verdict.
    """
    able = [n for n in analyst.networks() if n["tier"] == "ban"]
    if not able:
        raise NothingFoundError("no network of this platform has the verdict `ban`; try another --seed")
    chosen = max(able, key=lambda n: (n["size"], n["network_id"]))
    members = analyst.network(chosen["network_id"])["members"]
    one = next(m["account_id"] for m in members if m["tier"] == "ban")
    say(f"\nA network action through HTTP, on {chosen['network_id']}: {chosen['title']}")
    _show(analyst, one, "before", say)
    action = analyst.propose(chosen["network_id"], "ban", "Registered through a hosting tool; acts as one network.")
    say(f"  proposed by {action['proposer']}")
    action = analyst.step(action["action_id"], "preview")
    say(f"  previewed: {action['counts']}, digest {action['digest'][:16]}...")
    SimulatedReviewer(reviewer, truth).review(action)
    say(f"  blind sample of {len(action['sample']['accounts'])} reviewed by a simulated reviewer (synthetic)")
    action = lead.step(action["action_id"], "approve", digest=action["digest"])
    say(f"  approved by {', '.join(action['approvals'])}")
    lead.step(action["action_id"], "execute")
    action = lead.settle(action["action_id"])
    say(f"  {action['state']}: {action['targets_by_state']}")
    _show(analyst, one, "now", say)
    lead.step(action["action_id"], "reverse", reason="The demonstration is over.")
    action = lead.settle(action["action_id"])
    say(f"  {action['state']}: {action['targets_by_state']}")
    _show(analyst, one, "afterwards", say)
    return action


def _show(client: Client, account_id: str, when: str, say: Say) -> None:
    verdict = client.verdict(account_id)
    say(f"  {when}: account {account_id} has verdict {verdict['tier']}, penalty in force: {verdict['penalty']['tier']}")
