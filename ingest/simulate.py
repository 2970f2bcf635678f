"""A labelled platform made up from a seed, in Shoal's native format: for demos, tests and measurements.

Everything measured on it is synthetic and is to be called so. The rooms of `ingest.simulation`: `cast`
(who is who), `population` (what each is like), `notes`, `texts`, then what they do: `organic`, `chats`,
`bursts`, `lookalikes`, `solitary`, `planted`; `tables` and `labels` turn it into files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graph.errors import InputError
from graph.files import write_table
from graph.model import KINDS
from ingest.simulation.bursts import all_bursts
from ingest.simulation.cast import LOOKALIKES, ROLES
from ingest.simulation.chats import converse, make_chats
from ingest.simulation.events import Acts, Events
from ingest.simulation.labels import labels
from ingest.simulation.lookalikes import all_lookalikes
from ingest.simulation.organic import everyday, post_notes
from ingest.simulation.planted import all_networks
from ingest.simulation.possible import possible
from ingest.simulation.solitary import all_solitary
from ingest.simulation.tables import (
    accounts_table,
    interactions,
    known_ids,
    truth_accounts,
    truth_networks,
)
from ingest.simulation.world import World, make_world

FEWEST_ACCOUNTS = 500
FEWEST_DAYS = 7
STEPS = 10


@dataclass(frozen=True)
class SimulationReport:
    """What was made, in counts. `kinds` are interactions by kind, `classes` and `lookalikes` accounts by class."""

    folder: Path
    accounts: int
    interactions: int
    networks: int
    labels: int
    kinds: dict[str, int]
    classes: dict[str, int]
    lookalikes: dict[str, int]
    started_at: int
    ended_at: int


def simulate(
    folder: Path,
    accounts: int,
    seed: int,
    *,
    days: int = 28,
    advance: Callable[[float], None] | None = None,
) -> SimulationReport:
    """Write a simulated platform into `folder`; the same arguments give the same bytes.

    Files: `interactions.parquet`, `accounts.parquet` and `labels.parquet` in the native format (their
    schemas are in `graph.model`; texts of private messages are in the first, as a platform's export has
    them), and `truth/accounts.parquet` (account_id, class, lookalike, network, ai_hosted) with
    `truth/networks.parquet` (the plan of each planted network), which no detector may read.

    On it: organic accounts with log-normal activity, topics, time zones, sleeping gaps and friends; viral
    notes, breaking news and fan campaigns; planted networks of 5 to 500 accounts (none above 3% of all)
    whose numbers of targets (8 to 60), jitter (5 to 600 s after a call), camouflage (0 to 85%) and
    participation (0.5 to 1) cover their ranges evenly at every seed (Latin hypercube); bots that shadow a
    genuine account; solitary AI-hosted accounts; every look-alike class.

    Args:
        folder: where to write; made if missing, files of the same names are replaced.
        accounts: number of accounts, at least 500.
        seed: any integer from 0.
        days: length of the window, which starts on 2026-09-01 00:00 UTC; at least 7.
        advance: called with 1 after each of STEPS steps.

    Returns:
        Counts by kind and class.

    Raises:
        InputError: too few accounts or days, a negative seed, or `folder` is a file.
    """
    _check(folder, accounts, seed, days)
    tick = advance or (lambda _n: None)
    world = make_world(accounts, seed, days)
    tick(1)
    acts, chats = _act(world, tick)
    names = known_ids(world)
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "interactions.parquet", interactions(world, acts, names, chats))
    tick(1)
    given = labels(world, names)
    write_table(folder / "accounts.parquet", accounts_table(world, names))
    write_table(folder / "labels.parquet", given)
    write_table(folder / "truth" / "accounts.parquet", truth_accounts(world, names))
    write_table(folder / "truth" / "networks.parquet", truth_networks(world, acts))
    tick(1)
    return _report(folder, world, acts, len(given))


def _check(folder: Path, accounts: int, seed: int, days: int) -> None:
    if accounts < FEWEST_ACCOUNTS:
        raise InputError(
            f"accounts: {accounts} are too few to plant networks among; expected {FEWEST_ACCOUNTS} or more"
        )
    if days < FEWEST_DAYS:
        raise InputError(f"days: {days} are too few to act over several of them; expected {FEWEST_DAYS} or more")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; expected a folder to write the platform into")
    if seed < 0:
        raise InputError(f"seed: {seed}; expected an integer from 0")


def _act(world: World, tick: Callable[[float], None]) -> tuple[Acts, int]:
    """Let everything happen; returns what did, by time, and the number of group chats."""
    events = Events()
    chats = make_chats(world.stream("memberships"), world)
    steps: list[Callable[[], None]] = [
        lambda: post_notes(world, events),
        lambda: everyday(world, events),
        lambda: converse(world, chats, events),
        lambda: all_bursts(world, events),
        lambda: all_lookalikes(world, events),
        lambda: all_solitary(world, events),
        lambda: all_networks(world, events, chats),
    ]
    for step in steps:
        step()
        tick(1)
    return possible(world, events.all()), len(chats)


def _report(folder: Path, world: World, acts: Acts, labelled: int) -> SimulationReport:
    cast = world.cast
    kinds = np.bincount(acts.kind, minlength=len(KINDS))
    classes = np.bincount(cast.role, minlength=len(ROLES))
    lookalikes = np.bincount(cast.lookalike[cast.lookalike >= 0], minlength=len(LOOKALIKES))
    return SimulationReport(
        folder=folder,
        accounts=world.accounts,
        interactions=len(acts),
        networks=len(cast.plans),
        labels=labelled,
        kinds={k: int(n) for k, n in zip(KINDS, kinds, strict=True)},
        classes={k: int(n) for k, n in zip(ROLES, classes, strict=True)},
        lookalikes={k: int(n) for k, n in zip(LOOKALIKES, lookalikes, strict=True)},
        started_at=int(acts.at[0]),
        ended_at=int(acts.at[-1]),
    )
