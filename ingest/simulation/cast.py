"""Who is who on the simulated platform: roles, look-alike classes and the plans of the planted networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROLES = ("organic", "network", "solitary", "framed", "lookalike")
ORGANIC, NETWORK, SOLITARY, FRAMED, LOOKALIKE = range(5)
LOOKALIKES = (
    "scheduler_brand",
    "customer_service",
    "night_shift",
    "fan_campaign",
    "translator",
    "ai_labelling_creator",
    "household",
    "school",
)
BEHAVIOURS = ("co_commenting", "template_reuse", "group_chat_ring", "message_fan_out", "mixed_engagement")
SHADOWING = "shadowing"
HOSTING_TOOLS = ("hosting-tool-alpha", "hosting-tool-beta")

# size of a network -> networks of that size on a platform of 20,000 accounts
SIZE_GRID = {5: 3, 8: 4, 12: 5, 20: 6, 40: 5, 90: 3, 200: 2, 500: 1}
LARGEST_SHARE = 0.03  # no planted network is larger than this share of the accounts
FACTS_SHARE = 0.4  # of the networks, registered through a hosting tool


@dataclass(frozen=True)
class NetworkPlan:
    """One planted network: its members and what it does.

    `targets` joint actions, each within `jitter_s` seconds after a call; every member joins each with
    probability `participation`; `camouflage` is the share of ordinary acts in a member's activity.
    """

    name: str
    behaviour: str
    members: NDArray[np.int64]
    targets: int
    jitter_s: float
    camouflage: float
    participation: float
    registration_client: str | None
    all_day: bool
    victim: int = -1


@dataclass(frozen=True)
class Cast:
    """Role, look-alike class (-1: none), group within that class, and network (-1: none) of every account."""

    role: NDArray[np.int8]
    lookalike: NDArray[np.int8]
    circle: NDArray[np.int64]
    network: NDArray[np.int64]
    plans: tuple[NetworkPlan, ...]

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return len(self.role)

    @property
    def ai_hosted(self) -> NDArray[np.bool_]:
        """Whether the account is run by an AI tool, per account."""
        hosted: NDArray[np.bool_] = (self.role == NETWORK) | (self.role == SOLITARY)
        return hosted

    def of(self, lookalike: str) -> NDArray[np.int64]:
        """Accounts of a look-alike class."""
        return np.flatnonzero(self.lookalike == LOOKALIKES.index(lookalike))

    def circles(self, lookalike: str) -> list[NDArray[np.int64]]:
        """Accounts of a look-alike class by household, school, company or campaign, in order."""
        accounts = self.of(lookalike)
        return [accounts[self.circle[accounts] == c] for c in np.unique(self.circle[accounts])]


def network_sizes(accounts: int) -> list[int]:
    """Sizes of the planted networks (without the shadowing ones): the grid, as far as the platform has room for it."""
    sizes: list[int] = []
    for size, at_20k in SIZE_GRID.items():
        if size <= accounts * LARGEST_SHARE:
            least = 2 if size in (20, 40) else 1
            sizes += [size] * max(least, round(at_20k * accounts / 20_000))
    return sizes


def circle_sizes(lookalike: str, accounts: int, rng: np.random.Generator) -> list[int]:
    """Sizes of the groups that a look-alike class comes in; their sum is at least 5, and 60 at 20,000 accounts."""
    least = max(5, round(accounts * 0.0033))
    if lookalike == "fan_campaign":
        return [max(5, round(accounts * 0.015))] * (3 if accounts >= 10_000 else 2 if accounts >= 3_000 else 1)
    if lookalike == "school":
        size = 30 if accounts >= 2_000 else 10
        return [size + int(rng.integers(0, 5)) for _ in range(-(-least // size))]
    if lookalike in ("household", "customer_service"):
        low, high = (2, 6) if lookalike == "household" else (3, 12)
        sizes: list[int] = []
        while sum(sizes) < least:
            sizes.append(int(rng.integers(low, high + 1)))
        return sizes
    return [1] * least


def _spread(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """One value per stratum of [0, 1), shuffled (a Latin hypercube column): every seed covers the whole range."""
    shuffled: NDArray[np.float64] = (rng.permutation(count) + rng.random(count)) / max(count, 1)
    return shuffled


def _plan_networks(rng: np.random.Generator, sizes: list[int], first: int) -> list[NetworkPlan]:
    count = len(sizes)
    targets, jitter, camouflage, participation = (_spread(rng, count) for _ in range(4))
    behaviours = rng.permutation(np.resize(np.arange(len(BEHAVIOURS)), count))
    facts = rng.permutation(count) < round(count * FACTS_SHARE)
    plans = []
    for i, size in enumerate(sizes):
        large = size >= 200  # a large farm hides little and strikes seldom, or it would be most of the platform
        plans.append(
            NetworkPlan(
                name=f"network-{i + 1:03d}",
                behaviour=BEHAVIOURS[behaviours[i]],
                members=np.arange(first, first + size),
                targets=8 + int(targets[i] * (17 if large else 53)),
                jitter_s=round(float(5 * 120 ** jitter[i]), 1),
                camouflage=round(float(camouflage[i] * (0.5 if large else 0.85)), 3),
                participation=round(float(0.5 + 0.5 * participation[i]), 3),
                registration_client=HOSTING_TOOLS[int(rng.integers(2))] if facts[i] else None,
                all_day=bool(rng.random() < 0.5),
            )
        )
        first += size
    return plans


def make_cast(rng: np.random.Generator, accounts: int) -> Cast:
    """Hand out the roles. Accounts are numbered by role here; their ids, made later, show nothing of it."""
    role = np.full(accounts, ORGANIC, np.int8)
    lookalike = np.full(accounts, -1, np.int8)
    circle = np.full(accounts, -1, np.int64)
    network = np.full(accounts, -1, np.int64)
    plans = _plan_networks(rng, network_sizes(accounts), 0)
    free = sum(len(p.members) for p in plans)
    bots = 50 if accounts >= 5_000 else 12
    for _ in range(max(1, accounts // 5_000)):
        role[free] = FRAMED
        members = np.arange(free + 1, free + 1 + bots)
        facts = HOSTING_TOOLS[int(rng.integers(2))] if rng.random() < FACTS_SHARE else None
        jitter, joins = round(float(rng.uniform(8, 25)), 1), round(float(rng.uniform(0.7, 1.0)), 3)
        name = f"network-{len(plans) + 1:03d}"
        hides = round(float(rng.uniform(0, 0.3)), 3)
        plans.append(NetworkPlan(name, SHADOWING, members, 0, jitter, hides, joins, facts, True, victim=free))
        free += 1 + bots
    for i, plan in enumerate(plans):
        role[plan.members], network[plan.members] = NETWORK, i
    solitary = max(5, accounts // 100)
    role[free : free + solitary] = SOLITARY
    free += solitary
    for code, name in enumerate(LOOKALIKES):
        for number, size in enumerate(circle_sizes(name, accounts, rng)):
            role[free : free + size], lookalike[free : free + size] = LOOKALIKE, code
            circle[free : free + size] = number
            free += size
    return Cast(role, lookalike, circle, network, tuple(plans))
