"""Every comparison with peers and limits, and the quality tables, one after the other, at a moderate size.

    make bench                                  about a quarter of an hour on two cores
    make bench LARGE=--large                    also 10 million events, and the toolkit on a million rows (hours)
    bench/.venv/bin/python bench/everything.py [--large] [--only NAME ...]

What each answers, alone and with its own options: bench/README.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from time import perf_counter

HERE = Path(__file__).parent
# what is run, with its options, and the options with --large
SCRIPTS = {
    "coactions": (["--rows", "100000", "1000000", "--command"], ["--rows", "100000", "1000000", "10000000"]),
    "toolkit": (
        ["--rows", "100000", "200000", "--top", "0.01", "0.12", "--default"],
        ["--rows", "100000", "200000", "1000000", "--top", "0.01", "0.12", "--default", "--times", "3"],
    ),
    "hot": ([], ["--toolkit", "400"]),
    "templates": ([], ["--texts", "100000"]),
    "ingesting": (["--rows", "100000", "1000000", "--times", "1"], ["--rows", "1000000", "10000000", "--times", "1"]),
    "loading": (["--rows", "100000"], ["--rows", "100000", "1000000", "10000000"]),
    "leiden": (["--only", "goal", "libraries", "--seeds", "1"], []),
    "quality": (["--kinds", "without,heavy,farms", "--seeds", "1-1"], ["--seeds", "1-5"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(SCRIPTS), default=list(SCRIPTS))
    given = parser.parse_args()
    failed = []
    for name in given.only:
        options = SCRIPTS[name][given.large]
        print(f"\n=== bench/{name}.py {' '.join(options)}", flush=True)
        begun = perf_counter()
        with TemporaryDirectory() as fresh:  # quality.py would take worlds that were done before from its folder
            kept = ["--out", fresh] if name == "quality" else []
            if run([sys.executable, str(HERE / f"{name}.py"), *options, *kept], check=False).returncode:
                failed.append(name)
        print(f"=== {name}: {perf_counter() - begun:.0f} s", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
