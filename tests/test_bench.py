"""The benchmarks: every script says what it is for, and the quick ones run on little and find equal answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"
PEERS = BENCH / ".venv" / "bin" / "python"  # made by `make bench-install`
MODULES = {"interactions", "kernel", "measured", "rules", "worlds"}  # which the scripts share; they run nothing
SLOW = {"tolokers"}  # loads torch to say what it is for
SCRIPTS = sorted(p.stem for p in BENCH.glob("*.py") if p.stem not in MODULES | SLOW)
# all in one process, since what they load is the same
HELPS = """
import runpy, sys
for name in sys.argv[1:]:
    sys.argv = [f"bench/{name}.py", "--help"]
    try:
        runpy.run_path(f"bench/{name}.py", run_name="__main__")
    except SystemExit as ended:
        assert not ended.code, name
    print("that was", name)
"""


def said(python: Path, *words: str) -> str:
    done = subprocess.run([python, *words], cwd=BENCH.parent, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_script_says_what_it_is_for() -> None:
    text = said(Path(sys.executable), "-c", HELPS, *SCRIPTS)
    for name in SCRIPTS:
        usage, _, text = text.partition(f"that was {name}\n")
        assert usage.startswith(f"usage: {name}.py"), name


def test_the_readme_names_every_file() -> None:
    readme = (BENCH / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in sorted(BENCH.glob("*.py")) if f"`{p.name}`" not in readme] == []


@pytest.mark.parametrize(
    ("words", "agreed"),
    [
        (("toolkit.py", "--rows", "2000", "--network", "co_link"), " yes"),
        (("coactions.py", "--rows", "3000"), "answers are the same"),
    ],
)
def test_a_small_run_agrees_with_the_peer(words: tuple[str, ...], agreed: str) -> None:
    if not PEERS.exists():
        pytest.skip("the benchmarks' peers are not installed here (make bench-install)")
    assert agreed in said(PEERS, f"bench/{words[0]}", *words[1:])
