"""An enforcement consumer: keeps what is in force against each account, by webhook or by pulling the feed.

    python consumer.py receive --secret whsec_... [--port 8400]     answers webhooks
    python consumer.py pull --api URL --key KEY [--once]            asks the feed every few seconds
    python consumer.py show                                         prints what it would enforce

Both ways may run at once: state lies in one SQLite file (consumer.db), and an event counts once, whichever way it came.
Where this says `enforced`, a platform bans, restricts or warns.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
import urllib.parse
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

SCHEMA = """
CREATE TABLE IF NOT EXISTS in_force (
    account_id TEXT PRIMARY KEY, steps TEXT NOT NULL, seq INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY CHECK (one = 1), cursor TEXT NOT NULL);
"""


def database(file: str) -> sqlite3.Connection:
    """The consumer's state."""
    connection = sqlite3.connect(file, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(SCHEMA)
    return connection


def apply(connection: sqlite3.Connection, event: dict[str, Any]) -> None:
    """Take an event over. One that came before, or is older than what is known of the account, changes nothing."""
    steps = [{"tier": event["effective"], "expires_at": event["expires_at"]}]
    steps += event.get("then", [])  # events from before there was such a thing have none
    connection.execute(
        "INSERT INTO in_force VALUES (?, ?, ?) ON CONFLICT (account_id) DO UPDATE "
        "SET steps = excluded.steps, seq = excluded.seq WHERE excluded.seq > in_force.seq",
        (event["account_id"], json.dumps(steps), event["seq"]),
    )


def enforced(connection: sqlite3.Connection, at: datetime | None = None) -> dict[str, str]:
    """What is in force against each account at a time, by default now: no event says that something has ended."""
    moment = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    found = {}
    for account_id, steps in connection.execute("SELECT account_id, steps FROM in_force ORDER BY account_id"):
        standing = (s["tier"] for s in json.loads(steps) if s["expires_at"] is None or s["expires_at"] > moment)
        tier = next(standing, "none")
        if tier != "none":
            found[account_id] = tier
    return found


def receive(file: str, secret: str, port: int) -> ThreadingHTTPServer:
    """A server that takes webhooks: 204 only after the event is stored; a wrong signature is refused."""
    verifier = Webhook(secret)

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1 << 20))
            try:
                verifier.verify(body, {name.lower(): value for name, value in self.headers.items()})
            except WebhookVerificationError:
                self.answer(400)
                return
            told = json.loads(body)
            if told["type"].startswith("penalty."):  # anything else is received and ignored
                with closing(database(file)) as connection, connection:
                    apply(connection, told["data"])
            self.answer(204)

        def answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return ThreadingHTTPServer(("127.0.0.1", port), Receiver)


def ask(api: str, key: str, path: str) -> dict[str, Any]:
    """One answer of Shoal's API. Raises httpx.HTTPStatusError."""
    answer = httpx.get(f"{api}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=30)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def begin(connection: sqlite3.Connection, api: str, key: str) -> str:
    """Take everything that is in force; returns where the feed goes on. At first, and after a long absence."""
    page = ask(api, key, "/v1/penalties")
    cursor = page["next_feed_cursor"]  # of the first page: what happens meanwhile comes again, nothing is missed
    held: list[dict[str, Any]] = page["penalties"]
    while page["next_cursor"] is not None:
        page = ask(api, key, f"/v1/penalties?cursor={urllib.parse.quote(page['next_cursor'], safe='')}")
        held += page["penalties"]
    with connection:
        # what is known is older than this, or came since then by webhook and stays
        connection.execute(
            "UPDATE in_force SET steps = '[]', seq = :seq - 1 WHERE seq <= :seq",
            {"seq": int(cursor)},
        )
        for penalty in held:
            apply(connection, {**penalty, "effective": penalty["tier"], "seq": int(cursor)})
        connection.execute("INSERT OR REPLACE INTO place VALUES (1, ?)", (cursor,))
    return str(cursor)


def pull(connection: sqlite3.Connection, api: str, key: str) -> int:
    """Take a page of the feed; events and the new place are stored together. Returns how many events it had."""
    row = connection.execute("SELECT cursor FROM place").fetchone()
    cursor = row[0] if row else begin(connection, api, key)
    try:
        page = ask(api, key, f"/v1/feed?cursor={cursor}")
    except httpx.HTTPStatusError as error:
        if error.response.status_code != 410:
            raise
        begin(connection, api, key)  # away for longer than the feed reaches back
        return 1
    with connection:
        for event in page["events"]:
            apply(connection, event)
        connection.execute("INSERT OR REPLACE INTO place VALUES (1, ?)", (page["next_cursor"],))
    return len(page["events"])


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", default="consumer.db")
    ways = parser.add_subparsers(dest="way", required=True)
    one = ways.add_parser("receive")
    one.add_argument("--secret", required=True)
    one.add_argument("--port", type=int, default=8400)
    two = ways.add_parser("pull")
    two.add_argument("--api", required=True)
    two.add_argument("--key", required=True)
    two.add_argument("--once", action="store_true")
    ways.add_parser("show")
    given = parser.parse_args()
    if given.way == "receive":
        receive(given.file, given.secret, given.port).serve_forever()
        return
    with closing(database(given.file)) as connection:
        if given.way == "pull":
            while True:
                if not pull(connection, given.api, given.key):
                    if given.once:
                        return
                    time.sleep(5)
        for account_id, tier in enforced(connection).items():
            print(f"{account_id}  {tier}")


if __name__ == "__main__":
    main()
