"""How good a text model is on accounts it had not seen, and on a kind of text it had not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gnn.evaluate import calibration_error
from gnn.text.corpus import Corpus
from gnn.text.model import LEAST_CHARS, STATES, Scored, TextModel, score, train, usable
from gnn.window import Floats
from graph.errors import InputError

DOMAIN_FOLDS = 3  # each domain left out is one more training; its calibration takes fewer folds


@dataclass(frozen=True)
class Measured:
    """On one set of texts, every account weighing the same.

    `coverage` is the share of texts that were given a probability; `auc` is over these, `auc_all` over all of them;
    both are None with one class alone. `brier` is the mean squared error of the probabilities, `brier_constant` that of
    saying the share of ai_hosted every time: a model that is not below it knows nothing.
    """

    on: str
    texts: int
    accounts: int
    ai_hosted: int
    coverage: float | None
    states: dict[str, int]
    auc: float | None
    auc_all: float | None
    brier: float | None
    brier_constant: float | None
    calibration_error: float | None

    def as_dict(self) -> dict[str, Any]:
        """For the model's own record."""
        return asdict(self)


def measure(on: str, corpus: Corpus, found: Scored | None) -> Measured:
    """Compare scores with labels; None: there was nothing to score with."""
    if found is None:
        counts = (len(corpus), len(set(corpus.accounts)), len(set(corpus.accounts[corpus.y == 1])))
        return Measured(on, *counts, None, {}, None, None, None, None, None)
    told = found.state == 0
    y, weight = corpus.y.astype(float), corpus.weights()
    p = found.probability[told]
    rate = float(np.average(y[told], weights=weight[told])) if told.any() else 0.0
    squared = float(np.average((p - y[told]) ** 2, weights=weight[told])) if told.any() else None
    return Measured(
        on=on,
        texts=len(corpus),
        accounts=len(set(corpus.accounts)),
        ai_hosted=len(set(corpus.accounts[corpus.y == 1])),
        coverage=float(told.mean()) if len(told) else 0.0,
        states={name: int((found.state == place).sum()) for place, name in enumerate(STATES)},
        auc=_auc(y[told], found.logit[told], weight[told]),
        auc_all=_auc(y, found.logit, weight),
        brier=squared,
        brier_constant=rate * (1 - rate) if told.any() else None,
        calibration_error=calibration_error(p, y[told], weight[told]) if told.any() else None,
    )


def in_and_out(
    corpus: Corpus, seed: int, least_chars: int = LEAST_CHARS, advance: Callable[[float], None] = lambda _: None
) -> tuple[TextModel, list[Measured]]:
    """Train on a whole corpus; measure on held-out accounts, then on each domain left out, in order of its name.

    A domain that is left out takes its accounts with it, wherever else they wrote. Too few accounts in the others: it
    is not measured, and has no coverage. `advance` is told of as many steps as there are domains, and of one more.
    """
    long = corpus.take(usable(corpus, least_chars))
    model, held = train(long, seed, least_chars=least_chars)
    found = [measure("accounts not trained on", long, held)]
    advance(1)
    domains = sorted(set(long.domains))
    for domain in domains if len(domains) > 1 else []:
        inside = long.domains == domain
        rest = long.take(~inside & ~np.isin(long.accounts.astype(str), np.unique(long.accounts[inside].astype(str))))
        other: TextModel | None
        try:
            other, _ = train(rest, seed, least_chars=least_chars, folds=DOMAIN_FOLDS)
        except InputError:  # too few accounts left to learn from
            other = None
        left, name = long.take(inside), f"domain {domain or '(none)'}, left out"
        found.append(measure(name, left, score(other, left.forms) if other else None))
        advance(1)
    return model, found


def table(measured: list[Measured]) -> str:
    """The measurements, one a row, for a terminal."""
    width = max(len(m.on) for m in measured) + 2
    head = f"{'MEASURED ON':<{width}}{'TEXTS':>8}{'ACCOUNTS':>10}{'COVERAGE':>10}"
    head += f"{'AUC':>7}{'AUC ALL':>9}{'BRIER':>8}{'CONSTANT':>10}"
    lines = [head]
    for m in measured:
        line = f"{m.on:<{width}}{m.texts:>8,}{m.accounts:>10,}{'-' if m.coverage is None else f'{m.coverage:.0%}':>10}"
        lines.append(line + f"{_told(m.auc):>7}{_told(m.auc_all):>9}{_told(m.brier):>8}{_told(m.brier_constant):>10}")
    return "\n".join(lines)


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _auc(y: Floats, logit: Floats, weight: Floats) -> float | None:
    from sklearn.metrics import roc_auc_score

    if len(set(y.tolist())) < 2:
        return None
    return float(roc_auc_score(y, logit, sample_weight=weight))
