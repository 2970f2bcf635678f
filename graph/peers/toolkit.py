"""coordination-network-toolkit 1.5.2, exactly as it behaves: its six networks, under its own column names.

Graham and QUT Digital Observatory, "Coordination Network Toolkit" (2020, doi:10.25912/RDF_1632782596538). Written
from its behaviour, quirks included; docs/how-to/peers.md says what they do to results. The input keeps its duplicates
and the order of its file: of two rows with one message_id the first counts.

Times are counted in whole microseconds.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.errors import InputError, UnavailableError
from graph.peers import neighbours
from graph.peers.neighbours import Acts
from graph.peers.scratch import Numbers, database, integers, microseconds, numbers, require, window_microseconds
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
    """One of the toolkit's networks, whole: what `edges` gives, as text."""
    found = edges(table, config).read_all()
    return found.cast(pa.schema([("user_1", pa.string()), ("user_2", pa.string()), ("weight", pa.int64())]))


def edges(table: pa.Table, config: ToolkitConfig) -> pa.RecordBatchReader:
    """One of the toolkit's networks: directed edges without loops, in order of user_1 and user_2.

    Args:
        table: NEEDED, text but for timestamp (seconds), in the order of the file; null is as good as empty.
        config: what is asked.

    Returns:
        user_1, user_2 (text in dictionaries), weight (int64), to be read once: distinct messages of user_1 with one of
        user_2 on the same key in the window. The key is what is reposted or replied to, a URL (the empty one too), the
        text in normal form (the empty one too), nothing at all (co_post), or in co_similar a similar set of tokens.

    Raises:
        InputError: a column is missing or a time is none.
        UnavailableError: co_similar needs a package that is not installed.
    """
    require(table, NEEDED, "coordination-network-toolkit")
    ts = microseconds(table["timestamp"], "timestamp")
    users, names = _in_order(_text(table, "user_id").dictionary_encode())
    messages = numbers(_text(table, "message_id").dictionary_encode().indices)
    window = window_microseconds(config.window, "window")
    n, key = _taking_part(table, config.network, messages)
    acts = Acts(messages[n], users[n], key, ts[n])
    if config.network == "co_similar":
        found = _similar(table, config, acts, n, window)
    else:
        found = neighbours.edges(acts, window, config.minimum)
    text = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([("user_1", text), ("user_2", text), ("weight", pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        for one, two, weight in found:
            ends = [pa.DictionaryArray.from_arrays(integers(end, np.int32), names) for end in (one, two)]
            yield pa.record_batch([*ends, integers(weight)], schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _taking_part(table: pa.Table, network: str, messages: Numbers) -> tuple[Numbers, Numbers]:
    """Rows that take part and the key that each acts on, as a number; a row with several links stands there as often.

    The first row of a message_id counts, later ones are dropped; but their links are not: a message and URL stand with
    the first row that has both, which may be another user's. Reposts take part in co_retweet and co_post only.
    """
    first = np.r_[True, messages[1:] > np.maximum.accumulate(messages)[:-1]][: len(messages)]
    repost = _text(table, "repost_id")
    own = _empty(repost)
    if network == "co_link":
        return _links(table, messages, np.flatnonzero(own))
    taking, key = first & own, np.zeros(len(first), np.int64)
    if network == "co_retweet":
        taking, key = first & ~own, numbers(repost.dictionary_encode().indices)
    elif network == "co_reply":
        reply = _text(table, "reply_id")
        taking, key = taking & ~_empty(reply), numbers(reply.dictionary_encode().indices)
    elif network == "co_tweet":
        key, _ = _said(table, normal_form)
    elif network == "co_post":
        taking = first
    rows = np.flatnonzero(taking)
    return rows, key[rows]


def _links(table: pa.Table, messages: Numbers, rows: Numbers) -> tuple[Numbers, Numbers]:
    """Rows and their URLs as numbers, each message and URL once. Cut at each single space: no URL is the empty one."""
    urls = pc.split_pattern(_text(table, "urls").take(integers(rows)), " ")
    n = rows[numbers(pc.list_parent_indices(urls))]
    coded = pc.list_flatten(urls).dictionary_encode()
    url = numbers(coded.indices)
    _, firsts = np.unique(messages[n] * max(len(coded.dictionary), 1) + url, return_index=True)
    firsts.sort()
    return n[firsts], url[firsts]


def _similar(
    table: pa.Table, config: ToolkitConfig, acts: Acts, rows: Numbers, window: int
) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
    """Edges between messages whose sets of tokens are alike."""
    said, forms = _said(table, _tokenizer())
    columns = {"m": acts.m, "u": acts.u, "said": said[rows], "ts": acts.ts}
    values = {"window": window, "bucket": max(window, 1), "minimum": config.minimum, "similarity": config.similarity}
    with database() as connection:
        connection.register("toolkit_acts", pa.table(columns))
        connection.register("toolkit_sets", _sets(forms, config))
        found = connection.sql(sql("toolkit_similar"), params=values).to_arrow_table()
    yield numbers(found["user_1"]), numbers(found["user_2"]), numbers(found["weight"])


def _text(table: pa.Table, column: str) -> pa.StringArray:
    held = table[column].cast(pa.string()).combine_chunks()
    return pc.fill_null(held, "") if held.null_count else held


def _empty(texts: pa.StringArray) -> NDArray[np.bool_]:
    empty: NDArray[np.bool_] = numbers(pc.binary_length(texts)) == 0
    return empty


def _in_order(coded: pa.DictionaryArray) -> tuple[Numbers, pa.StringArray]:
    """Numbers in order of the texts' bytes instead, and the texts by number."""
    order = pc.sort_indices(coded.dictionary)
    rank = np.empty(len(order), np.int64)
    rank[numbers(order)] = np.arange(len(order))
    return rank[numbers(coded.indices)], coded.dictionary.take(order)


def _said(table: pa.Table, form: Callable[[str], Form]) -> tuple[Numbers, list[Form]]:
    """What each row says, as a number: the place of its form among the forms. Each distinct text is treated once."""
    coded = _text(table, "message").dictionary_encode()
    forms: dict[Form, int] = {}
    found = [forms.setdefault(form(text), len(forms)) for text in coded.dictionary.to_pylist()]
    return np.array(found, np.int64)[numbers(coded.indices)], list(forms)


def _sets(forms: list[tuple[str, ...]], config: ToolkitConfig) -> pa.Table:
    """Sets of tokens by number (said), tokens as integers; those with too few tokens are like no other.

    `rare` holds so many of a set's rarest tokens that two sets as similar as asked share one of them: a set of n that
    shares s * n tokens with another cannot lack more than n - s * n.
    """
    kept = [i for i, tokens in enumerate(forms) if len(tokens) >= config.least_tokens]
    uses = Counter(token for i in kept for token in forms[i])
    rarity = {token: rank for rank, token in enumerate(sorted(uses, key=lambda token: (uses[token], token)))}
    tokens = [sorted(rarity[token] for token in forms[i]) for i in kept]
    # a little less than s * n, as its last bits are not to be relied on: one token too many does no harm
    rare = [held[: len(held) - math.ceil(config.similarity * len(held) - 1e-6) + 1] for held in tokens]
    kind = pa.list_(pa.int64())
    return pa.table(
        {"said": pa.array(kept, pa.int64()), "tokens": pa.array(tokens, kind), "rare": pa.array(rare, kind)}
    )


def normal_form(text: str) -> str:
    """The toolkit's normal form of a text: lower case, without mentions, white space as single spaces."""
    return " ".join(MENTION.sub("", text.lower()).split())


def _tokenizer() -> Callable[[str], tuple[str, ...]]:
    """A function from a text to the toolkit's set of tokens: words and punctuation in lower case, without mentions.

    Raises UnavailableError where the package that cuts texts as the toolkit does is not installed.
    """
    try:
        import regex
    except ImportError as error:
        raise UnavailableError(
            "co_similar cuts texts with the package regex (extra toolkit), which is not installed"
        ) from error

    cut = regex.compile(CUT, flags=regex.WORD | regex.UNICODE | regex.V1)

    def tokens(text: str) -> tuple[str, ...]:
        parts = cut.split(MENTION.sub("", text.lower()))
        return tuple(sorted({token for part in parts for token in part.split()}))

    return tokens
