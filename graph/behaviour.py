"""What every account did in the data window: the table `behaviour` (graph.model.BEHAVIOUR)."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from graph.model import BEHAVIOUR, DAY
from graph.statements import sql

LEAST_ACTIONS = 20  # under these, rhythm is `insufficient data`, never a value
LEAST_DAYS = 7


def behaviour(connection: duckdb.DuckDBPyConnection, since: int, until: int, joint: pa.Table) -> pa.Table:
    """Compute BEHAVIOUR for the accounts of the data window.

    Args:
        connection: of the event log.
        since: first microsecond.
        until: the one after the last.
        joint: account_id, joint_objects (objects with a co-action along a coordination edge).
    """
    given = {"since": since, "until": until}
    did = connection.execute(sql("behaviour"), given).df()
    gaps = connection.execute(sql("quiet_gaps"), given).df()
    rows = did.merge(gaps, on="account_id", how="left").merge(joint.to_pandas(), on="account_id", how="left")
    rows["joint_objects"] = rows["joint_objects"].fillna(0).astype(np.int64)
    rows["organic_share"] = 1.0 - rows["joint_objects"] / rows["objects"].clip(lower=1)
    rows["template_share"] = (rows["shared_texts"] / rows["texts"]).where(rows["texts"] > 0)
    enough = (rows["actions"] >= LEAST_ACTIONS) & (rows["active_days"] >= LEAST_DAYS)
    rows["quiet_gap_hours"] = (rows["quiet_gap"] / (DAY / 24)).where(enough)
    rows = rows.sort_values("account_id")[BEHAVIOUR.columns]
    return BEHAVIOUR.check(pa.Table.from_pandas(rows, preserve_index=False), "behaviour")
