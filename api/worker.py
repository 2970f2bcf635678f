"""The worker: carries actions on that a crash left, and takes the outbox where it belongs.

Labels and bans go into the event log, enforcement events into a JSON Lines feed file. A row counts as delivered
after it lies there, and what lies there already is not written again: a crash in between repeats nothing.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, RowMapping, update

from api import actions, delivery, execution, idempotency, outbox, webhooks
from api.clock import DAY
from api.clock import now as clock
from api.outbound import Allowed, Sender
from api.store import reading, writing
from api.tables import targets
from graph.errors import ConflictError, IntegrityError
from graph.files import digest_of, write_table
from graph.model import BANS, LABELS_TABLE, Table
from graph.settings import settings
from graph.workspace import Workspace

PAGE = 1_000
_TAIL = 1 << 16


@dataclass(frozen=True)
class Pass:
    """What one pass of the worker did."""

    actions: int
    events: int
    labels: int
    bans: int = 0
    sent: int = 0
    waiting: str | None = None

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.actions or self.events or self.labels or self.bans or self.sent)


def once(
    engine: Engine, folder: Workspace, go_on: Callable[[], bool] = lambda: True, sender: Sender | None = None
) -> Pass:
    """Do all there is to do now. What goes into the log waits while another process writes it; `waiting` says why.

    Without a `sender` nothing is sent to webhooks.
    """
    while go_on() and idempotency.purge(engine, settings().idempotency_days) == idempotency.PAGE:
        pass
    left = execution.carry_all(engine, go_on=go_on)
    events = labels = bans = 0
    while go_on() and (n := deliver_events(engine, folder.root / "feed.jsonl")):
        events += n
    sent = delivery.deliver(engine, sender, random.Random(), go_on) if sender is not None else 0  # noqa: S311 (jitter)
    _prune(engine)
    try:
        while go_on() and (n := deliver_labels(engine, folder)):
            labels += n
        while go_on() and (n := deliver_bans(engine, folder)):
            bans += n
    except ConflictError as error:
        return Pass(len(left), events, labels, bans, sent, waiting=str(error))
    return Pass(len(left), events, labels, bans, sent)


def _prune(engine: Engine) -> None:
    """Let events go that were delivered long ago, where a setting says so."""
    days = settings().feed_keep_days
    if days is None:
        return
    before = clock() - days * DAY
    with reading(engine) as tx:
        if not outbox.prunable(tx, before):
            return
    with writing(engine) as tx:
        outbox.prune(tx, before, webhooks.held_from(tx))


def work(engine: Engine, folder: Workspace, *, every: float, go_on: Callable[[], bool]) -> None:
    """Pass after pass until `go_on` says no, resting `every` seconds when idle."""
    with closing(Sender(Allowed.configured())) as sender:
        while go_on():
            done = once(engine, folder, go_on, sender)
            rest = time.monotonic() + every
            while (done.idle or done.waiting) and go_on() and time.monotonic() < rest:
                time.sleep(0.05)


def deliver_events(engine: Engine, feed: Path) -> int:
    """Append up to a page of enforcement events to the feed file; returns how many were delivered."""
    with writing(engine) as tx:
        rows = outbox.pending(tx, outbox.ENFORCEMENT, PAGE)
        if not rows:
            return 0
        last = _mend(feed)
        lines = [_line(row) for row in rows if row["seq"] > last]
        if lines:
            feed.parent.mkdir(parents=True, exist_ok=True)
            with feed.open("ab") as file:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
        at = clock()
        outbox.delivered(tx, [row["seq"] for row in rows], at)
        _confirm(tx, rows, at)
        return len(rows)


def _line(row: RowMapping) -> bytes:
    return (json.dumps({"seq": row["seq"], **row["payload"]}, ensure_ascii=False) + "\n").encode()


def _mend(feed: Path) -> int:
    """Cut off a line that a crash left half written; returns the serial number of the last whole one (0: none)."""
    if not feed.exists():
        return 0
    with feed.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        tail, start = b"", size
        while start > 0 and tail.count(b"\n") < 2:
            start = max(0, start - _TAIL)
            file.seek(start)
            tail = file.read(size - start)
        whole = tail.rfind(b"\n") + 1
        file.truncate(start + whole)
        lines = tail[:whole].splitlines()
    if not lines:
        return 0
    try:
        return int(json.loads(lines[-1])["seq"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{feed}: its last line is not an enforcement event") from error


def _confirm(tx: Connection, rows: Sequence[RowMapping], at: int) -> None:
    """The platform's feed has it: applied targets become confirmed (those reversed meanwhile stay reversed)."""
    by_action: dict[str, list[str]] = {}
    for row in rows:
        if row["payload"]["type"] == "penalty.applied":
            by_action.setdefault(row["payload"]["action_id"], []).append(row["payload"]["account_id"])
    for action_id, names in sorted(by_action.items()):
        mine = (targets.c.action_id == action_id) & targets.c.account_id.in_(names) & (targets.c.state == "applied")
        n = tx.execute(update(targets).where(mine).values(state="confirmed", updated_at=at)).rowcount
        actions.tally(tx, actions.find(tx, action_id), {"applied": -n, "confirmed": n})


def deliver_labels(engine: Engine, folder: Workspace) -> int:
    """Append up to a page of labels to the event log; returns how many were delivered.

    Raises ConflictError while another process writes to the data folder.
    """
    return _deliver(engine, folder, outbox.LABEL, LABELS_TABLE, {"source": "review", "confidence": 1.0})


def deliver_bans(engine: Engine, folder: Workspace) -> int:
    """Append up to a page of bans, imposed or lifted, to the event log; returns how many were delivered.

    Raises ConflictError while another process writes to the data folder.
    """
    return _deliver(engine, folder, outbox.BAN, BANS, {})


def _deliver(engine: Engine, folder: Workspace, kind: str, table: Table, more: dict[str, Any]) -> int:
    with reading(engine) as tx:
        rows = outbox.pending(tx, kind, PAGE)
    if not rows:
        return 0
    with folder.writing():
        _append(folder, table, [{**row["payload"], **more} for row in rows])
    with writing(engine) as tx:
        outbox.delivered(tx, [row["seq"] for row in rows], clock())
    return len(rows)


def _append(folder: Workspace, table: Table, rows: list[dict[str, Any]]) -> None:
    """Append the rows the log does not have yet, as one batch; none about an account that was forgotten."""
    log, gate, key = folder.log, folder.gate, table.key[0]
    rows = [row for row in rows if gate.lets_in(row["account_id"])]
    if not rows:
        return
    connection = log.connect()
    try:
        connection.register("wanted", pa.table({key: [row[key] for row in rows]}))
        present = connection.execute(f"SELECT {key} FROM {table.name} JOIN wanted USING ({key})").fetchall()
    finally:
        connection.close()
    had = {row[0] for row in present}
    new = [row for row in rows if row[key] not in had]
    if not new:
        return
    staging = log.stage(digest_of([row[key] for row in new])[:32])
    made = table.check(pa.Table.from_pylist(new, table.schema), f"{table.name} from decisions")
    write_table(staging / f"{table.name}.parquet", made)
    log.commit(staging, {"source": "decisions", table.name: len(new)})
