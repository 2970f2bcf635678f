"""Group chats: who is in which, and the conversations in them, which come in bursts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graph.model import SECOND
from ingest.simulation.events import Array, Events
from ingest.simulation.texts import choose, pick, vocabulary
from ingest.simulation.world import START, World

MESSAGES_PER_ACCOUNT = 2.2  # in 28 days, before those who are asleep are taken out
PER_CONVERSATION = 9


@dataclass(frozen=True)
class Chats:
    """Members of every group chat: those of chat g are member[first[g]:first[g + 1]]."""

    first: Array
    member: Array

    def __len__(self) -> int:
        return len(self.first) - 1


def make_chats(rng: np.random.Generator, world: World) -> Chats:
    """Chats of a topic; most hold a dozen people, a few hundreds. Members are drawn by activity."""
    count = max(40, world.accounts // 50)
    topic = world.people.topic[rng.choice(world.accounts, count)]
    size = np.clip(rng.lognormal(np.log(13.0), 0.8, count), 3, 300).astype(np.int64)
    share = np.where(world.people.activity > 0, world.people.activity, 0.0) ** 0.6
    running = np.concatenate([[0.0], np.cumsum(share)])
    by_topic = np.argsort(world.people.topic, kind="stable")
    local = np.concatenate([[0.0], np.cumsum(share[by_topic])])
    bounds = np.searchsorted(world.people.topic[by_topic], np.arange(world.topics + 1))
    chat = np.repeat(np.arange(count), size)
    low, high = local[bounds[topic[chat]]], local[bounds[topic[chat] + 1]]
    near = by_topic[np.searchsorted(local, low + rng.random(len(chat)) * (high - low), side="right") - 1]
    far = np.searchsorted(running, rng.random(len(chat)) * running[-1], side="right") - 1
    member = np.where((rng.random(len(chat)) < 0.85) & (high > low), near, far)
    pairs = np.unique(chat * world.accounts + member)
    chat, member = pairs // world.accounts, pairs % world.accounts
    return Chats(np.searchsorted(chat, np.arange(count + 1)), member)


def converse(world: World, chats: Chats, events: Events) -> None:
    """Conversations: two to six members, a message every half minute or so, then silence."""
    rng = world.stream("chats")
    weight = np.diff(chats.first) * rng.lognormal(0, 0.9, len(chats))
    count = int(MESSAGES_PER_ACCOUNT * world.accounts * world.days / 28 / PER_CONVERSATION)
    chat = rng.choice(len(chats), count, p=weight / weight.sum())
    size = chats.first[chat + 1] - chats.first[chat]
    opener = chats.member[chats.first[chat] + rng.integers(0, size)]
    begin = world.people.times(rng, opener, START, world.days)
    length = rng.geometric(1 / PER_CONVERSATION, count)
    talkers, offset = rng.integers(2, 7, count), rng.integers(0, 1 << 20, count)

    row = np.repeat(np.arange(count), length)
    gap = rng.exponential(28, len(row)) * SECOND
    running = np.cumsum(gap)
    starts = np.cumsum(length) - length
    at = begin[row] + (running - running[starts][row]).astype(np.int64)
    seat = (offset[row] + rng.integers(0, talkers[row]) * 7) % size[row]
    account = chats.member[chats.first[chat[row]] + seat]
    awake = world.people.is_awake(account, at)
    account, at, group = account[awake], at[awake], chat[row][awake]
    line = pick(rng, vocabulary()["chat"], len(account), skew=0.6)
    casual = world.words.casual(rng, world.people.language[account], world.people.topic[account])
    events.add(account, "group_message", at, group, text=choose(rng.random(len(account)) < 0.6, line, casual))
