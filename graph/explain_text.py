"""Explanations in plain words: one sentence for an edge, a pair or a cluster, and the tables under it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from graph import words
from graph.explain import EventPair, Pair
from graph.explain_group import Group
from graph.model import SECOND
from graph.report import CAUTION

UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
Rows = list[tuple[str, ...]]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEADS = 0.6  # share of its co-actions in which an account acted first, from which it leads
MEMBERS = 40  # accounts of a cluster that are listed


def span(microseconds: int) -> str:
    """A window in words: 5 minutes, 90 seconds, 1 hour."""
    seconds = microseconds / SECOND
    for size, name in UNITS:
        if seconds >= size and seconds % size == 0:
            return words.count(int(seconds // size), name)
    return f"{seconds:g} seconds"


def explained(expected: float) -> str:
    """A number of objects that chance explains."""
    return "under 0.1" if expected < 0.1 else f"{expected:.1f}"


def pair_sentence(pair: Pair) -> str:
    """What a pair did and whether it is an edge, and if not, why."""
    a, b, window = words.shown(pair.a.account_id), words.shown(pair.b.account_id), span(pair.basis.window)
    met = f"{a} and {b} acted within {window} of one another on {words.count(pair.objects, 'object')}"
    most = max((c.met for c in pair.channels), default=0)
    least = pair.basis.least_objects
    reasons = {
        "no_actions": f"{' and '.join(_idle(pair))} did nothing in the data window, so there is no edge.",
        "no_common_object": f"{a} and {b} acted on no object together on the same channel, so there is no edge.",
        "not_met": f"{a} and {b} acted on {words.count(sum(c.common for c in pair.channels), 'object')} both, never "
        f"within {window} of one another, so there is no edge.",
        "too_few_objects": f"{met}, {most} at most on one channel; an edge needs {least}.",
        "not_significant": f"{met}. The run keeps no edge: that is no more than chance explains, at a rate of false "
        f"discoveries of {pair.basis.fdr:g}.",
    }
    if not pair.edge:
        return reasons[pair.reason]
    half = f", half of the time within {words.apart(pair.median_gap)}" if pair.median_gap is not None else ""
    clauses = [f"{met} on {words.count(pair.days, 'day')}{half}"]
    clauses += _chance(pair.expected, pair.best, pair.objects)
    if pair.event_pairs:
        rarest = pair.event_pairs[0]
        name = rarest.object_id if rarest.private else words.shown(rarest.object_id)
        clauses.append(f"the rarest, {name}, had {words.count(rarest.object_accounts, 'account')}")
    clauses.append(_led(a, b, pair.a.first, pair.b.first, pair.co_actions))
    return "; ".join(clauses) + "."


def edge_sentence(
    edge: dict[str, Any], window: int | None, best: tuple[str, int] | None, rarest: tuple[str, str, int] | None
) -> str:
    """What an edge says, from the run's tables alone.

    Args:
        edge: a row of the edge table, of channel `all`.
        window: of a co-action, microseconds; None: the run does not say.
        best: the channel that tells most, and the objects met on it; None: no channel was tested alone.
        rarest: channel, id and accounts of the rarest object in the run's evidence; None: the run kept none.
    """
    a, b = words.shown(edge["account_a"]), words.shown(edge["account_b"])
    near = f"acted within {span(window)} of one another" if window else "acted together"
    clauses = [f"{a} and {b} {near} on {words.count(edge['objects'], 'object')}"]
    clauses += _chance(edge["expected"], best, edge["objects"])
    if rarest:
        channel, object_id, accounts = rarest
        name = words.shown_object(channel, object_id)
        clauses.append(f"the rarest with evidence, {name}, had {words.count(accounts, 'account')}")
    share, met = edge["a_first_share"], edge["co_actions"]
    if share is not None:
        first = share * met  # a tie counts half, so this may lie between two integers
        leader, times = (a, first) if 2 * first >= met else (b, met - first)
        even = (
            "neither came first more often"
            if 2 * first == met
            else f"{leader} came first in {times:g} of {words.count(met, 'co-action')}"
        )
        clauses.append(even)
    return "; ".join(clauses) + "."


def _chance(expected: float | None, best: tuple[str, int] | None, objects: int) -> list[str]:
    if expected is None:
        return []
    if best is None or best[1] == objects:
        return [f"chance explains {explained(expected)}"]
    return [f"of the {best[1]} by {words.shown(best[0])} chance explains {explained(expected)}"]


def _led(a: str, b: str, first_a: int, first_b: int, co_actions: int) -> str:
    if first_a == first_b:
        return "neither came first more often"
    leader, times = (a, first_a) if first_a > first_b else (b, first_b)
    ties = co_actions - first_a - first_b
    tied = f" ({ties} at the same moment)" if ties else ""
    return f"{leader} came first in {times} of {words.count(co_actions, 'co-action')}{tied}"


def _idle(pair: Pair) -> list[str]:
    return [words.shown(side.account_id) for side in (pair.a, pair.b) if not side.actions]


def group_sentence(group: Group) -> str:
    """What a cluster did together, and who leads."""
    network, size = group.network, len(group.members)
    by = " and ".join(words.shown(channel) for channel, _ in group.channels[:2])
    objects, days = words.count(network["objects"] or 0, "object"), words.count(network["days"] or 0, "day")
    clauses = [f"{words.count(size, 'account')} met on {objects} on {days}{', most by ' + by if by else ''}"]
    if group.objects:
        top = group.objects[0]
        name = top.object_id if top.private else words.shown(top.object_id)
        who = "all" if top.members == size else words.number(top.members)
        everybody = words.count(top.object_accounts, "account")
        when = words.between(top.first_at, top.last_at)
        clauses.append(f"{who} of them met on {name}, {top.largest} {when}; it had {everybody} in all")
    if group.pairs:
        best = group.pairs[0]
        met = words.count(best.objects, "object")
        pair = f"the strongest pair, {words.shown(best.account_a)} and {words.shown(best.account_b)}, met on {met}"
        clauses.append(", ".join([pair, *_chance(best.expected, best.best, best.objects)]))
    return "; ".join([*clauses, *_leading(group)]) + "."


def _leading(group: Group) -> list[str]:
    """Who leads, and who is followed: the followed act first as well, and may be victims."""
    followed = [words.shown(p.account_id) for p in group.members if p.role == "followed"]
    others = [p for p in group.members if p.role != "followed" and p.first_share is not None]
    clauses = ["nobody leads"]
    if others and (share := others[0].first_share or 0.0) >= LEADS:
        clauses = [f"{words.shown(others[0].account_id)} leads: it came first in {share:.0%} of its co-actions"]
    if followed:
        names, verb = ", ".join(followed[:3]), "is" if len(followed) == 1 else "are"
        more = f" and {len(followed) - 3} more" if len(followed) > 3 else ""
        clauses.append(f"{names}{more} {verb} followed: trailed by others and trailing nobody, as victims are")
    return clauses


def pair_text(pair: Pair) -> str:
    """A pair for a terminal."""
    lines = [pair_sentence(pair), "", f"Run {pair.basis.run_id}, {_data_window(pair.basis.since, pair.basis.until)}."]
    for side in (pair.a, pair.b):
        where = f", {side.role} of {words.shown(side.network_id or side.cluster_id)}" if side.cluster_id else ""
        actions = words.count(side.actions, "action")
        lines.append(f"{words.shown(side.account_id)}: {actions} in the data window{where}.")
    if pair.channels:
        near = f"WITHIN {words.apart(pair.basis.horizon).upper()}"
        met = f"WITHIN {words.apart(pair.basis.window).upper()}"
        rows: Rows = [("CHANNEL", "OBJECTS BOTH ACTED ON", near, met, "EXPECTED", "P", "Q")]
        rows += [
            (
                words.shown(c.channel),
                *(words.number(n) for n in (c.common, c.near, c.met)),
                *(words.figure(value) for value in (c.expected, c.p_value, c.q_value)),
            )
            for c in pair.channels
        ]
        lines += ["", *words.aligned(rows)]
    if pair.event_pairs:
        rows = [("OBJECT", "ACCOUNTS", "CHANNEL", "FIRST (UTC)", "WHO", "THEN", "WHO")]
        rows += [_event_row(event, pair) for event in pair.event_pairs]
        lines += ["", *words.aligned(rows)]
        if pair.rows > len(pair.event_pairs):
            lines.append(f"and {words.number(pair.rows - len(pair.event_pairs))} more; --most shows them.")
    return "\n".join([*lines, "", CAUTION])


def _event_row(event: EventPair, pair: Pair) -> tuple[str, ...]:
    a, b = (words.shown(side.account_id, 24) for side in (pair.a, pair.b))
    first, then = (a, b) if event.a_at <= event.b_at else (b, a)
    at = min(event.a_at, event.b_at)
    later = "together" if event.a_at == event.b_at else f"+{words.apart(abs(event.a_at - event.b_at))}"
    name = event.object_id if event.private else words.shown(event.object_id)
    accounts = words.number(event.object_accounts)
    return (f"#{event.thing} {name}", accounts, words.shown(event.channel), _second(at), first, later, then)


def group_text(group: Group) -> str:
    """A cluster for a terminal."""
    network = group.network
    names = (
        f"Network {words.shown(network['network_id'])} ({network['change']}), cluster {words.shown(group.cluster_id)}"
    )
    figures = f"density {words.figure(network['density'])}, stability {words.figure(network['stability'])}"
    channels = ", ".join(f"{words.shown(name)} {words.number(edges)}" for name, edges in group.channels) or "-"
    lines = [
        group_sentence(group),
        "",
        f"{names}, run {group.basis.run_id}, {_data_window(group.basis.since, group.basis.until)}.",
        f"{words.count(group.edges, 'coordination edge')}, {figures}; edges by channel: {channels}.",
    ]
    for rows in (_object_rows(group), _pair_rows(group), _member_rows(group)):
        lines += ["", *words.aligned(rows)] if len(rows) > 1 else []
    if len(group.members) > MEMBERS:
        lines.append(f"and {words.number(len(group.members) - MEMBERS)} more accounts; --json has them all.")
    return "\n".join([*lines, "", CAUTION])


def _object_rows(group: Group) -> Rows:
    rows: Rows = [("OBJECTS MOST MEMBERS MET ON", "CHANNEL", "MEMBERS", "ACCOUNTS", "GATHERINGS", "LARGEST")]
    for o in group.objects:
        name = o.object_id if o.private else words.shown(o.object_id)
        when = f"{o.largest} {words.between(o.first_at, o.last_at)}"
        counts = (words.number(n) for n in (o.members, o.object_accounts, o.gatherings))
        rows.append((name, words.shown(o.channel), *counts, when))
    return rows


def _pair_rows(group: Group) -> Rows:
    rows: Rows = [("STRONGEST PAIRS", "", "OBJECTS", "EXPECTED", "Q", "CO-ACTIONS", "LEFT CAME FIRST")]
    for p in group.pairs:
        share = "-" if p.a_first_share is None else f"{p.a_first_share:.0%}"
        names = (words.shown(p.account_a, 24), words.shown(p.account_b, 24))
        figures = (words.figure(p.expected), words.figure(p.q_value), words.number(p.co_actions), share)
        rows.append((*names, words.number(p.objects), *figures))
    return rows


def _member_rows(group: Group) -> Rows:
    rows: Rows = [("ACCOUNT", "ROLE", "EDGES", "CO-ACTIONS", "CAME FIRST")]
    for part in group.members[:MEMBERS]:
        share = "-" if part.first_share is None else f"{part.first_share:.0%}"
        rows.append(
            (words.shown(part.account_id), part.role, words.number(part.edges), words.number(part.co_actions), share)
        )
    return rows


def _data_window(since: int, until: int) -> str:
    return f"data from {words.minute(since)} to {words.minute(until)} UTC"


def _second(at: int) -> str:
    return f"{EPOCH + timedelta(microseconds=at):%Y-%m-%d %H:%M:%S}"


def as_json(found: Pair | Group) -> str:
    """The explanation for a program: its fields, and the sentence. Times are microseconds UTC."""
    sentence = pair_sentence(found) if isinstance(found, Pair) else group_sentence(found)
    return json.dumps({"sentence": sentence, **asdict(found)}, ensure_ascii=False, indent=1)
