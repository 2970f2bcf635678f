"""What a piece of work costs: wall time, CPU seconds and the most memory held, children included."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import perf_counter, process_time
from typing import Any, TypeVar

Given = TypeVar("Given")


class Clock:
    """Runs from its making."""

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
    """wall_s, cpu_s and peak_mb of a command from start to end; exits with its words if it fails.

    peak_mb is that of its largest process. With a limit (seconds) it is stopped then: `ended` says whether it was not.
    """
    begun = perf_counter()
    with NamedTemporaryFile("w+") as words, subprocess.Popen(command, stdout=words, stderr=words) as process:
        timer = None if limit is None else _stopper(process, limit)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if timer:
            timer.cancel()
        wall = perf_counter() - begun
        words.seek(0)
        text = words.read()
    in_time = limit is None or wall < limit
    if process.returncode and in_time:
        sys.exit(f"{' '.join(command)} failed:\n{text[-4000:]}")
    figures = {"wall_s": round(wall, 2), "cpu_s": round(used.ru_utime + used.ru_stime, 2), "peak_mb": used.ru_maxrss >> 10}
    return {**figures, "ended": in_time, "words": text}
