"""`shoal ingest --media FOLDER`: reads the pictures and videos that interactions name, from a folder of files.

A name is a path below the folder. Nothing outside of it is opened, whatever a name or a link in the folder says, and
nothing is fetched. Files are checked a block at a time, and each block is a batch of the log, so a call that was killed
goes on where it was: what the log knows of is not read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from graph.console import progress
from graph.errors import InputError
from graph.words import count
from graph.workspace import Workspace
from ingest.load import ingest
from ingest.provenance.check import check_media

BLOCK = 500
NAMED = 3  # of what is missing


def take(workspace: Workspace, folder: Path, say: Callable[[str], None]) -> None:
    """Check what interactions of the log name and the table `media` does not know yet. The caller holds the lock.

    Raises InputError if there is no such folder, UnavailableError if the extra `media` is not installed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no folder; expected one that holds the media that interactions name")
    wanted = _unknown(workspace)
    if not wanted:
        say("no interaction names media that the log does not know")
        return
    there, missing, outside = _resolved(folder.resolve(), wanted)
    with progress("Checking media", len(there)) as advance:
        names = list(there)
        for start in range(0, len(names), BLOCK):
            block = {name: there[name] for name in names[start : start + BLOCK]}
            say(str(_append(workspace, block, advance)))
    for what, left in (("not there", missing), (f"not below {folder}, and left alone", outside)):
        if left:
            more = ", ..." if len(left) > NAMED else ""
            say(f"{count(len(left), 'name')} of media {what}: {', '.join(map(repr, left[:NAMED]))}{more}")


def _unknown(workspace: Workspace) -> list[str]:
    with workspace.log.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT media_id FROM (SELECT unnest(i.media) AS media_id FROM interactions i) "
            "ANTI JOIN media USING (media_id) ORDER BY media_id"
        ).fetchall()
    return [name for (name,) in rows]


def _resolved(folder: Path, names: list[str]) -> tuple[dict[str, Path], list[str], list[str]]:
    """Files by name; names without a file; names that lead out of the folder."""
    there: dict[str, Path] = {}
    missing: list[str] = []
    outside: list[str] = []
    for name in names:
        path = PurePosixPath(name)
        try:
            real = (folder / path).resolve()
            if path.is_absolute() or ".." in path.parts or not real.is_relative_to(folder):
                outside.append(name)
            elif real.is_file():
                there[name] = real
            else:
                missing.append(name)
        except (OSError, ValueError, RuntimeError):  # too long, a NUL, links that lead in a circle
            missing.append(name)
    return there, missing, outside


def _append(workspace: Workspace, files: dict[str, Path], advance: Callable[[float], None]) -> object:
    def lines() -> Iterator[str]:
        for name, answer in zip(files, check_media(files.values()), strict=True):
            advance(1)
            yield json.dumps({**answer, "file": name}) + "\n"

    with TemporaryDirectory(prefix="shoal-media-") as scratch:
        answers = Path(scratch) / "media.jsonl"
        with answers.open("w", encoding="utf-8") as file:
            file.writelines(lines())
        try:
            return ingest(workspace, answers, "check-media")
        except InputError as error:
            return f"none of {count(len(files), 'file')} could be read: {error}"
