"""From a run and the event log to one matrix: a row an account, a column a feature of gnn.catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.catalogue import COORDINATION, features_of
from gnn.coordination import read_trails
from gnn.window import Floats, Window
from graph.model import KINDS

Matrix = npt.NDArray[np.float32]
Columns = dict[str, Floats]
NAN = float("nan")
GAP_BUCKETS = 32


@dataclass(frozen=True)
class Features:
    """The matrix.

    `values`: float32 [accounts, features], NaN where unknown; `names` in order; `unknown` marks those that can be NaN.
    """

    names: tuple[str, ...]
    unknown: tuple[bool, ...]
    values: Matrix


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each feature over the training accounts; float32 [features]."""

    mean: Matrix
    deviation: Matrix

    @classmethod
    def fit(cls, values: Matrix) -> Scaling:
        """Statistics of the known values of each column; a column without two different ones gets 0 and 1."""
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)
        filled = np.where(known, values, 0).astype(np.float64)
        mean = filled.sum(axis=0) / count
        variance = (np.where(known, filled - mean, 0) ** 2).sum(axis=0) / count
        deviation = np.where(variance > 1e-12, np.sqrt(variance), 1)
        return cls(mean.astype(np.float32), deviation.astype(np.float32))

    def apply(self, values: Matrix, unknown: tuple[bool, ...]) -> Matrix:
        """Standardised values, 0 where unknown, then one missing-indicator for each feature that can be unknown.

        Values further than 8 deviations out are cut there: no single account may carry a neighbourhood's mean.

        Returns:
            float32 [accounts, features + sum(unknown)].
        """
        scaled = np.clip((values - self.mean) / self.deviation, -8, 8)
        missing = ~np.isfinite(values)
        scaled[missing] = 0
        return np.hstack([scaled, missing[:, np.asarray(unknown, dtype=bool)]]).astype(np.float32)


def build_features(window: Window, target: str) -> Features:
    """Compute the features for a target.

    Args:
        window: accounts, run and log.
        target: `ai_hosted` or `coordinated`; the latter gets nothing computed from coordination edges or clusters.
    """
    catalogue = features_of(target)
    columns: Columns = {}
    for part in (_activity, _channels, _timing, _texts, _replies, _contacts, _objects):
        columns |= part(window)
    if set(COORDINATION) <= set(catalogue):
        columns |= _coordination(window)
    values = np.column_stack([columns[f.name] for f in catalogue]).astype(np.float32)
    return Features(tuple(f.name for f in catalogue), tuple(f.unknown for f in catalogue), values)


def _activity(window: Window) -> Columns:
    table = window.source.table("behaviour", [
        "account_id", "actions", "active_days", "first_at", "last_at", "objects", "template_share", "quiet_gap_hours",
    ])  # fmt: skip
    at = window.numbers(table["account_id"])
    of = {c: window.column(at, _floats(table[c]), NAN) for c in table.column_names[1:]}
    actions, days = np.nan_to_num(of["actions"]), np.nan_to_num(of["active_days"])
    objects = np.nan_to_num(of["objects"])
    span = np.nan_to_num(of["last_at"] - of["first_at"])
    return {
        "actions": np.log1p(actions),
        "active_days": np.log1p(days),
        "actions_per_day": np.log1p(_ratio(actions, days, 0)),
        "span": span / max(1, window.until - window.since),
        "objects": np.log1p(objects),
        "objects_per_action": np.minimum(2, _ratio(objects, actions, 0)),
        "template_share": of["template_share"],
        "quiet_gap": of["quiet_gap_hours"],
    }


def _channels(window: Window) -> Columns:
    rows = window.rows("kinds")
    place = {kind: i for i, kind in enumerate(KINDS)}
    bins = [place.get(kind, len(KINDS)) for kind in rows["kind"]]
    counts = window.histogram(rows["who"], bins, rows["events"], len(KINDS) + 1)
    shares = _ratio(counts, counts.sum(axis=1, keepdims=True), 0)
    names = [*(f"share_{kind}" for kind in KINDS), "share_other"]
    return {**{name: shares[:, i] for i, name in enumerate(names)}, "kind_entropy": _entropy(counts)}


def _timing(window: Window) -> Columns:
    rows = window.rows("gap_sums")
    of = {name: window.column(rows["who"], values, 0) for name, values in rows.items() if name != "who"}
    gaps = np.where(of["gaps"] >= 2, of["gaps"], NAN)
    mean = of["total"] / gaps / 1000
    deviation = np.sqrt(np.maximum(of["squares"] / gaps / 1e6 - mean**2, 0))
    log_mean = of["log_total"] / gaps / 1000
    log_deviation = np.sqrt(np.maximum(of["log_squares"] / gaps / 1e6 - log_mean**2, 0))
    buckets = window.rows("gap_buckets")
    octaves = window.histogram(buckets["who"], buckets["bucket"], buckets["gaps"], GAP_BUCKETS)
    hours = window.rows("hours")
    clock = window.histogram(hours["who"], hours["hour"], hours["events"], 24)
    return {
        "gap_mean": np.log1p(mean),
        "gap_log_mean": log_mean,
        "gap_log_spread": log_deviation,
        "burstiness": np.where(np.isnan(gaps), NAN, _ratio(deviation - mean, deviation + mean, 0)),
        "gap_entropy": np.where(np.isnan(gaps), NAN, _entropy(octaves)),
        "short_gaps": of["short"] / gaps,
        "fast_switches": of["switches"] / gaps,
        "hour_entropy": _entropy(clock),
        "empty_hours": longest_empty_run(clock),
    }


def longest_empty_run(clock: Floats) -> Floats:
    """Longest circular run of empty hours of each row of a [accounts, 24] histogram; 24 for an empty row."""
    empty = np.hstack([clock, clock]) == 0
    longest, run = np.zeros(len(clock)), np.zeros(len(clock))
    for hour in range(empty.shape[1]):
        run = (run + 1) * empty[:, hour]
        longest = np.maximum(longest, run)
    return np.minimum(longest, 24)


def _texts(window: Window) -> Columns:
    rows = window.rows("texts")
    of = {name: window.column(rows["who"], values, 0) for name, values in rows.items() if name != "who"}
    mean = _ratio(of["chars"], of["texts"], NAN)
    deviation = np.sqrt(np.maximum(_ratio(of["squares"], of["texts"], NAN) - mean**2, 0))
    again = window.rows("templates")
    reuse = {name: window.column(again["who"], values, 0) for name, values in again.items() if name != "who"}
    return {
        "texts": np.log1p(of["texts"]),
        "text_length": np.log1p(mean),
        "text_variation": deviation / mean,
        "linked": _ratio(of["linked"], of["events"], 0),
        "tagged": _ratio(of["tagged"], of["events"], 0),
        "repeats": 1 - _ratio(reuse["different"], reuse["sent"], NAN),
        "shared_texts": _ratio(reuse["shared"], reuse["sent"], NAN),
    }


def _replies(window: Window) -> Columns:
    notes = window.rows("note_replies")
    return {
        "comment_latency": np.log1p(window.column(notes["who"], notes["latency"], NAN) / 1000),
        "writing_speed": np.log1p(window.column(notes["who"], notes["speed"], NAN)),
    }


def _contacts(window: Window) -> Columns:
    kinds = set(window.rows("kinds_known", until=window.until)["kind"])
    messages = window.rows("message_replies", since=window.since, until=window.until)
    received = window.rows("received", since=window.since, until=window.until)
    follows = window.rows("follows", until=window.until)
    private = 0 if "message" in kinds else NAN
    social = 0 if "follow" in kinds else NAN
    public = 0 if "note" in kinds else NAN
    recipients = window.column(messages["who"], messages["recipients"], private)
    followed = window.column(follows["who"], follows["follows"], social)
    return {
        "answer_latency": np.log1p(window.column(messages["who"], messages["latency"], NAN) / 1000),
        "messages_sent": np.log1p(window.column(messages["who"], messages["sent"], private)),
        "recipients": np.log1p(recipients),
        "answered": _ratio(window.column(messages["who"], messages["answered"], 0), recipients, NAN),
        "senders": np.log1p(window.column(received["who"], received["senders"], private)),
        "audience": np.log1p(window.column(received["who"], received["audience"], public)),
        "followers": np.log1p(window.column(follows["who"], follows["followers"], social)),
        "follows": np.log1p(followed),
        "mutual": _ratio(window.column(follows["who"], follows["mutual"], 0), followed, NAN),
    }


def _objects(window: Window) -> Columns:
    rows = window.rows("objects")
    of = {c: window.column(rows["who"], rows[c], 0) for c in ("objects", "popularity", "alone", "rare")}
    return {
        "popularity": _ratio(of["popularity"], of["objects"], 0) / 1000,
        "alone": _ratio(of["alone"], of["objects"], 0),
        "rare": _ratio(of["rare"], of["objects"], 0),
        "delay": np.log1p(window.column(rows["who"], rows["delay"], NAN) / 1000),
    }


def _coordination(window: Window) -> Columns:
    trails = read_trails(window)
    clusters = window.source.table("clusters", ["account_id", "cluster_id", "role", "stability"])
    sizes = clusters.group_by("cluster_id").aggregate([("account_id", "count")])
    clusters = clusters.join(sizes, "cluster_id").filter(pc.not_equal(pc.field("role"), "followed"))
    at = window.numbers(clusters["account_id"])
    known = at >= 0
    return {
        "coordination_degree": np.log1p(np.bincount(trails.to, minlength=window.size)),
        "joint_actions": np.log1p(np.bincount(trails.to, trails.co_actions, minlength=window.size)),
        "cluster_size": np.log1p(window.column(at[known], _floats(clusters["account_id_count"])[known], 0)),
        "cluster_stability": window.column(at[known], _floats(clusters["stability"])[known], 0),
    }


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _ratio(over: Floats, under: Floats, empty: float) -> Floats:
    """Quotient of over and under, `empty` where there is nothing under."""
    there = np.broadcast_to(under > 0, np.broadcast_shapes(over.shape, under.shape))
    return np.divide(over, under, out=np.full(there.shape, empty, dtype=np.float64), where=there)


def _entropy(counts: Floats) -> Floats:
    """Entropy in nats of each row of counts; 0 for an empty row."""
    shares = _ratio(counts, counts.sum(axis=1, keepdims=True), 0)
    return np.asarray(-np.sum(shares * np.log(np.where(shares > 0, shares, 1)), axis=1))
