"""The step `scores` of a run: train on what labels there are, score every account, suggest reviews."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.dataset import OUT, TEST, TRAIN, VALIDATION, Split, build_inputs, data_hash, split
from gnn.evaluate import Metrics, comparison
from gnn.labels import UNKNOWN, Labels, choose_labels, given_labels
from gnn.suggest import suggest
from gnn.window import Floats, Window, open_window
from graph.console import Advance
from graph.log import EventLog
from graph.model import SCORES, SUGGESTIONS
from graph.runs import Building

if TYPE_CHECKING:
    from gnn.checkpoint import Checkpoint
    from gnn.train import Fitted

TOTAL = 100  # what the amounts given to `advance` sum to
READING = 25  # of these, until the models begin
DECIMALS = 6
MODEL = "model.pt"
CARD = "model.json"
PACKAGES = ("numpy", "scikit-learn", "torch", "torch-geometric")
MEANING = {
    "coordinated": (
        "Probability that an account looks like the members of the clusters this run found, learned from those "
        "clusters as weak labels. It is not a probability of being AI-hosted, nor of guilt; networks nobody found "
        "are among its negatives, so a low score clears nobody."
    ),
    "ai_hosted": (
        "Probability of a reviewed or platform label of AI hosting, as far as labelled accounts are like the "
        "others. It is not proof, and unlabelled accounts were never counted as human."
    ),
}


@dataclass(frozen=True)
class ScoreReport:
    """What `score_into` did. `reason` says why nothing was scored; `metrics` are of the held-out part, by model."""

    target: str
    accounts: int
    scored: int
    positives: int = 0
    negatives: int = 0
    split: str = ""
    suggestions: int = 0
    metrics: dict[str, Metrics] = field(default_factory=dict)
    reason: str | None = None

    def __str__(self) -> str:
        """For a terminal: target, label counts and the models side by side."""
        if self.reason:
            return f"No scores: {self.reason}."
        scored = f"{self.scored:,} accounts scored, {self.suggestions} suggested for review."
        if not self.metrics:
            return f"Target {self.target}, a stored model: {scored}"
        learned = f"{self.positives:,} positive and {self.negatives:,} negative accounts, split by {self.split}"
        return f"Target {self.target}: {learned}; {scored}\n{comparison(self.metrics)}"


def score_into(building: Building, log: EventLog, seed: int, *, advance: Advance | None = None) -> ScoreReport:
    """Train both models and write `scores`, `suggestions`, model.pt and model.json; marks the step `scores` done.

    Where there is too little to learn from, the tables are empty, there is no model.pt, and model.json
    and the report say why. Same log, run and seed: the same bytes.

    Args:
        building: a run with the tables behaviour, clusters and edges, and window in its key.
        log: the event log.
        seed: of split, weights and forest.
        advance: told of progress; the amounts sum to TOTAL.

    Raises:
        InputError: the run's key names no data window.
    """
    tell = advance or (lambda _: None)
    with open_window(building, log) as window:
        tell(READING / 2)
        labels = choose_labels(window, seed)
        reason = labels.shortage()
        if reason is None:
            parts = split(labels, seed)
            reason = _unusable(labels, parts)
        if reason is not None:
            tell(TOTAL - READING / 2)
            return _nothing(building, window, labels, seed, data_hash(building, log), reason)
        inputs, reviewed = build_inputs(window, labels.target), given_labels(window).y != UNKNOWN
        tell(READING / 2)

    from gnn.checkpoint import Checkpoint, checkpoint_bytes
    from gnn.train import EPOCHS, fit

    unit = (TOTAL - READING) / (EPOCHS + EPOCHS // 2)
    fitted = fit(inputs, labels, parts.parts, seed, lambda n: tell(n * unit))
    checkpoint = Checkpoint(fitted.model, labels.target, seed, data_hash(building, log), inputs.names)
    reviews = suggest(inputs.accounts, fitted.score, fitted.baseline, labels.group, reviewed)
    report = ScoreReport(
        target=labels.target,
        accounts=len(inputs.accounts),
        scored=len(inputs.accounts),
        positives=labels.positives,
        negatives=labels.negatives,
        split=parts.rule,
        suggestions=reviews.num_rows,
        metrics=fitted.test,
    )
    building.write_file(MODEL, checkpoint_bytes(checkpoint))
    card = _card(checkpoint, report, parts, labels, fitted)
    card["neighbours"] = inputs.neighbours.links
    write_scores(building, score_table(inputs.accounts, labels.target, fitted.score, fitted.baseline), reviews, card)
    return report


def score_table(accounts: npt.NDArray[np.object_], target: str, score: Floats, baseline: Floats) -> pa.Table:
    """The table `scores`; probabilities to DECIMALS places."""
    return pa.table(
        {
            "account_id": pa.array(accounts, pa.string()),
            "target": pa.array([target] * len(accounts), pa.string()),
            "score": pa.array(np.round(score, DECIMALS), pa.float64()),
            "baseline": pa.array(np.round(baseline, DECIMALS), pa.float64()),
        },
        schema=SCORES.schema,
    )


def versions() -> dict[str, str]:
    """Versions of what decides a model's bits."""
    return {package: version(package) for package in PACKAGES}


def _unusable(labels: Labels, parts: Split) -> str | None:
    for part, use in ((TRAIN, "training"), (VALIDATION, "validation"), (TEST, "test")):
        for y, kind in ((1, "positive"), (0, "negative")):
            if not ((parts.parts == part) & (labels.y == y)).any():
                return f"split by {parts.rule}, the {use} part for {labels.target} has no {kind} account"
    return None


def _card(checkpoint: Checkpoint, report: ScoreReport, parts: Split, labels: Labels, fitted: Fitted) -> dict[str, Any]:
    sizes = {
        name: {"positive": int((labels.y[parts.parts == p] == 1).sum()), "all": int((parts.parts == p).sum())}
        for name, p in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST), ("unlabelled", OUT))
    }
    model = checkpoint.model
    return {
        "target": report.target,
        "meaning": MEANING[report.target],
        "accounts": report.accounts,
        "positives": report.positives,
        "negatives": report.negatives,
        "split": parts.rule,
        "parts": sizes,
        "seed": checkpoint.seed,
        "data_hash": checkpoint.data_hash,
        "features": list(checkpoint.names),
        "config": model.config.as_dict(),
        "epochs": fitted.epochs,
        "best_epoch": fitted.best_epoch,
        "calibration": {"GraphSAGE": model.sage_calibration.method, "forest": model.forest_calibration.method},
        "test": {name: metrics.as_dict() for name, metrics in fitted.test.items()},
        "versions": versions(),
    }


def _nothing(building: Building, window: Window, labels: Labels, seed: int, data: str, reason: str) -> ScoreReport:
    (building.path / MODEL).unlink(missing_ok=True)  # a derived run may have its parent's
    report = ScoreReport(labels.target, window.size, 0, labels.positives, labels.negatives, reason=reason)
    card = {
        "target": labels.target,
        "meaning": f"No account was scored: {reason}.",
        "reason": reason,
        "accounts": window.size,
        "positives": labels.positives,
        "negatives": labels.negatives,
        "seed": seed,
        "data_hash": data,
        "versions": versions(),
    }
    write_scores(building, SCORES.schema.empty_table(), SUGGESTIONS.schema.empty_table(), card)
    return report


def write_scores(building: Building, scores: pa.Table, suggestions: pa.Table, card: dict[str, Any]) -> None:
    """Write tables and model.json, and mark the step `scores` done with the card's main figures."""
    building.write("scores", scores)
    building.write("suggestions", suggestions)
    text = json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    building.write_file(CARD, text.encode())
    kept = ("target", "positives", "negatives", "split", "seed", "data_hash", "reason")
    figures = {name: card[name] for name in kept if name in card}
    if "test" in card:
        figures["auprc"] = {name: round(m["auprc"], DECIMALS) for name, m in card["test"].items()}
    building.done("scores", scored=scores.num_rows, suggestions=suggestions.num_rows, **figures)
