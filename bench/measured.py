"""What a piece of work costs: wall time, CPU seconds and the most memory held, children included."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from os import killpg
from pathlib import Path
from signal import SIGKILL
from subprocess import Popen
from tempfile import TemporaryFile
from threading import Timer
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
    begun = perf_counter()
    with TemporaryFile("w+") as words, Popen(command, stdout=words, stderr=words, start_new_session=True) as process:
        stop = Timer(limit or 0.0, killpg, (process.pid, SIGKILL))  # its own group: the command and what it started
        if limit is not None:
            stop.start()
        _, status, used = os.wait4(process.pid, 0)
        stop.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = perf_counter() - begun
        words.seek(0)
        text = words.read()
    in_time = limit is None or wall < limit
    if process.returncode and in_time:
        sys.exit(f"{' '.join(command)} failed:\n{text[-4000:]}")
    cpu = used.ru_utime + used.ru_stime
    figures = {"wall_s": round(wall, 2), "cpu_s": round(cpu, 2), "peak_mb": used.ru_maxrss >> 10}
    return {**figures, "ended": in_time, "words": text}
