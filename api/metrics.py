"""Metrics of the decision store for Prometheus, read when they are asked for: ages, queues, overturned penalties.

No label holds an account, a network or any free text. docs/examples/alerts.yml has the alarms that rest on these names.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, func, select

from api import brakes, judging, webhooks
from api.clock import DAY, SECOND
from api.clock import now as clock
from api.store import reading
from api.tables import audit_head, network_actions, networks, outbox, penalties, reversals, review_queue
from graph.errors import ShoalError

CACHE_SECONDS = 5.0
RECENT_DAYS = 30


class StoreMetrics(Collector):
    """The store's gauges; what was read counts for `CACHE_SECONDS`, however often somebody asks."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._lock = engine, threading.Lock()
        self._read: tuple[float, list[Metric]] = (float("-inf"), [])

    def describe(self) -> Iterable[Metric]:
        """Nothing is read when the collector is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics; `shoal_store_up` alone where the store does not answer."""
        with self._lock:
            at, found = self._read
            if time.monotonic() - at > CACHE_SECONDS:
                found = self._collected()
                self._read = (time.monotonic(), found)
        yield from found

    def _collected(self) -> list[Metric]:
        try:
            with reading(self._engine) as tx:
                found = [*_publication(tx), *_outbox(tx), *_webhooks(tx), *_actions(tx), *_penalties(tx), *_rest(tx)]
        except ShoalError:
            return [_gauge("shoal_store_up", "Whether the decision store answers", 0)]
        return [_gauge("shoal_store_up", "Whether the decision store answers", 1), *found]


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _by(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def _publication(tx: Connection) -> Iterator[Metric]:
    current = judging.publication(tx)
    if current is None:
        return
    at = clock()
    yield _gauge(
        "shoal_run_age_seconds", "Since the end of what the published run saw", (at - current.window_until) / SECOND
    )
    yield _gauge("shoal_publication_age_seconds", "Since the run was published", (at - current.published_at) / SECOND)
    mine = networks.c.publication_id == current.publication_id
    tiers = tx.execute(select(networks.c.tier, func.count()).where(mine).group_by(networks.c.tier))
    yield _by("shoal_networks", "Networks of the current publication", "tier", dict(map(tuple, tiers)))


def _outbox(tx: Connection) -> Iterator[Metric]:
    kinds = (
        select(outbox.c.kind, func.count(), func.min(outbox.c.created_at))
        .where(outbox.c.delivered_at.is_(None))
        .group_by(outbox.c.kind)
    )
    found = [(kind, n, oldest) for kind, n, oldest in tx.execute(kinds)]
    at = clock()
    yield _by("shoal_outbox_waiting", "Rows that are not delivered yet", "kind", {kind: n for kind, n, _ in found})
    ages = {kind: (at - oldest) / SECOND for kind, _, oldest in found}
    yield _gauge(
        "shoal_outbox_age_seconds", "Age of the oldest row that is not delivered", max(ages.values(), default=0)
    )


def _webhooks(tx: Connection) -> Iterator[Metric]:
    """What each receiver has not received: a penalty that the platform does not know of is not in force."""
    at, found = clock(), {row["endpoint_id"]: row for row in webhooks.standing(tx)}
    oldest = {name: min(row["tried_from"] or at, row["untried_from"] or at) for name, row in found.items()}
    ages = {name: (at - then) / SECOND for name, then in oldest.items()}
    yield _by("shoal_webhook_age_seconds", "Age of the oldest event that is not received", "endpoint", ages)
    given_up = {name: row["dead"] for name, row in found.items()}
    yield _by("shoal_webhook_dead", "Events that were given up", "endpoint", given_up)
    enabled = {name: int(row["state"] == "enabled") for name, row in found.items()}
    yield _by("shoal_webhook_enabled", "Whether events are sent", "endpoint", enabled)


def _actions(tx: Connection) -> Iterator[Metric]:
    states = tx.execute(select(network_actions.c.state, func.count()).group_by(network_actions.c.state))
    yield _by("shoal_actions", "Network actions", "state", dict(map(tuple, states)))


def _penalties(tx: Connection) -> Iterator[Metric]:
    applied = tx.execute(select(func.count()).select_from(penalties)).scalar_one()
    taken_back = tx.execute(select(func.count()).select_from(reversals)).scalar_one()
    yield CounterMetricFamily("shoal_penalties_applied", "Penalties applied", value=applied)
    yield CounterMetricFamily("shoal_penalties_reversed", "Penalties taken back", value=taken_back)
    since = clock() - RECENT_DAYS * DAY
    recent = penalties.c.applied_at > since
    total = tx.execute(select(func.count()).select_from(penalties).where(recent)).scalar_one()
    overturned = tx.execute(
        select(func.count())
        .select_from(penalties.join(reversals, reversals.c.penalty_id == penalties.c.penalty_id))
        .where(recent)
    ).scalar_one()
    yield _gauge("shoal_penalties_recent", f"Penalties of the last {RECENT_DAYS} days", total)
    yield _gauge(
        "shoal_penalties_recent_reversed", f"Those of the last {RECENT_DAYS} days taken back since", overturned
    )


def _rest(tx: Connection) -> Iterator[Metric]:
    waiting = tx.execute(select(func.count()).select_from(review_queue)).scalar_one()
    yield _gauge("shoal_review_queue", "Accounts that somebody should look at", waiting)
    rows = tx.execute(select(audit_head.c.seq)).scalar_one_or_none()
    yield _gauge("shoal_audit_rows", "Rows of the audit log", rows or 0)
    yield _gauge("shoal_kill_switch", "Whether the kill switch is set", int(brakes.switch(tx) is not None))
