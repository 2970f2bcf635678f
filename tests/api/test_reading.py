"""What a request reads is what it is about: it does not grow with what else there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from apikit import People, Platform, banned_networks, served
from sqlalchemy import Engine, event, insert
from test_execution import approved_action, begin

from api import execution
from api.clock import now
from api.publish import publish
from api.rules import Policy
from api.store import writing
from api.tables import reviews

OTHERS = 90
OWN = 10  # rows more that are of the same account and action, or of a sample


@contextmanager
def questions(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """The questions asked of the store meanwhile, with their parameters."""
    asked: list[tuple[str, Any]] = []

    def seen(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(engine, "after_cursor_execute", seen)
    try:
        yield asked
    finally:
        event.remove(engine, "after_cursor_execute", seen)


def most_rows(engine: Engine, ask: Callable[[], Any]) -> dict[str, int]:
    """How many rows each kind of question gives that a request asks."""
    with questions(engine) as asked:
        answer = ask()
    assert answer.status_code < 300, answer.text
    found: dict[str, int] = {}
    with engine.connect() as connection:
        for statement, parameters in asked:
            rows = len(connection.exec_driver_sql(statement, parameters).all())
            found[statement] = max(found.get(statement, 0), rows)
    return found


def requests_of(people: People) -> dict[str, Callable[[], Any]]:
    """A request of each kind, about one account and one network."""
    ann, reader = people("ann"), people("reader")
    names = [f"bot-n1-{n:04d}" for n in range(4)]
    action = ann.post("/v1/network-actions", {"network_id": "n1", "action": "restrict", "reason": "t"}).json()
    path = f"/v1/network-actions/{action['action_id']}"
    said = {"account_id": names[0], "decision": "unsure", "reason": "t"}
    return {
        "verdict": lambda: reader.get(f"/v1/accounts/{names[0]}/verdict"),
        "history": lambda: reader.get(f"/v1/accounts/{names[0]}/verdicts"),
        "batch": lambda: reader.post("/v1/verdicts:batchGet", {"account_ids": names}),
        "networks": lambda: reader.get("/v1/networks", limit=1),
        "network": lambda: reader.get("/v1/networks/n1"),
        "feed": lambda: reader.get("/v1/feed", limit=1),
        "penalties": lambda: reader.get("/v1/penalties", limit=1),
        "actions": lambda: reader.get("/v1/network-actions", limit=1),
        "action": lambda: reader.get(path, limit=1),
        "audit": lambda: reader.get("/v1/audit", limit=1),
        "queue": lambda: reader.get("/v1/review-queue", limit=1),
        "metrics": lambda: reader.get("/metrics"),
        "review": lambda: ann.post("/v1/reviews", said),
        "genuine": lambda: ann.post("/v1/reviews", {**said, "decision": "genuine", "account_id": "person-1"}),
        "preview": lambda: ann.post(f"{path}:preview"),
    }


def test_what_a_request_reads_does_not_grow_with_what_else_there_is(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    """The same requests, before and after others were reviewed and banned."""
    run = banned_networks(platform, {"n1": 8, "n2": OTHERS})
    publish(run, platform.place.log, engine, policy=policy, actor="t")
    with served(engine, carry_out=False) as people:
        asks = requests_of(people)
        before = {name: most_rows(engine, ask) for name, ask in asks.items()}
        action_id = approved_action(engine, "n2")
        begin(engine, action_id, "execute")
        assert execution.carry_on(engine, action_id) == "executed"
        at = now()
        row = {"reviewer": "rob", "decision": "genuine", "reason": "t", "action_id": None, "at": at}
        with writing(engine) as tx:
            tx.execute(
                insert(reviews), [{**row, "review_id": f"r-{n}", "account_id": f"other-{n}"} for n in range(500)]
            )
        grown = {}
        for name, ask in asks.items():
            after = most_rows(engine, ask)
            for question, rows in after.items():
                if rows > before[name].get(question, 0) + OWN:
                    grown[name, question] = (before[name].get(question, 0), rows)
    assert grown == {}
