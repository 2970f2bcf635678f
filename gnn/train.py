"""Train both models on one split, calibrate and compare them: reads top to bottom.

Deterministic: one thread, deterministic algorithms, a generator of its own; same inputs and seed, same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch.nn.functional import binary_cross_entropy_with_logits

from gnn.baseline import Forest, grow_forest
from gnn.calibrate import Calibration, calibrate
from gnn.dataset import TEST, TRAIN, VALIDATION, Inputs, Parts
from gnn.evaluate import Metrics, evaluate
from gnn.features import Matrix, Scaling
from gnn.labels import Labels
from gnn.model import Adjacency, GraphSAGE, SageConfig
from gnn.window import Floats
from graph.console import Advance

EPOCHS = 200
PATIENCE = 25  # epochs without a better validation AUPRC
RATE = 0.01
DECAY = 1e-4

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Model:
    """All it takes to score accounts again: weights, standardisation, forest, calibrations."""

    config: SageConfig
    state: State
    scaling: Scaling
    forest: Forest
    sage_calibration: Calibration
    forest_calibration: Calibration

    def score(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Calibrated probabilities of GraphSAGE and of the forest for every account of `inputs`; float64 [accounts]."""
        blocks = inputs.blocks(self.scaling)
        sage = sage_logits(self.config, self.state, blocks, Adjacency(inputs.neighbours.mean))
        return self.sage_calibration.apply(sage), self.forest_calibration.apply(self.forest.logits(blocks))


@dataclass(frozen=True)
class Fitted:
    """A trained model, its probabilities for every account, and how it did on the test part."""

    model: Model
    score: Floats
    baseline: Floats
    test: dict[str, Metrics]
    epochs: int
    best_epoch: int


def fit(inputs: Inputs, labels: Labels, parts: Parts, seed: int, advance: Advance = lambda _: None) -> Fitted:
    """Train, calibrate and compare GraphSAGE and the forest.

    Args:
        inputs: features and neighbours of all accounts.
        labels: their labels.
        parts: TRAIN, VALIDATION, TEST or OUT for each; every part but OUT with both classes.
        seed: of weights, dropout and forest.
        advance: told of progress; the amounts sum to EPOCHS + EPOCHS // 2.
    """
    scaling = Scaling.fit(inputs.values[parts == TRAIN])
    blocks = inputs.blocks(scaling)
    config = SageConfig(inputs=blocks.shape[1])
    adjacency = Adjacency(inputs.neighbours.mean)

    state, best_epoch, epochs = _train_sage(config, blocks, adjacency, labels, parts, seed, advance)
    advance(EPOCHS - epochs)
    train = parts == TRAIN
    forest = grow_forest(blocks[train], labels.y[train], seed)
    advance(EPOCHS // 2)

    logits = {"GraphSAGE": sage_logits(config, state, blocks, adjacency), "forest": forest.logits(blocks)}
    y, weight = labels.y.astype(np.float64), labels.weight
    held, test = parts == VALIDATION, parts == TEST
    calibrations = {name: calibrate(of[held], y[held], weight[held]) for name, of in logits.items()}
    scores = {name: calibrations[name].apply(of) for name, of in logits.items()}
    metrics = {name: evaluate(of[test], scores[name][test], y[test], weight[test]) for name, of in logits.items()}
    model = Model(config, state, scaling, forest, calibrations["GraphSAGE"], calibrations["forest"])
    return Fitted(model, scores["GraphSAGE"], scores["forest"], metrics, epochs, best_epoch)


def _train_sage(
    config: SageConfig,
    blocks: Matrix,
    adjacency: Adjacency,
    labels: Labels,
    parts: Parts,
    seed: int,
    advance: Advance,
) -> tuple[State, int, int]:
    """Weights of the epoch with the best validation AUPRC, that epoch, and how many were run."""
    x = torch.from_numpy(blocks)  # [accounts, inputs]
    train = torch.from_numpy(np.flatnonzero(parts == TRAIN))
    held = np.flatnonzero(parts == VALIDATION)
    y = torch.from_numpy(labels.y.astype(np.float32))
    weight = torch.from_numpy(loss_weights(labels, parts).astype(np.float32))[train]
    best, best_epoch, best_state = -1.0, 0, {}
    with deterministic(seed):
        net = GraphSAGE(config)
        optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
        for epoch in range(1, EPOCHS + 1):
            net.train()
            optimiser.zero_grad()
            loss = binary_cross_entropy_with_logits(net(x, adjacency)[train], y[train], weight, reduction="sum")
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            net.eval()
            with torch.no_grad():
                logits = net(x, adjacency).numpy()
            precision = average_precision_score(labels.y[held], logits[held], sample_weight=labels.weight[held])
            if precision > best:
                best, best_epoch = float(precision), epoch
                best_state = {name: value.clone() for name, value in net.state_dict().items()}
            advance(1)
            if epoch - best_epoch >= PATIENCE:
                break
    return best_state, best_epoch, epoch


def loss_weights(labels: Labels, parts: Parts) -> Floats:
    """Weights of the training accounts, [accounts], half of the whole on either class.

    A cluster's accounts share a weight that grows with the square root of their number, so that the
    largest network does not make the model its portrait.
    """
    train = parts == TRAIN
    _, group, size = np.unique(labels.group[train], return_inverse=True, return_counts=True)
    share = 1 / np.sqrt(size[group])
    ones = labels.y[train] == 1
    weight = np.zeros(len(parts))
    weight[train] = np.where(ones, share / share[ones].sum(), share / share[~ones].sum()) / 2
    return weight


def sage_logits(config: SageConfig, state: State, blocks: Matrix, adjacency: Adjacency) -> Floats:
    """Logits of a trained GraphSAGE; float64 [accounts]."""
    with deterministic(0), torch.no_grad():
        net = GraphSAGE(config)
        net.load_state_dict(state)
        net.eval()
        return np.asarray(net(torch.from_numpy(blocks), adjacency).numpy(), dtype=np.float64)


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """One thread, deterministic algorithms, random numbers from `seed`; everything as it was afterwards."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict)


def model_tensors(model: Model) -> dict[str, Any]:
    """Every array of a model as a tensor, by name."""
    arrays = {f"forest.{name}": getattr(model.forest, name) for name in Forest.__dataclass_fields__}
    arrays |= {"scaling.mean": model.scaling.mean, "scaling.deviation": model.scaling.deviation}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    return tensors | {f"sage.{name}": value for name, value in model.state.items()}
