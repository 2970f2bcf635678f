"""The notes of the simulated platform: who wrote them, when, about what, and how much they draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.model import DAY, SECOND
from ingest.simulation.cast import NETWORK, SOLITARY, Cast
from ingest.simulation.population import HOUR, Population
from ingest.simulation.texts import Words, choose

Ints = NDArray[np.int64]
Any1D = NDArray[Any]

BEFORE = 3 * DAY  # notes this old at the start of the window still draw acts; their posting is not in the data
ANY = -1  # topic: whatever is on everybody's start page
AGES = np.array([0.0, 0.4, 3.0, 12.0, 72.0])  # hours after posting, and the share of acts in each stretch
AGE_SHARES = np.array([0.2, 0.4, 0.25, 0.15])


@dataclass(frozen=True)
class Order:
    """Notes sorted by (topic, time), with running popularity: picks by topic, age and popularity at once."""

    note: Ints
    key: Ints
    running: NDArray[np.float64]

    def pick(self, rng: np.random.Generator, low: Any1D, high: Any1D) -> Ints:
        """A note with key in [low, high), as likely as it is popular; -1 where there is none."""
        first, last = np.searchsorted(self.key, low), np.searchsorted(self.key, high)
        mass = self.running[first] + rng.random(len(first)) * (self.running[last] - self.running[first])
        place = np.clip(np.searchsorted(self.running, mass, side="right") - 1, first, np.maximum(last - 1, first))
        return np.where(last > first, self.note[np.minimum(place, len(self.note) - 1)], -1)


@dataclass(frozen=True)
class Notes:
    """One row per note. `posts` are rows that a burst was planned for: name of the burst -> notes."""

    author: Ints
    topic: Ints
    at: Ints
    weight: NDArray[np.float64]
    text: pa.Array
    posts: dict[str, Ints]
    origin: int
    span: int
    by_topic: Order
    by_time: Order

    def __len__(self) -> int:
        return len(self.author)

    def pick(self, rng: np.random.Generator, topic: Any1D, at: Any1D) -> Ints:
        """A note for an account that looks at `topic` (or ANY) at a time: fresh and popular ones first; -1 if none."""
        band = rng.choice(len(AGE_SHARES), len(at), p=AGE_SHARES)
        found = self._pick(rng, topic, at, AGES[band], AGES[band + 1])
        for where in (topic, np.full_like(topic, ANY)):
            again = np.flatnonzero(found < 0)
            found[again] = self._pick(rng, where[again], at[again], np.zeros(len(again)), np.full(len(again), AGES[-1]))
        return found

    def _pick(self, rng: np.random.Generator, topic: Any1D, at: Any1D, youngest: Any1D, oldest: Any1D) -> Ints:
        since = at - self.origin
        low = np.maximum(since - (oldest * HOUR).astype(np.int64), 0)
        high = np.maximum(since - (youngest * HOUR).astype(np.int64) - SECOND, 0)
        local, base = topic >= 0, np.where(topic >= 0, topic, 0) * self.span
        by_topic = self.by_topic.pick(rng, base + low, base + high)
        return np.where(local, by_topic, self.by_time.pick(rng, low, high))


def _order(key: Ints, weight: NDArray[np.float64]) -> Order:
    note = np.argsort(key, kind="stable")
    return Order(note, key[note], np.concatenate([[0.0], np.cumsum(weight[note])]))


def _everyday(
    rng: np.random.Generator, cast: Cast, people: Population, start: int, days: int
) -> tuple[Ints, Ints, Ints]:
    """Author, topic and time of ordinary notes: busy accounts write more, most keep to their topic."""
    bots = (cast.role == NETWORK) | (cast.role == SOLITARY)
    share = np.where(bots, 6.0, people.activity) ** 0.8
    share[people.registered_at > start - BEFORE - DAY] = 0.0
    share[cast.of("scheduler_brand")] = 0.0
    share[cast.of("ai_labelling_creator")] *= 3
    count = int(1.1 * cast.accounts * (days + 3) / 28)
    author = rng.choice(cast.accounts, count, p=share / share.sum())
    at = people.times(rng, author, start - BEFORE, days + 3)
    loyal = rng.random(count)
    topic = np.where(loyal < people.loyalty[author], people.topic[author], people.second_topic[author])
    return author, topic, at


def _scheduled(
    rng: np.random.Generator, cast: Cast, people: Population, start: int, days: int
) -> tuple[Ints, Ints, Ints]:
    """Notes of brands: the same regular minutes every day, a second or two late."""
    brands = cast.of("scheduler_brand")
    slots = rng.integers(1, 5, len(brands))
    brand = np.repeat(brands, slots)
    minute = rng.choice(np.arange(8 * 60, 22 * 60, 15), len(brand))
    author, minute = np.repeat(brand, days), np.repeat(minute, days)
    day = np.tile(np.arange(days), len(brand))
    seconds = ((minute * 60 - people.zone[author] * 3600) % 86_400).astype(np.int64)
    at = start + day * DAY + seconds * SECOND + rng.integers(0, 3 * SECOND, len(author))
    return author, people.topic[author], at


def _burst_posts(
    rng: np.random.Generator, cast: Cast, people: Population, start: int, days: int
) -> list[tuple[str, Ints, Ints, Ints]]:
    """Posts on breaking news (several outlets within minutes) and the posts that fan campaigns rally round."""
    posts = []
    famous = np.argsort(-people.activity, kind="stable")[: max(20, cast.accounts // 50)]
    famous = famous[people.registered_at[famous] < start]
    for event in range(int(np.clip(cast.accounts // 3_000, 2, 10))):
        count = int(rng.integers(8, 14))
        begin = start + rng.uniform(0.5, days - 1) * DAY
        at = (begin + np.sort(rng.uniform(0, 420, count)) * SECOND).astype(np.int64)
        author = rng.choice(famous, count)
        posts.append((f"news-{event}", author, np.full(count, people.topic[author[0]]), at))
    for number, fans in enumerate(cast.circles("fan_campaign")):
        count = int(rng.integers(25, 36))
        day = np.sort(rng.integers(1, days - 1, count))
        hour = (rng.uniform(11, 22, count) - people.zone[fans[0]]) % 24
        at = (start + day * DAY + hour * HOUR).astype(np.int64)
        author = np.full(count, rng.choice(famous))
        posts.append((f"fans-{number}", author, np.full(count, people.topic[fans[0]]), at))
    return posts


def make_notes(
    rng: np.random.Generator, cast: Cast, people: Population, words: Words, topics: int, start: int, days: int
) -> Notes:
    """Write every note of the window (and the three days before it)."""
    parts = [_everyday(rng, cast, people, start, days), _scheduled(rng, cast, people, start, days)]
    posts, size = {}, sum(len(p[0]) for p in parts)
    for name, *columns in _burst_posts(rng, cast, people, start, days):
        author, topic, at = columns
        posts[name] = np.arange(size, size + len(author))
        parts.append((author, topic, at))
        size += len(author)
    author, topic, at = (np.concatenate([p[i] for p in parts]) for i in range(3))
    fame = rng.lognormal(0.0, 0.8, cast.accounts)
    weight = np.minimum(rng.pareto(1.25, size) + 1, 2_000) * fame[author]
    language = people.language[author]
    polished = cast.ai_hosted.copy()
    polished[cast.of("translator")] = True
    text = choose(polished[author], words.polished(rng, language, topic), words.notes(rng, language, topic))
    origin, span = start - BEFORE - DAY, (days + 6) * DAY
    since = at - origin
    by_topic, by_time = _order(topic * span + since, weight), _order(since, weight)
    assert topic.max() < topics
    return Notes(author, topic, at, weight, text, posts, origin, span, by_topic, by_time)
