"""The text classifier: TF-IDF of character n-grams and logistic regression, calibrated, silent outside its domain.

A model reads normal forms (gnn.text.form). A text is given no probability if it is

- `too_short`: under `least_chars` characters;
- `other_script`: in a script that training hardly saw;
- `unfamiliar`: of its n-grams, fewer are known than of all but LEFT_OUT of the held-out training texts;
- `far`: its TF-IDF vector is further (cosine) from the mean of training than all but LEFT_OUT of those.

Every figure comes from accounts that the model in question had not seen: the accounts are dealt into FOLDS, each fold
is scored by a model of the others, and on those scores calibration and bounds are fitted (cross-fitting). The model
kept is then fitted on all of them. Every account weighs the same, however much it wrote, and both classes weigh the
same in the fit; probabilities are for the mix of accounts in the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from gnn.calibrate import IDENTITY, Calibration, calibrate
from gnn.text.corpus import LABELS, Corpus
from gnn.text.form import script_of
from gnn.window import Floats
from graph.errors import InputError

GRAMS = (1, 4)  # characters of an n-gram, shortest and longest
LEAST_USES = 3  # texts an n-gram is in, to be learned
MOST_GRAMS = 100_000
SHRINKAGE = 10.0  # C of the logistic regression; rows have length 1
LEAST_CHARS = 60  # nothing shorter was measured, and at 60 characters the area under the curve had already fallen
FOLDS = 5
LEAST_ACCOUNTS = 10  # of each class
LEFT_OUT = 0.02  # of held-out training texts that each bound leaves out
SCRIPT_SHARE, SCRIPT_TEXTS = 0.01, 20  # of training, from which on a script counts as seen
BATCH = 2_000  # texts scored at a time
STATES = ("scored", "too_short", "other_script", "unfamiliar", "far")

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Bounds:
    """Where the model keeps silent."""

    least_chars: int
    scripts: tuple[str, ...] = ()
    least_known: float = 0.0
    least_near: float = -1.0


@dataclass(frozen=True)
class TextModel:
    """`grams` in order, and float32 [grams]: idf, coefficient, mean of the training texts' vectors (length 1)."""

    grams: tuple[str, ...]
    idf: npt.NDArray[np.float32]
    coefficient: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float32]
    intercept: float
    calibration: Calibration
    bounds: Bounds


@dataclass(frozen=True)
class Scored:
    """Of each text: logit, probability (NaN: silent), state (place in STATES), share of known n-grams, nearness."""

    logit: Floats
    probability: Floats
    state: npt.NDArray[np.int64]
    known: Floats
    near: Floats


def usable(corpus: Corpus, least_chars: int) -> Bools:
    """Which texts are long enough."""
    return np.array([len(form) >= least_chars for form in corpus.forms], dtype=np.bool_)


def train(corpus: Corpus, seed: int, *, least_chars: int = LEAST_CHARS, folds: int = FOLDS) -> tuple[TextModel, Scored]:
    """Fit a model, and score every training text by a model that had not seen its account.

    Args:
        corpus: labelled texts without copies, all of them usable.
        seed: of the folds.
        least_chars: texts under this get no probability.
        folds: in how many parts the accounts are dealt.

    Raises:
        InputError: fewer than LEAST_ACCOUNTS accounts of a class.
    """
    part = deal(corpus, seed, folds)
    out = _Held.empty(len(corpus))
    for fold in range(folds):
        fitted = fit(corpus.take(part != fold), least_chars)
        out.put(part == fold, score(fitted, corpus.forms[part == fold]))
    weight = corpus.weights()
    bounds = Bounds(
        least_chars,
        _scripts(corpus),
        float(np.quantile(out.known, LEFT_OUT)),
        float(np.quantile(out.near, LEFT_OUT)),
    )
    probability = np.empty(len(corpus))
    for fold in range(folds):  # calibrated without the accounts that it is measured on
        there = part == fold
        learned = calibrate(out.logit[~there], corpus.y[~there].astype(float), weight[~there])
        probability[there] = learned.apply(out.logit[there])
    whole = replace(
        fit(corpus, least_chars), bounds=bounds, calibration=calibrate(out.logit, corpus.y.astype(float), weight)
    )
    state = states(bounds, corpus.forms, out.known, out.near)
    held = np.where(state == 0, probability, np.nan)
    return whole, Scored(out.logit, held, state, out.known, out.near)


def deal(corpus: Corpus, seed: int, folds: int) -> npt.NDArray[np.int64]:
    """The fold of each text: the texts of an account are never in two; classes are spread evenly."""
    from sklearn.model_selection import StratifiedGroupKFold

    for place, label in enumerate(LABELS):
        accounts = len(set(corpus.accounts[corpus.y == place]))
        if accounts < LEAST_ACCOUNTS:
            raise InputError(
                f"{accounts} accounts with usable texts labelled {label}; expected {LEAST_ACCOUNTS} or more of each"
            )
    part = np.empty(len(corpus), np.int64)
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, held) in enumerate(split.split(part, corpus.y, corpus.accounts.astype(str))):
        part[held] = fold
    return part


def fit(corpus: Corpus, least_chars: int) -> TextModel:
    """Fit to all texts of a corpus, without calibration and bounds."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    counter = CountVectorizer(
        analyzer="char",
        ngram_range=GRAMS,
        lowercase=False,
        min_df=LEAST_USES,
        max_features=MOST_GRAMS,
        dtype=np.float32,
    )
    try:
        counts = counter.fit_transform(corpus.forms).tocsr()
    except ValueError as error:
        raise InputError(f"no n-gram is in {LEAST_USES} texts: too few texts, or too unlike, to learn from") from error
    used = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = (np.log((1 + len(corpus)) / (1 + used)) + 1).astype(np.float32)
    vectors = weigh(counts, idf)
    weight = corpus.weights()
    for place in range(len(LABELS)):
        weight[corpus.y == place] *= len(corpus) / 2 / max(weight[corpus.y == place].sum(), 1e-9)
    machine = LogisticRegression(C=SHRINKAGE, max_iter=500).fit(vectors, corpus.y, sample_weight=weight)
    mean = np.asarray(vectors.mean(axis=0)).ravel()
    return TextModel(
        grams=tuple(str(gram) for gram in counter.get_feature_names_out()),
        idf=idf,
        coefficient=machine.coef_[0].astype(np.float32),
        mean=(mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32),
        intercept=float(machine.intercept_[0]),
        calibration=IDENTITY,
        bounds=Bounds(least_chars),
    )


def score(model: TextModel, forms: npt.NDArray[np.object_]) -> Scored:
    """Score normal forms, BATCH at a time."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(
        analyzer="char", ngram_range=GRAMS, lowercase=False, vocabulary=list(model.grams), dtype=np.float32
    )
    out = _Held.empty(len(forms))
    for start in range(0, len(forms), BATCH):
        some = forms[start : start + BATCH]
        counts = counter.transform(some).tocsr()
        lengths = np.array([len(form) for form in some])
        total = sum(np.maximum(lengths - n + 1, 0) for n in range(GRAMS[0], GRAMS[1] + 1))
        vectors = weigh(counts, model.idf)
        here = slice(start, start + len(some))
        out.known[here] = np.asarray(counts.sum(axis=1)).ravel() / np.maximum(total, 1)
        out.near[here] = vectors @ model.mean
        out.logit[here] = vectors @ model.coefficient + model.intercept
    state = states(model.bounds, forms, out.known, out.near)
    probability = np.where(state == 0, model.calibration.apply(out.logit), np.nan)
    return Scored(out.logit, probability, state, out.known, out.near)


def weigh(counts: sparse.csr_matrix, idf: npt.NDArray[np.float32]) -> sparse.csr_matrix:
    """TF-IDF rows of length 1: (1 + ln count) * idf."""
    weighed = counts.astype(np.float32)
    weighed.data = (1 + np.log(weighed.data)) * idf[weighed.indices]
    length = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel())
    weighed.data /= np.repeat(np.maximum(length, 1e-12), np.diff(weighed.indptr)).astype(np.float32)
    return weighed


def states(bounds: Bounds, forms: npt.NDArray[np.object_], known: Floats, near: Floats) -> npt.NDArray[np.int64]:
    """Of each text its place in STATES: the first reason to keep silent, or scored."""
    short = np.array([len(form) < bounds.least_chars for form in forms], dtype=np.bool_)
    foreign = np.zeros(len(forms), np.bool_)
    if bounds.scripts:
        foreign = np.array([script_of(form) not in bounds.scripts for form in forms], dtype=np.bool_)
    return np.select([short, foreign, known < bounds.least_known, near < bounds.least_near], [1, 2, 3, 4], 0)


def _scripts(corpus: Corpus) -> tuple[str, ...]:
    found, counts = np.unique([script_of(form) for form in corpus.forms], return_counts=True)
    enough = (counts >= SCRIPT_SHARE * len(corpus)) & (counts >= min(SCRIPT_TEXTS, len(corpus) / 4))
    return tuple(str(script) for script in found[enough])


@dataclass(frozen=True)
class _Held:
    logit: Floats
    known: Floats
    near: Floats

    @classmethod
    def empty(cls, count: int) -> _Held:
        return cls(np.zeros(count), np.zeros(count), np.zeros(count))

    def put(self, there: Bools, found: Scored) -> None:
        self.logit[there], self.known[there], self.near[there] = found.logit, found.known, found.near
