"""What delivery to a webhook costs beside posting the same bodies to the same receiver with nothing recorded.

    .venv/bin/python bench/webhooks.py [--events N ...]

The receiver is a process of its own that answers 204. `bare`: one httpcore pool and as many threads as Shoal uses, no
database, no signature. `shoal`: api.delivery on SQLite, each event its own account. The ratio is of one run.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from api import delivery, outbox, webhooks
from api.clock import iso, now
from api.outbound import Allowed, Sender
from api.store import open_store, upgrade, writing

RECEIVER = """
import asyncio
async def answer(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            lines = head.lower().split(b"\\r\\n")
            length = int(next(line for line in lines if line.startswith(b"content-length")).split(b":")[1])
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def measure(events: int, port: int) -> dict[str, float]:
    url, allowed = f"http://127.0.0.1:{port}/", Allowed.parse("127.0.0.1")
    at = now()
    payloads = [
        {
            "event_id": f"penalty.applied:p{n}",
            "type": "penalty.applied",
            "account_id": f"account-{n}",
            "tier": "ban",
            "effective": "ban",
            "expires_at": None,
            "reasons": ["It was registered through a hosting tool."],
            "at": iso(at),
        }
        for n in range(events)
    ]
    sender = Sender(allowed)
    bodies = [
        delivery.body_of(delivery.Item(n, p["account_id"], p["event_id"], p, 0, held=False))
        for n, p in enumerate(payloads)
    ]
    clock = time.perf_counter()
    with ThreadPoolExecutor(delivery.AT_ONCE) as pool:
        assert all(got.status == 204 for got in pool.map(lambda body: sender.post(url, body, {}), bodies))
    bare = time.perf_counter() - clock
    with TemporaryDirectory() as folder:
        engine = open_store(Path(folder))
        upgrade(engine)
        webhooks.add(engine, url, (), allowed, actor="bench")
        with writing(engine) as tx:
            outbox.send(tx, [outbox.Event(p["event_id"], outbox.ENFORCEMENT, p) for p in payloads], at)
        clock = time.perf_counter()
        assert delivery.deliver(engine, sender, random.Random(1)) == events
        ours = time.perf_counter() - clock
        engine.dispose()
    sender.close()
    return {"events": events, "bare_per_s": events / bare, "shoal_per_s": events / ours, "shoal over bare": ours / bare}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[10_000, 100_000])
    given = parser.parse_args()
    with subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout is not None
        port = int(receiver.stdout.readline())
        try:
            print(pd.DataFrame([measure(n, port) for n in given.events]).round(2).to_string(index=False))
        finally:
            receiver.terminate()


if __name__ == "__main__":
    main()
