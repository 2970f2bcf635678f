"""How every account acts in time: the table `rhythm` (graph.model.RHYTHM).

What these values can carry is little, and each says what it rests on. Regular timing misses most AI-run accounts, and
meets schedulers and service desks; none of this is evidence of hosting by itself, and the policy reads none of it.

    answer_seconds     median time from a note to the comment or reply, and from a private message to the answer
    writing_speed      median of characters / time to answer, over public answers of at least 20 characters
    same_profile       other accounts whose quartiles of the time to answer fall in the same quarters of an octave
    common_sequence    the longest of 2, 4, 8 or 16 acts in a row that some other account also did in a row, each act
                       counted when it is done for the first time (a shingle of acts, as of words in Broder 1997)
    restless_share     share of active days that no gap of four hours or more ends on: days without a rest, where a day
                       begins when it shows the fewest of them (of four beginnings six hours apart)
    switch_share       share of gaps of at most three seconds between acts of another kind on another object
    gap_variation      standard deviation / mean of the gaps (a Poisson process: 1)
    gap_entropy        -sum p ln p over octaves of the gap, in nats

Under 20 acts or 7 active days nothing is said of an account: its values are null, its counts are not.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from graph.behaviour import LEAST_ACTIONS, LEAST_DAYS
from graph.model import RHYTHM, SECOND
from graph.statements import sql

QUIET = 4 * 3600 * SECOND
AT_ONCE = 3 * SECOND
TEXT = 20  # characters without white space from which an answer counts as written


def rhythm(connection: duckdb.DuckDBPyConnection, since: int, until: int) -> pa.Table:
    """Compute RHYTHM for the accounts that acted in the data window.

    Args:
        connection: of the event log, with the tables of graph.coaction.prepare for this data window.
        since: first microsecond.
        until: the one after the last.
    """
    given = {"since": since, "until": until}
    for name in ("acts", "answers"):
        connection.execute(sql(name), given)
    asked = {"quiet": QUIET, "at_once": AT_ONCE, "text": TEXT, "least": LEAST_ACTIONS}
    rows = connection.execute(sql("rhythm"), asked).df()
    rows = rows.merge(connection.execute(sql("common_sequences")).df(), on="account_id", how="left")
    for name in ("acts", "answers"):
        connection.execute(f"DROP TABLE {name}")
    return RHYTHM.check(pa.Table.from_pandas(_values(rows)[RHYTHM.columns], preserve_index=False), "rhythm")


def _values(rows: pd.DataFrame) -> pd.DataFrame:
    """From integers to the columns of RHYTHM."""
    enough = (rows["acts"] >= LEAST_ACTIONS) & (rows["active_days"] >= LEAST_DAYS)
    gaps = rows["gaps"].clip(lower=1)
    mean = rows["gap_total"].astype(float) / gaps
    spread = np.sqrt((rows["gap_squares"].astype(float) / gaps - mean**2).clip(lower=0))
    values = {
        "answer_seconds": (rows["answer_us"].astype(float) / SECOND).where(rows["answers"] >= LEAST_ACTIONS),
        "writing_speed": (rows["speed"].astype(float) / 1000).where(rows["written"] >= LEAST_ACTIONS),
        "same_profile": rows["alike"].astype("Int64"),
        "common_sequence": rows["longest"].fillna(0).astype("Int64"),
        "restless_share": rows["restless_days"] / rows["of_days"],
        "switch_share": rows["switches"] / gaps,
        "gap_variation": (spread / mean.where(mean > 0)),
        "gap_entropy": rows["gap_entropy"],
    }
    return rows.assign(**{name: value.where(enough) for name, value in values.items()}).sort_values("account_id")
