"""A network action on very many accounts: preview, approve, execute, reverse; wall time, CPU seconds, memory.

    .venv/bin/python bench/actions.py [--targets N] [--postgres URL] [--batch K] [--folder DIR]

Synthetic: one network whose members have a verdict each, put into the decision store as a publication leaves it. The
action is a ban, so each target costs two messages and an audit entry each way. SQLite in a folder of its own and, with
`--postgres`, an empty database of that URL (it is filled; take one that nobody needs). `list` is the page of all
actions, asked fifty times. Each step is a process of its own, so the memory is that step's. Two rows of the same step
with N ten times as large show whether it is linear.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from sqlalchemy import Engine, insert, select

sys.path.insert(0, str(Path(__file__).parent))
from measured import Clock, in_a_process

Given = tuple[str, str, int, int]  # a step; the store's URL; how many targets; how many to a batch
AT = 1_790_000_000_000_000
DAY = 86_400_000_000
CHUNK = 5_000


def policy_text() -> str:
    """The policy that ships, without canary and caps, which would stop so large an action (as they should)."""
    from api.rules import load

    text = load().text
    for name, value in (
        ("canary_share", "0.0"),
        ("per_action", "null"),
        ("per_hour", "null"),
        ("per_policy", "null"),
        ("active_share", "null"),
    ):
        text = re.sub(rf"^( +{name}):.*$", rf"\1: {value}", text, flags=re.MULTILINE)
    return text


def fill(engine: Engine, size: int, now: int) -> None:
    """A publication with one network of `size` accounts whose verdict is ban."""
    from api.rules import parse
    from api.store import writing
    from api.tables import accounts, members, networks, policies, publications, verdicts

    policy = parse(policy_text(), "bench policy")
    judged = {"policy_version": policy.version, "policy_sha256": policy.sha256, "run_id": "run", "created_at": now}
    with writing(engine) as tx:
        named = {"sha256": policy.sha256, "version": policy.version}
        tx.execute(insert(policies).values(**named, text=policy.text, added_at=now))
        tx.execute(
            insert(publications).values(
                publication_id=1,
                run_id="run",
                manifest_sha256="0" * 64,
                run_created_at=now,
                window_until=now,
                policy_sha256=policy.sha256,
                policy_version=policy.version,
                published_at=now,
                actor="bench",
                active_accounts=2 * size,
            )
        )
        network = {"publication_id": 1, "network_id": "n1", "cluster_id": "c1", "size": size, "channels": []}
        tx.execute(insert(networks).values(**network, tier="ban"))
        why = [{"code": "registered_by_tool", "family": "platform", "text": "Registered by a hosting tool."}]
        for start in range(0, size, CHUNK):
            names = [f"account-{i:08d}" for i in range(start, min(start + CHUNK, size))]
            rows: list[dict[str, Any]] = [
                {
                    "verdict_id": start + i + 1,
                    "subject_kind": "account",
                    "subject_id": name,
                    "version": 1,
                    "tier": "ban",
                    "reasons": why,
                    "families": ["platform", "network"],
                    "protections": [],
                    "network_id": "n1",
                    "cause": "publish",
                    "content_sha256": "0" * 64,
                    **judged,
                }
                for i, name in enumerate(names)
            ]
            tx.execute(insert(verdicts), rows)
            lasting = {"network_id": "n1", "role": "core", "judged_at": now, "expires_at": now + 30 * DAY}
            known = [{"account_id": r["subject_id"], "verdict_id": r["verdict_id"], **lasting} for r in rows]
            tx.execute(insert(accounts), known)
            inside = {"publication_id": 1, "network_id": "n1", "role": "core"}
            tx.execute(insert(members), [{"account_id": name, **inside} for name in names])


def proposed(engine: Engine) -> str:
    """The one action there is; made on first use."""
    from api import actions
    from api.clock import now
    from api.store import writing
    from api.tables import network_actions

    with writing(engine) as tx:
        found = tx.execute(select(network_actions.c.action_id)).scalar_one_or_none()
        made = {"network_id": "n1", "action": "ban", "reason": "bench", "proposer": "ann", "at": now()}
        return str(found) if found is not None else actions.propose(tx, **made)


def preview(engine: Engine, action_id: str, _batch: int) -> None:
    """Freeze the targets; and review the sample, which takes no time to speak of."""
    from api import actions
    from api.clock import now
    from api.store import writing
    from api.tables import reviews

    with writing(engine) as tx:
        actions.preview(tx, action_id, actor="ann", at=now())
    with writing(engine) as tx:  # written as they are: these accounts have no facts to be judged anew from
        for i, name in enumerate(actions.find(tx, action_id).sample):
            said = {"decision": "registered_by_tool", "reason": "bench", "action_id": action_id, "at": now()}
            tx.execute(insert(reviews).values(review_id=f"rv-{i}", account_id=name, reviewer="rob", **said))


def approve(engine: Engine, action_id: str, _batch: int) -> None:
    """Twice, by two people: each compares every target with what was frozen."""
    from api import actions
    from api.clock import now
    from api.store import writing

    for who in ("bea", "cid"):
        with writing(engine) as tx:
            row = actions.find(tx, action_id)
            if row.state == "previewed":
                actions.approve(tx, action_id, digest=row.digest, approver=who, at=now())


def execute(engine: Engine, action_id: str, batch: int) -> None:
    """To the end."""
    from api import actions, execution
    from api.clock import now
    from api.store import writing

    with writing(engine) as tx:
        actions.execute(tx, action_id, actor="bea", at=now())
    assert execution.carry_on(engine, action_id, batch=batch) == "executed"


def reverse(engine: Engine, action_id: str, batch: int) -> None:
    """To the end."""
    from api import actions, execution
    from api.clock import now
    from api.store import writing

    with writing(engine) as tx:
        actions.reverse(tx, action_id, actor="bea", reason="bench", at=now())
    assert execution.carry_on(engine, action_id, batch=batch) == "reversed"


def listed(engine: Engine, action_id: str, _batch: int) -> None:
    """What the list of actions answers, fifty times."""
    from api.routes.actions import body_of
    from api.store import reading

    for _ in range(50):
        with reading(engine) as tx:
            assert body_of(tx, action_id)["targets_by_state"]


STEPS: dict[str, Callable[[Engine, str, int], None]] = {
    "preview": preview,
    "approve": approve,
    "execute": execute,
    "list": listed,
    "reverse": reverse,
}


def job(given: Given) -> dict[str, Any]:
    """One step, measured, in this process."""
    from api.clock import now
    from api.store import open_store, upgrade

    step, url, size, batch = given
    engine = open_store(Path("unused"), url)
    if step == "fill":
        upgrade(engine)
        fill(engine, size, now())
        return {}
    action_id = proposed(engine)
    clock = Clock()
    STEPS[step](engine, action_id, batch)
    figures = clock.stop()
    engine.dispose()
    return figures


def checked(given: Given) -> dict[str, Any]:
    """What is left behind: every target once, each way, and a whole audit log."""
    from api.audit import verify_chain
    from api.store import open_store, reading
    from api.tables import penalties, reversals

    engine = open_store(Path("unused"), given[1])
    with reading(engine) as tx:
        counted = [len(tx.execute(select(t.c.penalty_id)).all()) for t in (penalties, reversals)]
    assert counted == [given[2], given[2]], counted
    return {"audit_rows": verify_chain(engine)}


def measure(url: str, sizes: Sequence[int], batch: int) -> Iterator[dict[str, Any]]:
    """A row for each step, of the first size (a database holds one)."""
    for size in sizes:
        in_a_process(job, ("fill", url, size, batch))
        for step in STEPS:
            yield {"step": step, "targets": size, **in_a_process(job, (step, url, size, batch))}
        print(f"  {size:,} targets, each exactly once; {in_a_process(checked, ('', url, size, batch))}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--postgres", help="URL of an empty database")
    parser.add_argument("--folder", type=Path, help="where SQLite's file is made (default: a temporary folder)")
    asked = parser.parse_args()
    with TemporaryDirectory(dir=asked.folder) as folder:
        urls = {"sqlite": f"sqlite:///{folder}/decisions.db"}
        urls |= {"postgresql": asked.postgres} if asked.postgres else {}
        for name, url in urls.items():
            print(name, flush=True)
            table = pd.DataFrame(list(measure(url, [asked.targets], asked.batch)))
            table["targets_a_second"] = (table["targets"] / table["wall_s"]).round()
            print(table.to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
