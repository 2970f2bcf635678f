"""A network action from proposal to reversal, as three people carry it out through HTTP (`make demo`).

The reviewer is simulated: it looks the answer up in the truth of a simulated platform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import Engine

from api.auth import create
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


@dataclass(frozen=True)
class People:
    """Who a network action takes: an analyst proposes, a reviewer reviews, leads approve (large bans take two)."""

    analyst: Client
    reviewer: SimulatedReviewer
    leads: tuple[Client, ...]


SCOPES = {
    "analyst": ("verdict:read", "evidence:read", "action:propose"),
    "reviewer": ("review:write",),
    "lead-1": ("verdict:read", "evidence:read", "action:approve", "action:execute"),
    "lead-2": ("verdict:read", "evidence:read", "action:approve", "action:execute"),
}


def ban(people: People, network_id: str, say: Say) -> dict[str, Any]:
    """Propose, preview, review, approve and execute a ban of a network; says each step and returns the action."""
    action = people.analyst.propose(network_id, "ban", "Registered through a hosting tool; acts as one network.")
    say(f"  proposed by {action['proposer']}")
    action = people.analyst.step(action["action_id"], "preview")
    say(f"  previewed: {action['counts']}, digest {action['digest'][:16]}...")
    people.reviewer.review(action)
    say("  blind sample reviewed by a simulated reviewer (synthetic)")
    for lead in people.leads[: action["approvals_needed"]]:
        action = lead.step(action["action_id"], "approve", digest=action["digest"])
    say(f"  approved by {', '.join(action['approvals'])}")
    people.leads[0].step(action["action_id"], "execute")
    action = people.leads[0].settle(action["action_id"])
    if action["held_for"] == "canary":
        say(f"  holds after its canary: {action['note']}; a second person lets it go on at once")
        people.leads[1].step(action["action_id"], "resume", reason="A demonstration waits for nobody.", override=True)
        action = people.leads[0].settle(action["action_id"], leaving="paused")
    say(f"  {action['state']}: {action['targets_by_state']}")
    return action


def reverse(people: People, action: dict[str, Any], say: Say) -> dict[str, Any]:
    """Take an executed action back; returns it."""
    people.leads[0].step(action["action_id"], "reverse", reason="The demonstration is over.")
    action = people.leads[0].settle(action["action_id"], leaving=action["state"])
    say(f"  {action['state']}: {action['targets_by_state']}")
    return action


def act(people: People, say: Say) -> None:
    """Ban the largest network whose verdict is `ban`, and reverse it; says each step.

    Raises NothingFoundError when no network has that verdict.
    """
    able = [n for n in people.analyst.networks() if n["tier"] == "ban"]
    if not able:
        raise NothingFoundError("no network of this platform has the verdict `ban`; try another --seed")
    chosen = max(able, key=lambda n: (n["size"], n["network_id"]))
    members = people.analyst.network(chosen["network_id"])["members"]
    one = next(m["account_id"] for m in members if m["tier"] == "ban")
    say(f"\nA network action through HTTP, on {chosen['network_id']}: {chosen['title']}")
    _show(people.analyst, one, "before", say)
    action = ban(people, chosen["network_id"], say)
    _show(people.analyst, one, "now", say)
    reverse(people, action, say)
    _show(people.analyst, one, "afterwards", say)


def _show(client: Client, account_id: str, when: str, say: Say) -> None:
    verdict = client.verdict(account_id)
    say(f"  {when}: account {account_id} has verdict {verdict['tier']}, penalty in force: {verdict['penalty']['tier']}")


@contextmanager
def people(engine: Engine, address: str, truth: Path) -> Iterator[People]:
    """Make an API key for each person and connect them to a running API."""
    with ExitStack() as stack:
        clients = {
            name: stack.enter_context(Client(address, create(engine, f"demo-{name}", scopes, actor="cli:demo")))
            for name, scopes in SCOPES.items()
        }
        reviewer = SimulatedReviewer(clients["reviewer"], truth)
        yield People(clients["analyst"], reviewer, (clients["lead-1"], clients["lead-2"]))
