"""`shoal coact --preset`: from a peer's own files to the network that the peer makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from graph.console import progress
from graph.files import sha256_of
from graph.model import SECOND
from graph.peers import coortweet, toolkit
from graph.peers.coortweet import CooRTweetConfig
from graph.peers.toolkit import ToolkitConfig
from graph.tablefiles import Rows, check_target, made_with, write_table
from graph.words import count
from ingest.peers import read
from ingest.readers import refuse_overwriting, source_files

Say = Callable[[str], None]


def peer_network(
    events: Sequence[Path], out: Path, preset: str, config: CooRTweetConfig | ToolkitConfig, *, say: Say
) -> None:
    """Write the network that a peer makes of its own files, exactly and under its own column names.

    The files are read in the order given and joined; duplicates and order are kept, as the peer does.

    Raises InputError for a file or option that is not usable as it is, and for an `out` that cannot be written.
    """
    check_target(out)
    refuse_overwriting(events, out)
    files = [file for path in events for file in source_files(path)]
    with progress(f"reading {count(len(files), 'file')}"):
        table = pa.concat_tables([read(file, preset) for file in files], promote_options="permissive")
    choices = {
        "made_by": "shoal coact",
        "preset": preset,
        "parameters": asdict(config),
        "inputs": [{"file": f.name, "sha256": sha256_of(f)} for f in files],  # here the order of rows counts
        "versions": made_with(),
    }
    with progress(f"the network of {preset}"):
        network: Rows
        if isinstance(config, CooRTweetConfig):
            network = coortweet.network(table, config)
        else:
            network = toolkit.edges(table, config)  # made while it is written
        rows = write_table(network, out, choices, directed=isinstance(config, ToolkitConfig))
    say(f"{out}: {count(rows, 'edge')} of {preset}, from {count(table.num_rows, 'row')}")


def peer_config(preset: str, asked: Mapping[str, Any]) -> CooRTweetConfig | ToolkitConfig:
    """The config of a peer's preset from options by name; those that are None are left at the peer's own default.

    Raises InputError for values that mean nothing.
    """
    spans = ("window", "fast_window")
    given = {k: v / SECOND if k in spans else v for k, v in asked.items() if v is not None}
    names = {"window": "time_window"} if preset == "coortweet" else {}
    config: type[CooRTweetConfig | ToolkitConfig] = CooRTweetConfig if preset == "coortweet" else ToolkitConfig
    return config(**{names.get(k, k): v for k, v in given.items()})
