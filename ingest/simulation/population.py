"""Each account's nature: where it lives, when it sleeps, what it likes, how much it does, what it uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.model import DAY, SECOND
from ingest.simulation.cast import FRAMED, HOSTING_TOOLS, NETWORK, ORGANIC, SOLITARY, Cast
from ingest.simulation.texts import vocabulary

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Any1D = NDArray[Any]

HOUR = 3_600 * SECOND
CLIENTS = (
    "app-ios",
    "app-android",
    "web",
    "mini-program",
    "scheduler-pro",
    "post-planner",
    "service-desk",
    *HOSTING_TOOLS,
)
CLIENT = {name: code for code, name in enumerate(CLIENTS)}
CLIENT_SHARES = (0.36, 0.44, 0.12, 0.08)
ROLES = ("", "brand", "customer_service")  # verified_role; "" stands for none
ZONES = (8.0, 9.0, 5.5, 1.0, 0.0, -3.0, -5.0, -8.0)
ZONE_SHARES = (0.58, 0.06, 0.05, 0.10, 0.05, 0.05, 0.06, 0.05)
MOST_ACTS = 1_500  # of one account in 28 days, by organic activity


@dataclass(frozen=True)
class Population:
    """One row per account. Hours are floats; `wake` is local, `awake` the length of the waking day."""

    zone: Floats
    wake: Floats
    awake: Floats
    activity: Floats
    topic: Ints
    second_topic: Ints
    loyalty: Floats
    language: Ints
    client: Ints
    device: Ints
    registered_at: Ints
    registration_client: Ints
    verified_role: Ints
    declared: NDArray[np.bool_]

    def is_awake(self, account: Any1D, at: Any1D) -> NDArray[np.bool_]:
        """Whether each account is outside its sleeping gap at its time."""
        since = (at / HOUR + self.zone[account] - self.wake[account]) % 24
        awake: NDArray[np.bool_] = since < self.awake[account]
        return awake

    def times(self, rng: np.random.Generator, account: Any1D, start: int, days: int) -> Ints:
        """A time in the window for each row, by the account's rhythm: most in its evening, none in its sleep."""
        count = len(account)
        day = rng.integers(0, days, count)
        kept = np.isin(day % 7, (4, 5)) | (rng.random(count) < 0.75)  # weekends are busier; day 0 is a Tuesday
        day = np.where(kept, day, rng.integers(0, days, count))
        evening = rng.random(count) < 0.7
        share = np.where(evening, rng.beta(5, 2, count), rng.beta(2, 3.5, count))
        hour = self.wake[account] + share * self.awake[account] - self.zone[account]
        offset = ((day * 24.0 + hour) % (days * 24.0)) * HOUR
        return start + offset.astype(np.int64)


def _topics(rng: np.random.Generator, accounts: int, topics: int) -> tuple[Ints, Ints]:
    weights = 1.0 / (np.arange(topics) + 3.0) ** 0.8
    draw = rng.choice(topics, (2, accounts), p=weights / weights.sum())
    return draw[0], draw[1]


def _devices(rng: np.random.Generator, cast: Cast) -> Ints:
    device = np.arange(cast.accounts)
    for circle in [*cast.circles("household"), *cast.circles("school")]:
        device[circle] = circle[0]
    for plan in cast.plans:
        rack = int(rng.integers(2, 9))
        sharing = plan.members[rng.random(len(plan.members)) < (0.5 if plan.registration_client else 0.2)]
        device[sharing] = sharing[(np.arange(len(sharing)) // rack) * rack]
    return device


def _registrations(rng: np.random.Generator, cast: Cast, start: int, days: int) -> Ints:
    """Old and new accounts; a few organic ones join within the window, most networks come in a batch."""
    count = cast.accounts
    age = 2 + np.minimum(rng.exponential(500.0, count), 3_600)
    young = (cast.role == ORGANIC) & (rng.random(count) < 0.04)
    age = np.where(young, -rng.random(count) * days * 0.9, age)
    for plan in cast.plans:
        size = len(plan.members)
        if plan.registration_client or rng.random() < 0.6:
            batch, length = rng.uniform(6, 200), rng.uniform(0.5, 20)
            age[plan.members] = np.maximum(2.0, batch - rng.random(size) * length)
    registered: Ints = start - (age * DAY).astype(np.int64)
    return registered


def _roles_and_clients(rng: np.random.Generator, cast: Cast, client: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Verified role, registration client and declared automation per account."""
    count = cast.accounts
    role, declared, registration = np.zeros(count, np.int64), rng.random(count) < 0.003, client.copy()
    declared &= cast.role == ORGANIC
    brands, service = cast.of("scheduler_brand"), cast.of("customer_service")
    role[brands[rng.random(len(brands)) < 0.6]] = ROLES.index("brand")
    role[service] = ROLES.index("customer_service")
    declared[brands] = rng.random(len(brands)) < 0.6
    declared[service] = rng.random(len(service)) < 0.4
    declared[cast.of("ai_labelling_creator")] = True
    by_tool = brands[rng.random(len(brands)) < 0.3]
    registration[by_tool] = CLIENT["scheduler-pro"]
    for plan in cast.plans:
        if plan.registration_client:
            registration[plan.members] = CLIENT[plan.registration_client]
    solitary = np.flatnonzero(cast.role == SOLITARY)
    by_tool = solitary[rng.random(len(solitary)) < 0.2]
    registration[by_tool] = CLIENT[HOSTING_TOOLS[0]] + rng.integers(0, len(HOSTING_TOOLS), len(by_tool))
    return role, registration, declared


def make_population(rng: np.random.Generator, cast: Cast, topics: int, start: int, days: int) -> Population:
    """Draw everybody's nature; look-alikes and bots get the traits of their kind."""
    count = cast.accounts
    zone = rng.choice(ZONES, count, p=ZONE_SHARES)
    wake, awake = rng.normal(7.5, 1.3, count), 24 - np.clip(rng.normal(7.4, 1.1, count), 4.5, 11)
    activity = np.minimum(rng.lognormal(np.log(7.0), 1.3, count), MOST_ACTS) * days / 28
    topic, second = _topics(rng, count, topics)
    loyalty = 0.25 + 0.65 * rng.beta(2.5, 1.6, count)
    shares = list(vocabulary()["languages"].values())
    language = np.where(zone == 8.0, 0, rng.choice(len(shares), count, p=shares))
    client = rng.choice(len(CLIENT_SHARES), count, p=CLIENT_SHARES)

    busy = np.concatenate([cast.of(n) for n in ("night_shift", "translator", "ai_labelling_creator", "fan_campaign")])
    busy = np.concatenate([busy, np.flatnonzero(cast.role == FRAMED)])
    activity[busy] = rng.lognormal(np.log(45.0), 0.6, len(busy)) * days / 28
    homes = np.concatenate([cast.of("household"), cast.of("school")])
    activity[homes] = rng.lognormal(np.log(22.0), 0.7, len(homes)) * days / 28
    night = cast.of("night_shift")
    wake[night] = rng.uniform(15, 22, len(night))
    sleepless = cast.role == SOLITARY
    sleepless[cast.of("customer_service")] = True
    for plan in cast.plans:
        sleepless[plan.members] = plan.all_day
    awake[sleepless] = 24.0
    for name in ("household", "school", "fan_campaign"):  # one place, one rhythm (fans: one idol)
        for circle in cast.circles(name):
            topic[circle] = topic[circle[0]]
            zone[circle] = zone[circle[0]]
            if name == "school":
                client[circle] = CLIENT["app-android"]
            if name == "household":
                wake[circle] = wake[circle[0]] + rng.normal(0, 0.4, len(circle))
    client[cast.of("customer_service")] = CLIENT["service-desk"]
    activity[(cast.role == NETWORK) | (cast.lookalike == 1)] = 0.0  # their plans say what they do
    role, registration, declared = _roles_and_clients(rng, cast, client)
    return Population(
        zone, wake, awake, activity, topic, second, loyalty, language, client, _devices(rng, cast),
        _registrations(rng, cast, start, days), registration, role, declared,
    )  # fmt: skip
