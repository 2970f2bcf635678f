"""What can have happened at all: the parts of the simulation propose acts, this keeps the possible ones."""

from __future__ import annotations

import numpy as np

from ingest.simulation.events import ADDRESSED, NOTE_ACTS, Acts, Array
from ingest.simulation.world import START, World


def _on_notes(world: World, acts: Acts) -> Array:
    """Acts on a note come after its posting, and not from its author; others pass."""
    on_note = np.isin(acts.kind, NOTE_ACTS)
    note = np.where(on_note, acts.target, 0)
    fine: Array = (acts.at > world.notes.at[note]) & (world.notes.author[note] != acts.account)
    return ~on_note | fine


def _to_accounts(world: World, acts: Acts) -> Array:
    """Messages and follows go to somebody else, who is registered already; others pass."""
    to_account = np.isin(acts.kind, ADDRESSED)
    other = np.where(to_account, acts.target, 0)
    fine: Array = (acts.at >= world.people.registered_at[other]) & (other != acts.account)
    return ~to_account | fine


def possible(world: World, acts: Acts) -> Acts:
    """The acts within the window, by accounts that existed, on what existed; by time, ties in random order."""
    ok = (acts.at >= START) & (acts.at < world.end) & (acts.at >= world.people.registered_at[acts.account])
    rows = np.flatnonzero(ok & _on_notes(world, acts) & _to_accounts(world, acts))
    ties = world.stream("write").random(len(rows))
    return acts.where(rows[np.lexsort((ties, acts.at[rows]))])
