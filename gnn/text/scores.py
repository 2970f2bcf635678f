"""Scores of texts as tables: a row a text, and a row an account with what it rests on; of a file, or of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gnn.text.corpus import Corpus
from gnn.text.form import normal
from gnn.text.model import STATES, TextModel, score
from gnn.window import Source, data_window, sql
from graph.log import EventLog
from graph.model import TEXT_SCORES

LEAST_TEXTS = 5  # scored, under which an account has no share
BATCH = 20_000  # texts of a log read at a time


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


def of_run(model: TextModel, source: Source, log: EventLog) -> pa.Table:
    """TEXT_SCORES of the public texts in a run's data window, BATCH at a time. Private texts are not in the log."""
    since, until = data_window(source)
    parts: list[pa.Table] = []
    with log.connect() as connection:
        found = connection.sql(sql("public_texts"), params={"since": since, "until": until})
        parts += (
            by_text(model, _spoken(batch)).select(["row", "account_id", "probability"])
            for batch in found.to_arrow_reader(BATCH)
        )
    if not parts:
        return TEXT_SCORES.schema.empty_table()
    return TEXT_SCORES.check(by_account(pa.concat_tables(parts)), "text scores")


def _spoken(batch: Any) -> Corpus:
    forms = np.array([normal(text) for text in batch["text"].to_pylist()], dtype=object)
    accounts = np.array(batch["account_id"].to_pylist(), dtype=object)
    count = len(forms)
    return Corpus(forms, accounts, np.full(count, -1), np.full(count, "", object), np.arange(1, count + 1))
