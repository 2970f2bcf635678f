"""`shoal check-media`: what files say of where they come from, each read by a program of its own."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from graph.errors import InputError, UnavailableError
from graph.words import shown
from ingest.provenance.marker import ERROR, MEANING
from ingest.provenance.worker import Limits, configuration

_NEEDED = {"c2pa": "c2pa-python", "defusedxml": "defusedxml", "pdqhash": "pdqhash", "PIL": "pillow"}
_ANCHORS = 4 * 2**20  # bytes
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
# one thread and few arenas: less memory a child, and forking stays safe
_QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


def check_media(
    files: Iterable[Path], trust_anchors: Path | None = None, limits: Limits | None = None
) -> Iterator[dict[str, Any]]:
    """One answer a file, in order, as soon as it is there.

    Args:
        files: JPEG, PNG, WebP or MP4; anything else gets an answer too, which says so.
        trust_anchors: a PEM file of the certificates that trust in C2PA signatures begins with.
        limits: what one file may cost.

    Yields:
        file, status (a key of MEANING), meaning, markers, unread, hash (None: no_hash says why), container, and error
        where the status is `error`.

    Raises:
        InputError: the trust anchors are no certificates.
        UnavailableError: the extra `media` is not installed.
    """
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise UnavailableError(f"reading media needs the extra media; not installed: {', '.join(missing)}")
    first = configuration(limits or Limits(), _anchors(trust_anchors))
    worker = _Worker(first)
    try:
        for file in files:
            yield _whole(file, worker.ask(file))
    finally:
        worker.close()


class _Worker:
    """`ingest.provenance.worker`, running; started anew should it end."""

    def __init__(self, first: str) -> None:
        self._first = first
        self._running = self._start()

    def _start(self) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")} | _QUIET
        running = subprocess.Popen(
            # -P: what lies in the current folder is no part of the program
            [sys.executable, "-P", "-m", "ingest.provenance.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            encoding="ascii",
        )
        self._tell(running, self._first)
        return running

    @staticmethod
    def _tell(running: subprocess.Popen[str], line: str) -> None:
        assert running.stdin is not None
        try:
            running.stdin.write(f"{line}\n")
            running.stdin.flush()
        except BrokenPipeError:
            return  # it has ended, which its silence tells

    def ask(self, file: Path) -> dict[str, Any]:
        """What it says of a file."""
        self._tell(self._running, json.dumps({"file": os.fspath(file)}))
        assert self._running.stdout is not None
        line = self._running.stdout.readline()
        if not line:
            code = self._running.wait()
            self.close()
            self._running = self._start()
            return {"error": f"the program that reads media ended ({code}), perhaps for want of memory"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Let it end."""
        for pipe in (self._running.stdin, self._running.stdout):
            with suppress(BrokenPipeError):  # it has ended before
                assert pipe is not None
                pipe.close()
        self._running.wait()


def _whole(file: Path, answer: dict[str, Any]) -> dict[str, Any]:
    """An answer with every field it should have, in one order."""
    error = {"error": answer["error"]} if "error" in answer else {}
    status = answer.get("status", ERROR)
    if status == ERROR and not error:
        error = {"error": "; ".join(answer["unread"])}
    picture = {"hash": answer.get("hash")}
    if picture["hash"] is None:
        picture["no_hash"] = answer.get("no_hash", "the file was not read")
    return {
        "file": os.fspath(file),
        "status": status,
        **error,
        "meaning": MEANING[status],
        "container": answer.get("container"),
        "markers": answer.get("markers", []),
        "unread": answer.get("unread", []),
        **picture,
    }


def _anchors(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            data = file.read(_ANCHORS + 1)
        if len(data) > _ANCHORS:
            raise InputError(f"{path}: more than {_ANCHORS // 2**20} MiB; trust anchors are a PEM file of certificates")
        text = "\n".join(_CERTIFICATE.findall(data.decode("latin-1")))  # lists have comments between them
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors
        raise InputError(f"{path}: no PEM file of certificates, which trust anchors are ({error})") from None
    return text


def text(answer: dict[str, Any]) -> str:
    """An answer as a person reads it. Nothing of a file is printed that could move a terminal's cursor."""
    lines = [f"{shown(answer['file'], 500)}: {answer['status']}"]
    if "error" in answer:
        lines.append(f"  {shown(answer['error'], 500)}")
    for marker in answer["markers"]:
        details = "; ".join(f"{k} {_detail(v)}" for k, v in marker["details"].items())
        lines.append(f"  {marker['kind']} ({shown(marker['where'], 100)}) says {marker['says']}: {details}")
    if answer["status"] != ERROR:
        lines += [f"  not read: {shown(why, 500)}" for why in answer["unread"]]
    picture = answer["hash"]
    if answer["container"] is None:
        return "\n".join(lines)
    if picture is None:
        lines.append(f"  no hash: {shown(answer['no_hash'], 300)}")
    else:
        poor = "" if picture["usable"] else ", too little to see for near copies"
        lines.append(f"  pdq {picture['pdq']}, quality {picture['quality']}{poor}")
    return "\n".join([*lines, f"  {answer['meaning']}"])


def _detail(value: Any) -> str:
    return shown(", ".join(map(str, value)) if isinstance(value, list) else value, 300)
