"""The simulated platform before anything happens on it: everything the acting parts need to know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.model import DAY
from ingest.simulation.cast import Cast, make_cast
from ingest.simulation.notes import Notes, make_notes
from ingest.simulation.population import Population, make_population
from ingest.simulation.texts import Words

START = 1_788_220_800_000_000  # 2026-09-01 00:00 UTC
URLS, TAGS = 20, 12  # per topic; the last two of the hashtags come as a pair with the first
STREAMS = (
    "cast",
    "population",
    "notes",
    "everyday",
    "memberships",
    "chats",
    "bursts",
    "lookalikes",
    "solitary",
    "planted",
    "notes-posted",
    "write",
    "ids",
    "clients",
    "labels",
)


@dataclass(frozen=True)
class World:
    """Accounts, notes and names. Each part of the simulation draws from a random stream of its own."""

    seed: int
    days: int
    topics: int
    cast: Cast
    people: Population
    words: Words
    notes: Notes

    @property
    def end(self) -> int:
        """End of the window, microseconds UTC, exclusive."""
        return START + self.days * DAY

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return self.cast.accounts

    def stream(self, part: str) -> np.random.Generator:
        """The random stream of one part: the parts do not disturb one another."""
        return _stream(self.seed, part)

    def url_pool(self) -> list[list[str]]:
        """Link lists by code: URLS per topic, then four per planted network."""
        names = self.words.latin.to_pylist()
        pool = [[f"https://{n}{t}.example/{i}"] for t, n in enumerate(names) for i in range(URLS)]
        return pool + [
            [f"https://go{self.seed}-{k}.example/a{i}"] for k in range(len(self.cast.plans)) for i in range(4)
        ]

    def promo(self, network: int, choice: NDArray[np.int64]) -> NDArray[np.int64]:
        """Codes of a planted network's own links; `choice` is 0 to 3."""
        code: NDArray[np.int64] = self.topics * URLS + network * 4 + choice
        return code

    def tag_pool(self) -> list[list[str]]:
        """Hashtag lists by code: TAGS per topic, then one per fan campaign, then one that labels AI content."""
        pool: list[list[str]] = []
        for latin, cjk in zip(self.words.latin.to_pylist(), self.words.cjk.to_pylist(), strict=True):
            single = [latin, cjk, f"{cjk}日常", f"{latin}life", f"{cjk}分享", f"{latin}tips", f"{cjk}控", f"my{latin}"]
            single += [f"{latin}lovers", f"今日{cjk}"]
            pool += [[s] for s in single] + [[latin, cjk], [cjk, f"{latin}life"]]
        campaigns = len(self.cast.circles("fan_campaign"))
        return pool + [[f"together{i}"] for i in range(campaigns)] + [["AI生成", "madewithai"]]


def _stream(seed: int, part: str) -> np.random.Generator:
    return np.random.default_rng([seed, STREAMS.index(part)])


def make_world(accounts: int, seed: int, days: int) -> World:
    """Draw the cast, their nature and their notes."""
    topics = int(np.clip(accounts // 120, 40, 200))
    cast = make_cast(_stream(seed, "cast"), accounts)
    people = make_population(_stream(seed, "population"), cast, topics, START, days)
    rng = _stream(seed, "notes")
    words = Words.invent(rng, topics)
    return World(seed, days, topics, cast, people, words, make_notes(rng, cast, people, words, topics, START, days))
