"""A stored model on another run: nothing is trained, the accounts may be ones it never saw (inductive)."""

from __future__ import annotations

from typing import Any

from gnn.checkpoint import Checkpoint, checkpoint_bytes
from gnn.dataset import build_inputs, data_hash
from gnn.labels import UNKNOWN, given_labels
from gnn.score import MEANING, MODEL, TOTAL, ScoreReport, score_table, versions, write_scores
from gnn.suggest import suggest
from gnn.window import open_window
from graph.console import Advance
from graph.log import EventLog
from graph.runs import Building


def apply_checkpoint(
    building: Building, log: EventLog, checkpoint: Checkpoint, *, advance: Advance | None = None
) -> ScoreReport:
    """Write `scores`, `suggestions`, model.pt and model.json of a stored model; marks the step `scores` done.

    Args:
        building: a run with the tables behaviour, clusters and edges, and window in its key.
        log: the event log.
        checkpoint: the model (gnn.checkpoint.load_checkpoint).
        advance: told of progress; the amounts sum to gnn.score.TOTAL.
    """
    tell = advance or (lambda _: None)
    with open_window(building, log) as window:
        tell(TOTAL / 4)
        inputs, given = build_inputs(window, checkpoint.target), given_labels(window)
        tell(TOTAL / 4)
    score, baseline = checkpoint.model.score(inputs)
    tell(TOTAL / 2)
    reviews = suggest(inputs.accounts, score, baseline, given.group, given.y != UNKNOWN)
    building.write_file(MODEL, checkpoint_bytes(checkpoint))
    card: dict[str, Any] = {
        "target": checkpoint.target,
        "meaning": MEANING[checkpoint.target],
        "applied": "a stored model: trained on other data, its calibration is of that data",
        "accounts": len(inputs.accounts),
        "seed": checkpoint.seed,
        "data_hash": data_hash(building, log),
        "trained_on": checkpoint.data_hash,
        "features": list(checkpoint.names),
        "neighbours": inputs.neighbours.links,
        "versions": versions(),
    }
    write_scores(building, score_table(inputs.accounts, checkpoint.target, score, baseline), reviews, card)
    count = len(inputs.accounts)
    return ScoreReport(checkpoint.target, count, count, suggestions=reviews.num_rows)
