from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
import torch
from sklearn.ensemble import RandomForestClassifier

from gnn.baseline import flatten, grow_forest
from gnn.labels import Labels
from gnn.model import Adjacency, CachedSAGEConv, GraphSAGE, SageConfig
from gnn.neighbours import mean_over
from gnn.train import deterministic, loss_weights


def random_graph(size: int, links: int, seed: int) -> tuple[sparse.csr_matrix, torch.Tensor]:
    rng = np.random.default_rng(seed)
    pairs = np.unique(rng.integers(0, size - 1, (links, 2)), axis=0)  # the last account stays alone
    return mean_over(size, [pairs], 1).mean, torch.from_numpy(pairs[:, ::-1].T.copy())


def test_the_cached_product_is_pyg_mean_aggregation() -> None:
    from torch_geometric.nn import SAGEConv

    mean, edge_index = random_graph(40, 200, 0)
    torch.manual_seed(0)
    ours, theirs = CachedSAGEConv(6, 5), SAGEConv(6, 5)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(40, 6, requires_grad=True)
    again = x.detach().clone().requires_grad_()
    one, other = ours(x, Adjacency(mean)), theirs(again, edge_index)
    torch.testing.assert_close(one, other)
    one.square().sum().backward()
    other.square().sum().backward()
    torch.testing.assert_close(x.grad, again.grad)


def test_shapes_and_an_account_without_neighbours() -> None:
    mean, _ = random_graph(10, 20, 1)
    logits = GraphSAGE(SageConfig(inputs=4)).eval()(torch.randn(10, 4), Adjacency(mean))
    assert logits.shape == (10,)
    assert torch.isfinite(logits).all()


def test_the_flat_forest_is_the_forest() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(400, 7)).astype(np.float32)
    x[:, 3] = np.round(x[:, 3])  # many values lie on thresholds
    y = ((x[:, 0] + x[:, 3] > 0) ^ (rng.random(400) < 0.1)).astype(np.int8)
    grown = RandomForestClassifier(30, min_samples_leaf=2, random_state=0).fit(x, y)
    fresh = rng.normal(size=(500, 7)).astype(np.float32)
    fresh[:, 3] = np.round(fresh[:, 3])
    for points in (x, fresh):
        np.testing.assert_allclose(flatten(grown).probability(points), grown.predict_proba(points)[:, 1], atol=1e-6)


def test_the_forest_learns_and_repeats_itself() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 5)).astype(np.float32)
    y = (x[:, 1] > 0).astype(np.int8)
    forest, again = grow_forest(x[:200], y[:200], 5), grow_forest(x[:200], y[:200], 5)
    assert ((forest.probability(x[200:]) > 0.5) == y[200:]).mean() > 0.9
    np.testing.assert_array_equal(forest.logits(x), again.logits(x))
    assert np.isfinite(forest.logits(x)).all()


def test_deterministic_leaves_torch_as_it_was() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state()
    with deterministic(4):
        first = torch.rand(3)
    with deterministic(4):
        torch.testing.assert_close(torch.rand(3), first, rtol=0, atol=0)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_weights_halve_between_classes_and_grow_with_the_root_of_a_network() -> None:
    y = np.array([1] * 5 + [0, 0, 0, 1], dtype=np.int8)
    group = np.array([50, 50, 50, 50, 0, 1, 2, 3, 4])
    labels = Labels("ai_hosted", y, np.ones(9), group, np.zeros(9, dtype=np.int64))
    weight = loss_weights(labels, np.array([0] * 8 + [2], dtype=np.int8))
    assert weight[8] == 0, "not a training account"
    np.testing.assert_allclose([weight[y == 1].sum(), weight[y == 0].sum()], 0.5)
    np.testing.assert_allclose(weight[:4].sum() / weight[4], 2)
