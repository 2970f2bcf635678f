"""The OpenAPI document against the live server: schemathesis makes requests from it and compares every answer with it.

All checks, four phases, one operation after another, on a store where an action waits for approval and another is
approved. `SHOAL_FUZZ_EXAMPLES=1000` makes many more requests of each operation.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from apikit import People, Platform, approved, banned_network, previewed, proposed, served
from sqlalchemy import Engine

from api import auth
from api.checkpoint import make_keys
from api.publish import publish
from api.rules import Policy

ROOT = Path(__file__).parents[2]
LEAKS = re.compile(
    r"(?i)traceback|sqlalchemy|psycopg|sqlite3?\b|select .* from|/site-packages/|\.py\b|shoal_[0-9a-f]{16}"
)


@pytest.fixture
def people(
    engine: Engine, platform: Platform, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> People:
    """A server with no limit in the way, and networks and actions to ask for."""
    make_keys(tmp_path / "audit.pem")
    monkeypatch.setenv("SHOAL_AUDIT_KEY", str(tmp_path / "audit.pem"))
    for name in ("READS", "ITEMS", "WRITES", "FAILURES"):
        monkeypatch.setenv(f"SHOAL_RATE_{name}", "1000000/minute")
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    with served(engine) as people:
        previewed(people("ann"), proposed(people("ann")))
        approved(people)
        yield people


def test_every_answer_is_as_documented(people: People, engine_name: str, tmp_path: Path) -> None:
    """The seed is fixed; other seeds, and more requests of each operation, by hand."""
    document = people.http.get("/openapi.json").json()
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    examples = int(os.environ.get("SHOAL_FUZZ_EXAMPLES", "10" if engine_name == "sqlite" else "4"))
    line = [sys.executable, "-m", "schemathesis.cli", "run", str(tmp_path / "openapi.json")]
    line += ["--url", str(people.http.base_url).rstrip("/"), "--checks", "all", "--seed", "7", "--workers", "1"]
    line += ["--max-examples", str(examples), "--phases", "examples,coverage,fuzzing,stateful", "--no-color"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(Path(__file__).parent)}
    environment["FUZZ_KEY"] = people("fuzz", tuple(auth.SCOPES)).key
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stdout[-8000:]
    operations = sum(len(methods) for methods in document["paths"].values())
    assert f"Tested: {operations}" in done.stdout
    assert not LEAKS.search(done.stdout), "an answer tells of what is inside"
