"""What ordinary accounts do all day: read by topic and popularity, in sessions, in their waking hours."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.model import SECOND
from ingest.simulation.cast import LOOKALIKES, SOLITARY
from ingest.simulation.events import CODE, NOTE_ACTS, Acts, Array, Events
from ingest.simulation.notes import ANY
from ingest.simulation.population import CLIENT
from ingest.simulation.texts import choose, pick, vocabulary
from ingest.simulation.world import START, TAGS, URLS, World

MIX = {
    "like": 0.42,
    "comment": 0.2,
    "collect": 0.09,
    "share": 0.07,
    "reply": 0.07,
    "view": 0.06,
    "follow": 0.04,
    "message": 0.05,
}
PER_SESSION = 3.0
SESSION = 15 * 60 * SECOND
FRIENDS = 6
FAVOURITES = 4  # authors an account is told about
TOLD = 0.12  # of its acts are on their notes
SPREAD = 0.45  # of what is read off an account's own topics


def sessions(rng: np.random.Generator, world: World, account: Array) -> Array:
    """Times for rows grouped by account: a few acts in each sitting of a quarter of an hour."""
    if not len(account):
        return np.empty(0, np.int64)
    _, first, inverse, counts = np.unique(account, return_index=True, return_inverse=True, return_counts=True)
    sittings = np.maximum(1, np.round(counts / PER_SESSION)).astype(np.int64)
    base = np.cumsum(sittings) - sittings
    begin = world.people.times(rng, np.repeat(account[first], sittings), START, world.days)
    chosen = base[inverse] + (rng.random(len(account)) * sittings[inverse]).astype(np.int64)
    times: NDArray[np.int64] = begin[chosen] + (rng.random(len(account)) * SESSION).astype(np.int64)
    return times


def comment_texts(rng: np.random.Generator, world: World, account: Array, note: Array) -> pa.Array:
    """Comments on notes: casual or stock phrases; polished ones by translators and solitary AI-hosted accounts."""
    language, topic = world.people.language[account], world.notes.topic[note]
    polished = world.cast.lookalike[account] == LOOKALIKES.index("translator")
    polished |= world.cast.role[account] == SOLITARY
    text = world.words.comments(rng, language, topic)
    if not polished.any():
        return text
    return choose(polished, world.words.polished(rng, language, topic), text)


def act_on_notes(
    rng: np.random.Generator, world: World, events: Events, account: Array, kind: Array, at: Array, note: Array
) -> None:
    """Add acts on notes; comments and replies get a text of their author's sort, now and then a link or a hashtag."""
    spoken = np.isin(kind, (CODE["comment"], CODE["reply"]))
    events.add(account[~spoken], kind[~spoken], at[~spoken], note[~spoken])
    who, what = account[spoken], note[spoken]
    url, tag = links(rng, world.notes.topic[what], 0.02, 0.06)
    events.add(who, kind[spoken], at[spoken], what, text=comment_texts(rng, world, who, what), url=url, tag=tag)


def browse(rng: np.random.Generator, world: World, account: Array) -> Acts:
    """Ordinary acts, one per row of `account` (sorted): what feed and friends put before it at that time."""
    people, notes = world.people, world.notes
    at = sessions(rng, world, account)
    draw = rng.random(len(account))
    off = 1 - people.loyalty[account]
    topic = np.where(draw < people.loyalty[account], people.topic[account], people.second_topic[account])
    topic = np.where(draw > 1 - off * SPREAD, ANY, topic)
    return react(rng, world, account, at, notes.pick(rng, topic, at))


def react(rng: np.random.Generator, world: World, account: Array, at: Array, note: Array) -> Acts:
    """What accounts do with the notes they come across (-1: none)."""
    notes = world.notes
    mix = np.array(list(MIX.values()))
    kind = rng.choice([CODE[k] for k in MIX], len(account), p=mix / mix.sum())
    keep = note >= 0
    account, at, note, kind = account[keep], at[keep], note[keep], kind[keep]

    events = Events()
    public = np.isin(kind, NOTE_ACTS)
    act_on_notes(rng, world, events, account[public], kind[public], at[public], note[public])
    follow, message = kind == CODE["follow"], kind == CODE["message"]
    events.add(account[follow], "follow", at[follow], notes.author[note[follow]])
    friend = befriended(world, account[message], rng.integers(0, FRIENDS, int(message.sum())))
    talk(rng, world, events, account[message], friend, at[message])
    return events.all()


def notified(rng: np.random.Generator, world: World, account: Array) -> Acts:
    """Acts on notes of favourite authors soon after they were posted: subscribers meet again and again."""
    notes, people = world.notes, world.people
    topic = np.repeat(people.topic, FAVOURITES)
    base = topic * notes.span
    liked = notes.by_topic.pick(rng, base, base + notes.span).reshape(-1, FAVOURITES)
    favourite = liked[account, rng.integers(0, FAVOURITES, len(account))]
    author = notes.author[favourite]
    by_author = np.argsort(notes.author, kind="stable")
    first, last = (np.searchsorted(notes.author[by_author], author, side) for side in ("left", "right"))
    note = by_author[first + (rng.random(len(account)) * (last - first)).astype(np.int64)]
    at = notes.at[note] + (rng.lognormal(np.log(20), 1.2, len(account)) * 60 * SECOND).astype(np.int64)
    ok = (favourite >= 0) & people.is_awake(account, at)
    return react(rng, world, account[ok], at[ok], note[ok])


def links(rng: np.random.Generator, topic: Array, url_share: float, tag_share: float) -> tuple[Array, Array]:
    """Codes of a link and of hashtags for rows of a topic; -1 for none. The first of each topic are the most used."""
    count = len(topic)
    url = np.minimum(rng.geometric(0.2, count) - 1, URLS - 1)
    tag = np.minimum(rng.geometric(0.25, count) - 1, TAGS - 1)
    url = np.where(rng.random(count) < url_share, topic * URLS + url, -1)
    return url, np.where(rng.random(count) < tag_share, topic * TAGS + tag, -1)


def befriended(world: World, account: Array, choice: Array) -> Array:
    """One of an account's few contacts: always the same for the same choice, mostly people of organic activity."""
    crowd = np.flatnonzero(world.people.activity > 0)
    mixed = (
        account.astype(np.uint64) * np.uint64(2_654_435_761) + choice.astype(np.uint64) * np.uint64(40_503)
    ) >> np.uint64(4)
    friend: NDArray[np.int64] = crowd[(mixed % np.uint64(len(crowd))).astype(np.int64)]
    return np.where(friend == account, crowd[0], friend)


def talk(rng: np.random.Generator, world: World, events: Events, account: Array, friend: Array, at: Array) -> None:
    """Private messages between friends; six in ten get an answer, if the friend is awake."""
    lines = vocabulary()["chat"]
    sent = account != friend
    account, friend, at = account[sent], friend[sent], at[sent]
    casual = world.words.casual(rng, world.people.language[account], world.people.topic[account])
    text = choose(rng.random(len(account)) < 0.6, pick(rng, lines, len(account)), casual)
    events.add(account, "message", at, friend, text=text)
    later = at + (rng.exponential(150, len(at)) * SECOND).astype(np.int64) + 4 * SECOND
    answers = (rng.random(len(at)) < 0.6) & world.people.is_awake(friend, later)
    events.add(friend[answers], "message", later[answers], account[answers], text=pick(rng, lines, int(answers.sum())))


def everyday(world: World, events: Events) -> None:
    """Ordinary acts of every account with organic activity."""
    rng = world.stream("everyday")
    counts = rng.poisson(world.people.activity)
    told = rng.binomial(counts, TOLD)
    accounts = np.arange(world.accounts)
    events.parts.append(browse(rng, world, np.repeat(accounts, counts - told)))
    events.parts.append(notified(rng, world, np.repeat(accounts, told)))


def post_notes(world: World, events: Events) -> None:
    """The posting of every note, with its links and hashtags."""
    rng, notes, cast = world.stream("notes-posted"), world.notes, world.cast
    url, tag = links(rng, notes.topic, 0.08, 0.45)
    labelling = cast.lookalike[notes.author] == LOOKALIKES.index("ai_labelling_creator")
    tag = np.where(labelling & (rng.random(len(notes)) < 0.8), len(world.tag_pool()) - 1, tag)
    for number in range(len(cast.circles("fan_campaign"))):
        tag[notes.posts[f"fans-{number}"]] = world.topics * TAGS + number
    scheduled = cast.lookalike[notes.author] == LOOKALIKES.index("scheduler_brand")
    tool = CLIENT["scheduler-pro"] + notes.author % 2
    client = np.where(scheduled, tool, -1)
    events.add(notes.author, "note", notes.at, np.arange(len(notes)), text=notes.text, url=url, tag=tag, client=client)
