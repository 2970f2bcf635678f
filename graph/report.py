"""What a run found, told to a person: one self-contained HTML page, or plain text for a terminal.

The page asks for nothing over the network and runs no script. The same run gives the same page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graph import control, history, summary, words
from graph.picture import draw
from graph.runs import Run

MAX_CARDS = 200
MAX_MEMBERS = 40
MAX_DISSOLVED = 20
NOTHING = (
    "No network was found: in this data no group of accounts acted together more often than chance explains. "
    "That is a result, not a failure; it does not show that no account is hosted by a tool."
)
CAUTION = (
    "Coordinated is not AI-hosted, and neither is guilt: fans, campaigns and people whom bots follow around "
    "can all be coordinated by the numbers. Nothing here is a decision."
)


def render(run: Run, *, figures: Mapping[str, Any] | None = None) -> str:
    """The run as one HTML page.

    Args:
        run: a finished run.
        figures: figures measured elsewhere to print with it (a name to a value, or a heading to such a
            mapping). They are printed as given: a figure from simulated data must say so in its name.

    Returns:
        HTML text that needs no other file and no network.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("shown", "minute", "number", "count", "figure", "probability", "flat"):
        environment.filters[name] = getattr(words, name)
    networks = summary.found(run)
    return environment.get_template("report.html").render(
        run_id=run.run_id,
        manifest=run.manifest,
        looked=summary.looked(run),
        networks=networks[:MAX_CARDS],
        hidden=networks[MAX_CARDS:],
        dissolved=history.dissolved(run),
        max_dissolved=MAX_DISSOLVED,
        picture=draw(*summary.inside(run, networks[0])) if networks else None,
        scored=summary.scored(run),
        checked=control.told(run),
        figures=figures or {},
        max_members=MAX_MEMBERS,
        high_score=summary.HIGH_SCORE,
        nothing=NOTHING,
        caution=CAUTION,
    )


def render_text(run: Run) -> str:
    """The run as plain text: what was looked at, and every network by name."""
    looked, networks, scored = summary.looked(run), summary.found(run), summary.scored(run)
    span = f"from {words.minute(looked.first_at)} to {words.minute(looked.last_at)} UTC"
    lines = [
        f"Run {run.run_id}",
        f"Looked at {words.count(looked.actions, 'interaction')} of {words.count(looked.accounts, 'account')} {span}.",
    ]
    gone = [f"Gone since the run before: {sentence}" for sentence in history.dissolved(run)]
    if len(gone) > MAX_DISSOLVED:
        gone[MAX_DISSOLVED:] = [f"Gone since the run before: {words.number(len(gone) - MAX_DISSOLVED)} smaller ones."]
    if not networks:
        return "\n".join([*lines, NOTHING, *gone])
    lines.append(
        f"Found {words.count(looked.networks, 'network')} with {words.count(looked.clustered, 'account')}, "
        f"among {words.count(looked.edges, 'coordination edge')}."
    )
    lines += [
        "",
        *words.aligned([_HEADINGS, *map(_row, networks)]),
        "",
        f"Strongest evidence for {words.shown(networks[0].network['network_id'])}:",
        *(f"  - {sentence}" for sentence in networks[0].evidence),
    ]
    again = [(one.network["network_id"], sentence) for one in networks for sentence in one.reborn]
    if again or gone:
        lines += ["", *(f"{words.shown(name)}: {sentence}" for name, sentence in again), *gone]
    if checked := control.told(run):
        lines += ["", *checked]
    if scored is not None:
        lines += ["", f"SCORE: median over the network's accounts; target {scored.target}. {scored.meaning}"]
        if scored.rows:
            lines += words.aligned([scored.columns, *scored.rows])
    return "\n".join([*lines, "", CAUTION])


_HEADINGS = ("NETWORK", "ACCOUNTS", "STABILITY", "SCORE", "DAYS", "FROM", "TO", "WHAT IT DOES")


def _row(network: summary.Found) -> tuple[str, ...]:
    row = network.network
    return (
        words.shown(row["network_id"]),
        words.number(row["size"]),
        words.figure(row["stability"]),
        words.probability(network.median_score),
        words.number(row["days"]),
        words.day(row["first_at"]),
        words.day(row["last_at"]),
        words.shown(row["title"] or "", 200),
    )
