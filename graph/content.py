"""What the texts of every account are like in the data window: the table `content` (graph.model.CONTENT).

None of it says that a text is AI-made: fans, service desks and translators write alike as well. Every value stands
beside what it rests on, and under a least number of texts there is none.

| value | formula |
|---|---|
| template_reuse | texts whose template at least two other accounts used / texts with a template |
| own_reuse | 1 - different templates / texts with a template |
| near_duplicate_share | texts whose template was used more than once, by whomever / texts with a template |
| self_revealing | public texts that begin with a phrase of self_revealing.json and not with a quotation mark |
| mirroring | mean over answers of: trigrams of the answer that the text answered has / trigrams of the answer |
| mirroring_excess | mean over answers of: that, less its mean over the other accounts that answered the same text |

Templates are those of the log, near copies by MinHash. Trigrams are of characters of the plain form (the macro of
graph/sql/content_plain.sql), a containment as in Broder, "On the resemblance and containment of documents", 1997. To
compare with other answers to the same text takes out what a topic, a language or a title lends to everybody.

`generated_media` counts what files say of themselves (the log's table media): transparency where an account labels its
own work, and a claim that anybody can write or take out.

Private texts are not in the log, only keyed stand-ins of their templates: the first three read them through those, the
others read public texts alone. SQL counts in integers; quotients are made here, once.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from graph.model import CONTENT
from graph.statements import sql

LEAST_TEXTS = 10  # with a template, under which shares of them are null
LEAST_ANSWERS = 5  # compared, under which mirroring is null
MILLIONTHS = 1_000_000


@cache
def phrases() -> dict[str, list[str]]:
    """Phrases in which a language model speaks of itself, by language; people quote them too."""
    kept: dict[str, list[str]] = json.loads(Path(__file__).with_name("self_revealing.json").read_text("utf-8"))
    return kept


def content(connection: duckdb.DuckDBPyConnection, since: int, until: int, accounts: pa.ChunkedArray) -> pa.Table:
    """Compute CONTENT for the accounts of the data window.

    Args:
        connection: of the event log.
        since: first microsecond.
        until: the one after the last.
        accounts: ids of the accounts that acted in the data window, each once.
    """
    window = {"since": since, "until": until}
    for macro in ("content_opened", "content_composed", "content_half", "content_plain"):
        connection.execute(sql(macro))
    connection.execute(sql("content_said"), {**window, "revealing": _openings(connection)})
    counted = connection.execute(sql("content"), window).df()
    mirrored = connection.execute(sql("content_mirroring")).df()
    shown = connection.execute(sql("content_media"), window).df()
    connection.execute("DROP TABLE content_said")
    rows = pd.DataFrame({"account_id": accounts.to_pandas()})
    for part in (counted, mirrored, shown):
        rows = rows.merge(part, on="account_id", how="left")
    numbers = [name for name in rows.columns if name != "account_id"]
    rows[numbers] = rows[numbers].fillna(0).astype(np.int64)
    texts, answers = rows["compared_texts"], rows["compared_answers"]
    enough = texts >= LEAST_TEXTS
    rows["template_reuse"] = (rows["across"] / texts).where(enough)
    rows["own_reuse"] = (1 - rows["own_templates"] / texts).where(enough)
    rows["near_duplicate_share"] = (rows["near_copies"] / texts).where(enough)
    rows["self_revealing"] = rows["revealing"].astype("Int64").where(rows["public_texts"] > 0)
    rows["mirroring"] = (rows["mirrored"] / answers / MILLIONTHS).where(answers >= LEAST_ANSWERS)
    rows["mirroring_excess"] = (rows["excess"] / answers / MILLIONTHS).where(answers >= LEAST_ANSWERS)
    rows = rows.sort_values("account_id")[CONTENT.columns]
    return CONTENT.check(pa.Table.from_pandas(rows, preserve_index=False), "content")


def _openings(connection: duckdb.DuckDBPyConnection) -> str:
    """A regular expression of the phrases' plain forms, which are letters, marks and numbers only."""
    listed = pa.table({"phrase": [phrase for group in phrases().values() for phrase in group]})
    connection.register("_phrases", listed)
    plain = connection.sql("SELECT DISTINCT content_plain(phrase) FROM _phrases ORDER BY ALL").fetchall()
    connection.unregister("_phrases")
    return f"^(?:{'|'.join(form for (form,) in plain)})"
