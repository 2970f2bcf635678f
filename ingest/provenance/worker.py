"""The program that reads strangers' media, so that no other has to: `python -m ingest.provenance.worker`.

It loads what reading takes, once, and forks for every file. The child opens the file and then gives up the right to
open anything: with no file descriptor to be had there is no socket either, whatever a library would like to fetch.
Memory and time are limited, and a crash ends one child.

Standard input: a line of JSON with the limits and trust anchors, then one a file. Standard output: one line a file.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import stat
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from graph.errors import InputError

_ANSWER = 8 * 2**20  # bytes


@dataclass(frozen=True)
class Limits:
    """What one file may cost.

    Attributes:
        seconds: of the clock.
        cpu_seconds: of the processor.
        memory: MiB beyond what the program has once its libraries are loaded.
        size: MiB of the file.
    """

    seconds: int = 60
    cpu_seconds: int = 30
    memory: int = 1024
    size: int = 2048


def main() -> None:
    """Answer until standard input ends."""
    _load()
    given = json.loads(sys.stdin.readline())
    limits = Limits(**given["limits"])
    for line in sys.stdin:
        answer = _in_a_child(json.loads(line)["file"], given["anchors"], limits)
        print(json.dumps(answer), flush=True)


def _load() -> None:
    """Everything a child may need: it can open no module any more."""
    for module in (
        "c2pa",
        "defusedxml.ElementTree",
        "ingest.media",
        "ingest.provenance.examine",
        "pdqhash",
        "PIL.ImageOps",
    ):
        import_module(module)
    from PIL import Image

    Image.init()  # all of its readers: one kind of JPEG has a reader of its own, and EXIF uses that of TIFF
    for name in ("utf-16", "utf-16-le", "utf-16-be", "latin-1", "ascii", "utf-32"):
        "".encode(name)  # a codec is a module too


def _in_a_child(name: str, anchors: str | None, limits: Limits) -> dict[str, Any]:
    """What the child says of a file, or why it said nothing."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        _child(name, anchors, limits, theirs)
    os.close(theirs)
    said, late = _said(ours, time.monotonic() + limits.seconds)
    os.close(ours)
    if late:
        os.kill(child, signal.SIGKILL)
    _, ended = os.waitpid(child, 0)
    lines = [json.loads(line) for line in said.split(b"\n")[:-1]]
    answer: dict[str, Any] = {}
    for line in lines:
        answer |= line
    if late or os.WIFSIGNALED(ended):
        why = f"took more than {limits.seconds} s" if late else _death(os.WTERMSIG(ended), limits)
        answer |= {"no_hash": why} if "status" in answer else {"error": why}
    return answer


def _said(pipe: int, until: float) -> tuple[bytes, bool]:
    """All that comes out of a pipe, and whether it went on for too long."""
    said = bytearray()
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN | select.POLLHUP)
    while True:
        left = until - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            return bytes(said), True
        piece = os.read(pipe, 65536)
        if not piece:
            return bytes(said), False
        said += piece
        if len(said) > _ANSWER:
            return bytes(said), True


def _death(number: int, limits: Limits) -> str:
    if number == signal.SIGXCPU:
        return f"took more than {limits.cpu_seconds} s of the processor"
    return f"made the reader crash ({signal.Signals(number).name}), or needed more than {limits.memory} MiB"


def _child(name: str, anchors: str | None, limits: Limits, out: int) -> NoReturn:
    """Write the answer in two lines, markers first, and end."""
    try:
        silent = os.open(os.devnull, os.O_RDWR)  # native code may print
        os.dup2(silent, 0)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        with _opened(name, limits) as file:
            _confine(limits)
            _examine(file, anchors, limits, out)
    except InputError as error:
        _tell(out, {"error": str(error)})
    except MemoryError:
        _tell(out, {"error": f"needs more than {limits.memory} MiB"})
    except Exception as error:  # noqa: BLE001  whatever a hostile file does, the next one is answered
        _tell(out, {"error": f"cannot be read ({type(error).__name__}: {str(error)[:200]})"})
    finally:
        os._exit(0)


def _opened(name: str, limits: Limits) -> BinaryIO:
    """The file, if it is one: a pipe or a device would never end."""
    try:
        found = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be opened ({getattr(error, 'strerror', None) or error})") from None
    state = os.fstat(found)
    if not stat.S_ISREG(state.st_mode):
        raise InputError("a folder" if stat.S_ISDIR(state.st_mode) else "no regular file")
    if not state.st_size:
        raise InputError("empty")
    if state.st_size > limits.size * 2**20:
        raise InputError(f"{state.st_size / 2**20:,.0f} MiB; {limits.size:,} are the limit")
    return os.fdopen(found, "rb")


def _confine(limits: Limits) -> None:
    """No more memory, time or open files than this; for good, since the hard limits fall as well."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    memory = pages * resource.getpagesize() + limits.memory * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _examine(file: BinaryIO, anchors: str | None, limits: Limits, out: int) -> None:
    from ingest.media import hash_picture
    from ingest.provenance.examine import examine

    found = examine(file, anchors)
    _tell(out, found)
    if found["container"] == "mp4":
        _tell(out, {"no_hash": "moving pictures are not hashed"})
        return
    try:
        _tell(out, {"hash": hash_picture(file).plain()})
    except InputError as error:
        _tell(out, {"no_hash": str(error)})
    except MemoryError:
        _tell(out, {"no_hash": f"needs more than {limits.memory} MiB"})


def _tell(out: int, answer: dict[str, Any]) -> None:
    left = memoryview(json.dumps(answer).encode() + b"\n")
    while left:
        left = left[os.write(out, left) :]


def configuration(limits: Limits, anchors: str | None) -> str:
    """The first line of standard input."""
    return json.dumps({"limits": asdict(limits), "anchors": anchors})


if __name__ == "__main__":
    main()
