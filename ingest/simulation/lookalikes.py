"""Accounts that resemble networks or bots and are neither: what they do beyond their ordinary acts.

The classes are those of the behaviour findings. Night shifts, translators and creators who label AI
content need nothing here: their nature (population) and their texts make them. Brands post by
schedule (notes); fans answer calls (bursts).
"""

from __future__ import annotations

import numpy as np

from graph.model import DAY, SECOND
from ingest.simulation.events import CODE, Array, Events
from ingest.simulation.notes import ANY
from ingest.simulation.organic import act_on_notes
from ingest.simulation.population import HOUR
from ingest.simulation.texts import filled, join, pick, vocabulary
from ingest.simulation.world import START, World

REACTIONS = np.array([CODE[k] for k in ("like", "like", "comment", "collect", "share")])


def customer_service(rng: np.random.Generator, world: World, events: Events) -> None:
    """Companies' service desks: people write to them around the clock; they answer in minutes, by template."""
    people = world.people
    share = np.where(people.activity > 0, people.activity, 0.0) ** 0.5
    share[world.cast.of("customer_service")] = 0.0
    for desk in world.cast.circles("customer_service"):
        count = int(len(desk) * rng.integers(60, 140) * world.days / 28)
        client = rng.choice(world.accounts, count, p=share / share.sum())
        agent = desk[rng.integers(0, len(desk), count)]
        at = people.times(rng, client, START, world.days)
        events.add(client, "message", at, agent, text=pick(rng, vocabulary()["asking"], count))
        replied = at + (rng.lognormal(np.log(90), 0.9, count) * SECOND).astype(np.int64) + 5 * SECOND
        topic = np.full(count, people.topic[desk[0]])
        own = rng.integers(0, len(vocabulary()["service"]), 2)  # each company has its own two templates
        phrases = [vocabulary()["service"][i] for i in own]
        text = filled(rng, phrases, world.words.name("en", topic))
        number = rng.integers(10_000, 10_000_000, count).astype(str)
        events.add(agent, "message", replied, client, text=join(text, number.tolist(), by=" "))


def _together(
    rng: np.random.Generator, world: World, events: Events, account: Array, at: Array, note: Array, seconds: float
) -> None:
    """Accounts that look at the same note in one sitting, `seconds` apart on average."""
    at = at + (rng.exponential(seconds, len(account)) * SECOND).astype(np.int64)
    ok = (note >= 0) & world.people.is_awake(account, at)
    account, at, note = account[ok], at[ok], note[ok]
    kind = rng.choice(REACTIONS, len(account))
    act_on_notes(rng, world, events, account, kind, at, note)


def households(rng: np.random.Generator, world: World, events: Events) -> None:
    """Two to six people on one sofa: some evenings one shows the others a note."""
    for home in world.cast.circles("household"):
        count = int(rng.integers(4, 12) * world.days / 28) + 1
        begin = world.people.times(rng, np.full(count, home[0]), START, world.days)
        topic = np.where(rng.random(count) < 0.6, world.people.topic[home[0]], ANY)
        note = world.notes.pick(rng, topic, begin)
        who, which = np.nonzero(rng.random((len(home), count)) < 0.7)
        _together(rng, world, events, home[who], begin[which], note[which], 150)


def schools(rng: np.random.Generator, world: World, events: Events) -> None:
    """Some thirty pupils on one school device: classes look at the same notes in the same breaks."""
    people = world.people
    for school in world.cast.circles("school"):
        days = np.flatnonzero(~np.isin(np.arange(world.days) % 7, (4, 5)))  # 2026-09-01 is a Tuesday
        days = days[rng.random(len(days)) < 0.8]
        hour = rng.choice([10.0, 12.5, 15.25], len(days)) - people.zone[school[0]]
        begin = START + days * DAY + (hour * HOUR).astype(np.int64)
        begin = begin[begin >= START]
        note = world.notes.pick(rng, np.full(len(begin), people.topic[school[0]]), begin)
        lesson = rng.integers(0, 3, len(begin))  # which class of the school is in front of the screen
        there = (np.arange(len(school)) % 3)[:, None] == lesson[None, :]
        who, which = np.nonzero(there & (rng.random(there.shape) < 0.6))
        _together(rng, world, events, school[who], begin[which], note[which], 240)


def all_lookalikes(world: World, events: Events) -> None:
    """Every class that acts beyond its ordinary acts."""
    rng = world.stream("lookalikes")
    customer_service(rng, world, events)
    households(rng, world, events)
    schools(rng, world, events)
