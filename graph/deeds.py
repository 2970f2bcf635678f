"""What the event log says that accounts did, as relationships: the tables that every way of loading Neo4j reads.

One relationship an account, kind and object, with count and times. A node on which one kind of deed would put more than
`DENSE` relationships gets none of that kind: nobody can look at them, and every query that walks past would. It
says how many were left out (`leftOut_LIKED_by`, `leftOut_VIEWED`); log and runs have them all. That follows from
the whole log, so it does not depend on the steps in which the log was loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph.log import Batch, EventLog
from graph.statements import sql

if TYPE_CHECKING:
    import duckdb

DENSE = 100_000  # relationships of one kind at one node; from there on one step through it takes a second or so

# label -> the property that names the node
KEYS = {
    "Account": "accountId",
    "Note": "noteId",
    "GroupChat": "groupId",
    "Url": "url",
    "Hashtag": "tag",
    "Template": "templateId",
    "Device": "deviceId",
    "Client": "name",
    "Media": "mediaId",
    "Object": "objectId",
}
# what an account did (graph/sql/deed_rows.sql) -> relationship type and label of what it did it to
DEEDS = {
    "note": ("POSTED", "Note"),
    "comment": ("COMMENTED_ON", "Note"),
    "reply": ("REPLIED_TO", "Note"),
    "like": ("LIKED", "Note"),
    "share": ("SHARED", "Note"),
    "collect": ("COLLECTED", "Note"),
    "view": ("VIEWED", "Note"),
    "message": ("MESSAGED", "Account"),
    "follow": ("FOLLOWS", "Account"),
    "group_message": ("SPOKE_IN", "GroupChat"),
    "url": ("LINKED", "Url"),
    "hashtag": ("TAGGED", "Hashtag"),
    "template": ("USED_TEMPLATE", "Template"),
    "media": ("SHOWED", "Media"),
    "device": ("USED", "Device"),
    "client": ("USED", "Client"),
    "object": ("ACTED_ON", "Object"),
}
# what accounts were registered with; not deeds, since only the latest row of the accounts table counts
REGISTRATIONS = {
    "registered_client": ("REGISTERED_WITH", "Client"),
    "registered_device": ("REGISTERED_WITH", "Device"),
}
# channels whose objects are nodes; an order of hashtags is told by other relationships already
DERIVED = ("url", "hashtag", "template", "message_template", "media")


def prepare(connection: duckdb.DuckDBPyConnection, log: EventLog, batches: list[Batch], fresh: list[Batch]) -> None:
    """Make the tables that the statements deed_*.sql, account_facts.sql and bulk_*.sql read.

    Args:
        connection: of the log.
        log: where the rows lie.
        batches: all of the log's.
        fresh: those that are not loaded yet.
    """
    import pyarrow as pa

    # a batch of media has the actions of interactions that came before it
    rows = [(b.sequence, b in fresh, not {"interactions", "media"} & set(b.info["files"])) for b in batches]
    sequence, new, bare = zip(*rows, strict=True)
    connection.register("_batches", pa.table({"batch": pa.array(sequence, pa.int32()), "fresh": new, "bare": bare}))
    for view, table, chosen in (
        ("log_interactions", "interactions", "true"),
        ("derived_actions", "actions", "NOT bare"),
        ("bare_actions", "actions", "bare"),
        ("account_rows", "accounts", "true"),
    ):
        connection.execute(
            f"CREATE VIEW {view} AS SELECT * FROM ({log.source(table)}) JOIN _batches USING (batch) WHERE {chosen}"
        )
    connection.table("account_rows").filter("fresh").project("account_id").distinct().create("fresh_accounts")
    kinds = [(what, *names) for what, names in {**DEEDS, **REGISTRATIONS}.items()]
    columns = zip(("what", "type", "label"), zip(*kinds, strict=True), strict=True)
    connection.register("kinds", pa.table({name: list(values) for name, values in columns}))
    connection.register("derived_channels", pa.table({"channel": list(DERIVED)}))
    connection.execute(sql("deed_rows"))
    connection.execute(sql("deeds"))
    connection.execute(sql("dense"), {"limit": DENSE})
    connection.execute(sql("left_out"))
    connection.execute(sql("kept_deeds"))
