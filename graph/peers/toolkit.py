"""coordination-network-toolkit 1.5.2, exactly as it behaves: its six networks, under its own column names.

Graham and QUT Digital Observatory, "Coordination Network Toolkit" (2020, doi:10.25912/RDF_1632782596538). Written
from its behaviour, quirks included; docs/how-to/peers.md says what they do to results. The input keeps its duplicates
and the order of its file: of two rows with one message_id the first counts.

Times are counted in whole microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.errors import InputError, UnavailableError
from graph.peers.scratch import database, microseconds, require, window_microseconds
from graph.statements import sql

COLUMNS = ("message_id", "user_id", "username", "repost_id", "reply_id", "message", "timestamp", "urls")
NEEDED = tuple(c for c in COLUMNS if c != "username")  # which is for show
NETWORKS = ("co_retweet", "co_tweet", "co_link", "co_reply", "co_post", "co_similar")

# the toolkit takes away what stands from an @ to the next white space (Unicode's White_Space)
MENTION = re.compile("@[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*")
# where it cuts a text: at each boundary of words (Unicode Annex 29), with the spaces and the apostrophe that follow
CUT = r"\b\p{Word_Break=WSegSpace}*'?"

Form = TypeVar("Form", str, tuple[str, ...])


@dataclass(frozen=True)
class ToolkitConfig:
    """What the toolkit is asked for, with the defaults of its command line.

    Attributes:
        network: one of NETWORKS (co_similar is its co_similar_tweet).
        window: two messages at most this many seconds apart may be linked (inclusive; its --time_window).
        minimum: least weight of an edge (its --min_edge_weight).
        similarity: in co_similar, least Jaccard similarity of two messages' tokens (its --similarity_threshold).
        least_tokens: in co_similar, tokens a message must have (its --min_document_size_similarity).
    """

    network: str
    window: float = 1
    minimum: int = 2
    similarity: float = 0.8
    least_tokens: int = 1

    def __post_init__(self) -> None:
        """Refuse what means nothing. Raises InputError."""
        if self.network not in NETWORKS:
            raise InputError(f"network: {self.network!r}; expected one of {', '.join(NETWORKS)}")
        window_microseconds(self.window, "window")
        if self.minimum < 1:
            raise InputError(f"minimum: {self.minimum}; expected a weight of at least 1")
        if not 0 < self.similarity <= 1:
            raise InputError(f"similarity: {self.similarity}; expected more than 0 and at most 1")
        if self.least_tokens < 1:
            raise InputError(f"least_tokens: {self.least_tokens}; expected at least 1")


def network(table: pa.Table, config: ToolkitConfig) -> pa.Table:
    """One of the toolkit's networks: directed edges without loops, in order of user_1 and user_2.

    Args:
        table: NEEDED, text but for timestamp (seconds), in the order of the file; null is as good as empty.
        config: what is asked.

    Returns:
        user_1, user_2 (text), weight (int64): distinct messages of user_1 with one of user_2 on the same key in the
        window. The key is what is reposted or replied to, a URL (the empty one too), the text in normal form (the
        empty one too), nothing at all (co_post), or in co_similar a similar set of tokens.

    Raises:
        InputError: a column is missing or a time is none.
        UnavailableError: co_similar needs a package that is not installed.
    """
    require(table, NEEDED, "coordination-network-toolkit")
    users, names = _numbers(_text(table, "user_id"))
    rows = {"n": np.arange(table.num_rows), "m": _numbers(_text(table, "message_id"))[0], "u": users}
    rows |= {c: _numbers(_text(table, f"{c}_id"), empty=False)[0] for c in ("repost", "reply")}
    rows["ts"] = microseconds(table["timestamp"], "timestamp")
    rows["said"], sets = pa.nulls(table.num_rows, pa.int64()), None
    if config.network == "co_tweet":
        rows["said"], _ = _said(table, normal_form)
    elif config.network == "co_similar":
        rows["said"], forms = _said(table, _tokenizer())
        sets = _sets(forms, config.least_tokens)
    window = window_microseconds(config.window, "window")
    values: dict[str, float] = {"window": window, "bucket": max(window, 1), "minimum": config.minimum}
    with database() as connection:
        connection.register("toolkit_rows", pa.table(rows))
        connection.register("toolkit_links", _links(table))
        connection.execute(sql("toolkit_acts"), {"network": config.network})
        connection.execute(sql("toolkit_met"))
        if sets is not None:
            connection.register("toolkit_sets", sets)
            values["similarity"] = config.similarity
        edges = connection.sql(sql("toolkit_network" if sets is None else "toolkit_similar"), params=values)
        found = edges.to_arrow_table()
    ends = {name: names.take(found[name]) for name in ("user_1", "user_2")}
    return pa.table(ends | {"weight": found["weight"]})


def _text(table: pa.Table, column: str) -> pa.Array:
    return pc.fill_null(pc.cast(table[column], pa.string()), "").combine_chunks()


def _numbers(texts: pa.Array, *, empty: bool = True) -> tuple[pa.Array, pa.Array]:
    """Texts as integers in order of their bytes, and the texts by number. Without `empty`, no text is null."""
    coded = pc.dictionary_encode(texts)
    order = pc.sort_indices(coded.dictionary)
    rank = np.empty(len(order), np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    numbers = pa.array(rank).take(coded.indices)
    if not empty:
        numbers = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.int64()), numbers)
    return numbers, coded.dictionary.take(order)


def _links(table: pa.Table) -> pa.Table:
    """The URLs of each row: n, url. Cut at each single space, so that a row without any has the empty one."""
    urls = pc.split_pattern(_text(table, "urls"), " ")
    numbers, _ = _numbers(pc.list_flatten(urls))
    return pa.table({"n": pc.cast(pc.list_parent_indices(urls), pa.int64()), "url": numbers})


def _said(table: pa.Table, form: Callable[[str], Form]) -> tuple[pa.Array, list[Form]]:
    """What each row says, as a number: the place of its form among the forms. Each distinct text is treated once."""
    coded = pc.dictionary_encode(_text(table, "message"))
    numbers: dict[Form, int] = {}
    found = [numbers.setdefault(form(text), len(numbers)) for text in coded.dictionary.to_pylist()]
    return pa.array(found, pa.int64()).take(coded.indices), list(numbers)


def _sets(forms: list[tuple[str, ...]], least: int) -> pa.Table:
    """Sets of tokens by number (said), tokens as integers; those with fewer than `least` are like no other."""
    numbers: dict[str, int] = {}
    kept = [i for i, tokens in enumerate(forms) if len(tokens) >= least]
    tokens = [[numbers.setdefault(token, len(numbers)) for token in forms[i]] for i in kept]
    return pa.table({"said": pa.array(kept, pa.int64()), "tokens": pa.array(tokens, pa.list_(pa.int64()))})


def normal_form(text: str) -> str:
    """The toolkit's normal form of a text: lower case, without mentions, white space as single spaces."""
    return " ".join(MENTION.sub("", text.lower()).split())


def _tokenizer() -> Callable[[str], tuple[str, ...]]:
    """A function from a text to the toolkit's set of tokens: words and punctuation in lower case, without mentions.

    Raises UnavailableError where the package that cuts texts as the toolkit does is not installed.
    """
    try:
        import regex  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise UnavailableError("co_similar cuts texts with the Python package regex, which is not installed") from error

    cut = regex.compile(CUT, flags=regex.WORD | regex.UNICODE | regex.V1)

    def tokens(text: str) -> tuple[str, ...]:
        parts = cut.split(MENTION.sub("", text.lower()))
        return tuple(sorted({token for part in parts for token in part.split()}))

    return tokens
