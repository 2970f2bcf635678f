"""Which co-actions are more than chance explains.

The null is *temporal jitter* (Amarasingham et al., "Conditional modeling and the jitter method of spike
resampling", J. Neurophysiology 2012), applied per object: given that two accounts acted on an object
within an hour of one another, how likely is it that they did so within the window? Everything slower than
an hour is thereby given and needs no model: popularity, interest topics, time zones, daily rhythm, the
decay of a note's audience. What is left is the crowd's own haste on that object, which is measured:

    rho_o = (met_o + alpha * rho_channel) / (near_o + alpha)

where near_o and met_o count pairs of actions within the horizon and within the window, **without the pairs
already taken for edges and without the pair that is tested**. A burst thereby explains itself (breaking
news, a fan campaign over minutes), and a farm does not: its pairs are edges from the first round on, in
which every object has the rate of its channel. Four rounds are made.

For a pair with N objects within the horizon, of which k within the window, lambda = sum of the chances
1 - (1 - rho_o)^near, and

    p = P(Binomial(N, lambda / N) >= k),

which is at least the exact Poisson-binomial tail for k >= lambda + 1 (Hoeffding, Ann. Math. Stat. 1956).
Channels are fused by Bonferroni, valid under any dependence; q is Benjamini-Hochberg over all pairs of accounts
that acted on enough common objects within the horizon, those without a co-action counting as p = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

from graph.coaction import Coactions

ROUNDS = 4
ALPHA = 20.0  # pairs of actions; weight of the channel's rate against an object's own
HASTY = 0.5  # round one: an object where more than this share of near pairs met says nothing about chance
CAP = 50.0  # pairs of actions; no object weighs more in its channel's rate


@dataclass(frozen=True)
class Tested:
    """Significance of every candidate.

    Attributes:
        per_channel: the candidates with expected, p_value, q_value (rows as in Coactions.candidates).
        pairs: one row a pair of accounts: a, z, expected, p_value, q_value, sorted by a, z.
        pairs_tested: m of Benjamini-Hochberg per channel, and under `all`.
    """

    per_channel: pd.DataFrame
    pairs: pd.DataFrame
    pairs_tested: dict[str, int]


def benjamini_hochberg(p: np.ndarray, m: int) -> np.ndarray:
    """Step-up q-values of the p-values that were computed, out of `m` tests; the others have p = 1.

    Benjamini & Hochberg, JRSS B 1995. Returns an array of the shape of `p`.
    """
    order = np.argsort(p, kind="stable")
    ranked = p[order] * max(m, len(p)) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return q


def test(found: Coactions, fdr: float) -> Tested:
    """Test every candidate; `fdr` decides which pairs count as edges between the rounds."""
    candidates, channels = found.candidates, sorted(set(found.channel_of))
    pairs, index = np.unique(candidates[["a", "z"]].to_numpy(), axis=0, return_inverse=True)
    index = index.ravel()
    tested = {name: found.pairs_tested.get(name, 0) for name in [*channels, "all"]}
    if candidates.empty:
        empty = {n: np.empty(0) for n in ("expected", "p_value", "q_value")}
        frame = pd.DataFrame({"a": np.empty(0, np.int64), "z": np.empty(0, np.int64), **empty})
        return Tested(candidates.assign(**empty), frame, tested)
    channel = pd.Categorical(found.channel_of, categories=channels).codes.astype(np.int64)
    edge = np.zeros(len(pairs), dtype=bool)
    for round_ in range(ROUNDS):
        expected, p = _candidates_under_chance(found, channel, len(channels), edge[index], own_rates=round_ > 0)
        # Bonferroni over the channels of the data set, whether or not this pair met on them
        fused = np.ones(len(pairs))
        np.minimum.at(fused, index, np.minimum(p * len(channels), 1.0))
        q = benjamini_hochberg(fused, tested["all"])
        edge = q <= fdr
    best = pd.DataFrame({"i": index, "p": p, "expected": expected}).sort_values(["i", "p"], kind="stable")
    per_channel = candidates.assign(expected=expected, p_value=p, q_value=1.0)
    for name, rows in per_channel.groupby("channel", sort=True).groups.items():
        per_channel.loc[rows, "q_value"] = benjamini_hochberg(p[rows], tested[str(name)])
    frame = pd.DataFrame(
        {
            "a": pairs[:, 0],
            "z": pairs[:, 1],
            "expected": best.drop_duplicates("i")["expected"].to_numpy(),
            "p_value": fused,
            "q_value": q,
        }
    )
    return Tested(per_channel, frame, tested)


def _candidates_under_chance(
    found: Coactions, channel: np.ndarray, channels: int, is_edge: np.ndarray, *, own_rates: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Expected objects and p-value of each candidate, given which of them are taken for edges."""
    pair, o = found.meetings["pair"].to_numpy(), found.meetings["o"].to_numpy()
    near, met = found.meetings["near"].to_numpy(float), found.meetings["met"].to_numpy(float)
    taken = is_edge[pair]
    crowd_near = found.crowds["near"].to_numpy(float) - np.bincount(o, near * taken, len(channel))
    crowd_met = found.crowds["met"].to_numpy(float) - np.bincount(o, met * taken, len(channel))
    base = _channel_rates(crowd_near, crowd_met, channel, channels)[channel]
    rate = base[o]
    if own_rates:
        free = ~taken  # a taken pair is out of the crowd already
        rate = (crowd_met[o] - met * free + ALPHA * rate) / (crowd_near[o] - near * free + ALPHA)
    chance = -np.expm1(near * np.log1p(-np.clip(rate, 1e-9, 1 - 1e-9)))
    n = len(found.candidates)
    shared, hits = np.bincount(pair, minlength=n), np.bincount(pair, met > 0, n)
    expected = np.bincount(pair, chance, n)
    p = binom.sf(hits - 1, shared, np.clip(expected / np.maximum(shared, 1), 0.0, 1.0))
    return expected, np.asarray(p)


def _channel_rates(near: np.ndarray, met: np.ndarray, channel: np.ndarray, channels: int) -> np.ndarray:
    """Rate of each channel: mean over its objects, weighted by near pairs up to CAP, hasty objects left out."""
    share = met / np.maximum(near, 1.0)
    weight = np.where((near > 0) & (share <= HASTY), np.minimum(near, CAP), 0.0)
    total = np.bincount(channel, weight, channels)
    rate: np.ndarray = np.bincount(channel, weight * share, channels) / np.maximum(total, 1.0)
    bounded: np.ndarray = np.clip(rate, 1e-4, HASTY)
    return bounded
