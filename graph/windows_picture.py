"""What the windows find as a picture: an SVG, alone or in a page that needs no other file and runs no script.

Two panels over the windows: how much is found, and how steady it is. Solid lines are of the earlier part of the data,
dashed ones of the later part. Colours of Okabe and Ito (2008); every line is named at its end, so that nobody needs
to see colours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from graph import words
from graph.windows import Row, Scan
from graph.windows_text import COUNTS, HEADINGS, LATER, OVERLAPS, advice, cells, label, title

WIDTH, HEIGHT = 960, 640
LEFT, RIGHT = 74, 714  # of both panels
TOP_PANEL, LOW_PANEL = (84, 364), (444, 584)  # top and bottom of each
LABEL = 17  # least distance of two names of lines

Value = Callable[[Row], float | None]
COUNTED: tuple[tuple[str, str, bool, Value], ...] = (
    ("pairs that meet at all", "pairs", False, lambda r: r.pairs),
    ("candidate pairs", "candidates", False, lambda r: r.earlier.candidates),
    ("edges", "edges", False, lambda r: len(r.earlier.edges)),
    ("accounts with an edge", "accounts", False, lambda r: len(r.earlier.accounts)),
    ("accounts, later part", "accounts", True, lambda r: len(r.later.accounts)),
    ("clusters", "clusters", False, lambda r: r.earlier.clusters),
)
STEADY: tuple[tuple[str, str, bool, Value], ...] = (
    ("edges, with windows beside", "edges", False, lambda r: r.neighbours),
    ("accounts, in both halves", "accounts", False, lambda r: r.halves),
    ("accounts, again later", "accounts", True, lambda r: r.again),
)


@dataclass(frozen=True)
class Line:
    """A line: SVG path data of its pieces, its points, and where its name stands."""

    name: str
    kind: str
    dashed: bool
    path: str
    points: list[tuple[float, float]]
    label_y: float


@dataclass(frozen=True)
class Panel:
    """A panel: its title, its top and bottom, its lines, and the ticks of its axis as (y, text)."""

    title: str
    top: int
    bottom: int
    lines: list[Line]
    ticks: list[tuple[float, str]]


@dataclass(frozen=True)
class Plot:
    """All that the template draws. `band` is the suggested window's left, width, middle and name."""

    panels: list[Panel]
    windows: list[tuple[float, str]]
    band: tuple[float, float, float, str] | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT


def lay_out(scan: Scan) -> Plot:
    """Where everything lies, in SVG units."""
    count = len(scan.rows)
    gap = (RIGHT - LEFT) / count
    xs = [round(LEFT + gap * (i + 0.5), 1) for i in range(count)]  # windows lie evenly: they are chosen that way
    band = None
    if scan.suggested is not None:
        x = xs[scan.suggested]
        band = (round(x - gap / 2, 1), round(gap, 1), x, label(scan.rows[scan.suggested].window))
    most = max((value(row) or 0 for row in scan.rows for *_, value in COUNTED), default=0)
    decades = max(1, math.ceil(math.log10(most + 1)))

    def height(value: float) -> float:
        share = math.log10(value + 1) / math.log10(10**decades + 1)
        return round(TOP_PANEL[1] - share * (TOP_PANEL[1] - TOP_PANEL[0]), 1)

    def share(value: float) -> float:
        return round(LOW_PANEL[1] - value * (LOW_PANEL[1] - LOW_PANEL[0]), 1)

    counted = [(height(n), words.number(n)) for n in (0, *(10**d for d in range(decades + 1)))]
    shared = [(share(tick), f"{tick:g}") for tick in (0.0, 0.5, 1.0)]
    return Plot(
        panels=[
            Panel("How much is found", *TOP_PANEL, _lines(scan, xs, COUNTED, height), counted),
            Panel("How steady it is (Jaccard overlap)", *LOW_PANEL, _lines(scan, xs, STEADY, share), shared),
        ],
        windows=[(x, label(row.window)) for x, row in zip(xs, scan.rows, strict=True)],
        band=band,
    )


def svg(scan: Scan) -> str:
    """The picture alone."""
    return _render("windows_picture.html", scan)


def page(scan: Scan) -> str:
    """The picture, the table and the suggestion."""
    return _render("windows.html", scan)


def _lines(
    scan: Scan, xs: list[float], series: tuple[tuple[str, str, bool, Value], ...], height: Callable[[float], float]
) -> list[Line]:
    drawn = []
    for name, kind, dashed, value in series:
        known = [(x, value(row)) for x, row in zip(xs, scan.rows, strict=True)]
        pieces, points, pen = "", [], "M"
        for x, v in known:
            if v is None:
                pen = "M"  # a gap in what is known is a gap in the line
                continue
            y = height(v)
            pieces += f"{pen}{x} {y}"
            points.append((x, y))
            pen = "L"
        if points:
            drawn.append((name, kind, dashed, pieces, points))
    labels = _apart([points[-1][1] for *_, points in drawn])
    return [Line(*line, label_y=y) for line, y in zip(drawn, labels, strict=True)]


def _apart(wanted: list[float]) -> list[float]:
    """Heights for names, at least LABEL apart, in the order wanted and as near to it as that allows."""
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    groups: list[list[int]] = []
    for i in order:
        groups.append([i])
        while len(groups) > 1 and _end(groups[-2], wanted) + LABEL > _middle(groups[-1], wanted) - _half(groups[-1]):
            last = groups.pop()
            groups[-1] += last
    placed = [0.0] * len(wanted)
    for group in groups:
        first = _middle(group, wanted) - _half(group)
        for place, i in enumerate(group):
            placed[i] = round(first + place * LABEL, 1)
    return placed


def _middle(group: list[int], wanted: list[float]) -> float:
    return sum(wanted[i] for i in group) / len(group)


def _half(group: list[int]) -> float:
    return LABEL * (len(group) - 1) / 2


def _end(group: list[int], wanted: list[float]) -> float:
    return _middle(group, wanted) + _half(group)


def _render(name: str, scan: Scan) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(
        plot=lay_out(scan),
        title=title(scan),
        advice=advice(scan),
        meaning=(COUNTS, OVERLAPS),
        headings=HEADINGS,
        later=LATER,
        rows=[cells(scan, i) for i in range(len(scan.rows))],
        suggested=scan.suggested,
    )
