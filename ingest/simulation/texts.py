"""Texts of the simulated platform, put together column by column from `vocabulary.json`.

Casual sentences have some millions of wordings per language and topic, so that two organic texts of
20 or more characters seldom coincide; stock comments ("so true!!") coincide all the time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
STOCK_SHARE = 0.35  # of organic comments
ASIDE_SHARE = {"casual": 0.7, "polished": 1.0}  # of sentences that end on somebody's name
GREETED = 0.08  # of a template's variants, whose words then differ
SEPARATORS = {"en": " ", "es": " ", "zh": "，", "ja": "、"}


@cache
def vocabulary() -> dict[str, Any]:
    """The phrases, read once."""
    text = files("ingest.simulation").joinpath("vocabulary.json").read_text(encoding="utf-8")
    words: dict[str, Any] = json.loads(text)
    return words


def languages() -> list[str]:
    """Languages spoken; a language code is an index into this list."""
    return list(vocabulary()["languages"])


def pick(rng: np.random.Generator, phrases: list[str], count: int, skew: float = 0.0) -> pa.Array:
    """`count` phrases at random; with a skew, the first ones more often (Zipf)."""
    if skew:
        weights = 1.0 / np.arange(1, len(phrases) + 1) ** skew
        index = rng.choice(len(phrases), count, p=weights / weights.sum())
    else:
        index = rng.integers(0, len(phrases), count)
    return pa.array(phrases, pa.string()).take(pa.array(index))


def join(*parts: pa.Array | str, by: str = "") -> pa.Array:
    """Join columns of strings (and constants) row by row."""
    return pc.binary_join_element_wise(*parts, by)


def filled(rng: np.random.Generator, phrases: list[str], names: pa.Array) -> pa.Array:
    """One phrase per name, the name in place of its {} (phrases without one stay as they are)."""
    index = pa.array(rng.integers(0, len(phrases), len(names)))
    heads = pa.array([p.partition("{}")[0] for p in phrases], pa.string()).take(index)
    tails = pa.array([p.partition("{}")[2] for p in phrases], pa.string()).take(index)
    has_name = pa.array(["{}" in p for p in phrases]).take(index)
    return join(heads, pc.if_else(has_name, names, ""), tails)


def choose(condition: NDArray[np.bool_], yes: pa.Array, no: pa.Array) -> pa.Array:
    """Row by row `yes` where the condition holds, else `no`."""
    return pc.if_else(pa.array(condition), yes, no)


@dataclass(frozen=True)
class Words:
    """The texts of one platform; `latin` and `cjk` hold one name per topic."""

    latin: pa.Array
    cjk: pa.Array

    @classmethod
    def invent(cls, rng: np.random.Generator, topics: int) -> Words:
        """Name the topics after nothing that exists."""
        words = vocabulary()
        latin = join(pick(rng, words["name_heads"], topics), pick(rng, words["name_tails"], topics))
        cjk = join(pick(rng, words["name_chars"], topics), pick(rng, words["name_chars"], topics))
        return cls(latin, cjk)

    def name(self, language: str, topic: Ints) -> pa.Array:
        """The topics' names as they are written in a language."""
        names = self.cjk if language in ("zh", "ja") else self.latin
        return names.take(pa.array(topic))

    def coined(self, rng: np.random.Generator, language: str, count: int) -> pa.Array:
        """Names of people and places that nobody else mentions: some thousands per script."""
        words = vocabulary()
        if language in ("zh", "ja"):
            return join(*(pick(rng, words["name_chars"], count) for _ in range(3)))
        first, second = (pick(rng, words["name_heads"], count) for _ in range(2))
        return pc.utf8_capitalize(join(first, second, pick(rng, words["name_tails"], count)))

    def sentences(self, style: str, rng: np.random.Generator, language: Ints, topic: Ints) -> pa.Array:
        """One sentence per row; `style` is casual or polished, `language` a code, `topic` a number."""
        done, rows = [], []
        for code, name in enumerate(languages()):
            mine = np.flatnonzero(language == code)
            if not len(mine):
                continue
            names = self.name(name, topic[mine])
            slots = [filled(rng, phrases, names) for phrases in vocabulary()[style][name]]
            gap = SEPARATORS[name] if style == "casual" else " " if name in ("en", "es") else ""
            core = pc.utf8_rtrim(join(*slots, by=gap), characters=" ，、,")
            aside = filled(rng, vocabulary()["asides"][style][name], self.coined(rng, name, len(mine)))
            more = rng.random(len(mine)) < ASIDE_SHARE[style]
            done.append(choose(more, join(core, aside, by=gap), core))
            rows.append(mine)
        order = np.argsort(np.concatenate(rows), kind="stable") if rows else np.empty(0, np.int64)
        return pa.concat_arrays(done or [pa.array([], pa.string())]).take(pa.array(order))

    def casual(self, rng: np.random.Generator, language: Ints, topic: Ints) -> pa.Array:
        """What people write: a sentence, a mark, an emoji."""
        count = len(language)
        text = self.sentences("casual", rng, language, topic)
        return join(text, pick(rng, vocabulary()["marks"], count), pick(rng, vocabulary()["emoji"], count))

    def comments(self, rng: np.random.Generator, language: Ints, topic: Ints) -> pa.Array:
        """Organic comments: stock phrases and casual sentences."""
        stock = pick(rng, vocabulary()["stock"], len(language), skew=0.9)
        return choose(rng.random(len(language)) < STOCK_SHARE, stock, self.casual(rng, language, topic))

    def notes(self, rng: np.random.Generator, language: Ints, topic: Ints) -> pa.Array:
        """Organic notes: two casual sentences, now and then three."""
        first, second, third = (self.casual(rng, language, topic) for _ in range(3))
        return choose(rng.random(len(language)) < 0.3, join(first, second, third, by=" "), join(first, second, by=" "))

    def polished(self, rng: np.random.Generator, language: Ints, topic: Ints) -> pa.Array:
        """Long, well-formed texts, as AI tools, translators and dictation users write."""
        first, second = (self.sentences("polished", rng, language, topic) for _ in range(2))
        return choose(rng.random(len(language)) < 0.4, join(first, second, by=" "), first)

    def mirrored(self, rng: np.random.Generator, language: Ints, topic: Ints, original: pa.Array) -> pa.Array:
        """Long comments that repeat a stretch of the text they answer."""
        echo = pc.utf8_slice_codeunits(original, 0, 48)
        return join(echo, " — ", self.sentences("polished", rng, language, topic))

    def pitches(self, rng: np.random.Generator, topic: Ints) -> pa.Array:
        """One base text of a template per topic given; two parts, so that no two calls share one."""
        pitch = filled(rng, vocabulary()["pitches"], self.name("zh", topic))
        language = rng.integers(0, len(languages()), len(topic))
        return join(pitch, "; ", self.sentences("polished", rng, language, topic))

    def variants(self, rng: np.random.Generator, base: pa.Array) -> pa.Array:
        """Each text as a template engine sends it: other digits, emoji and punctuation; now and then a greeting."""
        words, count = vocabulary(), len(base)
        digits = pa.array(rng.integers(10, 10_000, count)).cast(pa.string())
        heads, tails = pick(rng, words["heads"], count), pick(rng, words["tails"], count)
        heads = choose(rng.random(count) < GREETED, pick(rng, words["greetings"], count), heads)
        return join(heads, base, " ", digits, tails)
