"""How a CSV file may be parsed: in parts at once, as a whole, or from one end to the other.

A parser that begins in the middle of a file takes a line within a quoted text for a record. Whoever writes a note of
several lines could so write records of their own into the log. A file is parsed in parts only where every line is seen
to be a record; otherwise as a whole, as far as memory goes, because only so the engine reports a quote that never
closes; beyond that from one end to the other, after its quotes were counted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graph.errors import InputError
from ingest.encoding import compression_of, opened

CHUNK = 8 << 20
QUOTE, NEWLINE, RETURN = b'"'[0], b"\n"[0], b"\r"[0]


def options(path: Path, delimiter: str, *, part: int, whole: int) -> str:
    """The engine's options for a file.

    Args:
        path: the file; it may be compressed.
        delimiter: what stands between its fields.
        part: bytes of text that are parsed at a time.
        whole: bytes of text that may be in memory at a time.

    Raises:
        InputError: the text is larger than `whole`, and a quote of it never closes or opens within a field.
    """
    packed = compression_of(path) is not None
    if not packed and path.stat().st_size <= part:
        return f"buffer_size = {whole}"
    if not packed and lines_are_records(path, delimiter):
        return f"buffer_size = {part}"
    size, quotes = _measured(path, whole)
    if size <= whole:
        return f"buffer_size = {whole}"
    if quotes % 2:
        raise InputError(
            f"{path}: over {whole >> 30:,} GiB of text whose quotes do not pair up: a field is not closed, or a quote "
            "stands within a field; write a quote within a field twice, or cut the file in several"
        )
    return f"buffer_size = {part}, parallel = false"


def lines_are_records(path: Path, delimiter: str) -> bool:
    """Whether no field of an uncompressed CSV file holds a line break, whichever way it is quoted.

    False also where it cannot be told simply: a quote in the middle of a field, a field of over 8 MiB. Reading ends at
    the first line that decides it.
    """
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            lines, end, rest = (rest + chunk).rpartition(b"\n")
            if not end or not _closed(lines + end, ord(delimiter)):
                return False
    return _closed(rest + b"\n", ord(delimiter))


def _closed(lines: bytes, delimiter: int) -> bool:
    """Whether each quoted part of whole lines begins where a field does and ends where it ends, on the same line.

    Quotes are taken in pairs; a doubled quote, which stands for one, ends a part and begins the next.
    """
    text = np.frombuffer(lines, np.uint8)
    quotes = np.flatnonzero(text == QUOTE)
    if len(quotes) % 2:
        return False
    if not len(quotes):
        return True
    begins, ends = quotes[::2], quotes[1::2]
    before, after = text[begins - 1], text[ends + 1]  # before the first byte: the last one, which ends a line
    edges = np.array([delimiter, NEWLINE, QUOTE], np.uint8)
    returns = (after == RETURN) & (text[np.minimum(ends + 2, len(text) - 1)] == NEWLINE)
    if not (np.isin(before, edges).all() and (np.isin(after, edges) | returns).all()):
        return False
    breaks = np.flatnonzero(text == NEWLINE)
    return bool((np.searchsorted(breaks, begins) == np.searchsorted(breaks, ends)).all())


def _measured(path: Path, enough: int) -> tuple[int, int]:
    """Bytes of text and quotes of a file; quotes are counted to the end only of a text of more than `enough` bytes."""
    if compression_of(path) is None and path.stat().st_size <= enough:
        return path.stat().st_size, 0
    size = quotes = 0
    with opened(path) as stream:
        while chunk := stream.read(CHUNK):
            size, quotes = size + len(chunk), quotes + chunk.count(b'"')
    return size, quotes
