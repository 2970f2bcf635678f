"""The effective penalty: the maximum of what is in force, whatever the order of events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.penalties import Effective, Penalty, effective
from api.policy import rank

moments = st.integers(0, 100)
penalties = st.builds(
    Penalty,
    tier=st.sampled_from(["warn", "restrict", "ban"]),
    applied_at=moments,
    expires_at=st.none() | moments,
    reversed_at=st.none() | moments,
)


@given(st.lists(penalties, max_size=8), moments, st.randoms())
def test_it_is_the_maximum_of_the_active_ones_in_any_order(found: list[Penalty], at: int, random: object) -> None:
    active = [
        p
        for p in found
        if p.applied_at <= at
        and not (p.expires_at is not None and p.expires_at <= at)
        and not (p.reversed_at is not None and p.reversed_at <= at)
    ]
    expected = max((p.tier for p in active), key=rank, default="none")
    mixed = list(found)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert effective(found, at) == effective(mixed, at)
    assert effective(found, at).tier == expected


@given(st.lists(penalties, max_size=8), penalties, moments)
def test_reversing_a_penalty_leaves_exactly_what_the_others_leave(
    others: list[Penalty], mine: Penalty, at: int
) -> None:
    taken_back = Penalty(mine.tier, mine.applied_at, mine.expires_at, reversed_at=min(at, mine.reversed_at or at))
    assert effective([*others, taken_back], at) == effective(others, at)


@given(st.lists(penalties, max_size=8), moments, moments)
def test_what_is_told_now_says_what_is_in_force_at_any_later_time(found: list[Penalty], at: int, later: int) -> None:
    """As long as nothing new happens: who has the steps needs no event for the end of a penalty."""
    begun = [p for p in found if p.applied_at <= at and p.reversed_at is None]
    now = effective(begun, at)
    steps = [(now.tier, now.expires_at), *now.then]
    standing = next((tier for tier, end in steps if end is None or end > at + later), "none")
    assert standing == effective(begun, at + later).tier
    ranks, ends = [rank(tier) for tier, _ in steps], [1 << 62 if end is None else end for _, end in steps]
    assert ranks == sorted(set(ranks), reverse=True)
    assert ends == sorted(set(ends))


def test_of_equal_penalties_the_one_that_ends_last_is_shown() -> None:
    found = [Penalty("warn", 0, 50), Penalty("restrict", 0, 20), Penalty("restrict", 0, 30)]
    assert effective(found, 10) == Effective("restrict", 30, (("warn", 50),))
    assert effective(found, 30) == Effective("warn", 50)
    assert effective([*found, Penalty("restrict", 5)], 10) == Effective("restrict", None)
