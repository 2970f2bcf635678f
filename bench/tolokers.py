"""GraphSAGE and the forest of gnn/ on Tolokers: a real co-work graph with real bans (Platonov et al. 2023).

    python bench/tolokers.py tolokers.npz [--seeds 3] [--official]

The file holds node_features, node_labels, edges and the ten official masks. Default: stratified 40/20/40
splits; with --official the first masks of the file (50/25/25). One thread; about a minute a seed.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import time

import numpy as np
from sklearn.model_selection import train_test_split

from gnn.dataset import TEST, TRAIN, VALIDATION, join_inputs
from gnn.evaluate import comparison
from gnn.labels import Labels
from gnn.neighbours import mean_over
from gnn.train import fit


def stratified(y: np.ndarray, seed: int) -> np.ndarray:
    """40% training, 20% validation, 40% test."""
    parts = np.full(len(y), TEST, dtype=np.int8)
    train, rest = train_test_split(np.arange(len(y)), train_size=0.4, stratify=y, random_state=seed)
    held, _ = train_test_split(rest, train_size=1 / 3, stratify=y[rest], random_state=seed)
    parts[train], parts[held] = TRAIN, VALIDATION
    return parts


def official(data: np.lib.npyio.NpzFile, seed: int) -> np.ndarray:
    """The masks of the file."""
    masks = (("train_masks", TRAIN), ("val_masks", VALIDATION), ("test_masks", TEST))
    parts = np.full(len(data["node_labels"]), -1, dtype=np.int8)
    for name, part in masks:
        parts[data[name][seed]] = part
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--official", action="store_true")
    options = parser.parse_args()
    data = np.load(options.file)
    y, edges = data["node_labels"].astype(np.int8), data["edges"].astype(np.int64)
    size, width = data["node_features"].shape
    neighbours = mean_over(size, [edges, edges[:, ::-1]], degree_from=2)
    names = tuple(f"feature{i}" for i in range(width))
    inputs = join_inputs(np.arange(size).astype(str).astype(object), names, (False,) * width,
                         data["node_features"].astype(np.float32), neighbours)  # fmt: skip
    labels = Labels("ai_hosted", y, np.ones(size), np.arange(size), np.zeros(size, dtype=np.int64))
    found: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(options.seeds):
        began = time.process_time()
        parts = official(data, seed) if options.official else stratified(y, seed)
        fitted = fit(inputs, labels, parts, seed)
        print(
            f"seed {seed}: {time.process_time() - began:.0f} CPU s, best epoch {fitted.best_epoch} of {fitted.epochs}"
        )
        print(comparison(fitted.test))
        for name, m in fitted.test.items():
            found.setdefault(name, []).append((m.auroc, m.auprc, m.ece))
    print(f"mean over {options.seeds} seeds, {'official' if options.official else 'stratified 40/20/40'} splits")
    for name, rows in found.items():
        auroc, auprc, ece = np.mean(rows, axis=0)
        print(f"{name:<12} AUROC {100 * auroc:.1f}  AUPRC {100 * auprc:.1f}  ECE {ece:.3f}")


if __name__ == "__main__":
    main()
