"""The planted networks: what their members do together, and how they hide it among ordinary acts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from graph.model import DAY, SECOND
from ingest.simulation.cast import NetworkPlan
from ingest.simulation.chats import Chats
from ingest.simulation.events import CODE, NOTE_ACTS, Acts, Array, Events
from ingest.simulation.notes import ANY
from ingest.simulation.organic import browse
from ingest.simulation.population import HOUR
from ingest.simulation.possible import possible
from ingest.simulation.texts import choose
from ingest.simulation.world import START, World

Joint = tuple[Array, Array, Array]  # member account, number of the call, time


def calls(rng: np.random.Generator, world: World, plan: NetworkPlan, count: int) -> Array:
    """Times of the calls: three to ten days, round the clock or in working hours."""
    first, last = 1, world.days - 1
    days = rng.choice(np.arange(first, last), int(rng.integers(3, min(10, last - first) + 1)), replace=False)
    hour = rng.uniform(0, 24, count) if plan.all_day else rng.uniform(1, 15, count)  # 09 to 23 h at UTC+8
    times: Array = START + days[np.arange(count) % len(days)] * DAY + (hour * HOUR).astype(np.int64)
    return times


def joint(rng: np.random.Generator, plan: NetworkPlan, called: Array) -> Joint:
    """Who follows which call, and when: within `jitter_s` after it. Every call is followed by two members at least."""
    joins = rng.random((len(plan.members), len(called))) < plan.participation
    for lonely in np.flatnonzero(joins.sum(axis=0) < 2):
        joins[rng.choice(len(plan.members), 2, replace=False), lonely] = True
    member, call = np.nonzero(joins)
    at = called[call] + (rng.random(len(call)) * plan.jitter_s * SECOND).astype(np.int64)
    return plan.members[member], call, at


def _target_notes(rng: np.random.Generator, world: World, plan: NetworkPlan) -> tuple[Array, Array]:
    """Calls and the distinct notes they name: half from the top of a topic, half from anywhere."""
    tries = plan.targets * 6
    called = calls(rng, world, plan, tries)
    topics = rng.choice(world.topics, 3, replace=False)
    topic = np.where(rng.random(tries) < 0.5, topics[rng.integers(0, 3, tries)], ANY)
    note = world.notes.pick(rng, topic, called)
    first = np.sort(np.unique(note, return_index=True)[1])
    first = first[note[first] >= 0][: plan.targets]
    return called[first], note[first]


def _ai_comments(rng: np.random.Generator, world: World, account: Array, note: Array) -> pa.Array:
    language, topic = world.people.language[account], world.notes.topic[note]
    mirrored = world.words.mirrored(rng, language, topic, world.notes.text.take(pa.array(note)))
    return choose(rng.random(len(account)) < 0.4, mirrored, world.words.polished(rng, language, topic))


def co_commenting(rng: np.random.Generator, world: World, plan: NetworkPlan, events: Events, _: Chats) -> Array:
    """The same notes, at the same time, each with a text of its own."""
    called, note = _target_notes(rng, world, plan)
    account, call, at = joint(rng, plan, called)
    kind = np.where(rng.random(len(account)) < 0.9, CODE["comment"], CODE["reply"])
    events.add(account, kind, at, note[call], text=_ai_comments(rng, world, account, note[call]))
    return account


def template_reuse(rng: np.random.Generator, world: World, plan: NetworkPlan, events: Events, _: Chats) -> Array:
    """One template per call, under notes of each member's choice; some networks add a link of their own."""
    called, note = _target_notes(rng, world, plan)
    account, call, at = joint(rng, plan, called)
    base = world.words.pitches(rng, rng.integers(0, world.topics, len(called)))
    elsewhere = world.notes.pick(rng, np.full(len(at), ANY), at)
    target = np.where((rng.random(len(at)) < 0.7) & (elsewhere >= 0), elsewhere, note[call])
    network = world.cast.network[plan.members[0]]
    promotes = rng.random() < 0.5
    url = world.promo(int(network), call % 4) if promotes else -1
    text = world.words.variants(rng, base.take(pa.array(call)))
    events.add(account, "comment", at, target, text=text, url=url)
    return account


def mixed_engagement(rng: np.random.Generator, world: World, plan: NetworkPlan, events: Events, _: Chats) -> Array:
    """Bought reach: the call says what to do with the note (like, share, collect), a few do something else."""
    called, note = _target_notes(rng, world, plan)
    account, call, at = joint(rng, plan, called)
    order = [CODE[k] for k in ("like", "share", "collect")]
    wanted = rng.choice(order, len(called), p=[0.55, 0.3, 0.15])
    kind = np.where(rng.random(len(at)) < 0.85, wanted[call], rng.choice(order, len(at)))
    events.add(account, kind, at, note[call])
    return account


def group_chat_ring(rng: np.random.Generator, world: World, plan: NetworkPlan, events: Events, chats: Chats) -> Array:
    """The same accounts speak in one group chat after another."""
    group = rng.choice(len(chats), min(plan.targets, len(chats)), replace=False)
    called = calls(rng, world, plan, len(group))
    account, call, at = joint(rng, plan, called)
    topic = rng.integers(0, world.topics, len(group))
    polished = world.words.polished(rng, world.people.language[account], topic[call])
    variants = world.words.variants(rng, world.words.pitches(rng, topic).take(pa.array(call)))
    events.add(account, "group_message", at, group[call], text=choose(rng.random(len(at)) < 0.35, variants, polished))
    return account


def message_fan_out(rng: np.random.Generator, world: World, plan: NetworkPlan, events: Events, _: Chats) -> Array:
    """Templated private messages: one recipient that the call names, and one to three of each member's own."""
    crowd = np.flatnonzero(world.people.activity > 0)
    recipient = rng.choice(crowd, plan.targets, replace=False)
    called = calls(rng, world, plan, plan.targets)
    account, call, at = joint(rng, plan, called)
    base = world.words.pitches(rng, rng.integers(0, world.topics, plan.targets))
    text = world.words.variants(rng, base.take(pa.array(call)))
    events.add(account, "message", at, recipient[call], text=text)
    more = np.repeat(np.arange(len(at)), rng.integers(1, 3, len(at)))
    later = at[more] + (rng.random(len(more)) * max(plan.jitter_s, 30) * SECOND).astype(np.int64)
    text = world.words.variants(rng, base.take(pa.array(call[more])))
    events.add(account[more], "message", later, rng.choice(crowd, len(more)), text=text)
    return np.concatenate([account, account[more]])


BEHAVIOUR: dict[str, Callable[[np.random.Generator, World, NetworkPlan, Events, Chats], Array]] = {
    "co_commenting": co_commenting,
    "template_reuse": template_reuse,
    "mixed_engagement": mixed_engagement,
    "group_chat_ring": group_chat_ring,
    "message_fan_out": message_fan_out,
}


def shadowing(rng: np.random.Generator, world: World, plan: NetworkPlan, events: Events, organic: Acts) -> Array:
    """Framing: bots repeat, within seconds, each public act of a genuine account that has nothing to do with them."""
    acts = organic.where((organic.account == plan.victim) & np.isin(organic.kind, NOTE_ACTS))  # by time
    acts = acts.where(np.unique(acts.target, return_index=True)[1])
    bot, act = np.nonzero(rng.random((len(plan.members), len(acts))) < plan.participation)
    at = acts.at[act] + ((1 + rng.random(len(act)) * (plan.jitter_s - 1)) * SECOND).astype(np.int64)
    account, note = plan.members[bot], acts.target[act]
    spoken = np.isin(acts.kind[act], (CODE["comment"], CODE["reply"]))
    silent = ~spoken
    events.add(account[silent], acts.kind[act][silent], at[silent], note[silent])
    who, what = account[spoken], note[spoken]
    events.add(who, acts.kind[act][spoken], at[spoken], what, text=_ai_comments(rng, world, who, what))
    return account


def camouflage(rng: np.random.Generator, world: World, plan: NetworkPlan, events: Events, acted: Array) -> None:
    """Ordinary acts, so many that they are the planned share of each member's activity."""
    done = np.bincount(acted - plan.members[0], minlength=len(plan.members))
    extra = rng.poisson(done * plan.camouflage / (1 - plan.camouflage))
    acts = browse(rng, world, np.repeat(plan.members, extra))
    if plan.victim >= 0:  # a shadow never goes ahead: what the victim acts on is left to it
        seen = np.unique(np.concatenate([p.target[p.account == plan.victim] for p in events.parts]))
        acts = acts.where(~(np.isin(acts.kind, NOTE_ACTS) & np.isin(acts.target, seen)))
    events.parts.append(acts)


def all_networks(world: World, events: Events, chats: Chats) -> None:
    """Every planted network; the shadows last, for they need to see what their victims did."""
    rng = world.stream("planted")
    organic = possible(world, events.all())
    for plan in world.cast.plans:
        if plan.victim >= 0:
            acted = shadowing(rng, world, plan, events, organic)
        else:
            acted = BEHAVIOUR[plan.behaviour](rng, world, plan, events, chats)
        camouflage(rng, world, plan, events, acted)
