"""One cluster drawn as data for an inline SVG: where each account lies, which edges join them.

The layout is a spring layout (Fruchterman and Reingold 1991, as in networkx) with a fixed seed, so
the same run gives the same picture. Roles are told by colour and by shape (colours of Okabe and Ito
2008), so that nobody needs to see colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import pyarrow as pa

MAX_NODES = 300
MAX_LINES = 3000
FEW_NODES, FEW_LINES = 40, 150  # up to these, marks are drawn larger and lines stronger
WIDTH, HEIGHT, MARGIN = 960, 600, 26
# the order also decides who is drawn when there are too many: what a reviewer must not miss comes first
ROLES = ("followed", "bridge", "core", "periphery")
SEED = 20


@dataclass(frozen=True)
class Dot:
    """An account: position in SVG units, radius by its number of drawn edges."""

    account_id: str
    role: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Picture:
    """What is drawn, and how much is not.

    `strokes` holds the edges as SVG path data, one path for each tenth of strength (share of the
    strongest edge's objects), weakest first.
    """

    dots: list[Dot]
    strokes: list[tuple[float, str]]
    hidden_accounts: int
    hidden_edges: int
    crowded: bool
    """Whether there are so many edges that each must be drawn faintly."""
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def roles(self) -> list[str]:
        """Roles in the picture, in the legend's order."""
        present = {dot.role for dot in self.dots}
        return [role for role in ROLES if role in present]


def draw(members: pa.Table, edges: pa.Table) -> Picture:
    """Lay a cluster out.

    Args:
        members: its rows of the clusters table (account_id, role).
        edges: coordination edges among them, one row a pair (account_a, account_b, objects).

    Returns:
        The picture: at most MAX_NODES accounts and the MAX_LINES strongest edges among them.
    """
    import networkx as nx

    role_of = dict(zip(members["account_id"].to_pylist(), members["role"].to_pylist(), strict=True))
    pairs = sorted(
        zip(*(edges[c].to_pylist() for c in ("account_a", "account_b", "objects")), strict=True),
        key=lambda pair: (-pair[2], pair[0], pair[1]),
    )
    degree = dict.fromkeys(sorted(role_of), 0)
    for a, b, _ in pairs:
        degree[a] += 1
        degree[b] += 1
    ranked = sorted(degree, key=lambda account: (_rank(role_of[account]), -degree[account], account))
    drawn = dict.fromkeys(ranked[:MAX_NODES])
    between = [pair for pair in pairs if pair[0] in drawn and pair[1] in drawn]
    kept = between[:MAX_LINES]
    net: nx.Graph[str] = nx.Graph()
    net.add_nodes_from(sorted(drawn))
    net.add_weighted_edges_from((a, b, 1.0) for a, b, _ in kept)
    # unseen edges keep parts that drawn edges do not join from flying out of the frame
    net.add_weighted_edges_from(
        (ranked[0], part, 0.3) for part in sorted(min(p) for p in nx.connected_components(net)) if part != ranked[0]
    )
    layout = nx.spring_layout(net, seed=SEED, iterations=60, method="force")
    where = _to_frame({account: (float(x), float(y)) for account, (x, y) in layout.items()})
    busiest = max((degree[account] for account in drawn), default=1) or 1
    size = 1.6 if len(drawn) <= FEW_NODES else 1.0
    return Picture(
        # the rarer roles last, so that they lie on top
        dots=[
            Dot(
                account,
                role_of[account],
                *where[account],
                round(size * (4 + 6 * (degree[account] / busiest) ** 0.5), 1),
            )
            for account in reversed(ranked[:MAX_NODES])
        ],
        strokes=_strokes(kept, where),
        crowded=len(kept) > FEW_LINES,
        hidden_accounts=len(role_of) - len(drawn),
        hidden_edges=len(between) - len(kept),
    )


def _strokes(pairs: list[tuple[str, str, int]], where: dict[str, tuple[float, float]]) -> list[tuple[float, str]]:
    strongest = max((objects for _, _, objects in pairs), default=1) or 1
    paths: dict[int, list[str]] = {}
    for a, b, objects in pairs:
        (x1, y1), (x2, y2) = where[a], where[b]
        paths.setdefault(ceil(10 * objects / strongest), []).append(f"M{x1} {y1}L{x2} {y2}")
    return [(tenth / 10, "".join(paths[tenth])) for tenth in sorted(paths)]


def _rank(role: str) -> int:
    return ROLES.index(role) if role in ROLES else len(ROLES)


def _to_frame(layout: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Scale a layout to the frame; rounded, so that the last bits of a float change nothing."""
    if not layout:
        return {}
    xs, ys = [x for x, _ in layout.values()], [y for _, y in layout.values()]

    def scaled(value: float, low: float, high: float, length: int) -> float:
        return round(length / 2 if high == low else MARGIN + (value - low) / (high - low) * (length - 2 * MARGIN), 1)

    return {
        account: (scaled(x, min(xs), max(xs), WIDTH), scaled(y, min(ys), max(ys), HEIGHT))
        for account, (x, y) in layout.items()
    }
