"""Plain, slow implementations of what the peers do and of the default co-actions.

Nothing here shares code with what it checks: no SQL, no buckets, lists and loops alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import pyarrow as pa

Row = dict[str, Any]


class Share(NamedTuple):
    """A row of CooRTweet's input."""

    object_id: str | None
    account_id: str | None
    content_id: str | None
    at: float


class Pair(NamedTuple):
    """A row of CooRTweet's detect_groups."""

    object_id: str
    content: str
    content_y: str
    gap: float
    account: str
    account_y: str


def shares_table(shares: Sequence[Share]) -> pa.Table:
    """The shares as CooRTweet's input."""
    names = ("object_id", "account_id", "content_id", "timestamp_share")
    kinds = (pa.string(), pa.string(), pa.string(), pa.float64())
    columns = zip(*shares, strict=True) if shares else ([], [], [], [])
    return pa.table({n: pa.array(list(c), k) for n, c, k in zip(names, columns, kinds, strict=True)})


def coortweet_pairs(
    shares: Sequence[Share], window: float, least: int, fast: float | None = None
) -> list[tuple[Pair, int]]:
    """CooRTweet's pairs in its order, each with 1 if it is in the fast network (0 without a fast window)."""
    acts = Counter(s.account_id for s in shares)
    rows = [s for who in dict.fromkeys(s.account_id for s in shares) for s in shares if s.account_id == who]
    rows = [s for s in rows if acts[s.account_id] >= least]

    def taking_part(pairs: list[Pair]) -> list[Pair]:
        met = {c for p in pairs for c in (p.content, p.content_y)}
        counts = Counter(s.account_id for s in rows if s.content_id in met)
        busy = {s.content_id for s in rows if s.content_id in met and counts[s.account_id] >= least}
        return [p for p in pairs if p.content in busy or p.content_y in busy]

    found = []
    for thing in dict.fromkeys(s.object_id for s in rows):
        on = [s for s in rows if s.object_id == thing]
        for place, y in enumerate(on):
            for x in on[:place]:
                if thing is None or None in (x.account_id, y.account_id, x.content_id, y.content_id):
                    continue
                if abs(x.at - y.at) > window or thing in (x.content_id, y.content_id):
                    continue
                if x.content_id == y.content_id or x.account_id == y.account_id:
                    continue
                one, two = (y, x) if x.at > y.at else (x, y)
                found.append(
                    Pair(thing, one.content_id, two.content_id, two.at - one.at, one.account_id, two.account_id)  # type: ignore[arg-type]
                )
    kept = taking_part(found)
    if fast is None:
        return [(p, 0) for p in kept]
    quick = {(p.content, p.content_y) for p in taking_part([p for p in kept if p.gap <= fast])}
    kept.sort(key=lambda p: (p.content.encode(), p.content_y.encode()))
    return [(p, int((p.content, p.content_y) in quick)) for p in kept]


def r_quantile(values: Sequence[int], share: float) -> float:
    """R's quantile, type 7, in the order in which stats::quantile.default counts (from 1)."""
    ordered = sorted(values)
    index = 1 + max(len(ordered) - 1, 0) * share
    low, high = math.floor(index), math.ceil(index)
    if index > low and ordered[high - 1] != ordered[low - 1]:
        h = index - low
        return (1 - h) * ordered[low - 1] + h * ordered[high - 1]
    return ordered[low - 1]


def _coortweet_edges(pairs: list[Pair], share: float) -> dict[tuple[str, str], tuple[Any, ...]]:
    held: dict[tuple[str, str], list[Pair]] = {}
    for p in pairs:
        one, two = sorted((p.account, p.account_y), key=str.encode)
        held.setdefault((one, two), []).append(p)
    edges = {}
    for ends, of in held.items():
        contents, contents_y = len({p.content for p in of}), len({p.content_y for p in of})
        symmetry = min(contents, contents_y) / max(contents, contents_y)
        over = int(len(of) > r_quantile([len(o) for o in held.values()], share))
        edges[ends] = (len(of), sum(p.gap for p in of) / len(of), contents, contents_y, symmetry, over)
    return edges


def coortweet_network(
    shares: Sequence[Share], window: float, least: int, share: float, fast: float | None = None
) -> list[tuple[Any, ...]]:
    """CooRTweet's edges: from, to and its measures; with a fast window those of the full, then of the fast network.

    igraph gives the vertex that it met first, first: all accounts of the first column, then those of the second.
    """
    pairs = coortweet_pairs(shares, window, least, fast)
    full = _coortweet_edges([p for p, _ in pairs], share)
    quick = _coortweet_edges([p for p, flag in pairs if flag], share)
    vertices = list(dict.fromkeys([a for a, _ in full] + [b for _, b in full]))
    found = []
    for ends, measures in full.items():
        one, two = sorted(ends, key=vertices.index)
        found.append((one, two, *measures, *((quick.get(ends, (None,) * 6)) if fast is not None else ())))
    return found


TOOLKIT_COLUMNS = ("message_id", "user_id", "username", "repost_id", "reply_id", "message", "timestamp", "urls")


def _toolkit_acts(rows: Sequence[Row], network: str, words: Callable[[str], set[str]] | None) -> list[tuple[Any, Row]]:
    """What takes part: (key, message); the first of two messages with one id counts, but its links are joined."""
    messages: dict[str, Row] = {}
    links: dict[tuple[str, str], Row] = {}
    for row in rows:
        messages.setdefault(row["message_id"], row)
        for url in [] if row["repost_id"] else row["urls"].split(" "):
            links.setdefault((row["message_id"], url), row)
    own = [row for row in messages.values() if not row["repost_id"]]
    if network == "co_similar":
        assert words is not None
        return [(words(row["message"]), row) for row in own]
    return {
        "co_post": [(0, row) for row in messages.values()],
        "co_retweet": [(row["repost_id"], row) for row in messages.values() if row["repost_id"]],
        "co_reply": [(row["reply_id"], row) for row in own if row["reply_id"]],
        "co_tweet": [(plain(row["message"]), row) for row in own],
        "co_link": [(url, row) for (_, url), row in links.items()],
    }[network]


def toolkit_network(
    rows: Sequence[Row],
    network: str,
    window: float,
    minimum: int,
    words: Callable[[str], set[str]] | None = None,
    similarity: float = 0.8,
    least_tokens: int = 1,
) -> dict[tuple[str, str], int]:
    """The toolkit's directed edges; `words` says which tokens a text has (co_similar)."""
    acts = _toolkit_acts(rows, network, words)
    heard: dict[tuple[str, str], set[str]] = defaultdict(set)
    for key, x in acts:
        for other, y in acts:
            if x["user_id"] == y["user_id"] or abs(x["timestamp"] - y["timestamp"]) > window:
                continue
            if network == "co_similar":
                alike = min(len(key), len(other)) >= least_tokens and len(key & other) / len(key | other) >= similarity
            else:
                alike = key == other
            if alike:
                heard[x["user_id"], y["user_id"]].add(x["message_id"])
    return {ends: len(ids) for ends, ids in heard.items() if len(ids) >= minimum}


def plain(text: str) -> str:
    """The toolkit's normal form of a text, word by word: mentions go from the @ to the next white space."""
    kept, in_mention = [], False
    for c in text.lower():
        in_mention = (in_mention or c == "@") and (not c.isspace() or c in "\x1c\x1d\x1e\x1f")
        kept.append("" if in_mention else c)
    return " ".join("".join(kept).split())


@dataclass(frozen=True)
class Act:
    """A row of the action table."""

    event_id: str
    account_id: str
    channel: str
    object_id: str
    at: int


def co_actions(acts: Sequence[Act], window: int, least: int = 1) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    """Every pair with a co-action: (a, b, channel) to co_actions, objects, first_at, last_at, a_first_share.

    On a channel a co-action is two events on one object. In `all` two events are one co-action, whatever they met on.
    """
    joint: dict[tuple[str, str], dict[tuple[str, str], list[tuple[str, str, int, float]]]] = {}
    for x, y in combinations(acts, 2):
        same = (x.channel, x.object_id) == (y.channel, y.object_id)
        if not same or x.account_id == y.account_id or abs(x.at - y.at) > window:
            continue
        a, z = (x, y) if x.account_id.encode() < y.account_id.encode() else (y, x)
        first = 1.0 if a.at < z.at else 0.5 if a.at == z.at else 0.0
        met = joint.setdefault((a.account_id, z.account_id), {}).setdefault((a.channel, a.object_id), [])
        met.append((a.event_id, z.event_id, min(a.at, z.at), first))
    if least > 1:
        things: dict[str, set[str]] = defaultdict(set)
        for ends, on in joint.items():
            for end in ends:
                things[end] |= {thing for _, thing in on}
        joint = {ends: on for ends, on in joint.items() if all(len(things[end]) >= least for end in ends)}
    found = {}
    for ends, on in joint.items():
        for channel in {c for c, _ in on}:
            met = [m for (c, _), of in on.items() if c == channel for m in of]
            found[*ends, channel] = _measures(met, len({o for c, o in on if c == channel}))
        once = list({(m[0], m[1]): m for of in on.values() for m in of}.values())
        found[*ends, "all"] = _measures(once, len({o for _, o in on}))
    return found


def _measures(met: list[tuple[str, str, int, float]], objects: int) -> tuple[Any, ...]:
    times = [at for *_, at, _ in met]
    return len(met), objects, min(times), max(times), sum(first for *_, first in met) / len(met)
