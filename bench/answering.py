"""What the API costs: a verdict beside the barest route, a batch beside a single one, and mixed load for minutes.

    .venv/bin/python bench/answering.py [--accounts N] [--requests N] [--minutes M] [--postgresql]

The server is a process of its own, as `shoal serve` starts it: keys, limits, request ids, log lines (to nowhere),
metrics and audit are on. `bare` is another: one FastAPI route that reads one indexed row of a SQLite file by the
sqlite3 module, without a key. One client, one kept connection each, all in turn, so that what disturbs one
disturbs all: verdicts with bare rows, then batches with verdicts, twenty rounds of both, so that a machine which
changes its speed changes every figure. `--postgresql` also measures a store in a PostgreSQL server of its own
(Debian's, durable as it ships).

The mixed load comes from four clients: verdicts, batches, networks, the feed, reviews, proposals, their previews and
cancelling them. Errors are counted, the server's memory is read every few seconds, and answers of the first third are
compared with those of the last.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
import psutil

sys.path[:0] = [str(Path(__file__).parents[1] / place) for place in (".", "tests", "tests/api")]

BARE = """
import sqlite3, sys, threading
import uvicorn
from fastapi import FastAPI
app, local = FastAPI(), threading.local()
@app.get("/row/{name}")
def row(name: str):
    if not hasattr(local, "db"):
        local.db = sqlite3.connect(sys.argv[1])
    found = local.db.execute("SELECT name, value FROM rows WHERE name = ?", (name,)).fetchone()
    return {"name": found[0], "value": found[1]}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
"""
ROUNDS = 20
LIMITS = {f"SHOAL_RATE_{name}": "100000000/minute" for name in ("READS", "ITEMS", "WRITES", "FAILURES")}


Ask = Callable[[], httpx.Response]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def running(line: list[str], port: int, path: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process of its own, ready to answer."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SHOAL_")}
    with subprocess.Popen(
        line, env={**clean, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            for _ in range(300):
                try:
                    httpx.get(f"http://127.0.0.1:{port}{path}")
                    break
                except httpx.HTTPError:
                    time.sleep(0.1)
            yield process
        finally:
            process.terminate()
            process.wait()


def prepared(folder: Path, accounts: int, url: str | None) -> tuple[str, list[str]]:
    """A store with so many accounts known, a tenth of them in networks of 20; returns a key and the names."""
    from apikit import Platform

    from api import auth
    from api.publish import publish
    from api.rules import load
    from api.store import open_store, upgrade
    from graph.workspace import Workspace

    names = [f"account-{n:06d}" for n in range(accounts)]
    members = names[::10]
    networks = {f"n{n:05d}": members[n * 20 : n * 20 + 20] for n in range(len(members) // 20)}
    platform = Platform(Workspace(folder))
    platform.accounts([{"account_id": a, "registration_client": "hosting-tool-alpha"} for a in members])
    run = platform.run(networks, others=names)
    engine = open_store(folder, url)
    upgrade(engine)
    publish(run, platform.place.log, engine, policy=load(), actor="bench")
    key = auth.create(engine, "bench", [s for s in auth.SCOPES if s != "private:read"], actor="bench")
    engine.dispose()
    return key, names


def quantiles(seconds: list[float]) -> str:
    ms = np.array(seconds) * 1000
    return f"p50 {np.quantile(ms, 0.5):.2f} ms, p99 {np.quantile(ms, 0.99):.2f} ms"


def timed(draw: Callable[[], Ask]) -> float:
    ask = draw()
    clock = time.perf_counter()
    answer = ask()
    took = time.perf_counter() - clock
    assert answer.status_code == 200, answer.text
    return took


def in_turn(asks: dict[str, Callable[[], Ask]], times: int) -> dict[str, list[float]]:
    """Each asked so many times, in turn. A tenth before that warms up; drawing what to ask does not count."""
    found: dict[str, list[float]] = {name: [] for name in asks}
    warm = max(times // 10, 1)
    for n in range(warm + times):
        for name, ask in asks.items():
            took = timed(ask)
            if n >= warm:
                found[name].append(took)
    return found


def compare(port: int, bare_port: int, key: str, names: list[str], times: int, what: str) -> None:
    rng = random.Random(1)
    head = {"Authorization": f"Bearer {key}"}
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=head) as ours,
        httpx.Client(base_url=f"http://127.0.0.1:{bare_port}") as bare,
    ):
        asks = {
            "bare": lambda: partial(bare.get, f"/row/{rng.choice(names)}"),
            "verdict": lambda: partial(ours.get, f"/v1/accounts/{rng.choice(names)}/verdict"),
            "batch": lambda: partial(ours.post, "/v1/verdicts:batchGet", json={"account_ids": rng.sample(names, 1000)}),
        }
        small, large = {n: asks[n] for n in ("bare", "verdict")}, {"batch": asks["batch"], "single": asks["verdict"]}
        found: dict[str, list[float]] = {name: [] for name in (*small, *large)}
        for _ in range(ROUNDS):
            for part, often in ((small, times), (large, times // 20)):
                for name, seconds in in_turn(part, max(often // ROUNDS, 1)).items():
                    found[name] += seconds
    middle = {name: float(np.median(seconds)) for name, seconds in found.items()}
    print(f"{what}:")
    for name, seconds in found.items():
        print(f"  {name}: {quantiles(seconds)}, {len(seconds)} requests")
    print(f"  a verdict takes {middle['verdict'] / middle['bare']:.2f} times the bare route (p50)")
    beside, alone = middle["batch"] / middle["single"], middle["batch"] / middle["verdict"]
    print(
        f"  a batch of 1,000 takes {beside:.2f} times a single one beside it, {alone:.2f} times one alone (p50)",
        flush=True,
    )


def mixed(process: subprocess.Popen[bytes], port: int, key: str, names: list[str], minutes: float) -> None:
    """Load of many kinds; what fails, how memory goes, and whether answers take longer the more there is."""
    networks = len(names) // 200
    begun = time.monotonic()
    until, errors = begun + minutes * 60, Counter[str]()
    took: dict[str, list[tuple[float, float]]] = {}
    lock, numbers = threading.Lock(), itertools.count()

    def client(seed: int) -> None:
        rng = random.Random(seed)
        cursor = "0"
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}, timeout=60
        ) as http:

            def change(path: str, body: Any = None) -> httpx.Response:
                return http.post(path, json=body, headers={"Idempotency-Key": f"{seed}-{next(numbers)}"})

            while time.monotonic() < until:
                kind = rng.choices(["verdict", "batch", "network", "feed", "review", "action"], [70, 5, 10, 5, 8, 2])[0]
                if kind == "verdict":
                    answers = [http.get(f"/v1/accounts/{rng.choice(names)}/verdict")]
                elif kind == "batch":
                    answers = [http.post("/v1/verdicts:batchGet", json={"account_ids": rng.sample(names, 200)})]
                elif kind == "network":
                    answers = [
                        http.get("/v1/networks", params={"limit": 20}),
                        http.get(f"/v1/networks/n{rng.randrange(networks):05d}"),
                    ]
                elif kind == "feed":
                    answers = [http.get("/v1/feed", params={"cursor": cursor})]
                    cursor = answers[0].json().get("next_cursor", cursor)
                elif kind == "review":
                    body = {
                        "account_id": rng.choice(names),
                        "decision": rng.choice(["genuine", "unsure"]),
                        "reason": "bench",
                    }
                    answers = [change("/v1/reviews", body)]
                else:
                    body = {"network_id": f"n{rng.randrange(networks):05d}", "action": "restrict", "reason": "bench"}
                    answers = [change("/v1/network-actions", body)]
                    path = f"/v1/network-actions/{answers[0].json()['action_id']}"
                    answers += [change(f"{path}:preview"), change(f"{path}:cancel", {"reason": "bench"})]
                with lock:
                    took.setdefault(kind, []).extend((time.monotonic(), a.elapsed.total_seconds()) for a in answers)
                    errors.update(f"{kind} {a.status_code}" for a in answers if a.status_code >= 400)

    clients = [threading.Thread(target=client, args=(seed,)) for seed in range(4)]
    for one in clients:
        one.start()
    memory: list[tuple[float, float]] = []
    server = psutil.Process(process.pid)
    while any(one.is_alive() for one in clients):
        memory.append((time.monotonic() - begun, server.memory_info().rss / 1e6))
        time.sleep(min(5.0, minutes * 6))
    total = sum(map(len, took.values()))
    print(f"mixed load, {minutes:g} minutes: {total:,} requests ({total / minutes / 60:.0f} a second)")
    print(f"  errors: {dict(errors) or 'none'}")
    third = minutes * 20
    for kind, seen in took.items():
        first = [s for at, s in seen if at < begun + third]
        last = [s for at, s in seen if at > until - third]
        print(f"  {kind}: {len(seen):,}; in the first third {quantiles(first)}; in the last {quantiles(last)}")
    late = memory[len(memory) // 3 :]
    slope = np.polyfit([t / 60 for t, _ in late], [mb for _, mb in late], 1)[0] if len(late) > 2 else float("nan")
    print(
        f"  memory: {memory[0][1]:.0f} MB at the start, {late[0][1]:.0f} after a third, {late[-1][1]:.0f} at the end;"
    )
    print(f"  over the last two thirds {slope:+.2f} MB a minute", flush=True)


def audit_appends(folder: Path, url: str | None, what: str) -> None:
    from api import audit
    from api.clock import now
    from api.store import open_store, upgrade, writing

    engine = open_store(folder, url)
    upgrade(engine)
    for size in (1, 100):
        entries = [audit.Entry("ann", "bench", f"account-{n}", {"reason": "a test", "n": n}) for n in range(size)]
        clock, n = time.perf_counter(), 0
        while time.perf_counter() - clock < 3:
            with writing(engine) as tx:
                audit.append(tx, entries, now())
            n += size
        print(
            f"audit, {what}, {size} entries a transaction: {n / (time.perf_counter() - clock):,.0f} entries a second",
            flush=True,
        )
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--postgresql", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows = [(f"account-{n:06d}", json.dumps({"tier": "none"})) for n in range(given.accounts)]
        with closing(sqlite3.connect(folder / "bare.db")) as db, db:
            db.execute("CREATE TABLE rows (name TEXT PRIMARY KEY, value TEXT)")
            db.executemany("INSERT INTO rows VALUES (?, ?)", rows)
        bare_port = free_port()
        (folder / "bare.py").write_text(BARE)
        bare = [sys.executable, str(folder / "bare.py"), str(folder / "bare.db"), str(bare_port)]
        with running(bare, bare_port, "/row/account-000000"):
            measure("SQLite", None, folder, given, bare_port)
            if given.postgresql:
                import pgkit

                found = pgkit.programs()
                if found is None:
                    parser.error("there is no PostgreSQL server on this machine")
                with pgkit.server(found, durable=True) as url:
                    for name in ("answers", "audit"):
                        pgkit.sql(url, f"CREATE DATABASE {name}")
                    measure("PostgreSQL", url, folder, given, bare_port)


def measure(what: str, url: str | None, folder: Path, given: argparse.Namespace, bare_port: int) -> None:
    """All figures of one engine. `url`: the server's, without a database; None: SQLite files."""
    place, port = folder / what, free_port()
    key, names = prepared(place, given.accounts, url and url.format("answers"))
    line = [sys.executable, "-m", "shoal", "serve", "--dir", str(place), "--port", str(port)]
    more = {} if url is None else {"SHOAL_DATABASE_URL": url.format("answers")}
    with running(line, port, "/healthz", SHOAL_LOG_FORMAT="json", **LIMITS, **more) as process:
        compare(port, bare_port, key, names, given.requests, what)
        if given.minutes:
            mixed(process, port, key, names, given.minutes)
    audit_appends(place / "audit", url and url.format("audit"), what)


if __name__ == "__main__":
    main()
