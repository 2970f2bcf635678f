"""What is said about how far something is, where there is no terminal."""

from __future__ import annotations

import re

import pytest

from graph import console


def test_many_things_are_told_with_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "TELL_S", 0.0)
    with console.progress("counting", 4000) as advance:
        advance(1000)
        advance(3000)
    first, quarter, whole, last = capsys.readouterr().err.splitlines()
    assert first == "counting ..."
    assert re.fullmatch(r"counting: 1,000 of 4,000, [\d,]+ a second, \d+ s left", quarter)
    assert re.fullmatch(r"counting: 4,000 of 4,000, [\d,]+ a second, 0 s left", whole)
    assert re.fullmatch(r"counting: \d+\.\d s, [\d,]+ a second", last)


def test_few_things_and_short_times_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress("counting", 4) as advance:
        advance(4)
    with console.progress("thinking"):
        pass
    assert re.sub(r"\d+\.\d", "0", capsys.readouterr().err).splitlines() == [
        *("counting ...", "counting: 0 s"),
        *("thinking ...", "thinking: 0 s"),
    ]


def test_the_time_left_is_told_from_the_rate_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 10.0, 40.0, 50.0])
    advance = console._teller("loading", 8000, lambda: next(clock))
    for _ in range(3):
        advance(2000)
    assert capsys.readouterr().err == "loading: 4,000 of 8,000, 100 a second, 40 s left\n"
