"""The labels a platform would have: few, uneven, some late, true as far as they go, and none for framed accounts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graph.model import DAY, LABELS_TABLE
from ingest.simulation.cast import FRAMED, HOSTING_TOOLS, LOOKALIKE, ORGANIC, SOLITARY
from ingest.simulation.events import Array
from ingest.simulation.identity import ids
from ingest.simulation.population import CLIENT
from ingest.simulation.tables import salts
from ingest.simulation.world import START, World

# share of a network's members that somebody has looked at, and how often that share occurs
LOOKED_AT, OFTEN = (0.0, 0.06, 0.2, 0.45), (0.35, 0.3, 0.2, 0.15)
LATE = 0.1  # of the labels come after the window


def _hits(rng: np.random.Generator, accounts: Array, share: float) -> Array:
    chosen: Array = accounts[rng.random(len(accounts)) < share]
    return chosen


def _chosen(rng: np.random.Generator, world: World) -> list[tuple[Array, str, str]]:
    """Accounts, label and source, group by group."""
    cast, people = world.cast, world.people
    bots = [_hits(rng, p.members, rng.choice(LOOKED_AT, p=OFTEN)) for p in cast.plans]
    seen = np.concatenate(bots)
    by_review = rng.random(len(seen)) < 0.7
    solitary = np.flatnonzero(cast.role == SOLITARY)
    by_tool = np.flatnonzero(people.registration_client >= CLIENT[HOSTING_TOOLS[0]])
    return [
        (seen[by_review], "ai_hosted", "review"),
        (seen[~by_review], "ai_hosted", "platform"),
        (_hits(rng, solitary, 0.12), "ai_hosted", "review"),
        (_hits(rng, solitary, 0.08), "whole_history_ai", "platform"),
        (_hits(rng, by_tool, 0.15), "registered_by_tool", "platform"),
        (_hits(rng, np.flatnonzero(cast.role == ORGANIC), 0.013), "genuine", "review"),
        (_hits(rng, np.flatnonzero(cast.role == LOOKALIKE), 0.05), "genuine", "review"),
        (_hits(rng, np.flatnonzero(people.verified_role > 0), 0.1), "genuine", "platform"),
    ]


def labels(world: World, accounts: pa.Array) -> pa.Table:
    """The table of labels, by time."""
    rng = world.stream("labels")
    groups = _chosen(rng, world)
    account = np.concatenate([g[0] for g in groups])
    assert not np.any(world.cast.role[account] == FRAMED)
    count = len(account)
    label = [g[1] for g in groups for _ in range(len(g[0]))]
    source = [g[2] for g in groups for _ in range(len(g[0]))]
    day = np.where(
        rng.random(count) < LATE, world.days + rng.random(count) * 3, 1 + rng.random(count) * (world.days - 1)
    )
    at = np.maximum(START + (day * DAY).astype(np.int64), world.people.registered_at[account] + DAY)
    low = np.where(np.array(source, dtype=str) == "platform", 0.9, 0.7)
    table = pa.table(
        {
            "label_id": ids("l", np.arange(count), salts(world.seed)["label"]),
            "account_id": accounts.take(pa.array(account)),
            "label": pa.array(label, pa.string()),
            "source": pa.array(source, pa.string()),
            "at": pa.array(at),
            "confidence": pa.array(np.round(rng.uniform(low, 1.0), 2)),
        }
    )
    return LABELS_TABLE.check(table, "simulated labels").sort_by([("at", "ascending"), ("label_id", "ascending")])
