"""What a piece of work costs: wall time, CPU seconds and the most memory held, children included."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from subprocess import run
from time import perf_counter, process_time
from typing import Any, TypeVar

SHOAL = str(Path(sys.executable).with_name("shoal"))  # of the environment that this runs in
Given = TypeVar("Given")


class Clock:
    """Wall time and CPU seconds of this process, from its making on."""

    def __init__(self) -> None:
        self._wall, self._cpu = perf_counter(), process_time()

    def stop(self) -> dict[str, Any]:
        """wall_s, cpu_s (all threads of this process) since the start, and peak_mb of the process so far."""
        wall, cpu = perf_counter() - self._wall, process_time() - self._cpu
        return {"wall_s": round(wall, 2), "cpu_s": round(cpu, 2), "peak_mb": peak_mb()}


def peak_mb() -> int:
    """Most memory that this process has held (MB of 2^20 bytes)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) >> 10


def in_a_process(job: Callable[[Given], dict[str, Any]], given: Given) -> dict[str, Any]:
    """The answer of a job that has a fresh process to itself."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(job, given).result()


def ended(command: list[str], limit: float | None = None) -> dict[str, Any]:
    """wall_s, cpu_s and peak_mb of a command from start to end; this program exits with its words if it fails.

    cpu_s counts every process, peak_mb is that of the largest one. With a limit (seconds) it is stopped then, and
    `ended` is false. `words` is what it wrote.
    """
    asked = json.dumps({"command": command, "limit": limit})
    done = run([sys.executable, "-S", "-c", WATCH], input=asked, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    if figures.pop("code") and figures["ended"]:
        sys.exit(f"{' '.join(command)} failed:\n{figures['words'][-4000:]}")
    return figures


# Starts the command from a small process: Linux counts the memory of whoever starts a command as the command's own.
WATCH = """
import json, os, signal, subprocess, sys, tempfile, threading, time
asked = json.load(sys.stdin)
with tempfile.TemporaryFile("w+") as words:
    begun = time.perf_counter()
    process = subprocess.Popen(asked["command"], stdout=words, stderr=words, start_new_session=True)
    limit = asked["limit"]
    stop = threading.Timer(limit or 0.0, os.killpg, (process.pid, signal.SIGKILL))  # the command and what it started
    if limit is not None:
        stop.start()
    _, status, used = os.wait4(process.pid, 0)
    stop.cancel()
    wall = time.perf_counter() - begun
    words.seek(0)
    print(json.dumps({
        "wall_s": round(wall, 2), "cpu_s": round(used.ru_utime + used.ru_stime, 2), "peak_mb": used.ru_maxrss >> 10,
        "ended": limit is None or wall < limit, "words": words.read(), "code": os.waitstatus_to_exitcode(status),
    }))
"""
