"""A checkpoint: `model.pt`, the trained model in one file, readable by torch.load(weights_only=True).

It holds tensors and one JSON text, no pickled objects and no times: the same model gives the same bytes.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

import numpy as np

from gnn.baseline import Forest
from gnn.calibrate import Calibration
from gnn.dataset import input_names
from gnn.features import Scaling
from gnn.model import SageConfig
from gnn.train import Model, model_tensors
from graph.errors import IntegrityError, NothingFoundError
from graph.runs import Run

MODEL = "model.pt"
FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """A model and where it comes from: target, seed, data hash, names of its input columns."""

    model: Model
    target: str
    seed: int
    data_hash: str
    names: tuple[str, ...]


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """The file's bytes."""
    import torch

    model = checkpoint.model
    header = {
        "format": FORMAT,
        "target": checkpoint.target,
        "seed": checkpoint.seed,
        "data_hash": checkpoint.data_hash,
        "names": checkpoint.names,
        "config": asdict(model.config),
        "calibrations": {"sage": asdict(model.sage_calibration), "forest": asdict(model.forest_calibration)},
    }
    buffer = BytesIO()
    torch.save({"header": json.dumps(header, sort_keys=True), **model_tensors(model)}, buffer)
    return buffer.getvalue()


def parse_checkpoint(data: bytes, where: str) -> Checkpoint:
    """Read a checkpoint back.

    Raises IntegrityError if `data` is not one, or one whose columns this version does not compute.
    """
    import torch

    if not data.startswith(b"PK"):
        raise IntegrityError(f"{where}: not a checkpoint of shoal (a zip archive written by torch.save)")
    try:
        tensors: dict[str, Any] = torch.load(BytesIO(data), weights_only=True)
        header = json.loads(tensors.pop("header"))
    except (RuntimeError, pickle.UnpicklingError, LookupError, EOFError, TypeError, ValueError) as error:
        raise IntegrityError(f"{where}: not a checkpoint of shoal ({error})") from error
    if header["format"] != FORMAT or tuple(header["names"]) != input_names(header["target"]):
        raise IntegrityError(
            f"{where}: it reads other features than this version computes; train a new one with `shoal train`"
        )

    def part(prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    def calibration(name: str) -> Calibration:
        stored = header["calibrations"][name]
        return Calibration(stored["method"], tuple(stored["x"]), tuple(stored["y"]))

    model = Model(
        config=SageConfig(**header["config"]),
        state=part("sage."),
        scaling=Scaling(**{name: np.asarray(value) for name, value in part("scaling.").items()}),
        forest=Forest(**{name: np.asarray(value) for name, value in part("forest.").items()}),
        sage_calibration=calibration("sage"),
        forest_calibration=calibration("forest"),
    )
    return Checkpoint(model, header["target"], header["seed"], header["data_hash"], tuple(header["names"]))


def load_checkpoint(run: Run) -> Checkpoint:
    """The checkpoint of a finished run, its files checked against the manifest.

    Raises NothingFoundError if the run has none (too little to learn from), IntegrityError if its bytes changed.
    """
    if not run.has(MODEL):
        raise NothingFoundError(f"run {run.run_id} has no checkpoint: model.json says why nothing was trained")
    run.verify()
    return parse_checkpoint((run.path / MODEL).read_bytes(), f"run {run.run_id}: {MODEL}")
