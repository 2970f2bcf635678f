"""What the API's tests share: platforms made by hand, policies with other lines, and callers of the API."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pyarrow as pa
import uvicorn
from sqlalchemy import Engine

from api import auth
from api.app import create_app
from api.rules import Policy, load, parse
from api.server import configuration
from graph.files import digest_of, write_table
from graph.model import LOG_TABLES, RUN_TABLES
from graph.runs import Run
from graph.workspace import Workspace

HOUR = 3_600_000_000
DAY = 24 * HOUR
UNTIL = 1_790_000_000_000_000
SINCE = UNTIL - 28 * DAY
ALL = tuple(s for s in auth.SCOPES if s != "private:read")


@dataclass
class Platform:
    """A small platform made by hand: a data folder, and runs with what a test gives them."""

    place: Workspace
    made: int = 0

    def run(
        self,
        networks: dict[str, list[str]],
        *,
        others: list[str] | None = None,
        roles: dict[str, str] | None = None,
        organic: dict[str, float] | None = None,
        scores: dict[str, float] | None = None,
        suggestions: dict[str, float] | None = None,
        stability: float = 0.9,
        evidence: list[dict[str, Any]] | None = None,
        reborn: list[dict[str, Any]] | None = None,
        text_scores: dict[str, tuple[int, float | None]] | None = None,
        until: int = UNTIL,
    ) -> Run:
        """A finished run: network id -> members; everybody acted in the window."""
        self.made += 1
        building = self.place.runs.begin({"window": {"since": until - 28 * DAY, "until": until}, "n": self.made})
        everybody = sorted(
            {*(a for m in networks.values() for a in m), *(others or []), *(scores or {}), *(suggestions or {})}
        )
        clusters = [
            {"account_id": a, "cluster_id": f"c:{name}", "role": (roles or {}).get(a, "core"), "stability": stability}
            for name, m in networks.items()
            for a in m
        ]
        building.write("clusters", rows("clusters", clusters))
        building.write("networks", rows("networks", [_network(n, m, stability) for n, m in networks.items()]))
        building.write("behaviour", rows("behaviour", [_behaviour(a, (organic or {}).get(a, 0.2)) for a in everybody]))
        building.write("evidence", rows("evidence", evidence if evidence is not None else _evidence(networks)))
        if reborn is not None:
            building.write("reborn", rows("reborn", reborn))
        if scores is not None:
            scored = [{"account_id": a, "target": "coordinated", "score": s, "baseline": s} for a, s in scores.items()]
            building.write("scores", rows("scores", scored))
        if text_scores is not None:
            read = [{"account_id": a, "texts": n + 5, "scored": n, "ai_share": s} for a, (n, s) in text_scores.items()]
            building.write("text_scores", rows("text_scores", read))
        if suggestions is not None:
            asked = [{"account_id": a, "priority": p, "reason": "uncertain"} for a, p in suggestions.items()]
            building.write("suggestions", rows("suggestions", asked))
        return building.finish(None, {"shoal": "test"})

    def accounts(self, found: list[dict[str, Any]]) -> None:
        """Append accounts to the event log."""
        self._append("accounts", found)

    def labels(self, found: list[dict[str, Any]]) -> None:
        """Append labels to the event log."""
        self._append("labels", [{"label_id": f"l-{digest_of(x)[:12]}", "at": SINCE, **x} for x in found])

    def _append(self, name: str, found: list[dict[str, Any]]) -> None:
        staging = self.place.log.stage(digest_of([name, found])[:32])
        write_table(staging / f"{name}.parquet", _filled(LOG_TABLES[name].schema, found))
        self.place.log.commit(staging, {"source": "test"})


def rows(name: str, found: list[dict[str, Any]]) -> pa.Table:
    """A run table from some of its columns; sorted by its key."""
    key = RUN_TABLES[name].key
    return _filled(RUN_TABLES[name].schema, sorted(found, key=lambda r: [str(r[c]) for c in key]))


def _filled(schema: pa.Schema, found: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([{c: r.get(c) for c in schema.names} for r in found], schema)


def _network(name: str, members: list[str], stability: float) -> dict[str, Any]:
    return {
        "network_id": name,
        "cluster_id": f"c:{name}",
        "change": "born",
        "size": len(members),
        "density": 0.8,
        "stability": stability,
        "objects": 30,
        "days": 9,
        "channels": ["comment"],
        "first_at": SINCE,
        "last_at": UNTIL - 1,
        "title": f"comments together on 30 notes ({name})",
    }


def _behaviour(account_id: str, organic: float) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "actions": 50,
        "active_days": 9,
        "objects": 40,
        "joint_objects": 30,
        "organic_share": organic,
    }


def _evidence(networks: dict[str, list[str]]) -> list[dict[str, Any]]:
    found = []
    for name, members in networks.items():
        for i in range(min(len(members) - 1, 30)):
            a, b = sorted(members[i : i + 2])
            found.append(
                {
                    "account_a": a,
                    "account_b": b,
                    "channel": "comment",
                    "object_id": f"note:{name}-{i}",
                    "a_at": SINCE + i,
                    "b_at": SINCE + i + 41_000_000,
                    "object_accounts": 5 + i,
                }
            )
    return found


def banned_network(platform: Platform, size: int = 8, name: str = "n1") -> Run:
    """A run with one network whose members were registered through a hosting tool."""
    return banned_networks(platform, {name: size})


def banned_networks(platform: Platform, sizes: dict[str, int]) -> Run:
    """A run with networks of these sizes whose members were registered through a hosting tool."""
    networks = {name: [f"bot-{name}-{i:04d}" for i in range(size)] for name, size in sizes.items()}
    found = [{"account_id": a, "registration_client": "hosting-tool-alpha"} for m in networks.values() for a in m]
    platform.accounts(found)
    return platform.run(networks, others=["person-1", "person-2"])


def changed_policy(*changes: tuple[str, str]) -> Policy:
    """The shipped policy with some of its text replaced."""
    text = load().text
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return parse(text, "test policy")


# the shipped policy without what stops large actions: changed_policy(*NO_BRAKES)
NO_BRAKES = (
    ("canary_share: 0.05", "canary_share: 0.0"),
    ("per_action: 10000", "per_action: null"),
    ("per_hour: 5000", "per_hour: null"),
    ("per_policy: 100000", "per_policy: null"),
    ("active_share: 0.01", "active_share: null"),
)

_numbers = itertools.count()


@dataclass
class Caller:
    """Somebody with a key who calls the API."""

    http: httpx.Client
    key: str
    sent: list[str] = field(default_factory=list)

    def get(self, path: str, **params: Any) -> httpx.Response:
        """GET with the key."""
        return self.http.get(path, params=params, headers={"Authorization": f"Bearer {self.key}"})

    def post(self, path: str, body: Any = None, *, idem: str | None = None, **headers: str) -> httpx.Response:
        """POST with the key and a fresh Idempotency-Key, unless `idem` gives one."""
        name = idem or f"k-{next(_numbers)}"
        return self.http.post(
            path, json=body, headers={"Authorization": f"Bearer {self.key}", "Idempotency-Key": name, **headers}
        )


@dataclass
class People:
    """Those who act on a network: each a person with a key of their own."""

    http: httpx.Client
    engine: Engine
    known: dict[str, Caller] = field(default_factory=dict)

    def __call__(self, name: str, scopes: Sequence[str] = ALL) -> Caller:
        """The caller of this name, made on first use."""
        if name not in self.known:
            self.known[name] = Caller(self.http, auth.create(self.engine, name, scopes, actor="test"))
        return self.known[name]


@contextmanager
def served(engine: Engine, *, carry_out: bool = True) -> Iterator[People]:
    """The application behind a real HTTP server, in a thread of this process."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(configuration(create_app(engine, carry_out=carry_out)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as http:
            yield People(http, engine)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def proposed(who: Caller, network_id: str = "n1", action: str = "ban") -> str:
    """Propose an action; returns its id."""
    answer = who.post("/v1/network-actions", {"network_id": network_id, "action": action, "reason": "coordinated farm"})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/network-actions/{answer.json()['action_id']}"
    return str(answer.json()["action_id"])


def previewed(who: Caller, action_id: str) -> dict[str, Any]:
    """Preview an action; returns the answer."""
    answer = who.post(f"/v1/network-actions/{action_id}:preview")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def sample_reviewed(who: Caller, seen: dict[str, Any], decision: str = "registered_by_tool") -> None:
    """Review every account of an action's sample."""
    for account_id in seen["sample"]["accounts"]:
        body = {"account_id": account_id, "decision": decision, "reason": "looked", "action_id": seen["action_id"]}
        answer = who.post("/v1/reviews", body)
        assert answer.status_code == 201, answer.text


def approved(people: People, network_id: str = "n1", action: str = "ban") -> str:
    """An action brought to `approved` by ann (proposes), rob (reviews) and bea (approves)."""
    action_id = proposed(people("ann"), network_id, action)
    seen = previewed(people("ann"), action_id)
    sample_reviewed(people("rob"), seen)
    answer = people("bea").post(f"/v1/network-actions/{action_id}:approve", {"digest": seen["digest"]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "approved"
    return action_id


def state_of(who: Caller, action_id: str) -> str:
    """The action's state."""
    return str(who.get(f"/v1/network-actions/{action_id}").json()["state"])
