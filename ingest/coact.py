"""`shoal coact`: from event files to one file of edges, without a data folder and without Neo4j."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from graph.coact import STEPS, CoactConfig, Coacted, coact, connected
from graph.coaction import CoactionConfig
from graph.console import progress
from graph.log import EventLog
from graph.model import SECOND
from graph.tablefiles import check_target, made_with, write_table
from graph.words import count, day, number, shown
from ingest.on_request import add_on_request
from ingest.readers import refuse_overwriting
from ingest.recognise import Reading
from ingest.stage import staged

HORIZON = 60  # windows, unless another is asked for
LOOK_ALIKES = 3  # so many are named

Say = Callable[[str], None]


def coact_files(
    events: Sequence[Path],
    out: Path,
    config: CoactConfig,
    *,
    reading: Reading,
    since: int | None = None,
    until: int | None = None,
    engine: str = "duckdb",
    say: Say,
    warn: Say,
) -> None:
    """Write the edge table of event files to `out`; refused rows go to `OUT.rejected.jsonl`.

    Args:
        events: files, or folders of files.
        out: a file whose suffix graph.tablefiles knows.
        config: which co-actions are wanted.
        reading: a module of ingest.formats by name, `auto`, or a mapping file that was read.
        since: start of the data window, microseconds UTC (default: all of the files).
        until: end of it, exclusive.
        engine: duckdb or spark.
        say: is told what was found, line by line.
        warn: is told of files read, refused rows and ids that look alike.

    Raises:
        InputError: a file or an option is not usable as it is, or `out` cannot be written.
    """
    _check_out(out, events)
    with staged(events, reading, _rejects(out), warn) as log:
        add_on_request(log, config.channels)
        with connected(log, engine) as connection:
            with progress("finding co-actions", STEPS if config.test else STEPS - 2) as advance:
                found = coact(connection, config, since, until, advance)
            with progress(f"writing {out.name}"):
                about = {"engine": engine, "format": str(reading), "inputs": _as_read(log)}
                rows = write_table(found.edges, out, _choices(config, found, about))
    if found.look_alikes:
        warn(_warning(found.look_alikes))
    for line in _told(found, config, rows, out):
        say(line)


def coact_config(
    window: int | None,
    horizon: int | None,
    channels: Sequence[str],
    min_participation: int | None,
    fdr: float,
    *,
    every: bool,
    test: bool,
) -> CoactConfig:
    """The config that these options mean; times are microseconds.

    Raises InputError for values that mean nothing.
    """
    window = CoactionConfig.window if window is None else window
    coaction = CoactionConfig(window, HORIZON * window if horizon is None else horizon)
    participation = 1 if min_participation is None else min_participation
    return CoactConfig(coaction, fdr, every, test, tuple(sorted(set(channels))), participation)


def _check_out(out: Path, events: Sequence[Path]) -> None:
    check_target(out)
    refuse_overwriting(events, out, _rejects(out))


def _rejects(out: Path) -> Path:
    """Where refused rows are kept."""
    return out.with_name(f"{out.name}.rejected.jsonl")


def _as_read(log: EventLog) -> list[dict[str, Any]]:
    """What was read from each file. The hashes are of its good rows, sorted: their order in the file is no matter."""
    return [
        {
            "file": batch.info["source"],
            "rows": batch.info["rows"],
            "rejected": batch.info["rejected"],
            "sha256": {name: made["sha256"] for name, made in batch.info["files"].items()},
        }
        for batch in log.batches()
        if "source" in batch.info  # what was derived since was not read
    ]


def _choices(config: CoactConfig, found: Coacted, about: dict[str, Any]) -> dict[str, Any]:
    facts = found.facts
    return {
        "made_by": "shoal coact",
        "parameters": asdict(config),
        "data_window": {"since": facts["since"], "until": facts["until"]},
        "found": {name: value for name, value in facts.items() if name not in ("since", "until")},
        "versions": made_with(),
        **about,
    }


def _warning(alike: list[tuple[str, str]]) -> str:
    named = ", ".join(f"{shown(a)!r} and {shown(b)!r}" for a, b in alike[:LOOK_ALIKES])
    more = ", ..." if len(alike) > LOOK_ALIKES else ""
    pairs = "pair" if len(alike) == 1 else "pairs"
    return (
        f"Warning: {number(len(alike))} {pairs} of account ids differ only in case, in blanks around them or in how a "
        f"number is written, and count as different accounts: {named}{more}"
    )


def _told(found: Coacted, config: CoactConfig, rows: int, out: Path) -> list[str]:
    facts, window = found.facts, f"{config.coaction.window / SECOND:g} s"
    lines = [
        f"{count(facts['actions'], 'action')} of {count(facts['accounts'], 'account')} "
        f"from {day(facts['since'])} to {day(facts['until'] - 1)}, window {window}"
        if facts["actions"]
        else "no actions"
    ]
    if config.test:
        m = facts["pairs_tested"]
        lines.append(
            f"m = {count(m['strangers'] + m['kin'], 'pair')} tested ({number(m['kin'])} of them kin), "
            f"{count(facts['candidates'], 'candidate')}, {number(facts['significant'])} significant at a false "
            f"discovery rate of {config.fdr:g}"
        )
    lines.append(f"{out}: {count(rows, 'row')}")
    if rows == 0:
        lines.append(_why_nothing(found, config, window))
    return lines


def _why_nothing(found: Coacted, config: CoactConfig, window: str) -> str:
    facts = found.facts
    if facts["actions"] == 0:
        return "The table is empty: no action lies in the data window."
    if facts["accounts"] == 1:
        return "The table is empty: only one account acts, and coordination takes two."
    if config.every and config.participation == 1:
        return f"The table is empty: no two accounts acted on the same object within {window} of one another."
    if config.participation > 1 and (config.every or facts["significant"]):
        return f"The table is empty: no pair of accounts is left that co-acted on {config.participation} objects each."
    if facts["candidates"] == 0:
        least = config.coaction.least_objects
        return f"The table is empty: no two accounts co-acted on {least} objects or more; --all shows what there is."
    return "The table is empty: chance explains every pair's co-actions; --all shows them."
