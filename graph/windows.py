"""Choosing a window: what each of several windows finds, how steady that is, and which one to use.

The data are cut in time where half of the actions lie before. Everything that the suggestion rests on comes from the
earlier part; the later part had no say, so what is shown for it is what to expect of the window.

Every window is held to the same rate of false discoveries, so the number of accounts with an edge may be compared over
windows: it grows until the window is as wide as the coordination is slow, and then chance takes over and it falls. On
most data it is nearly level in between, and which of the level ones is highest is luck. The suggestion is therefore the
window nearest to USUAL (in ratio; of two as near, the smaller) among those

    - that have at least KEEP of the largest number of accounts with an edge, and
    - that have at least DENSE of the largest number of edges of any such window: a window much shorter than the
      coordination is slow still gives each account some edge, but too few for its groups to hold together.

So a usual window stands unless the data speak against it. One window serves most accounts, not all: Scan.missed counts
whom only others find. docs/decisions/0018 has what else was tried, and measurements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from graph import coaction, communities, significance, words
from graph.coaction import CoactionConfig
from graph.engines import Connection
from graph.errors import InputError, NothingFoundError
from graph.model import SECOND
from graph.statements import sql

WINDOWS = tuple(s * SECOND for s in (10, 30, 60, 120, 300, 600, 1800, 3600))
HORIZON = 60  # windows; as in detection
USUAL = 120 * SECOND
KEEP = 0.8
DENSE = 0.5
WORK = 2_000_000  # pairs of events; beyond them, pairs of accounts are counted for a sample of accounts

Ends = tuple[str, str]


@dataclass(frozen=True)
class WindowsConfig:
    """Which windows are tried (microseconds; sorted, each once), at which rate of false discoveries.

    Raises InputError for none, for one that means nothing, and for a rate that is none.
    """

    windows: tuple[int, ...] = WINDOWS
    fdr: float = 0.01
    seed: int = 1

    def __post_init__(self) -> None:
        """Sort and refuse."""
        if not self.windows:
            raise InputError("no windows; expected for instance 30s,1m,5m")
        if not 0 < self.fdr < 1:
            raise InputError(f"fdr: {self.fdr}; expected a rate between 0 and 1")
        object.__setattr__(self, "windows", tuple(sorted(set(self.windows))))
        for window in self.windows:
            self.coaction(window)

    @staticmethod
    def coaction(window: int) -> CoactionConfig:
        """What counts as a co-action with this window."""
        return CoactionConfig(window, HORIZON * window)


@dataclass(frozen=True)
class Found:
    """What one window finds in one stretch of time: candidate pairs, edges, clusters and the accounts in them."""

    candidates: int
    edges: frozenset[Ends]
    clusters: int
    clustered: int

    @cached_property
    def accounts(self) -> frozenset[str]:
        """Accounts with an edge."""
        return frozenset(account for ends in self.edges for account in ends)


@dataclass(frozen=True)
class Row:
    """One window. What is not said to be of the later part is of the earlier one.

    Attributes:
        window: microseconds.
        pairs: pairs of accounts with a co-action; `sampled`: estimated from a sample of accounts.
        earlier, later: what is found in each part.
        neighbours: Jaccard overlap of the edges with those of the windows beside it, on average.
        halves: overlap of the accounts found in the two halves of the earlier part, of those that act in both.
        again: overlap of the accounts found in the earlier and in the later part, of those that act in both.
    """

    window: int
    pairs: int
    sampled: bool
    earlier: Found
    later: Found
    neighbours: float | None
    halves: float | None
    again: float | None


@dataclass(frozen=True)
class Scan:
    """What the windows find, and the one that is suggested.

    Attributes:
        since, halfway, until: the earlier part begins at `since`, the later one at `halfway` (microseconds UTC).
        actions: of the whole data window.
        rows: by window.
        suggested: number of the suggested row, or None: no window finds an edge in the earlier part.
        missed: accounts with an edge in the earlier part in another window, and not in the suggested one.
    """

    fdr: float
    since: int
    halfway: int
    until: int
    actions: int
    rows: tuple[Row, ...]
    suggested: int | None
    missed: int = 0


def steps(config: WindowsConfig) -> int:
    """How many times `scan` advances."""
    return 4 * len(config.windows)


def scan(
    connection: Connection,
    config: WindowsConfig,
    since: int | None = None,
    until: int | None = None,
    advance: Callable[[float], None] = lambda _n: None,
) -> Scan:
    """Try every window.

    Args:
        connection: to an event log (graph.coact.connected).
        config: the windows.
        since: first microsecond (default: the first action).
        until: the one after the last (default: just after the newest action).
        advance: is told of `steps(config)` steps.

    Raises:
        InputError: the data window is upside down.
        NothingFoundError: no action lies in it.
    """
    if since is not None and until is not None and since >= until:
        raise InputError("--since lies at or after --until")
    first, last, halfway, actions = _halfway(connection, since, until)
    if halfway is None:
        raise NothingFoundError(_nothing(*_halfway(connection, None, None)[:2]))
    since, until = first if since is None else since, last + 1 if until is None else until
    middle = _halfway(connection, since, halfway)[2] or halfway
    found: dict[str, tuple[list[Found], frozenset[str]]] = {}
    pairs: list[tuple[int, bool]] = []
    stretches = {
        "earlier": (since, halfway),
        "later": (halfway, until),
        "one": (since, middle),
        "two": (middle, halfway),
    }
    for name, stretch in stretches.items():
        coaction.prepare(connection, *stretch)
        names = coaction.account_names(connection)
        each = []
        for window in config.windows:
            each.append(_find(connection, window, config, names))
            if name == "earlier":
                pairs.append(_pairs(connection, window))
            advance(1)
        found[name] = each, frozenset(names.tolist())
    rows = _rows(config.windows, pairs, found)
    suggested = suggest(rows)
    return Scan(config.fdr, since, halfway, until, actions, rows, suggested, _missed(rows, suggested))


def suggest(rows: Sequence[Row]) -> int | None:
    """Number of the window to use, by the rule that the module's docstring states; None: nothing is found."""
    return min(keeping(rows), key=lambda i: (_apart(rows[i].window, USUAL), rows[i].window), default=None)


def _apart(one: int, other: int) -> Fraction:
    """How many times the larger is the smaller; exact, so that no tie is broken by rounding."""
    return Fraction(max(one, other), min(one, other))


def keeping(rows: Sequence[Row]) -> list[int]:
    """Numbers of the windows that keep KEEP of the accounts and DENSE of the edges; none if there are no edges."""
    most = max((len(row.earlier.accounts) for row in rows), default=0)
    kept = [i for i, row in enumerate(rows) if most and len(row.earlier.accounts) >= KEEP * most]
    dense = DENSE * max((len(rows[i].earlier.edges) for i in kept), default=0)
    return [i for i in kept if len(rows[i].earlier.edges) >= dense]


def _missed(rows: Sequence[Row], suggested: int | None) -> int:
    if suggested is None:
        return 0
    anywhere: frozenset[str] = frozenset().union(*(row.earlier.accounts for row in rows))
    return len(anywhere - rows[suggested].earlier.accounts)


def _nothing(first: int | None, last: int | None) -> str:
    if first is None:
        return "there are no actions"
    return f"no action lies in the data window; they go from {words.minute(first)} to {words.minute(last)} UTC"


def jaccard(one: frozenset[object], other: frozenset[object]) -> float | None:
    """Size of what both have over size of what either has; None if both are empty."""
    either = len(one | other)
    return len(one & other) / either if either else None


def _halfway(connection: Connection, since: int | None, until: int | None) -> tuple[Any, Any, Any, int]:
    """First and last time, the time that halves the actions (all three None: no actions), and their number."""
    limits = np.iinfo(np.int64)
    given = {
        "since": int(limits.min) if since is None else since,
        "until": int(limits.max) if until is None else until,
    }
    row: tuple[Any, Any, Any, int] = connection.execute(sql("windows_halfway"), given).fetchall()[0]
    return row


def _find(connection: Connection, window: int, config: WindowsConfig, names: np.ndarray) -> Found:
    counted = coaction.count(connection, config.coaction(window), WORK)
    tested = significance.test(counted, config.fdr).pairs
    kept = tested[tested["q_value"] <= config.fdr]
    a, z = kept["a"].to_numpy(np.int64), kept["z"].to_numpy(np.int64)
    members = communities.find(a, z, communities.ClusterConfig(), config.seed)
    edges = frozenset(zip(names[a].tolist(), names[z].tolist(), strict=True))
    return Found(len(tested), edges, int(members["cluster"].nunique()), len(members))


def _pairs(connection: Connection, window: int) -> tuple[int, bool]:
    """Pairs of accounts with a co-action, and whether that is an estimate."""
    work: int = connection.execute(sql("windows_work").format(reach=2 * int(window))).fetchall()[0][0]
    modulus = max(1, math.ceil(work / WORK))
    given = {"window": window, "modulus": modulus}
    ordered: int = connection.execute(sql("windows_pairs"), given).fetchall()[0][0]
    return ordered * modulus // 2, modulus > 1


def _rows(
    windows: tuple[int, ...], pairs: list[tuple[int, bool]], found: dict[str, tuple[list[Found], frozenset[str]]]
) -> tuple[Row, ...]:
    earlier, later = found["earlier"][0], found["later"][0]

    def overlap(one: str, other: str, i: int) -> float | None:
        active = found[one][1] & found[other][1]
        return jaccard(found[one][0][i].accounts & active, found[other][0][i].accounts & active)

    return tuple(
        Row(
            window,
            *pairs[i],
            earlier[i],
            later[i],
            _neighbours(earlier, i),
            overlap("one", "two", i),
            overlap("earlier", "later", i),
        )
        for i, window in enumerate(windows)
    )


def _neighbours(found: list[Found], i: int) -> float | None:
    beside = [jaccard(found[i].edges, found[j].edges) for j in (i - 1, i + 1) if 0 <= j < len(found)]
    known = [overlap for overlap in beside if overlap is not None]
    return sum(known) / len(known) if known else None
