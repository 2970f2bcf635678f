"""Whether every line of a CSV file is a record, so that it may be cut anywhere and parsed in parts at once.

A parser that begins in the middle of a file takes a line within a quoted text for a record. Whoever writes a note of
several lines could so write records of their own into the log: a file is parsed in parts only where this is ruled out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

CHUNK = 8 << 20
QUOTE, NEWLINE, RETURN = b'"'[0], b"\n"[0], b"\r"[0]


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
