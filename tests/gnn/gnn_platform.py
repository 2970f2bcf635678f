"""A small platform made for the tests of gnn: an event log, and a run with the tables a detection would write."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from graph.files import digest_of
from graph.log import EventLog
from graph.model import ACCOUNTS, ACTIONS, DAY, INTERACTIONS, LABELS_TABLE, RUN_TABLES, SECOND
from graph.runs import Building, RunStore

SINCE = 1_700_000_000 * SECOND
UNTIL = SINCE + 14 * DAY


@dataclass(frozen=True)
class Platform:
    """What to make. Members of networks work the clock round, answer fast and repeat texts; organic accounts do not."""

    organic: int = 300
    networks: int = 8
    members: int = 12
    events: int = 25
    notes: int = 150
    seed: int = 0
    objects_only: bool = False
    labels: str = "none"  # none, some (both classes, several times)
    facts: int = 0  # changes platform facts
    edges: bool = True
    signal: bool = True
    hermits: int = 3  # organic accounts nobody meets

    @property
    def size(self) -> int:
        return self.organic + self.networks * self.members

    def names(self) -> list[str]:
        """Scattered over the id space, so that order tells nothing."""
        order = np.random.default_rng(self.seed).permutation(self.size)
        return [f"u{i:05d}" for i in order]


def make(folder: Path, platform: Platform) -> tuple[EventLog, Building]:
    """Write the log and a run in the making."""
    log = EventLog(folder / "log")
    interactions = _interactions(platform)
    staging = log.stage(digest_of(asdict(platform)))
    if not platform.objects_only:
        pq.write_table(interactions, staging / "interactions.parquet")
    pq.write_table(_actions(interactions), staging / "actions.parquet")
    pq.write_table(_accounts(platform), staging / "accounts.parquet")
    if platform.labels != "none":
        pq.write_table(_labels(platform), staging / "labels.parquet")
    log.commit(staging, {"source": "test"})
    building = RunStore(folder / "runs").begin({"window": {"since": SINCE, "until": UNTIL}, "test": platform.seed})
    for name, table in _run_tables(platform, log).items():
        building.write(name, table)
    building.done("detect")
    return log, building


def variant(platform: Platform, **changes: Any) -> Platform:
    return replace(platform, **changes)


def _is_member(p: Platform) -> np.ndarray:
    return np.arange(p.size) >= p.organic


def _network(p: Platform) -> np.ndarray:
    return np.where(_is_member(p), (np.arange(p.size) - p.organic) // max(1, p.members), -1)


def _interactions(p: Platform) -> pa.Table:
    rng = np.random.default_rng([p.seed, 7])
    names = np.asarray(p.names(), dtype=object)
    made_at = SINCE + rng.integers(0, 10 * DAY, p.notes)
    authors = rng.integers(p.hermits, p.organic, p.notes)
    who = np.repeat(np.arange(p.size), p.events)
    member = _is_member(p)[who] & p.signal
    network = _network(p)[who]
    note = np.where(
        member, (network * 17 + rng.integers(0, 10, len(who))) % p.notes, rng.integers(0, p.notes, len(who))
    )
    rhythm = rng.integers(0, 24, p.size)[who]
    waking = (rhythm + rng.integers(0, 14, len(who))) % 24
    day = rng.integers(0, 3, len(who))
    calm = (
        made_at[note] // DAY * DAY + (day + 1) * DAY + waking * 3600 * SECOND + rng.integers(0, 3600, len(who)) * SECOND
    )
    quick = made_at[note] + rng.integers(5, 600, len(who)) * SECOND
    at = np.where(member, np.where(rng.random(len(who)) < 0.7, quick, calm), calm)
    kind = np.where(rng.random(len(who)) < np.where(member, 0.85, 0.4), "comment", "like").astype(object)
    private = rng.random(len(who)) < 0.05
    kind[private] = "message"
    friend = names[rng.integers(p.hermits, p.size, len(who))]
    hermit = who < p.hermits
    kind[hermit] = "like"
    target = np.where(kind == "message", friend, np.asarray([f"n{i}" for i in note], dtype=object))
    target[hermit] = [f"own{w}" for w in who[hermit]]
    words = np.asarray([f"text number {i} " + "word " * (i % 9) for i in range(400)], dtype=object)
    spoken = np.where(member, network * 3 + rng.integers(0, 3, len(who)), rng.integers(0, 400, len(who)))
    text = np.where(kind == "comment", words[spoken], None)
    facts = np.asarray(["phone", "web", "tool"], dtype=object)[(who + p.facts) % 3]
    events = len(who)
    blank = [None] * events
    own = pa.table(
        {
            "event_id": [f"e{i}" for i in range(events)],
            "account_id": names[who],
            "kind": kind,
            "at": at,
            "target_id": target,
            "content_id": [f"c{i}" if k == "comment" else None for i, k in enumerate(kind)],
            "text": text,
            "urls": blank,
            "hashtags": blank,
            "media": blank,
            "conversation_id": blank,
            "client": facts,
            "device_id": [f"d{(w * 7 + p.facts) % 50}" for w in who],
        },
        schema=INTERACTIONS.schema,
    )
    empty = [None] * p.notes
    notes = pa.table(
        {
            "event_id": [f"m{i}" for i in range(p.notes)],
            "account_id": names[authors],
            "kind": ["note"] * p.notes,
            "at": made_at,
            "target_id": empty,
            "content_id": [f"n{i}" for i in range(p.notes)],
            "text": [f"note {i} about something" for i in range(p.notes)],
            "urls": empty,
            "hashtags": empty,
            "media": empty,
            "conversation_id": empty,
            "client": ["phone"] * p.notes,
            "device_id": empty,
        },
        schema=INTERACTIONS.schema,
    )
    return pa.concat_tables([own, notes])


def _actions(interactions: pa.Table) -> pa.Table:
    rows = [r for r in interactions.to_pylist() if r["kind"] != "note"]
    prefix = {"message": "account:", "comment": "note:", "like": "note:"}
    out = [(r["event_id"], r["account_id"], r["kind"], prefix[r["kind"]] + r["target_id"], r["at"]) for r in rows]
    out += [(r["event_id"], r["account_id"], "template", f"template:{r['text']}", r["at"]) for r in rows if r["text"]]
    columns = dict(zip(("event_id", "account_id", "channel", "object_id", "at"), zip(*out, strict=True), strict=True))
    return pa.table({**columns, "content_id": [None] * len(out)}, schema=ACTIONS.schema)


def _accounts(p: Platform) -> pa.Table:
    n = p.size
    return pa.table(
        {
            "account_id": p.names(),
            "registered_at": [SINCE - (i + p.facts) * DAY for i in range(n)],
            "registration_client": [f"client{(i + p.facts) % 4}" for i in range(n)],
            "device_id": [f"d{(i + p.facts) % 9}" for i in range(n)],
            "verified_role": ["brand" if (i + p.facts) % 5 == 0 else None for i in range(n)],
            "declared_automation": [(i + p.facts) % 2 == 0 for i in range(n)],
        },
        schema=ACCOUNTS.schema,
    )


def _labels(p: Platform) -> pa.Table:
    names, member = p.names(), _is_member(p)
    labelled = [i for i in range(p.size) if i % 3 != 0]
    rows = [
        (
            f"l{i}",
            names[i],
            "ai_hosted" if member[i] else "genuine",
            "review" if i % 2 else "platform",
            SINCE + i % 12 * DAY,
            1.0,
        )
        for i in labelled
    ]
    rows += [(f"r{i}", names[i], "ai_hosted", "report", SINCE + DAY, 1.0) for i in range(0, p.organic, 2)]
    rows += [(f"t{i}", names[i], "genuine", "truth", SINCE + DAY, 1.0) for i in range(p.organic, p.size)]
    return pa.table(dict(zip(LABELS_TABLE.columns, zip(*rows, strict=True), strict=True)), schema=LABELS_TABLE.schema)


def _run_tables(p: Platform, log: EventLog) -> dict[str, pa.Table]:
    names, network = p.names(), _network(p)
    connection = log.connect()
    behaviour = connection.sql(
        """
        SELECT account_id, count(DISTINCT event_id) AS actions, count(DISTINCT "at" // 86400000000) AS active_days,
               min("at") AS first_at, max("at") AS last_at, count(DISTINCT object_id) AS objects,
               CAST(NULL AS BIGINT) AS joint_objects, CAST(NULL AS DOUBLE) AS organic_share,
               CAST(NULL AS DOUBLE) AS template_share, CAST(NULL AS DOUBLE) AS quiet_gap_hours
        FROM actions GROUP BY account_id ORDER BY account_id
        """
    ).to_arrow_table()
    connection.close()
    edges, clusters = [], []
    for k in range(p.networks if p.edges else 0):
        members = sorted(names[i] for i in np.flatnonzero(network == k))
        roles = ["core"] * (len(members) - 1) + ["periphery"]
        clusters += [(m, f"cluster-{members[0]}", role, 0.9) for m, role in zip(members, roles, strict=True)]
        edges += [
            (a, b, channel, 5, 4, SINCE, UNTIL, 0.5, 0.1, 1e-9, 1e-8)
            for i, a in enumerate(members)
            for b in members[i + 1 :]
            for channel in ("all", "comment")
        ]
    tables = {"behaviour": behaviour}
    for name, rows in (("edges", edges), ("clusters", clusters)):
        table = RUN_TABLES[name]
        columns = zip(*rows, strict=True) if rows else [[] for _ in table.columns]
        tables[name] = pa.table(dict(zip(table.columns, columns, strict=True)), schema=table.schema)
    return tables
