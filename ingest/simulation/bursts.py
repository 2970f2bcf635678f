"""Organic bursts: viral notes, breaking news and fan campaigns. Synchrony without anybody's tool behind it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graph.model import SECOND
from ingest.simulation.events import CODE, Array, Events
from ingest.simulation.organic import act_on_notes
from ingest.simulation.population import HOUR
from ingest.simulation.texts import choose, filled, vocabulary
from ingest.simulation.world import TAGS, World


def _crowd(rng: np.random.Generator, world: World, count: int, at: int, power: float) -> Array:
    """Distinct accounts awake at a time, busier ones more likely."""
    people = world.people
    share = np.where(people.activity > 0, people.activity, 0.0) ** power
    share[~people.is_awake(np.arange(world.accounts), np.full(world.accounts, at))] = 0.0
    count = min(count, int(np.count_nonzero(share)))
    return rng.choice(world.accounts, count, replace=False, p=share / share.sum())


def _react(
    rng: np.random.Generator, world: World, events: Events, account: Array, note: Array, at: Array, view: float
) -> None:
    """Views, likes, comments and shares of notes that everybody sees."""
    shares = np.array([view, 0.62, 0.2, 0.18]) * np.array([1, 1 - view, 1 - view, 1 - view])
    kind = rng.choice([CODE[k] for k in ("view", "like", "comment", "share")], len(account), p=shares / shares.sum())
    act_on_notes(rng, world, events, account, kind, at, note)


def viral(rng: np.random.Generator, world: World, events: Events) -> None:
    """A few notes that up to half of the accounts come across within two or three days."""
    notes = world.notes
    early = (notes.at > world.end - world.days * 24 * HOUR) & (notes.at < world.end - 48 * HOUR)
    candidates = np.flatnonzero(early)
    count = int(np.clip(world.accounts // 4_000, 2, 10))
    chosen = candidates[np.argsort(-notes.weight[candidates], kind="stable")[:count]]
    for rank, note in enumerate(chosen):
        reach = int(world.accounts * 0.5 / (rank + 1) ** 0.9)
        delay = rng.lognormal(np.log(9.0), 0.9, reach) * HOUR
        share = world.people.activity**0.5
        account = rng.choice(world.accounts, reach, p=share / share.sum())
        at = notes.at[note] + delay.astype(np.int64) + 60 * SECOND
        awake = world.people.is_awake(account, at)
        account, at = account[awake], at[awake]
        _react(rng, world, events, account, np.full(len(account), note), at, 0.6)


def breaking_news(rng: np.random.Generator, world: World, events: Events) -> None:
    """Several outlets post within minutes; thousands react to a few of the posts within 20 minutes."""
    notes = world.notes
    for name, posts in notes.posts.items():
        if not name.startswith("news-"):
            continue
        begin = int(notes.at[posts].min())
        account = _crowd(rng, world, int(world.accounts * rng.uniform(0.05, 0.11)), begin, 0.5)
        arrival = begin + (np.minimum(rng.exponential(300, len(account)), 1_150) * SECOND).astype(np.int64)
        read = rng.binomial(len(posts), 0.45, len(account))
        who = np.repeat(np.arange(len(account)), read)
        rank = np.arange(len(who)) - np.repeat(np.cumsum(read) - read, read)
        note = posts[(rank + rng.integers(0, len(posts), len(account))[who]) % len(posts)]
        at = arrival[who] + ((rank + rng.random(len(who))) * 15 * SECOND).astype(np.int64)
        _react(rng, world, events, account[who], note, at, 0.25)


def fan_campaigns(rng: np.random.Generator, world: World, events: Events) -> None:
    """A public call to act: fans post the same slogan under about 30 posts, within minutes to some hours of each."""
    notes, people = world.notes, world.people
    for number, fans in enumerate(world.cast.circles("fan_campaign")):
        posts = notes.posts[f"fans-{number}"]
        zeal, haste = rng.beta(2.5, 2, len(fans)), rng.lognormal(np.log(240), 0.5, len(fans))
        joins = rng.random((len(fans), len(posts))) < zeal[:, None]
        fan, post = np.nonzero(joins)
        prompt = rng.random(len(fan)) < 0.7  # the rest look later in the day
        delay = np.where(prompt, haste[fan] * rng.exponential(1, len(fan)), rng.exponential(7_200, len(fan))) + 5
        at = notes.at[posts[post]] + (delay * SECOND).astype(np.int64)
        awake = people.is_awake(fans[fan], at)
        account, note, at = fans[fan][awake], posts[post][awake], at[awake]
        slogans = filled(rng, vocabulary()["slogans"], world.words.name("zh", np.full(2, people.topic[fans[0]])))
        slogan = slogans.take(pa.array(np.maximum(rng.integers(-1, 2, len(account)), 0)))  # the first twice as often
        own = world.words.comments(rng, people.language[account], notes.topic[note])
        text = choose(rng.random(len(account)) < 0.8, slogan, own)
        tag = np.where(rng.random(len(account)) < 0.7, world.topics * TAGS + number, -1)
        events.add(account, "comment", at, note, text=text, tag=tag)
        liked = rng.random(len(account)) < 0.6
        events.add(account[liked], "like", at[liked] + 3 * SECOND, note[liked])
        shared = rng.random(len(account)) < 0.3
        events.add(account[shared], "share", at[shared] + 9 * SECOND, note[shared], tag=tag[shared])


def all_bursts(world: World, events: Events) -> None:
    """Every organic burst."""
    rng = world.stream("bursts")
    viral(rng, world, events)
    breaking_news(rng, world, events)
    fan_campaigns(rng, world, events)
