"""GraphSAGE (Hamilton, Ying and Leskovec 2017) over whole graphs, on one core.

PyTorch Geometric's SAGEConv holds the weights; the mean over neighbours is one product with a CSR matrix
kept with its transpose, which the backward pass needs: a third of the time of scatter over edges.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # of torch, about PyG's use of it
    from torch_geometric.nn import SAGEConv


@dataclass(frozen=True)
class SageConfig:
    """Shape of the model: `inputs` columns, `hidden` units, `layers` SAGE layers, rates of dropout.

    `dropout` is of units; `blur` is dropout on the input columns: no network is to be known by one column.
    """

    inputs: int
    hidden: int = 64
    layers: int = 2
    dropout: float = 0.3
    blur: float = 0.3

    def as_dict(self) -> dict[str, Any]:
        """For a checkpoint's header."""
        return asdict(self)


class _Mean(torch.autograd.Function):
    """matrix @ x, differentiated with the stored transpose."""

    @staticmethod
    def forward(context: Any, x: Tensor, matrix: Tensor, transpose: Tensor) -> Tensor:
        context.transpose = transpose
        return matrix @ x

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return context.transpose @ gradient, None, None


class Adjacency:
    """The mean over neighbours as a product, made once for all layers and epochs.

    Args:
        mean: scipy CSR [accounts, accounts], float32, rows that sum to 1 (or are empty).
    """

    def __init__(self, mean: Any) -> None:
        self.matrix = _csr(mean)
        self.transpose = _csr(mean.T.tocsr())

    def mean(self, x: Tensor) -> Tensor:
        """[accounts, d] -> [accounts, d]; zero for an account without neighbours."""
        averaged: Tensor = _Mean.apply(x, self.matrix, self.transpose)
        return averaged


class CachedSAGEConv(SAGEConv):  # type: ignore[misc]
    """SAGEConv with mean aggregation over an Adjacency: W1 mean(x_j) + W2 x."""

    def forward(self, x: Tensor, adjacency: Adjacency) -> Tensor:
        """[accounts, in] -> [accounts, out]."""
        out: Tensor = self.lin_l(adjacency.mean(x)) + self.lin_r(x)
        return out


class GraphSAGE(nn.Module):
    """Encoder, then residual SAGE layers with LayerNorm in front (pre-norm), then one logit an account."""

    def __init__(self, config: SageConfig) -> None:
        super().__init__()
        hidden = config.hidden
        self.blur = nn.Dropout(config.blur)
        self.encoder = nn.Linear(config.inputs, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(config.layers))
        self.layers = nn.ModuleList(CachedSAGEConv(hidden, hidden) for _ in range(config.layers))
        self.last_norm = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden, 1)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, adjacency: Adjacency) -> Tensor:
        """[accounts, inputs] -> logits [accounts]."""
        h = self.dropout(self.encoder(self.blur(x)).relu())  # [accounts, hidden]
        for norm, layer in zip(self.norms, self.layers, strict=True):
            h = h + self.dropout(layer(norm(h), adjacency).relu())
        logits: Tensor = self.head(self.last_norm(h)).squeeze(-1)
        return logits


def _csr(matrix: Any) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of torch: CSR is in beta
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int32)),
            torch.from_numpy(matrix.indices.astype(np.int32)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            matrix.shape,
        )
