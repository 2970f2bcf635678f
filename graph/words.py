"""Ids, numbers and times as a person reads them.

Ids are whatever the platform's users made them, so nothing here trusts them: they are cut, and what
cannot be seen (control characters, bidirectional marks) is spelled out, in a page as in a terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from graph.model import SECOND, is_private

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("since", "until")


def shown(value: object, cut: int = 48) -> str:
    """Text of an id that is safe to look at, at most `cut` characters of it."""
    text = str(value)
    if len(text) > cut:
        text = f"{text[: cut - 1]}…"
    return "".join(c if unicodedata.category(c)[0] != "C" else f"\\u{ord(c):04x}" for c in text)


def shown_object(channel: str, object_id: str) -> str:
    """An object's id; nothing of private messages and group chats is ever named."""
    if not is_private(channel, object_id):
        return shown(object_id)
    kind = object_id.partition(":")[0]
    if kind == "group":
        return "a private group chat (not shown)"
    return "a private recipient (not shown)" if kind == "account" else f"a private {kind} (not shown)"


def number(value: int) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}"


def count(value: int, noun: str) -> str:
    """1 network, 2 networks."""
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"


def day(at: int | None) -> str:
    """Date, UTC, of a time in microseconds."""
    return "-" if at is None else f"{_moment(at):%Y-%m-%d}"


def minute(at: int | None) -> str:
    """Date and time, UTC, of a time in microseconds."""
    return "-" if at is None else f"{_moment(at):%Y-%m-%d %H:%M}"


def between(first_at: int, last_at: int) -> str:
    """A span of time, to the second when it is short."""
    first, last = _moment(first_at), _moment(last_at)
    if last - first >= timedelta(hours=1):
        return f"from {minute(first_at)} to {minute(last_at)} UTC"
    return f"from {first:%Y-%m-%d %H:%M:%S} to {last:%H:%M:%S} UTC"


def apart(gap: int) -> str:
    """A length of time given in microseconds."""
    seconds = gap / SECOND
    if seconds < 1:
        return "under a second"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def figure(value: object) -> str:
    """Any figure or setting; a dash where there is none."""
    if value is None or value in ([], (), ""):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value)
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 0.01 else f"{value:,.2f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(figure(item) for item in value)
    return shown(value, 200)


def probability(value: float | None) -> str:
    """A probability; never shown as certain."""
    if value is None:
        return "-"
    return "under 0.001" if value < 0.001 else "over 0.999" if value > 0.999 else f"{value:.3f}"


def flat(tree: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """A nested mapping as rows of dotted name and figure."""
    rows: list[tuple[str, str]] = []
    for name, value in tree.items():
        path = f"{above}{shown(name)}"
        if isinstance(value, Mapping):
            rows += flat(value, f"{path}.")
        elif isinstance(value, int) and (name in _TIMES or name.endswith("_at")):
            rows.append((path, minute(value)))
        else:
            rows.append((path, figure(value)))
    return rows


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    """Rows as lines whose columns line up in a terminal, where wide scripts take two cells a character."""
    from rich.cells import cell_len

    widths = [max(cell_len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)
