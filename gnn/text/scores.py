"""Scores of texts as tables: a row a text, and a row an account with what it rests on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gnn.text.corpus import Corpus
from gnn.text.model import STATES, TextModel, score

LEAST_TEXTS = 5  # scored, under which an account has no share


def by_text(model: TextModel, corpus: Corpus) -> pa.Table:
    """Row (in the file, from 1), account_id, state, probability (null where the model keeps silent)."""
    found = score(model, corpus.forms)
    return pa.table(
        {
            "row": pa.array(corpus.rows),
            "account_id": pa.array(corpus.accounts, pa.string()),
            "state": pa.array(STATES).take(pa.array(found.state)),
            "probability": pa.array(found.probability, mask=np.isnan(found.probability)),
        }
    )


def by_account(told: pa.Table) -> pa.Table:
    """account_id, texts, scored, ai_share: mean probability of the scored ones; null under LEAST_TEXTS of them.

    A mean of calibrated probabilities is the share of them expected to be AI-made. To average does not make a score
    transfer that does not.
    """
    grouped = told.group_by("account_id", use_threads=False).aggregate(
        [("row", "count"), ("probability", "count"), ("probability", "mean")]
    )
    scored = grouped["probability_count"]
    enough = pc.greater_equal(scored, LEAST_TEXTS)
    share = pc.if_else(enough, grouped["probability_mean"], pa.scalar(None, pa.float64()))
    table = pa.table(
        {"account_id": grouped["account_id"], "texts": grouped["row_count"], "scored": scored, "ai_share": share}
    )
    return table.sort_by("account_id")
