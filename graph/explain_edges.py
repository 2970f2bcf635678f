"""What every edge of a run says, in one sentence each: for the relationships people look at in Neo4j.

From the run's tables alone, in one pass: a run may have hundreds of thousands of edges.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from graph.explain import telling
from graph.explain_text import edge_sentence
from graph.runs import Run

Ends = tuple[str, str]


def sentences(run: Run, pairs: pa.Table, channels: pa.Table) -> pa.Array:
    """One sentence a pair, in the order of `pairs`. Objects on private ground are not named.

    Args:
        run: the run the edges are of; its evidence, as far as it kept any, tells the rarest object.
        pairs: rows of the edge table of channel `all`.
        channels: its other rows.
    """
    window = _window(run)
    rows_of: dict[Ends, list[dict[str, Any]]] = {}
    wanted = ["account_a", "account_b", "channel", "objects", "expected", "p_value"]
    for row in channels.select(wanted).to_pylist():
        rows_of.setdefault((row["account_a"], row["account_b"]), []).append(row)
    rarest = _rarest(run)
    said = []
    for edge in pairs.to_pylist():
        ends = (edge["account_a"], edge["account_b"])
        said.append(edge_sentence(edge, window, telling(rows_of.get(ends, [])), rarest.get(ends)))
    return pa.array(said, pa.string())


def _window(run: Run) -> int | None:
    try:
        window: int = run.manifest["key"]["detect"]["coaction"]["window"]
    except (KeyError, TypeError):
        return None
    return window


def _rarest(run: Run) -> dict[Ends, tuple[str, str, int]]:
    """Channel, id and accounts of the rarest object in each pair's evidence."""
    if not run.has("evidence"):
        return {}
    columns = ["account_a", "account_b", "object_accounts", "channel", "object_id"]
    evidence = run.table("evidence", columns).sort_by([(c, "ascending") for c in columns])
    found: dict[Ends, tuple[str, str, int]] = {}
    for a, b, accounts, channel, object_id in zip(*(evidence[c].to_pylist() for c in columns), strict=True):
        found.setdefault((a, b), (channel, object_id, accounts))
    return found
