"""What the windows find, told: a table, a row a window for programs, and the suggestion in words."""

from __future__ import annotations

import pyarrow as pa

from graph import words
from graph.model import SECOND
from graph.windows import KEEP, USUAL, Row, Scan, keeping

UNITS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))
FEW = 20  # accounts with an edge; under these, a suggestion says that it is a hint
HEADINGS = ("WINDOW", "PAIRS MEETING", "CANDIDATES", "EDGES", "ACCOUNTS", "CLUSTERS", "BESIDE", "HALVES")
LATER = ("EDGES", "ACCOUNTS", "CLUSTERS", "AGAIN")
COUNTS = (
    "PAIRS MEETING have a co-action on any object, CANDIDATES on three of one channel; EDGES are more than chance "
    "explains, ACCOUNTS have one."
)
OVERLAPS = (
    "Overlaps are Jaccard's, 0 to 1. BESIDE: of the edges with those of the windows beside it. HALVES: of the accounts "
    "found in the first and in the second half of the earlier part; AGAIN: in the earlier and in the later part (both "
    "of those that act in both)."
)


def label(window: int) -> str:
    """A window as the command line takes it: 90s, 5m, 1h."""
    fits = next(((size, unit) for size, unit in UNITS if window % (size * SECOND) == 0), None)
    return f"{window // (fits[0] * SECOND)}{fits[1]}" if fits else f"{window / SECOND:g}s"


def title(scan: Scan) -> str:
    """What was looked at."""
    first, cut, last = (words.minute(at) for at in (scan.since, scan.halfway, scan.until - 1))
    return f"{words.count(scan.actions, 'action')} from {first} to {last} UTC, cut at {cut}; fdr {scan.fdr:g}."


def advice(scan: Scan) -> str:
    """The suggestion, why it is made, and what it gives on data that had no say in it."""
    rows = scan.rows
    if not any(row.pairs for row in rows):
        return "No two accounts have a co-action in any of these windows, so none is suggested."
    if scan.suggested is None:
        return (
            "No window finds a coordination edge in the earlier part, so none is suggested. That is a result: nothing "
            "there is more than chance explains."
        )
    row, most = rows[scan.suggested], max(len(r.earlier.accounts) for r in rows)
    others = [label(rows[i].window) for i in keeping(rows) if i != scan.suggested]
    said = (
        f"Suggested: --window {label(row.window)}. In the earlier part it finds {len(row.earlier.accounts):,} accounts "
        f"with an edge, where the best window finds {most:,}, and edges enough to hold their groups together."
    )
    if others:
        said += (
            f" So do {', '.join(others)} ({KEEP:.0%} of the best or more); of all these it is the nearest to "
            f"{label(USUAL)}, which serves most data."
        )
    else:
        said += f" No other window does ({KEEP:.0%} of the best or more)."
    return " ".join([said, _later(scan, row), *_doubts(scan, most)])


def _later(scan: Scan, row: Row) -> str:
    """What the suggested window gives on data that had no say in it."""
    if scan.halfway >= scan.until:
        return "There is no later part to try it on: everything happened at one moment."
    best = max(scan.rows, key=lambda r: (len(r.later.accounts), -r.window))
    there = len(row.later.accounts)
    later = f"{words.count(len(row.later.edges), 'edge')} among {words.count(there, 'account')}"
    more = f"the best window there, {label(best.window)}, finds {len(best.later.accounts):,}"
    compared = "no window finds more there" if len(best.later.accounts) == there else more
    return f"In the later part, which had no say, it finds {later}; {compared}."


def _doubts(scan: Scan, most: int) -> list[str]:
    """What speaks against trusting the suggestion."""
    rows, suggested, doubts = scan.rows, scan.suggested or 0, []
    if scan.missed:
        doubts.append(f"{words.count(scan.missed, 'account')} would be found with another window only.")
    if not any(rows[i].halves for i in keeping(rows)):
        doubts.append("No account is found in both halves of the earlier part: nothing shows that this recurs.")
    if len(rows) > 1 and suggested == len(rows) - 1:
        doubts.append("It is the widest that was tried: try wider ones.")
    if most < FEW:
        doubts.append(f"So few accounts ({most}) say little: take it as a hint.")
    return doubts


def text(scan: Scan) -> str:
    """The table for a terminal, the suggested window marked, and the suggestion."""
    lines = words.aligned(
        [(*HEADINGS, *(f"LATER {name}" for name in LATER[:-1]), LATER[-1])]
        + [cells(scan, i) for i in range(len(scan.rows))]
    )
    return "\n".join([title(scan), "", *lines, "", COUNTS, OVERLAPS, "", advice(scan)])


def cells(scan: Scan, i: int) -> tuple[str, ...]:
    """The cells of a row of the table; the suggested window has a star."""
    row = scan.rows[i]
    mark = " *" if i == scan.suggested else ""
    return (
        f"{label(row.window)}{mark}",
        f"{'about ' if row.sampled else ''}{words.number(row.pairs)}",
        words.number(row.earlier.candidates),
        *(words.number(n) for n in (len(row.earlier.edges), len(row.earlier.accounts), row.earlier.clusters)),
        *(_share(value) for value in (row.neighbours, row.halves)),
        *(words.number(n) for n in (len(row.later.edges), len(row.later.accounts), row.later.clusters)),
        _share(row.again),
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


COLUMNS = pa.schema(
    [
        ("window_seconds", pa.float64()),
        ("pairs", pa.int64()),
        ("pairs_sampled", pa.bool_()),
        *((f"{part}_{what}", pa.int64()) for part in ("earlier", "later") for what in
          ("candidates", "edges", "accounts", "clusters", "clustered")),
        *((name, pa.float64()) for name in ("neighbours", "halves", "again")),
        ("suggested", pa.bool_()),
    ]
)  # fmt: skip


def table(scan: Scan) -> pa.Table:
    """One row a window; columns as in graph.windows.Row, the overlaps null where there is nothing to compare."""
    return pa.Table.from_pylist([_record(row, i == scan.suggested) for i, row in enumerate(scan.rows)], COLUMNS)


def _record(row: Row, suggested: bool) -> dict[str, object]:
    record: dict[str, object] = {
        "window_seconds": row.window / SECOND,
        "pairs": row.pairs,
        "pairs_sampled": row.sampled,
        "neighbours": row.neighbours,
        "halves": row.halves,
        "again": row.again,
        "suggested": suggested,
    }
    for part in ("earlier", "later"):
        found = getattr(row, part)
        record |= {
            f"{part}_candidates": found.candidates,
            f"{part}_edges": len(found.edges),
            f"{part}_accounts": len(found.accounts),
            f"{part}_clusters": found.clusters,
            f"{part}_clustered": found.clustered,
        }
    return record


def metadata(scan: Scan) -> dict[str, object]:
    """The choices behind the table."""
    return {
        "fdr": scan.fdr,
        "since": scan.since,
        "halfway": scan.halfway,
        "until": scan.until,
        "suggested_seconds": None if scan.suggested is None else scan.rows[scan.suggested].window / SECOND,
    }
