"""Which co-actions are more than chance explains.

The null is *temporal jitter* (Amarasingham et al., "Conditional modeling and the jitter method of spike
resampling", J. Neurophysiology 2012), applied per object: given that two accounts acted on an object
within an hour of one another, how likely is it that they did so within the window? Everything slower than
an hour is thereby given and needs no model: popularity, interest topics, time zones, daily rhythm, the
decay of a note's audience. What is left is the crowd's own haste on that object, which is measured:

    rho_o = (met_o + alpha * rho_channel) / (near_o + alpha)

where near_o and met_o count pairs of actions within the horizon and within the window **out of sample**: without
the pair that is tested, and without every account of a suspected group. Suspected are the groups that are dense
with edges when every object is given the rate of an even spread over the horizon. So a burst explains itself
(breaking news, a fan campaign over minutes: some of its pairs meet more often than an even spread has it, never most
of them), and a farm does not, however much of an object's crowd it is.

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

from graph import communities
from graph.coaction import Coactions

ALPHA = 20.0  # pairs of actions; weight of the channel's rate against an object's own
CAP = 50.0  # pairs of actions; no object weighs more in its channel's rate
PRIOR = 200.0  # pairs of actions; weight of the rate of all channels against a channel's own
DENSE = 0.5  # least share of its pairs that are edges, for a group to be suspected


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


def simes(p: np.ndarray, m: int) -> float:
    """P-value of: nothing but chance is behind any of these tests, out of `m` (Simes, Biometrika 1986).

    The smallest q-value they would get if every other test had p = 1: valid under independence and under the
    positive dependence of pairs that share an account.
    """
    ranked = np.sort(p) * max(m, len(p)) / np.arange(1, len(p) + 1)
    return float(min(ranked.min(initial=1.0), 1.0))


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

    def fused(rate: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        expected, p = _under_chance(found, rate)
        # Bonferroni over the channels of the data set, whether or not this pair met on them
        best = np.ones(len(pairs))
        np.minimum.at(best, index, np.minimum(p * len(channels), 1.0))
        return expected, p, best, benjamini_hochberg(best, tested["all"])

    *_, q = fused(np.full(len(found.meetings), found.even_rate))
    suspects = _in_dense_groups(pairs[q <= fdr], found.accounts)
    expected, p, together, q = fused(_rates(found, channel, suspects))
    best = pd.DataFrame({"i": index, "p": p, "expected": expected}).sort_values(["i", "p"], kind="stable")
    per_channel = candidates.assign(expected=expected, p_value=p, q_value=1.0)
    for name, rows in per_channel.groupby("channel", sort=True).groups.items():
        per_channel.loc[rows, "q_value"] = benjamini_hochberg(p[rows], tested[str(name)])
    frame = pd.DataFrame(
        {
            "a": pairs[:, 0],
            "z": pairs[:, 1],
            "expected": best.drop_duplicates("i")["expected"].to_numpy(),
            "p_value": together,
            "q_value": q,
        }
    )
    return Tested(per_channel, frame, tested)


def _under_chance(found: Coactions, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected objects and p-value of each candidate, given the rate of each of its meetings."""
    pair, near = found.meetings["pair"].to_numpy(), found.meetings["near"].to_numpy(float)
    chance = -np.expm1(near * np.log1p(-np.clip(rate, 1e-9, 1 - 1e-9)))
    n = len(found.candidates)
    shared, hits = np.bincount(pair, minlength=n), np.bincount(pair, found.meetings["met"].to_numpy() > 0, n)
    expected = np.bincount(pair, chance, n)
    p: np.ndarray = binom.sf(hits - 1, shared, np.clip(expected / np.maximum(shared, 1), 0.0, 1.0))
    return expected, p


def _rates(found: Coactions, channel: np.ndarray, suspects: np.ndarray) -> np.ndarray:
    """Rate rho_o of each meeting, from the crowd without the suspects and without the pair itself."""
    pair, o = found.meetings["pair"].to_numpy(), found.meetings["o"].to_numpy()
    near, met = np.zeros(len(channel)), np.zeros(len(channel))
    crowds = found.crowds(suspects)
    near[crowds["o"]], met[crowds["o"]] = crowds["near"], crowds["met"]
    base = _channel_rates(near, met, channel, found.even_rate)[channel][o]
    a, z = found.candidates["a"].to_numpy(), found.candidates["z"].to_numpy()
    inside = ~(suspects[a] | suspects[z])[pair]
    own_near, own_met = found.meetings["near"].to_numpy() * inside, found.meetings["met"].to_numpy() * inside
    rate: np.ndarray = (met[o] - own_met + ALPHA * base) / (near[o] - own_near + ALPHA)
    return rate


def _channel_rates(near: np.ndarray, met: np.ndarray, channel: np.ndarray, even_rate: float) -> np.ndarray:
    """Rate of each channel: mean over its objects, weighted by near pairs up to CAP, shrunk to that of all channels."""
    weight = np.minimum(near, CAP)
    share = met / np.maximum(near, 1.0)
    hits, total = np.bincount(channel, weight * share), np.bincount(channel, weight)
    overall = max(hits.sum() / max(total.sum(), 1.0), even_rate)
    rates: np.ndarray = (hits + PRIOR * overall) / (total + PRIOR)
    return rates


def _in_dense_groups(edges: np.ndarray, accounts: int) -> np.ndarray:
    """Which accounts are in a group of three or more of whose pairs at least DENSE are edges; shape (accounts,)."""
    members = communities.find(edges[:, 0], edges[:, 1], communities.ClusterConfig((DENSE,), 1, 3, 0.0), seed=0)
    inside = np.zeros(accounts, dtype=bool)
    inside[members["account"].to_numpy()] = True
    return inside
