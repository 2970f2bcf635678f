"""How well each value of the table `rhythm` tells classes of accounts from ordinary ones (synthetic).

    python bench/signals.py [--accounts 20000] [--seed 301]

On a simulated platform, for each value and class: the area under the ROC curve (.5: nothing; below: the class has less
of it) among accounts that have the value, and how many of the class have it. Classes are the truth of the simulator:
members of networks, solitary AI-hosted accounts, and every look-alike who must not be punished; what tells a look-alike
as well as a network is no evidence.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from graph import coaction
from graph.detect import data_window
from graph.rhythm import rhythm
from graph.workspace import Workspace
from ingest.load import ingest
from ingest.readers import source_files
from ingest.simulate import simulate

LONG = 8  # acts of a common sequence that seem telling
FEW = 5  # accounts of a class with a value, under which nothing is said


def table(accounts: int, seed: int) -> tuple[pd.DataFrame, float]:
    """RHYTHM of a simulated platform with the class of each account, and the CPU seconds it took."""
    with TemporaryDirectory() as folder:
        source, workspace = Path(folder) / "platform", Workspace(Path(folder) / "data")
        simulate(source, accounts, seed)
        for path in source_files(source):
            ingest(workspace, path)
        window = data_window(workspace.log, None, None)
        truth = pd.read_parquet(source / "truth" / "accounts.parquet")
        with workspace.log.connect() as connection:
            coaction.prepare(connection, **window)
            began = time.process_time()
            found = rhythm(connection, **window).to_pandas()
            cpu_s = time.process_time() - began
    return found.merge(truth.assign(**{"class": truth["lookalike"].fillna(truth["class"])}), on="account_id"), cpu_s


def areas(rows: pd.DataFrame, values: list[str]) -> pd.DataFrame:
    """AUC of each value (columns) for each class (rows) against organic accounts, and of how many."""
    ordinary = rows[rows["class"] == "organic"]
    out = {}
    for name, each in rows[rows["class"] != "organic"].groupby("class"):
        for value in values:
            both = pd.concat([each, ordinary])[["class", value]].dropna()
            of_class = both["class"] == name
            enough = of_class.sum() >= FEW
            area = roc_auc_score(of_class, both[value].astype(float)) if enough else np.nan
            out[name, value] = f"{area:.2f} ({of_class.sum()})" if enough else "-"
    return pd.Series(out).unstack().loc[:, values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=301)
    given = parser.parse_args()
    rows, cpu_s = table(given.accounts, given.seed)
    values = [c for c in rows.columns if rows[c].isna().any() and c not in ("lookalike", "network")]
    print(f"Synthetic: {given.accounts:,} accounts, seed {given.seed}; {cpu_s:.1f} CPU seconds for the table\n")
    print(areas(rows, values).T.to_string())
    alike = rows.assign(long=rows["common_sequence"] >= LONG).groupby("class")["long"].agg(["sum", "size"])
    print(
        f"\naccounts of each class that have {LONG} acts or more in a row in common with another\n{alike.to_string()}"
    )


if __name__ == "__main__":
    main()
