"""Fixtures every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pgkit
import pytest

from graph.settings import settings

# No Neo4j of a test runs for more than some minutes: to compile its code well, and to collect garbage beside it, costs
# more there than it ever brings. Child processes inherit this.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

REQUIRED = {part.strip() for part in settings().require.split(",") if part.strip()}

# The files that take longest, the longest first: begun last, one of them would run on alone while a worker idles.
LONGEST = (
    "test_docs.py",
    "test_bulk.py",
    "test_whole_flow.py",
    "test_embedded.py",
    "test_store.py",
    "test_spark.py",
    "test_webhooks.py",
    "test_schemathesis.py",
    "test_action_large.py",
    "test_candidates.py",
    "test_action_machine.py",
    "test_kills.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of LONGEST; the order within a file stays."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


@pytest.fixture(scope="session")
def need() -> Callable[[str, bool, str], None]:
    """Skip a test whose outside part is absent; fail it where SHOAL_REQUIRE names the part."""

    def check(part: str, present: bool, why: str) -> None:
        if present:
            return
        if part in REQUIRED:
            pytest.fail(f"SHOAL_REQUIRE names {part}, but {why}")
        pytest.skip(f"{part}: {why}")

    return check


@pytest.fixture(scope="session")
def shared_data(need: Callable[[str, bool, str], None]) -> Path:
    """Folder of real data with known answers, which users do not have."""
    folder = Path(os.environ.get("SHOAL_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    need("shared-data", folder.is_dir(), "no folder of real data; set SHOAL_SHARED_DATA to one")
    return folder


@pytest.fixture(scope="session")
def postgresql(need: Callable[[str, bool, str], None]) -> Path:
    """The folder of a PostgreSQL server's programs."""
    found = pgkit.programs()
    need("postgresql", found is not None, "no PostgreSQL server binaries (Debian: apt-get install postgresql)")
    return Path(str(found))


@pytest.fixture(scope="session")
def chromium(need: Callable[[str, bool, str], None]) -> Path:
    """A real browser."""
    found = shutil.which("chromium")
    need("chromium", found is not None, "no chromium on this machine (Debian: apt-get install chromium)")
    return Path(str(found))
