"""Which co-actions are more than chance explains.

The null is *temporal jitter* (Amarasingham et al., "Conditional modeling and the jitter method of spike
resampling", J. Neurophysiology 2012), applied per object: given that two accounts acted on an object within the
horizon of one another (60 windows: one hour at the narrow scale, five at the wide one), how likely is it that they did
so within the window? Everything slower is thereby given and needs no model: popularity, interest topics, time zones,
daily rhythm, the decay of a note's audience. What is left is the crowd's own haste on that object, which is measured:

    rho_o = (met_o + alpha * rho) / (near_o + alpha)

where near_o and met_o count pairs of actions within the horizon and within the window **out of sample**: without
the pair that is tested, and without every account of a suspected group. Suspected are the groups that are dense
with edges when every object is given the rate of an even spread over the horizon. So a burst explains itself
(breaking news, a fan campaign over minutes: some of its pairs meet more often than an even spread has it, never most
of them), and a farm does not, however much of an object's crowd it is.

rho is the same rate over the objects of the channel that are about as popular, shrunk to that of all channels.

For a pair, an object is met with the chance c_o = 1 - (1 - rho_o)^near. Objects are not equally telling: to meet where
everybody meets is no news. Each weighs as much as its log-likelihood ratio against a pair that also meets on purpose,
on a share s of its common objects: w_o = log((c + (1 - c) s) / (c (1 - s))). With S the weight of the objects met,

    p = min over theta of  exp(-theta S) * product over objects of (1 - c_o + c_o exp(theta w_o)),

the Chernoff bound (Ann. Math. Stat. 1952), which is never below the true tail under the null and equals it where all
common objects were met. A crowd on a few popular objects thereby neither makes nor hides an edge.
Scales and the channels on which a pair acted on enough common objects within the horizon are fused by Bonferroni, valid
under any dependence. The false discovery rate is controlled over all pairs of accounts that acted on enough common
objects within the horizon; those without a co-action count as p = 1. Pairs that share a rare trait (*kin*: a device, a
registration client that few have) are a stratum of their own (Sun, Craiu, Paterson & Bull, Genetic Epidemiology 2006):
the trait was there before the actions, so it cannot make their p-values small by chance, but true networks are far more
frequent among them. docs/decisions/0005 tells what was tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from graph import communities
from graph.coaction import Coactions, Scale

ALPHA = 20.0  # pairs of actions; weight of the rate of objects alike against an object's own
CAP = 50.0  # pairs of actions; no object weighs more in the rate of objects alike
POPULARITY = (10.0, 100.0, 1000.0)  # near pairs; bounds of the classes of objects that are about as popular
PRIOR = 200.0  # pairs of actions; weight of the rate of all channels against that of a channel and class
STRENGTH = 0.1  # share of its common objects on which a coordinated pair meets on purpose, at least
THETAS = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0, 6.0, 12.0, 24.0)
DENSE = 0.5  # least share of its pairs that are edges, for a group to be suspected


@dataclass(frozen=True)
class Tested:
    """Significance of every candidate.

    Attributes:
        per_channel: the candidates with expected, p_value, q_value (rows as in Coactions.candidates).
        pairs: one row a pair of accounts: a, z, kin, expected, p_value, q_value, sorted by a, z.
        rates: at each scale, rho of each object (in order of o): the share of near pairs of its crowd that met.
    """

    per_channel: pd.DataFrame
    pairs: pd.DataFrame
    rates: tuple[np.ndarray, ...]


def q_values(p: np.ndarray, m: int, a: np.ndarray | None = None, z: np.ndarray | None = None) -> np.ndarray:
    """Step-up q-values of the p-values that were computed, out of `m` tests; the others have p = 1.

    Benjamini & Hochberg (JRSS B 1995): the k-th smallest p becomes p m / k. Given the accounts of each pair, k is
    replaced by the number of distinct accounts among the k pairs where that is smaller. One farm of 500 makes 124,750
    true edges, which would let 1,247 chance edges in elsewhere at a rate of 0.01; its 500 accounts let in 5. More
    conservative than Benjamini-Hochberg, so the rate still holds.

    Returns an array of the shape of `p`.
    """
    order = np.argsort(p, kind="stable")
    counted = np.arange(1, len(p) + 1)
    if a is not None and z is not None:
        ends = np.column_stack([a[order], z[order]]).ravel()
        new = np.zeros(len(ends), dtype=np.int64)
        new[np.unique(ends, return_index=True)[1]] = 1
        counted = np.minimum(counted, np.cumsum(new)[1::2])
    ranked = p[order] * max(m, len(p)) / counted
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return q


def _stratified(p: np.ndarray, pairs: np.ndarray, kin: np.ndarray, tested: dict[str, int]) -> np.ndarray:
    """q-values of strangers and of kin apart, each out of its own number of tests."""
    q = np.empty_like(p)
    q[~kin] = q_values(p[~kin], tested["strangers"], pairs[~kin, 0], pairs[~kin, 1])
    q[kin] = q_values(p[kin], tested["kin"])
    return q


def simes(p: np.ndarray, m: int) -> float:
    """P-value of: nothing but chance is behind any of these tests, out of `m` (Simes, Biometrika 1986).

    The smallest q-value they would get if every other test had p = 1: valid under independence and under the
    positive dependence of pairs that share an account.
    """
    ranked = np.sort(p) * max(m, len(p)) / np.arange(1, len(p) + 1)
    return float(min(ranked.min(initial=1.0), 1.0))


def _simes_of(p: pd.Series, m: int) -> float:
    return simes(p.to_numpy(), m)


def clusters(edges: pd.DataFrame, tested: dict[str, int]) -> pd.Series:
    """P-value of each cluster, from its own edges alone: Simes among strangers and among kin, joined by Bonferroni.

    Args:
        edges: cluster, kin, p_value of the edges inside clusters.
        tested: number of pairs tested, as in Coactions.pairs_tested.
    """
    both = []
    for name, kin in (("strangers", False), ("kin", True)):
        own = edges[edges["kin"] == kin].groupby("cluster")["p_value"]
        both.append(own.agg(partial(_simes_of, m=tested[name])))
    return pd.concat(both, axis=1).min(axis=1).mul(len(both)).clip(upper=1.0)


def test(found: Coactions, fdr: float) -> Tested:
    """Test every candidate; `fdr` decides which pairs count as edges between the rounds."""
    candidates, channels = found.candidates, sorted(set(found.channel_of))
    pairs, first, index = np.unique(candidates[["a", "z"]].to_numpy(), axis=0, return_index=True, return_inverse=True)
    index = index.ravel()
    if candidates.empty:
        empty = {n: np.empty(0) for n in ("expected", "p_value", "q_value")}
        nobody = pd.DataFrame({"a": np.empty(0, np.int64), "z": np.empty(0, np.int64), "kin": np.empty(0, bool)})
        return Tested(candidates.assign(**empty), nobody.assign(**empty), ())
    kin = candidates["kin"].to_numpy(bool)[first]
    channel = pd.Categorical(found.channel_of, categories=channels).codes.astype(np.int64)

    def fused(rates: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        tests = [_under_chance(s, len(candidates), rate) for s, rate in zip(found.scales, rates, strict=True)]
        p = np.minimum(np.min([p for _, p in tests], axis=0) * len(tests), 1.0)
        best = np.ones(len(pairs))
        np.minimum.at(best, index, p)
        best = np.minimum(best * found.channels, 1.0)  # Bonferroni over the channels on which the pair is tested
        return tests[0][0], p, best, _stratified(best, pairs, kin, found.pairs_tested)

    *_, q = fused([np.full(len(s.meetings), s.even_rate) for s in found.scales])
    suspects = _in_dense_groups(pairs[q <= fdr], found.accounts)
    crowds = [_crowd(s, channel, suspects) for s in found.scales]
    expected, p, together, q = fused(
        [_rates(s, crowd, found.candidates, suspects) for s, crowd in zip(found.scales, crowds, strict=True)]
    )
    best = pd.DataFrame({"i": index, "p": p, "expected": expected}).sort_values(["i", "p"], kind="stable")
    per_channel = candidates.assign(expected=expected, p_value=p, q_value=1.0)
    for rows in per_channel.groupby("channel", sort=True).indices.values():
        ends = candidates.loc[rows, ["a", "z"]].to_numpy()
        per_channel.loc[rows, "q_value"] = _stratified(p[rows], ends, kin[index[rows]], found.pairs_tested)
    frame = pd.DataFrame(
        {
            "a": pairs[:, 0],
            "z": pairs[:, 1],
            "kin": kin,
            "expected": best.drop_duplicates("i")["expected"].to_numpy(),
            "p_value": together,
            "q_value": q,
        }
    )
    return Tested(per_channel, frame, tuple(crowd.rate(0.0, 0.0, slice(None)) for crowd in crowds))


def at_least_once(rate: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Chance of at least one meeting in so many tries, kept away from 0 and 1."""
    chance: np.ndarray = np.clip(-np.expm1(times * np.log1p(-np.clip(rate, 1e-9, 1 - 1e-9))), 1e-9, 1 - 1e-9)
    return chance


def _under_chance(scale: Scale, candidates: int, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected objects and p-value of each candidate at a scale, given the rate of each of its meetings."""
    pair, near = scale.meetings["pair"].to_numpy(), scale.meetings["near"].to_numpy(float)
    met = scale.meetings["met"].to_numpy() > 0
    chance = at_least_once(rate, near)
    expected: np.ndarray = np.bincount(pair, chance, candidates)
    return expected, np.exp(log_tail(pair, met, chance, candidates))


def log_tail(pair: np.ndarray, met: np.ndarray, chance: np.ndarray, pairs: int) -> np.ndarray:
    """Log of the bound on the chance that a pair meets on objects of at least this weight; shape (pairs,).

    A pair that met on no more weight than chance explains gets 0: no theta above zero bounds it by less than one.
    """
    weight = np.log((chance + (1 - chance) * STRENGTH) / (chance * (1 - STRENGTH)))
    total = np.bincount(pair, weight * met, pairs)
    more = total > np.bincount(pair, weight * chance, pairs)
    rows, number = more[pair], np.cumsum(more) - 1
    own, weight, chance = number[pair[rows]], weight[rows], chance[rows]
    bounds = [_bound(own, weight, chance, total[more], theta) for theta in THETAS]
    best = np.zeros(pairs)
    best[more] = np.minimum(np.min(bounds, axis=0), 0.0)
    return best


def _bound(pair: np.ndarray, weight: np.ndarray, chance: np.ndarray, total: np.ndarray, theta: float) -> np.ndarray:
    """Log of Chernoff's bound at one theta; shape of `total`."""
    generating = np.bincount(pair, np.log1p(chance * np.expm1(theta * weight)), len(total))
    bound: np.ndarray = generating - theta * total
    return bound


@dataclass(frozen=True)
class _Crowd:
    """What the unsuspected did on each object (in order of o): near and met pairs, and the rate of objects alike."""

    near: np.ndarray
    met: np.ndarray
    base: np.ndarray

    def rate(self, own_near: np.ndarray | float, own_met: np.ndarray | float, o: np.ndarray | slice) -> np.ndarray:
        """Rate rho of objects `o`, without a pair's own share in it."""
        rate: np.ndarray = (self.met[o] - own_met + ALPHA * self.base[o]) / (self.near[o] - own_near + ALPHA)
        return rate


def _crowd(scale: Scale, channel: np.ndarray, suspects: np.ndarray) -> _Crowd:
    near, met = np.zeros(len(channel)), np.zeros(len(channel))
    crowds = scale.crowds(suspects)
    near[crowds["o"]], met[crowds["o"]] = crowds["near"], crowds["met"]
    return _Crowd(near, met, _alike(near, met, channel, scale.even_rate))


def _rates(scale: Scale, crowd: _Crowd, candidates: pd.DataFrame, suspects: np.ndarray) -> np.ndarray:
    """Rate rho_o of each meeting, from the crowd without the suspects and without the pair itself."""
    pair, o = scale.meetings["pair"].to_numpy(), scale.meetings["o"].to_numpy()
    outside = ~(suspects[candidates["a"]] | suspects[candidates["z"]])[pair]
    return crowd.rate(scale.meetings["near"].to_numpy() * outside, scale.meetings["met"].to_numpy() * outside, o)


def _alike(near: np.ndarray, met: np.ndarray, channel: np.ndarray, even_rate: float) -> np.ndarray:
    """For each object the rate of the objects of its channel and popularity, each weighing its near pairs up to CAP."""
    kind = channel * (len(POPULARITY) + 1) + np.searchsorted(POPULARITY, near, side="right")
    weight = np.minimum(near, CAP)
    share = met / np.maximum(near, 1.0)
    hits, total = np.bincount(kind, weight * share), np.bincount(kind, weight)
    overall = max(hits.sum() / max(total.sum(), 1.0), even_rate)
    rates: np.ndarray = (hits + PRIOR * overall) / (total + PRIOR)
    return rates[kind]


def _in_dense_groups(edges: np.ndarray, accounts: int) -> np.ndarray:
    """Which accounts are in a group of three or more of whose pairs at least DENSE are edges; shape (accounts,)."""
    members = communities.find(edges[:, 0], edges[:, 1], communities.ClusterConfig((DENSE,), 1, 3, 0.0), seed=0)
    inside = np.zeros(accounts, dtype=bool)
    inside[members["account"].to_numpy()] = True
    return inside
