"""Why a pair is an edge, or why it is none: the exact event pairs, counted from the log as the run saw it.

What is told comes from two places. The run has what was inferred: expected, p and q of an edge, clusters, networks, and
in its manifest the window, the horizon and the data window. The event log has what was observed; it is read as it was
when the run was made, so that an explanation stays the same while the log grows.

Objects on private ground are not named unless the caller says so (`private`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.basis import Basis, LogAsOf, basis_of, named
from graph.errors import InputError, NothingFoundError
from graph.log import EventLog
from graph.model import DAY
from graph.runs import Run
from graph.statements import sql
from graph.words import shown


@dataclass(frozen=True)
class EventPair:
    """One co-action, on one channel. The same two events may be seen on several channels.

    Attributes:
        thing: number of the object, rarest first; tells objects apart that are not named.
        object_id: its id, or what it is where it is private and not to be named.
        private: whether it is on private ground.
        object_accounts: accounts that acted on it on this channel in the data window: its rarity.
        a_at, b_at: when each account acted, microseconds UTC.
    """

    thing: int
    channel: str
    object_id: str
    private: bool
    object_accounts: int
    a_at: int
    b_at: int
    a_event_id: str
    b_event_id: str


@dataclass(frozen=True)
class OnChannel:
    """What a pair did on one channel, in objects: acted on by both, within the horizon, and within the window (`met`).

    `expected`, `p_value` and `q_value` are the run's; None where it kept none.
    """

    channel: str
    common: int
    near: int
    met: int
    expected: float | None
    p_value: float | None
    q_value: float | None


@dataclass(frozen=True)
class Side:
    """One account of a pair: its actions in the data window, where the run put it, and how often it acted first."""

    account_id: str
    actions: int
    first: int
    cluster_id: str | None
    network_id: str | None
    role: str | None


@dataclass(frozen=True)
class Pair:
    """A pair of accounts, explained.

    Attributes:
        edge: whether the run has a coordination edge between them.
        reason: `edge`, or what is missing: `no_actions` (of one account, in the data window), `no_common_object`,
            `not_met` (never within the window), `too_few_objects` (on every channel), `not_significant`.
        a, b: the accounts, the one first in lexicographic order being a.
        co_actions: event pairs within the window; one seen on several channels counts once.
        objects, days: distinct objects met on, and distinct days (UTC).
        median_gap: of the event pairs, microseconds; None without any.
        best: the channel that tells most and the objects met on it; None if no channel was tested, or it is no edge.
        expected: how many of those chance explains.
        channels: by name.
        event_pairs: the first `most` of `rows`, rarest object first.
        rows: event pairs counted on every channel they are seen on.
    """

    basis: Basis
    edge: bool
    reason: str
    a: Side
    b: Side
    co_actions: int
    objects: int
    days: int
    median_gap: int | None
    expected: float | None
    p_value: float | None
    q_value: float | None
    best: tuple[str, int] | None
    channels: tuple[OnChannel, ...]
    event_pairs: tuple[EventPair, ...]
    rows: int


def explain_pair(
    run: Run, log: EventLog, accounts: Sequence[str], *, most: int | None = None, private: bool = False
) -> Pair:
    """Explain two accounts.

    Args:
        run: the run whose edges, window and data window count.
        log: the event log it was made from; what was appended later is left out.
        accounts: two different account ids.
        most: event pairs to give, rarest object first (None: all).
        private: name objects on private ground.

    Raises:
        InputError: both ids are the same.
        NothingFoundError: an id is in the log nowhere.
        ConflictError: the run was made from another log.
    """
    a, b = sorted(accounts)
    if a == b:
        raise InputError(f"twice the same account, {shown(a)}; expected two")
    basis = basis_of(run)
    seen = LogAsOf(log, run.manifest["key"]["log"])
    inside = {"since": basis.since, "until": basis.until}
    both = {"a": a, "b": b, **inside, "window": basis.window}
    with seen.connect() as connection:
        acted = [_actions(connection, account, inside) for account in (a, b)]
        shared = connection.execute(sql("explain_common"), {**both, "horizon": basis.horizon}).fetchall()
        events = connection.sql(sql("explain_pair"), params=both).to_arrow_table().to_pylist()
    rows = _edge_rows(run, a, b)
    channels = tuple(
        OnChannel(channel, common, near, met, *_significance(rows.get(channel)))
        for channel, common, near, met in shared
    )
    expected, p_value, q_value = _significance(rows.get("all"))
    # an event pair counts once, on whatever channels it is seen
    moments = {(e["a_event_id"], e["b_event_id"]): (e["a_at"], e["b_at"]) for e in events}
    gaps = np.array([y - x for x, y in moments.values()], dtype=np.int64)
    firsts = (int((gaps > 0).sum()), int((gaps < 0).sum()))
    sides = _sides(run, (a, b), acted, firsts)
    return Pair(
        basis=basis,
        edge="all" in rows,
        reason="edge" if "all" in rows else _reason(acted, channels, basis),
        a=sides[0],
        b=sides[1],
        co_actions=len(moments),
        objects=len({e["thing"] for e in events}),
        days=len({min(moment) // DAY for moment in moments.values()}),
        median_gap=int(np.sort(np.abs(gaps))[(len(gaps) - 1) // 2]) if len(gaps) else None,
        best=telling(rows.values()),
        expected=expected,
        p_value=p_value,
        q_value=q_value,
        channels=channels,
        event_pairs=tuple(_event_pair(e, private) for e in events[:most]),
        rows=len(events),
    )


def _actions(connection: duckdb.DuckDBPyConnection, account: str, inside: dict[str, int]) -> int:
    """How many actions of the account lie in the data window. Raises NothingFoundError for an unknown one."""
    found = connection.execute(sql("explain_account"), {"account": account, **inside}).fetchall()[0]
    logged, count, known, alike = found
    if not logged and not known:
        hint = f"; there is {', '.join(shown(name) for name in alike[:3])}" if alike else ""
        raise NothingFoundError(f"no account {shown(account)!r} in the event log{hint}")
    return int(count)


def _edge_rows(run: Run, a: str, b: str) -> dict[str, dict[str, Any]]:
    """The pair's rows of the edge table, by channel."""
    edges = run.table("edges", ["account_a", "account_b", "channel", "objects", "expected", "p_value", "q_value"])
    kept = edges.filter(pc.and_(pc.equal(edges["account_a"], a), pc.equal(edges["account_b"], b)))
    return {row["channel"]: row for row in kept.to_pylist()}


def telling(rows: Iterable[Mapping[str, Any]]) -> tuple[str, int] | None:
    """The channel that tells most about a pair, and the objects met on it: what `expected` of channel `all` is about.

    Args:
        rows: the pair's rows of the edge table.

    Returns:
        None where no channel had enough objects to be tested.
    """
    tested = [row for row in rows if row["channel"] != "all" and row["expected"] is not None]
    best = min(tested, key=lambda row: (row["p_value"], row["channel"]), default=None)
    return (best["channel"], best["objects"]) if best else None


def _significance(row: Mapping[str, Any] | None) -> tuple[float | None, float | None, float | None]:
    return (row["expected"], row["p_value"], row["q_value"]) if row else (None, None, None)


def _reason(acted: list[int], channels: tuple[OnChannel, ...], basis: Basis) -> str:
    if not all(acted):
        return "no_actions"
    if not channels:
        return "no_common_object"
    most = max(c.met for c in channels)
    if not most:
        return "not_met"
    return "too_few_objects" if most < basis.least_objects else "not_significant"


def _sides(run: Run, accounts: tuple[str, str], acted: list[int], firsts: tuple[int, int]) -> list[Side]:
    clusters = run.table("clusters", ["account_id", "cluster_id", "role"])
    member = {
        r["account_id"]: r
        for r in clusters.filter(pc.is_in(clusters["account_id"], pa.array(accounts, pa.string()))).to_pylist()
    }
    networks = run.table("networks", ["cluster_id", "network_id"])
    network_of = dict(zip(networks["cluster_id"].to_pylist(), networks["network_id"].to_pylist(), strict=True))
    sides = []
    for account, actions, first in zip(accounts, acted, firsts, strict=True):
        row = member.get(account, {})
        cluster = row.get("cluster_id")
        sides.append(Side(account, actions, first, cluster, network_of.get(cluster), row.get("role")))
    return sides


def _event_pair(event: dict[str, Any], private: bool) -> EventPair:
    object_id, hidden = named(event["channel"], event["object_id"], private)
    return EventPair(**{**event, "object_id": object_id, "private": hidden})
