"""The process that serves: what its threads free does not pile up."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# each request's thread asks the C library for memory, then for the list of its heaps (malloc_info(3))
SERVED = """
import ctypes, os, sys, threading
from pathlib import Path
from fastapi import FastAPI
import httpx
from api.server import serve

c = ctypes.CDLL(None)
c.malloc.restype = c.fopen.restype = ctypes.c_void_p
c.malloc_info.argtypes, c.fclose.argtypes = [ctypes.c_int, ctypes.c_void_p], [ctypes.c_void_p]
folder, app = Path(sys.argv[1]), FastAPI()
meet = threading.Barrier(4)

def heaps() -> int:
    where = folder / f"heaps-{threading.get_ident()}.xml"
    file = c.fopen(os.fsencode(where), b"w")
    c.malloc_info(0, file)
    c.fclose(file)
    return where.read_text().count("<heap ")

@app.get("/heaps")
def answer() -> int:
    meet.wait(30)  # four threads at once
    c.malloc(5000)
    meet.wait(30)
    return heaps()

def ask(url: str) -> None:
    with httpx.Client(timeout=60) as http:
        print(http.get(f"{url}/heaps").json(), flush=True)

def ready(url: str) -> None:
    asking = [threading.Thread(target=ask, args=(url,)) for _ in range(4)]
    for one in asking:
        one.start()
    threading.Thread(target=lambda: ([one.join() for one in asking], os.kill(os.getpid(), 15))).start()

print(heaps(), flush=True)  # one, or one more if a library has threads of its own
serve(app, "127.0.0.1", 0, folder / "api.json", ready)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc: it has no heaps to count")
def test_threads_that_answer_have_no_heaps_of_their_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    before, *heaps = done.stdout.split()
    assert heaps == [before] * 4, done.stderr
    assert not (tmp_path / "api.json").exists()
