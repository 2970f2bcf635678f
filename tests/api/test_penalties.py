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


def test_of_equal_penalties_the_one_that_ends_last_is_shown() -> None:
    found = [Penalty("warn", 0, 50), Penalty("restrict", 0, 20), Penalty("restrict", 0, 30)]
    assert effective(found, 10) == Effective("restrict", 30)
    assert effective(found, 30) == Effective("warn", 50)
    assert effective([*found, Penalty("restrict", 5)], 10) == Effective("restrict", None)
