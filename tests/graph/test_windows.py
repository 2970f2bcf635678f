"""Choosing a window: planted networks of known pace, a suggestion made without the later part, and the picture."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import windows, windows_picture, windows_text
from graph.errors import InputError, NothingFoundError
from graph.model import ACCOUNTS, ACTIONS, DAY, SECOND
from graph.windows import Found, Row, Scan, WindowsConfig, jaccard, keeping, scan, suggest

START = 1_788_220_800 * SECOND  # a midnight, UTC
DAYS = 14
TRIED = (10, 100, 1000)
SVG = "{http://www.w3.org/2000/svg}"
Act = tuple[str, str, int]  # account, object, time


def people(random: np.random.Generator, accounts: int = 300, rows: int = 3000, objects: int = 300) -> list[Act]:
    """A crowd that acts on what it sees within hours of its birth; two objects in three days are born evenly."""
    activity = random.lognormal(0.0, 1.0, accounts)
    who = random.choice(accounts, rows, p=activity / activity.sum())
    thing = (objects * random.random(rows) ** 1.5).astype(int)
    born = random.permutation(objects) * DAYS * DAY // objects
    at = START + born[thing] + (random.exponential(4 * 3600, rows) * SECOND).astype(np.int64) % DAY
    return [(f"p{a:03}", f"n{o:03}", int(t)) for a, o, t in zip(who, thing, at, strict=True)]


def squad(
    random: np.random.Generator, tag: str, jitter: float, size: int = 8, targets: int = 28, days: int = DAYS
) -> list[Act]:
    """A planted network: all act on each target within `jitter` seconds, evenly spread over the days."""
    acts = []
    for k in range(targets):
        first = START + int((k + 0.5) * days * DAY / targets)
        thing = f"n{random.integers(300):03}"
        acts += [(f"{tag}{m}", thing, first + int(random.random() * jitter * SECOND)) for m in range(size)]
    return acts


def log(acts: Sequence[Act]) -> duckdb.DuckDBPyConnection:
    """A connection as graph.coact.connected makes one."""
    columns = {
        "event_id": [f"e{i:06}" for i in range(len(acts))],
        "account_id": [a for a, _, _ in acts],
        "channel": ["share"] * len(acts),
        "object_id": [o for _, o, _ in acts],
        "at": pa.array([t for _, _, t in acts], pa.int64()),
        "content_id": pa.nulls(len(acts), pa.string()),
    }
    connection = duckdb.connect(config={"threads": 2})
    connection.register("actions", pa.table(columns, ACTIONS.schema))
    connection.register("accounts", ACCOUNTS.schema.empty_table())
    return connection


def tried(acts: Sequence[Act], seconds: Sequence[int] = TRIED, **between: int) -> Scan:
    with log(acts) as connection:
        return scan(connection, WindowsConfig(tuple(s * SECOND for s in seconds)), **between)


def world(seed: int, *paces: float) -> list[Act]:
    random = np.random.default_rng(seed)
    acts = people(random)
    for i, pace in enumerate(paces):
        acts += squad(random, f"s{i}-", pace)
    return acts


def planted(acts: Sequence[Act]) -> set[tuple[str, str]]:
    """The pairs inside squads."""
    bots = sorted({a for a, _, _ in acts if a[0] == "s"})
    return {(a, z) for a in bots for z in bots if a < z and a.split("-")[0] == z.split("-")[0]}


def picked(found: Scan) -> Row:
    assert found.suggested is not None
    return found.rows[found.suggested]


@pytest.fixture(scope="module")
def slow() -> tuple[list[Act], Scan]:
    """Three squads of a minute and a half, and what is found."""
    acts = world(1, 90, 90, 90)
    return acts, tried(acts)


# planted pace -> of the windows that can see it, the one nearest to two minutes
@pytest.mark.parametrize(("pace", "right"), [(8, 100), (90, 100), (900, 1000)])
def test_the_suggestion_covers_how_slow_planted_networks_are(pace: float, right: int) -> None:
    acts = world(2, pace, pace, pace)
    found = tried(acts)
    row = picked(found)
    assert row.window == right * SECOND
    # where it had no say, it finds what was planted, and next to nothing else
    pairs = planted(acts)
    assert len(row.later.edges & pairs) >= 0.95 * len(pairs)
    assert len(row.later.edges - pairs) <= 0.02 * len(row.later.edges)
    assert row.later.clusters == 3
    # and a window much shorter loses them
    assert all(len(r.earlier.edges) < 0.9 * len(pairs) for r in found.rows if r.window < pace * SECOND / 4)


def test_later_data_have_no_say(slow: tuple[list[Act], Scan]) -> None:
    acts, found = slow
    random = np.random.default_rng(7)
    cut = found.halfway
    there = [a for a, _, t in acts if t >= cut]
    shuffled = iter(random.permutation(there).tolist())
    # each action keeps its time, so the cut stays; who acts is drawn anew in one case, what on in the other
    other_people = [(a if t < cut else next(shuffled), o, t) for a, o, t in acts]
    one_object = [(a, o if t < cut else "n000", t) for a, o, t in acts]
    for changed in (other_people, one_object):
        again = tried(changed)
        assert (again.halfway, again.suggested, again.missed) == (cut, found.suggested, found.missed)
        for before, after in zip(found.rows, again.rows, strict=True):
            same = replace(after, later=before.later, again=before.again)
            assert same == before
        assert picked(again).later.edges != picked(found).later.edges


def test_earlier_data_have(slow: tuple[list[Act], Scan]) -> None:
    acts, found = slow
    random = np.random.default_rng(4)
    slower = [
        (a, o, t if a[0] == "p" else min(t + int(random.random() * 900 * SECOND), found.halfway - 1))
        for a, o, t in acts
        if t < found.halfway
    ]
    again = tried([*slower, *(act for act in acts if act[2] >= found.halfway)])
    assert again.halfway == found.halfway
    assert (picked(found).window, picked(again).window) == (100 * SECOND, 1000 * SECOND)


def test_the_order_of_rows_changes_nothing(slow: tuple[list[Act], Scan]) -> None:
    acts, found = slow
    mixed = [acts[i] for i in np.random.default_rng(3).permutation(len(acts))]
    again = tried(mixed, TRIED[1:2])
    assert again.rows[0] == replace(found.rows[1], neighbours=None)
    assert again.halfway == found.halfway


def test_the_cut_halves_the_actions_and_the_data_window_is_kept_to(slow: tuple[list[Act], Scan]) -> None:
    acts, found = slow
    times = sorted(t for _, _, t in acts)
    assert (found.since, found.until, found.actions) == (times[0], times[-1] + 1, len(acts))
    assert abs(sum(t < found.halfway for t in times) - len(times) / 2) <= 1
    inside = tried(acts, (60,), since=times[100], until=times[900])
    assert (inside.since, inside.until, inside.actions) == (times[100], times[900], 800)
    assert times[499] <= inside.halfway <= times[501]


def test_a_log_of_one_moment_has_no_later_part_and_says_so() -> None:
    acts = [(f"a{i % 4}", f"o{i // 4}", START) for i in range(24)]
    found = tried(acts, (10, 3600))
    assert len(picked(found).earlier.edges) == 6
    assert "There is no later part" in windows_text.advice(found)
    assert "In the later part" not in windows_text.advice(found)


def test_whom_only_other_windows_find_is_counted() -> None:
    random = np.random.default_rng(5)
    acts = people(random)
    for i in range(4):
        acts += squad(random, f"s{i}-", 8, size=16)
    acts += squad(random, "sx-", 3500, size=5, targets=20)
    found = tried(acts, (10, 150, 3600))
    assert picked(found).window == 150 * SECOND
    assert found.missed == 5
    assert "5 accounts would be found with another window only." in windows_text.advice(found)


def test_pairs_that_meet_are_counted_as_by_hand() -> None:
    random = np.random.default_rng(11)
    acts = [
        (f"p{random.integers(12)}", f"n{random.integers(5)}", START + int(random.integers(4000)) * SECOND)
        for _ in range(240)
    ]
    found = tried(acts, (1, 30, 600))
    early = [act for act in acts if act[2] < found.halfway]
    for row in found.rows:
        near = {
            (a, b)
            for a, o, t in early
            for b, p, u in early
            if a < b and o == p and abs(t - u) <= row.window  # inclusive
        }
        assert (row.pairs, row.sampled) == (len(near), False)


def test_many_pairs_are_estimated_and_say_so(monkeypatch: pytest.MonkeyPatch, slow: tuple[list[Act], Scan]) -> None:
    acts, found = slow
    monkeypatch.setattr(windows, "WORK", 4000)
    again = tried(acts, TRIED[-1:])
    assert again.rows[0].sampled
    assert 0.5 < again.rows[0].pairs / found.rows[-1].pairs < 2
    assert "about " in windows_text.text(again)


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        ([(f"a{i}", f"o{i}", START + i * DAY) for i in range(12)], "No two accounts have a co-action"),
        ([("a", f"o{i % 3}", START + i) for i in range(12)], "No two accounts have a co-action"),
        ([("a", "o", START)], "No two accounts have a co-action"),
        (people(np.random.default_rng(0), 100, 500, 100), "No window finds a coordination edge"),
    ],
    ids=["none", "one account", "one action", "a crowd"],
)
def test_where_there_is_nothing_nothing_is_suggested(acts: list[Act], said: str) -> None:
    found = tried(acts, (10, 3600))
    assert found.suggested is None
    assert found.missed == 0
    assert said in windows_text.text(found)
    assert [r["suggested"] for r in windows_text.table(found).to_pylist()] == [False, False]
    picture = ET.fromstring(windows_picture.svg(found))
    assert not [r for r in picture.iter(f"{SVG}rect") if r.get("class") == "band"]


def test_no_action_in_the_data_window_is_told_with_where_they_are() -> None:
    acts = [("a", "o", START), ("b", "o", START + DAY)]
    with pytest.raises(NothingFoundError, match="from 2026-09-01 00:00 to 2026-09-02 00:00"):
        tried(acts, since=START + 2 * DAY)
    with pytest.raises(NothingFoundError, match="there are no actions"):
        tried([])
    with pytest.raises(InputError, match="at or after --until"):
        tried(acts, since=START, until=START)


@pytest.mark.parametrize(
    ("asked", "said"),
    [((), "no windows"), ((0,), "more than 0"), ((60, 366 * 86_400), "at most one day"), ((-1,), "more than 0")],
)
def test_windows_that_mean_nothing_are_refused(asked: tuple[int, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        WindowsConfig(tuple(s * SECOND for s in asked))
    for rate in (0.0, 1.0, -0.1):
        with pytest.raises(InputError, match="expected a rate"):
            WindowsConfig((SECOND,), rate)


def test_windows_are_sorted_and_each_once() -> None:
    assert WindowsConfig((5, 3, 5)).windows == (3, 5)


def a_row(accounts: int, edges: int, seconds: int = 1, halves: float | None = None) -> Row:
    """A row of the earlier part: so many edges among so many accounts, each of which has one."""
    names = [f"a{i:04}" for i in range(accounts)]
    ring = [(names[i], names[(i + step) % accounts]) for step in range(1, accounts) for i in range(accounts)]
    chosen = frozenset((min(ends), max(ends)) for ends in ring[:edges])
    nothing = Found(0, frozenset(), 0, 0)
    return Row(
        seconds * SECOND,
        1,
        sampled=False,
        earlier=Found(0, chosen, 0, 0),
        later=nothing,
        neighbours=None,
        halves=halves,
        again=None,
    )


@pytest.mark.parametrize(
    ("rows", "choice"),
    [
        ([(0, 0, 60), (0, 0, 120)], None),
        ([(20, 40, 30), (20, 40, 120), (20, 40, 600)], 120),  # level: the usual one stands
        ([(20, 40, 10), (15, 40, 120), (20, 40, 600)], 600),  # the usual one keeps only 75% of the accounts
        ([(20, 40, 60), (16, 40, 120), (20, 40, 600)], 120),  # 80% is enough
        ([(20, 19, 120), (20, 40, 1200)], 1200),  # under half of the edges: each account has one, and no group holds
        ([(20, 20, 120), (20, 40, 1200)], 120),
        ([(20, 40, 60), (20, 40, 240)], 60),  # as near in ratio: the smaller
        ([(20, 40, 59), (20, 40, 240)], 240),
        ([(20, 40, 5), (3, 3, 120)], 5),  # nothing but the smallest sees it
        ([(20, 40, 7200), (10, 300, 120)], 7200),  # many edges of few accounts set no measure
    ],
)
def test_the_rule(rows: list[tuple[int, int, int]], choice: int | None) -> None:
    made = [a_row(*row) for row in rows]
    picked_row = suggest(made)
    assert choice == (None if picked_row is None else made[picked_row].window // SECOND)


@given(
    st.lists(
        st.tuples(st.integers(2, 30), st.integers(0, 60), st.integers(1, 5000)),
        min_size=1,
        max_size=6,
        unique_by=lambda row: row[2],
    )
)
@settings(max_examples=150, deadline=None)
def test_the_suggestion_is_nearest_to_the_usual_one_among_those_that_keep_enough(
    made: list[tuple[int, int, int]],
) -> None:
    rows = [a_row(*row) for row in sorted(made, key=lambda row: row[2])]
    choice = suggest(rows)
    yields = [len(r.earlier.accounts) for r in rows]
    if choice is None:
        assert max(yields) == 0
        return
    enough = [i for i in range(len(rows)) if yields[i] >= 0.8 * max(yields)]
    most = max(len(rows[i].earlier.edges) for i in enough)
    enough = [i for i in enough if len(rows[i].earlier.edges) >= 0.5 * most]
    assert keeping(rows) == enough
    assert choice in enough

    def far(i: int) -> float:
        return abs(math.log(rows[i].window / (120 * SECOND)))

    assert all(far(choice) <= far(i) + 1e-9 for i in enough)
    assert yields[choice] >= 0.8 * max(yields)


@given(st.frozensets(st.integers(0, 8)), st.frozensets(st.integers(0, 8)))
def test_overlap(one: frozenset[object], other: frozenset[object]) -> None:
    overlap = jaccard(one, other)
    assert overlap == jaccard(other, one)
    assert (overlap is None) == (not one and not other)
    assert (overlap == 1) == (one == other and bool(one))
    assert (overlap == 0) == (not one & other and bool(one | other))


@pytest.mark.parametrize(
    ("seconds", "said"), [(10, "10s"), (90, "90s"), (300, "5m"), (3600, "1h"), (86_400, "1d"), (0.5, "0.5s")]
)
def test_a_window_is_named_as_the_command_line_takes_it(seconds: float, said: str) -> None:
    assert windows_text.label(int(seconds * SECOND)) == said


def test_the_table_holds_what_was_found(slow: tuple[list[Act], Scan]) -> None:
    found = slow[1]
    table = windows_text.table(found)
    parts = ("candidates", "edges", "accounts", "clusters", "clustered")
    assert table.column_names == [
        *("window_seconds", "pairs", "pairs_sampled"),
        *(f"{part}_{what}" for part in ("earlier", "later") for what in parts),
        *("neighbours", "halves", "again", "suggested"),
    ]
    for row, told in zip(found.rows, table.to_pylist(), strict=True):
        assert told["window_seconds"] * SECOND == row.window
        assert told["earlier_edges"] == len(row.earlier.edges)
        assert told["earlier_accounts"] == len({a for ends in row.earlier.edges for a in ends})
        assert told["later_clusters"] == row.later.clusters
        assert told["again"] == row.again
        assert told["suggested"] == (row is picked(found))
    assert windows_text.metadata(found)["suggested_seconds"] == picked(found).window / SECOND


def test_overlaps_are_of_the_accounts_that_act_in_both_parts() -> None:
    """A squad that comes only later is no unsteadiness of the window."""
    random = np.random.default_rng(9)
    acts = people(random) + squad(random, "s0-", 8) + squad(random, "s1-", 8)
    later = [(a, o, t + 9 * DAY) for a, o, t in squad(random, "new-", 8, days=5)]
    row = tried([*acts, *later], (10,)).rows[0]
    assert {a.split("-")[0] for a in row.later.accounts - row.earlier.accounts} == {"new"}
    assert row.again == 1


def test_halves_are_the_two_halves_of_the_earlier_part() -> None:
    """One squad goes on, one stops after three days, one begins on the fourth; the members of all act throughout."""
    random = np.random.default_rng(6)
    acts = people(random) + squad(random, "s0-", 8, targets=56) + squad(random, "s1-", 8, targets=14, days=3)
    acts += [(a, o, t + 4 * DAY) for a, o, t in squad(random, "s2-", 8, targets=14, days=2)]
    acts += [(f"s{i}-{m}", f"alone{i}{m}", START + day * DAY) for m in range(8) for i, day in ((1, 5), (2, 1))]
    row = tried(acts, (10,)).rows[0]
    assert {a.split("-")[0] for a in row.earlier.accounts} == {"s0", "s1", "s2"}
    assert row.halves == pytest.approx(1 / 3)


def test_the_picture_is_well_formed_and_shows_every_window(slow: tuple[list[Act], Scan]) -> None:
    found = slow[1]
    picture = ET.fromstring(windows_picture.svg(found))
    assert picture.tag == f"{SVG}svg"
    texts = ["".join(t.itertext()) for t in picture.iter(f"{SVG}text")]
    for row in found.rows:
        assert texts.count(windows_text.label(row.window)) == 2  # under either panel
    assert f"suggested: {windows_text.label(picked(found).window)}" in texts
    plot = windows_picture.lay_out(found)
    names = [line.name for panel in plot.panels for line in panel.lines]
    assert set(names) <= set(texts)
    assert "edges" in names
    for panel in plot.panels:
        for line in panel.lines:
            assert all(panel.top <= y <= panel.bottom for _, y in line.points), line.name
            assert all(plot.left <= x <= plot.right for x, _ in line.points)
        heights = sorted(line.label_y for line in panel.lines)
        assert all(b - a >= windows_picture.LABEL - 0.2 for a, b in pairwise(heights))
    candidates = next(line for line in plot.panels[0].lines if line.name == "candidate pairs")
    assert len(candidates.points) == len(found.rows)
    box = [float(n) for n in picture.get("viewBox", "").split()]
    assert box == [0, 0, plot.width, plot.height]
    assert windows_picture.svg(found) == windows_picture.svg(found)


def test_what_is_not_known_is_a_gap_in_its_line() -> None:
    rows = tuple(a_row(10, 20, i + 1, h) for i, h in enumerate([0.5, None, 0.7, 0.9]))
    plot = windows_picture.lay_out(Scan(0.01, START, START + 1, START + 2, 3, rows, 0))
    line = next(line for line in plot.panels[1].lines if line.name == "accounts, in both halves")
    assert len(line.points) == 3
    assert (line.path.count("M"), line.path.count("L")) == (2, 1)


class _Page(HTMLParser):
    """What a page loads, runs, and leaves open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: list[str] = []
        self.asked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append(tag)
        self.asked += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "onload", "onclick")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_holds_the_picture_and_the_table_and_asks_for_nothing(slow: tuple[list[Act], Scan]) -> None:
    found = slow[1]
    text = windows_picture.page(found)
    page = _Page()
    page.feed(text)
    assert (page.open, page.asked) == ([], [])
    assert page.met.count("svg") == 1
    assert "script" not in page.met
    assert page.met.count("tr") == 2 + len(found.rows)
    assert windows_text.advice(found) in re.sub("&#39;", "'", text)


def test_which_other_windows_would_do_is_said() -> None:
    alone = (a_row(10, 20, 60), a_row(20, 40, 600))
    said = windows_text.advice(Scan(0.01, START, START + 1, START + 2, 3, alone, suggest(alone)))
    assert "finds 20 accounts with an edge, where the best window finds 20" in said
    assert "No other window does" in said
    several = (a_row(17, 30, 30), a_row(18, 30, 180), a_row(20, 40, 600), a_row(2, 1, 7200))
    said = windows_text.advice(Scan(0.01, START, START + 1, START + 2, 3, several, suggest(several)))
    assert "--window 3m. In the earlier part it finds 18 accounts with an edge, where the best window finds 20" in said
    assert "So do 30s, 10m (80% of the best or more); of all these it is the nearest to 2m," in said


Change = Callable[[Scan], Scan]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s, "So few accounts (10) say little: take it as a hint."),
        (lambda s: replace(s, suggested=1), "It is the widest that was tried: try wider ones."),
        (lambda s: replace(s, missed=3), "3 accounts would be found with another window only."),
        (
            lambda s: replace(s, rows=tuple(replace(r, halves=None) for r in s.rows)),
            "nothing shows that this recurs",
        ),
        (
            lambda s: replace(s, rows=(s.rows[0], replace(s.rows[1], later=a_row(12, 20).earlier))),
            "the best window there, 2s, finds 12.",
        ),
    ],
)
def test_what_speaks_against_the_suggestion_is_said(change: Change, said: str) -> None:
    rows = tuple(a_row(10, 20, i + 1, 0.9) for i in range(2))
    plain = Scan(0.01, START, START + 1, START + 2, 3, rows, 0)
    assert said in windows_text.advice(change(plain))
    assert said not in windows_text.advice(plain) or change(plain) == plain
