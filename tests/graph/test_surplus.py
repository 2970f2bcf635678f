"""The bound on chance: never below the exact probability, at the stated level over all groups, and known answers."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import binom, poisson

from graph import surplus

LEAST = 3


def with_counts(size: int, inner: int, leaving: int, elsewhere: int, outside: int) -> tuple[np.ndarray, ...]:
    """Labels and edges of a graph whose first `size` nodes are a group with these counts, of so many nodes outside."""
    n = size + outside
    within = list(combinations(range(size), 2))[:inner]
    across = [(i % size, size + i // size) for i in range(leaving)]
    others = list(combinations(range(size, n), 2))[:elsewhere]
    assert (len(within), len(others)) == (inner, elsewhere)
    assert leaving <= size * outside
    edges = np.array(within + across + others, np.int64).reshape(-1, 2)
    return np.r_[np.zeros(size, np.int64), np.arange(1, outside + 1)], edges[:, 0], edges[:, 1]


@cache
def of_counts(size: int, inner: int, leaving: int, elsewhere: int, outside: int) -> float:
    labels, a, z = with_counts(size, inner, leaving, elsewhere, outside)
    return float(surplus.log_chance(labels, a, z, np.ones(len(a)), LEAST)[0])


def tries(size: int, n: int) -> float:
    """Log of the number of groups of its size, and of the share that its size is given."""
    groups: float = gammaln(n + 1) - gammaln(size + 1) - gammaln(n - size + 1)
    return groups + np.log(size * (size - 1) / (LEAST - 1))


@pytest.mark.parametrize(
    ("size", "inner", "leaving", "elsewhere", "outside"),
    [
        (3, 3, 0, 60, 40),
        (5, 10, 3, 80, 40),
        (6, 11, 4, 300, 60),
        (10, 45, 0, 45, 10),  # two cliques, nothing else
        (10, 44, 1, 40, 12),
        (12, 50, 30, 200, 40),
        (30, 435, 0, 60, 12),  # most of the graph
        (8, 20, 0, 1, 2),
        (20, 38, 0, 3, 6),  # the one component of a small random graph
    ],
)
def test_the_bound_is_never_below_the_exact_probability_at_any_popularity(
    size: int, inner: int, leaving: int, elsewhere: int, outside: int
) -> None:
    """P(so many inside) P(so few leave) P(so many elsewhere), at 200 x 200 popularities of the group and the rest."""
    mine = np.geomspace(1e-3, size, 200)[:, None]
    rest = np.geomspace(1e-3, 4 * np.sqrt(2 * elsewhere + leaving + 1), 200)[None, :]
    pairs = size * (size - 1) / 2
    exact = (
        binom.logsf(inner - 1, pairs, np.minimum((mine / size) ** 2, 1))
        + poisson.logcdf(leaving, mine * rest)
        + poisson.logsf(elsewhere - 1, rest**2 / 2)
    ).max()
    chance = of_counts(size, inner, leaving, elsewhere, outside)
    assert chance >= min(exact + tries(size, size + outside), 0.0) - 1e-9


def test_the_bound_with_weights_is_never_below_the_exact_probability() -> None:
    """Weights 1 and 2: the chance of as much surprise in as many edges, summed exactly; nothing leaves the group."""
    size, outside = 6, 60
    labels, a, z = with_counts(size, 9, 2, 240, outside)
    random = np.random.default_rng(1)
    for heavy in (3, 6, 9):
        weight = 1.0 + (random.random(len(a)) < 0.2)
        weight[:9] = 1.0 + (np.arange(9) < heavy)
        share = (weight == 2).mean()
        edges, heavies = np.meshgrid(np.arange(16), np.arange(16), indexing="ij")
        held = edges + surplus.SURPRISE * -np.log(share) * heavies
        extreme = (heavies <= edges) & (held >= 9 + surplus.SURPRISE * -np.log(share) * heavy - 1e-9)
        mine = np.geomspace(1e-3, size, 60)
        rest = np.geomspace(1, 60, 60)
        of_rate = [
            np.log((binom.pmf(edges, 15, (m / size) ** 2) * binom.pmf(heavies, edges, share))[extreme].sum())
            for m in mine
        ]
        count = binom.logsf(8, 15, (mine / size) ** 2)
        outer = poisson.logcdf(2, np.outer(mine, rest)) + poisson.logsf(239, rest**2 / 2)
        exact = min((np.array(best)[:, None] + outer).max() for best in (of_rate, count))
        chance = surplus.log_chance(labels, a, z, weight, LEAST)[0]
        assert -60 < exact + tries(size, size + outside) + np.log(2) <= chance < 0


@pytest.mark.parametrize(("tail", "mean"), [(0.0, 0.2), (0.5, 0.2), (0.5, 0.45), (1.0, 0.3), (0.0, 0.6)])
def test_over_all_groups_of_simulated_graphs_the_level_is_kept(tail: float, mean: float) -> None:
    """Every group of three to six of seven nodes, in 4,000 graphs: the least bound is u or less in u of them."""
    nodes, times = 7, 4000
    pairs = np.array(list(combinations(range(nodes), 2)))
    popularity = (np.arange(nodes) + 1.0) ** -tail
    rate = popularity[pairs[:, 0]] * popularity[pairs[:, 1]]
    rate = np.minimum(rate * mean / rate.mean(), 1.0)
    graphs = (np.random.default_rng(1).random((times, len(pairs))) < rate).astype(np.int64)
    least = np.zeros(times)
    for size in range(LEAST, nodes):
        for group in combinations(range(nodes), size):
            ends = np.isin(pairs, group).sum(axis=1)
            inner, leaving, elsewhere = (graphs @ (ends == k) for k in (2, 1, 0))
            key, which = np.unique(np.c_[inner, leaving, elsewhere], axis=0, return_inverse=True)
            chance = np.array([of_counts(size, *map(int, k), nodes - size) if k.sum() else 0.0 for k in key])
            least = np.minimum(least, chance[which.ravel()])
    for level in (0.5, 0.2, 0.05, 0.01):
        assert (least <= np.log(level)).mean() <= level + 3 * np.sqrt(level * (1 - level) / times)


def test_nothing_can_be_said_of_the_whole_of_small_groups_and_of_groups_without_edges() -> None:
    for size in (3, 10, 40):
        edges = np.array(list(combinations(range(size), 2)))
        assert surplus.log_chance(np.zeros(size, np.int64), *edges.T, np.ones(len(edges)), LEAST).tolist() == [0.0]
    labels, a, z = with_counts(5, 10, 0, 200, 50)
    assert surplus.log_chance(labels, a, z, np.ones(len(a)), 3)[0] < np.log(1e-6)
    assert surplus.log_chance(labels, a, z, np.ones(len(a)), 6)[0] == 0
    assert of_counts(5, 0, 10, 100, 30) == 0


def test_more_inside_fewer_that_leave_and_more_elsewhere_make_it_less_likely() -> None:
    inside = [of_counts(8, inner, 6, 300, 60) for inner in range(0, 29, 4)]
    leave = [of_counts(8, 24, leaving, 300, 60) for leaving in (0, 5, 20, 60, 150)]
    elsewhere = [of_counts(8, 24, 10, many, 60) for many in (20, 80, 300, 1500)]
    assert inside == sorted(inside, reverse=True)
    assert leave == sorted(leave)
    assert elsewhere == sorted(elsewhere, reverse=True)
    assert min(inside[-1], leave[0], elsewhere[-1]) < np.log(1e-9)


def test_heavy_edges_count_for_a_group_and_one_giant_weight_does_not() -> None:
    labels, a, z = with_counts(6, 9, 6, 600, 80)
    random = np.random.default_rng(2)
    weight = 1.0 + random.poisson(1.0, len(a))

    def chance(inside: np.ndarray) -> float:
        return float(surplus.log_chance(labels, a, z, np.r_[inside, weight[9:]], LEAST)[0])

    light, heavy = chance(np.ones(9)), chance(np.full(9, 5.0))
    assert light == pytest.approx(of_counts(6, 9, 6, 600, 80) + np.log(2))  # two statistics are tried
    assert heavy < light - 5
    one = np.r_[weight[:8], 6.0]
    assert chance(np.r_[weight[:8], 1e9]) == pytest.approx(chance(one), abs=1.0)


def test_scaled_weights_and_edges_in_another_order_change_nothing() -> None:
    labels, a, z = with_counts(6, 9, 6, 600, 80)
    weight = 1.0 + np.random.default_rng(2).poisson(1.0, len(a))
    order = np.random.default_rng(3).permutation(len(a))
    plain = surplus.log_chance(labels, a, z, weight, LEAST)
    np.testing.assert_allclose(surplus.log_chance(labels, a, z, 3.3 * weight, LEAST), plain)
    np.testing.assert_allclose(surplus.log_chance(labels, z[order], a[order], weight[order], LEAST), plain)
