"""Worlds to measure detection on: who acted on what and when, with or without planted networks (all synthetic).

Every world is one channel of actions over 14 days, made from a seed. Objects are born at some moment and their
audience comes with a decay of hours; popularity and activity have heavy tails. What differs:

    plain        no coordination: popularity and activity only
    topics       accounts keep to one of 20 or 200 topics with up to 90% of what they do
    time zones   accounts are awake for 10 hours of the day
    news         50 posts that 2,000 accounts act on within 20 minutes
    squads       20 squads of 20 accounts that act on 30 joint targets within half a minute
    hard         squads, of which half hide 12 joint targets among 60 ordinary acts; news; three fan campaigns
                 of 500 accounts on 30 posts each
    farm         one farm on notes that nobody else acts on
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
START = 1_788_220_800 * SECOND  # a midnight, UTC
DAYS = 14


@dataclass
class World:
    """Actions in columns, and the truth about them.

    Attributes:
        a, o, ts: account, object and time (microseconds) of each action.
        groups: members of each planted network.
        fans: members of each fan campaign, whose edges are counted apart.
    """

    a: np.ndarray
    o: np.ndarray
    ts: np.ndarray
    groups: list[np.ndarray] = field(default_factory=list)
    fans: list[np.ndarray] = field(default_factory=list)

    def add(self, a: np.ndarray, o: np.ndarray, ts: np.ndarray) -> None:
        """Append actions."""
        self.a, self.o, self.ts = np.r_[self.a, a], np.r_[self.o, o], np.r_[self.ts, ts.astype(np.int64)]

    def actions(self) -> pa.Table:
        """The action table: account_id, channel, object_id, at, event_id."""
        n = len(self.a)
        return pa.table(
            {
                "event_id": pa.array([f"e{i:07}" for i in range(n)]),
                "account_id": pa.array([f"a{i:06}" for i in self.a]),
                "channel": pa.array(["share"]).take(pa.array(np.zeros(n, np.int64))),
                "object_id": pa.array([f"note:{i:07}" for i in self.o]),
                "at": pa.array(self.ts, pa.int64()),
                "content_id": pa.nulls(n, pa.string()),
            }
        )


def crowd(
    seed: int,
    *,
    accounts: int = 20_000,
    rows: int = 200_000,
    objects: int = 20_000,
    top: float = 0.03,
    topics: int = 1,
    loyalty: float = 0.0,
    zones: bool = False,
) -> tuple[World, np.random.Generator]:
    """People who act on what they happen to see. `top`: share of the rows that fall on the most popular object."""
    random = np.random.default_rng(seed)
    activity = random.lognormal(0.0, 1.2, accounts)
    popularity = random.pareto(1.1, objects) + 0.05
    popularity *= (1 - top) / popularity.sum()
    popularity[popularity.argmax()] = top / (1 - top) * (1 - popularity.max())
    a = random.choice(accounts, rows, p=activity / activity.sum())
    topic_of, home = random.integers(0, topics, objects), random.integers(0, topics, accounts)
    loyal = random.random(rows) < loyalty
    o = random.choice(objects, rows, p=popularity / popularity.sum())
    for topic in range(topics) if loyalty else ():
        own = np.flatnonzero(topic_of == topic)
        at_home = np.flatnonzero(loyal & (home[a] == topic))
        if len(own) and len(at_home):
            o[at_home] = own[random.choice(len(own), len(at_home), p=popularity[own] / popularity[own].sum())]
    born = START + random.integers(0, (DAYS - 1) * DAY, objects)
    pace = random.lognormal(np.log(4.0), 0.7, objects) * HOUR
    ts = _moments(random, born[o], pace[o])
    if zones:
        wake = random.integers(0, 24, accounts) * HOUR
        for _ in range(12):
            asleep = np.flatnonzero((ts - START - wake[a]) % DAY > 10 * HOUR)
            ts[asleep] = _moments(random, born[o[asleep]], pace[o[asleep]])
        asleep = (ts - START - wake[a]) % DAY > 10 * HOUR
        ts[asleep] += DAY - (ts[asleep] - START - wake[a][asleep]) % DAY + random.integers(0, 10 * HOUR, asleep.sum())
    return World(a.astype(np.int64), o.astype(np.int64), ts.astype(np.int64)), random


def _moments(random: np.random.Generator, born: np.ndarray, pace: np.ndarray) -> np.ndarray:
    return np.minimum(born + random.exponential(pace), START + DAYS * DAY - 1).astype(np.int64)


def news(world: World, random: np.random.Generator, *, posts: int = 50, audience: int = 2000) -> None:
    """Posts that many act on within 20 minutes; the active are seen there more often."""
    accounts = int(world.a.max()) + 1
    activity = np.bincount(world.a, minlength=accounts) + 0.5
    first = int(world.o.max()) + 1
    for post in range(posts):
        who = random.choice(accounts, min(audience, accounts // 2), replace=False, p=activity / activity.sum())
        at = START + random.integers(0, DAYS * DAY - HOUR)
        delay = np.minimum(random.exponential(6 * 60, len(who)), random.uniform(0, 20 * 60, len(who)) + 600) * SECOND
        world.add(who, np.full(len(who), first + post), at + delay)


def fans(world: World, random: np.random.Generator, *, size: int = 500, posts: int = 30, share: float = 0.6) -> None:
    """A fan campaign: keen people, with a history of their own, called upon to act on each post within the hour."""
    accounts = int(world.a.max()) + 1
    who = np.sort(random.choice(accounts, size, replace=False))
    world.fans.append(who)
    first = int(world.o.max()) + 1
    for post in range(posts):
        come = who[random.random(size) < share]
        at = START + random.integers(0, DAYS * DAY - 3 * HOUR)
        delay = random.exponential(12 * 60, len(come)) * SECOND
        world.add(come, np.full(len(come), first + post), at + delay)


def squad(
    world: World,
    random: np.random.Generator,
    *,
    size: int = 20,
    targets: int = 30,
    share: float = 0.9,
    jitter: float = 30.0,
    camouflage: int = 20,
    exclusive: bool = False,
) -> None:
    """A planted network of new accounts.

    Args:
        world: what it is added to.
        random: randomness.
        size: accounts.
        targets: objects that it acts on.
        share: chance of each member to take part in each target.
        jitter: each acts within so many seconds after the first, evenly.
        camouflage: ordinary acts of each member, copied from the crowd.
        exclusive: its targets are notes that nobody else acts on; else they are other people's.
    """
    who = int(world.a.max()) + 1 + np.arange(size)
    world.groups.append(who)
    ordinary = random.integers(0, len(world.a), size * camouflage)
    o, ts = world.o[ordinary], world.ts[ordinary] + random.integers(-600, 600, len(ordinary)) * SECOND
    if exclusive:
        targeted = int(world.o.max()) + 1 + np.arange(targets)
        at = START + random.integers(0, DAYS * DAY - HOUR, targets)
    else:
        drawn = _distinct(random, world.o, targets)
        targeted, at = world.o[drawn], world.ts[drawn]
    joins = random.random((targets, size)) < share
    target, member = np.nonzero(joins)
    delay = random.uniform(0, jitter, len(target)) * SECOND
    world.add(np.r_[np.repeat(who, camouflage), who[member]], np.r_[o, targeted[target]], np.r_[ts, at[target] + delay])


def _distinct(random: np.random.Generator, o: np.ndarray, count: int) -> np.ndarray:
    """Rows on `count` distinct objects, popular objects likelier (square root, as a squad spreads its work)."""
    objects, first, rows = np.unique(o, return_index=True, return_counts=True)
    chosen = random.choice(len(objects), count, replace=False, p=np.sqrt(rows) / np.sqrt(rows).sum())
    return first[chosen]


def heavy(seed: int) -> World:
    """200,000 rows of which the top object has 12%, and 20 squads of 20."""
    world, random = crowd(seed, rows=180_000, top=0.12)
    for _ in range(20):
        squad(world, random)
    return world


def hard(seed: int) -> World:
    """About 377,000 rows: heavy tail, 10 open and 10 hidden squads, news, three fan campaigns."""
    world, random = crowd(seed, rows=190_000, top=0.12)
    news(world, random)
    for _ in range(3):
        fans(world, random)
    for _ in range(10):
        squad(world, random)
    for _ in range(10):
        squad(world, random, targets=12, share=0.7, camouflage=60)
    return world


def farm(seed: int, size: int = 500, notes: int = 30) -> World:
    """A farm that acts on notes of its own within 20 s, among 20,000 accounts."""
    world, random = crowd(seed)
    squad(world, random, size=size, targets=notes, share=0.95, jitter=20.0, camouflage=10, exclusive=True)
    return world


def _with_news(seed: int) -> World:
    world, random = crowd(seed)
    news(world, random)
    return world


WITHOUT: dict[str, Callable[[int], World]] = {
    "plain": lambda seed: crowd(seed)[0],
    "20 topics, 90%": lambda seed: crowd(seed, topics=20, loyalty=0.9)[0],
    "200 topics, 90%": lambda seed: crowd(seed, topics=200, loyalty=0.9)[0],
    "time zones": lambda seed: crowd(seed, zones=True)[0],
    "200 topics, 70%, time zones": lambda seed: crowd(seed, topics=200, loyalty=0.7, zones=True)[0],
    "200 topics, 90%, time zones": lambda seed: crowd(seed, topics=200, loyalty=0.9, zones=True)[0],
    "breaking news": _with_news,
}
