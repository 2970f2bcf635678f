"""Solitary AI-hosted accounts: no network, no quiet gap; they answer fast, at length, echoing what they answer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graph.model import SECOND
from ingest.simulation.cast import SOLITARY
from ingest.simulation.events import CODE, Events
from ingest.simulation.texts import choose
from ingest.simulation.world import START, World


def all_solitary(world: World, events: Events) -> None:
    """Comments seconds after a note of any topic, and replies to whoever writes; every hour of the day."""
    rng, people, notes = world.stream("solitary"), world.people, world.notes
    accounts = np.flatnonzero(world.cast.role == SOLITARY)
    count = np.maximum(12, rng.lognormal(np.log(60), 0.5, len(accounts)) * world.days / 28).astype(np.int64)
    account = np.repeat(accounts, count)
    fresh = np.flatnonzero((notes.at > START) & (notes.at < world.end - 60 * SECOND))
    note = rng.choice(fresh, len(account))
    at = notes.at[note] + (rng.uniform(6, 45, len(account)) * SECOND).astype(np.int64)
    kind = rng.choice([CODE["comment"], CODE["reply"], CODE["like"]], len(account), p=[0.6, 0.2, 0.2])
    liked = kind == CODE["like"]
    events.add(account[liked], "like", at[liked], note[liked])
    who, what, language = account[~liked], note[~liked], people.language[account[~liked]]
    mirrored = world.words.mirrored(rng, language, notes.topic[what], notes.text.take(pa.array(what)))
    polished = world.words.polished(rng, language, notes.topic[what])
    text = choose(rng.random(len(who)) < 0.65, mirrored, polished)
    events.add(who, kind[~liked], at[~liked], what, text=text)

    receiver = np.repeat(accounts, rng.poisson(12 * world.days / 28, len(accounts)))
    share = np.where(people.activity > 0, people.activity, 0.0) ** 0.5
    writer = rng.choice(world.accounts, len(receiver), p=share / share.sum())
    asked = people.times(rng, writer, START, world.days)
    language = people.language[receiver]
    question = world.words.casual(rng, people.language[writer], people.topic[writer])
    events.add(writer, "message", asked, receiver, text=question)
    answer = world.words.polished(rng, language, people.topic[receiver])
    prompt = asked + (rng.uniform(3, 20, len(receiver)) * SECOND).astype(np.int64)
    events.add(receiver, "message", prompt, writer, text=answer)
