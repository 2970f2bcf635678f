"""What the table `content` costs, and how far each of its values tells the simulator's classes from organic accounts.

python bench/content.py --seeds 301-303 [--accounts 20000] [--texts texts.csv]

All of it is synthetic: the simulator's AI-made texts are put together from a small vocabulary, so near copies and
mirroring are easier to see than on a real platform. `--texts` writes the public texts of organic, network and solitary
accounts of the first seed as a labelled file for `shoal text evaluate`; their domain is their script.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score

from gnn.text.form import normal, script_of
from graph.content import content
from graph.detect import data_window
from graph.workspace import Workspace
from ingest.load import ingest
from ingest.simulate import simulate

VALUES = ("template_reuse", "own_reuse", "near_duplicate_share", "mirroring", "mirroring_excess")
TEXTS = 12_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="301", help="one seed, or first-last")
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--texts", type=Path, help="write the first platform's labelled texts here")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    found = []
    for seed in range(int(first), int(last or first) + 1):
        with TemporaryDirectory() as folder:
            found.append(measured(Path(folder), given.accounts, seed))
            if given.texts and seed == int(first):
                write_texts(Path(folder) / "platform", given.texts)
    print(separation(pd.concat(found)))


def measured(folder: Path, accounts: int, seed: int) -> pd.DataFrame:
    """The table of one platform, with the truth; prints what it cost."""
    simulate(folder / "platform", accounts, seed)
    workspace = Workspace(folder / "data")
    with workspace.writing():
        for name in ("interactions", "accounts"):
            ingest(workspace, folder / "platform" / f"{name}.parquet")
    window = data_window(workspace.log, None, None)
    with workspace.log.connect() as connection:
        query = 'SELECT DISTINCT account_id FROM interactions WHERE "at" >= $since AND "at" < $until ORDER BY 1'
        ids = connection.sql(query, params=window).to_arrow_table()["account_id"]
        wall, cpu = time.perf_counter(), time.process_time()
        table = content(connection, window["since"], window["until"], ids)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    texts = int(table["public_texts"].to_numpy().sum())
    print(f"seed {seed}: {table.num_rows:,} accounts, {texts:,} public texts: {wall:.1f} s, {cpu:.1f} CPU seconds")
    truth = pq.read_table(folder / "platform" / "truth" / "accounts.parquet").to_pandas()
    plans = pq.read_table(folder / "platform" / "truth" / "networks.parquet").to_pandas().set_index("network").behaviour
    rows = table.to_pandas().merge(truth, on="account_id")
    planted = "network: " + rows["network"].map(plans).fillna("")
    rows["group"] = np.where(rows["class"] == "network", planted, rows["lookalike"].fillna(rows["class"]))
    return rows


def separation(rows: pd.DataFrame) -> str:
    """Per class: accounts, and AUC of each value against organic accounts (share of the class that has the value)."""
    organic = rows[rows["group"] == "organic"]
    lines = [f"{'class':<28}{'accounts':>9}" + "".join(f"{value:>24}" for value in VALUES)]
    for group, of in rows.groupby("group"):
        line = f"{group:<28}{len(of):>9,}"
        for value in VALUES:
            mine, theirs = of[value].dropna(), organic[value].dropna()
            y = np.repeat([0, 1], [len(theirs), len(mine)])
            auc = f"{roc_auc_score(y, np.concatenate([theirs, mine])):.2f}" if len(mine) >= 10 else "-"
            line += f"{f'{auc} ({len(mine) / len(of):.0%})':>24}"
        lines.append(line)
    return "\n".join(lines)


def write_texts(platform: Path, target: Path) -> None:
    """A labelled file: text, account_id, label, domain."""
    told = pq.read_table(platform / "interactions.parquet", columns=["account_id", "kind", "text"]).to_pandas()
    told = told[told["kind"].isin(["note", "comment", "reply"])].dropna(subset=["text"])
    truth = pq.read_table(platform / "truth" / "accounts.parquet").to_pandas()
    told = told.merge(truth[truth["class"].isin(["organic", "network", "solitary"])], on="account_id")
    some = told.sample(min(TEXTS, len(told)), random_state=1)
    with target.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["text", "account_id", "label", "domain"])
        for row in some.itertuples():
            label = "ai_hosted" if row.ai_hosted else "genuine"
            out.writerow([row.text, row.account_id, label, script_of(normal(row.text))])


if __name__ == "__main__":
    main()
