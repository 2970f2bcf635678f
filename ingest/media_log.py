"""Media in the log: which object each picture is, and who showed it.

Interactions name media, and the table `media` (graph.model.MEDIA) says what is known of each. They come in any order,
so an action on a picture is written with whichever comes second: by ingest.objects for media that are known already,
here for interactions that came before. Objects are made as ingest.media_objects says, in order of the media's names
within a file, so the order of its lines changes nothing; pictures of earlier files lead.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from graph.model import ACTIONS, MEDIA
from ingest.media import QUALITY, VARIANTS
from ingest.media_objects import object_ids

ENOUGH = 100  # quality where none is told


def derive(connection: Any, source: str) -> tuple[pa.Table, pa.Table]:
    """What a file of media adds to the log.

    Args:
        connection: of the log.
        source: SQL of a table with the columns of MEDIA, but for object_id, which is made here.

    Returns:
        the new rows of MEDIA, and the actions of earlier interactions that show these media (ACTIONS).
    """
    columns = ", ".join(MEDIA.columns)
    rows = connection.sql(f"SELECT {columns} FROM {source} ORDER BY media_id").to_arrow_table()
    led = connection.sql(
        f"SELECT quality, hashes FROM media WHERE object_id = 'media:' || hashes[1] "
        f"AND coalesce(quality, {ENOUGH}) >= {QUALITY} ORDER BY object_id, media_id"
    ).to_arrow_table()
    objects = object_ids([_plain(r) for r in rows.to_pylist()], [p for r in led.to_pylist() if (p := _plain(r))])
    media = rows.set_column(rows.schema.get_field_index("object_id"), "object_id", pa.array(objects, pa.string()))
    connection.register("_media", media)
    shown = connection.sql("""
        SELECT * FROM (
            SELECT DISTINCT event_id, account_id, 'media' AS channel, object_id, "at", content_id
            FROM (SELECT event_id, account_id, "at", content_id, unnest(i.media) AS media_id FROM interactions i)
            JOIN _media USING (media_id) WHERE object_id IS NOT NULL
        )
        ANTI JOIN actions USING (event_id, channel, object_id)
        ORDER BY "at", event_id, object_id
    """).to_arrow_table()
    connection.unregister("_media")
    return MEDIA.check(media, "media"), ACTIONS.check(shown, "actions of media")


def _plain(row: dict[str, Any]) -> dict[str, Any] | None:
    """A row's hash as check-media writes it; variants that were not told are the picture as it is."""
    if not row["hashes"]:
        return None
    first, *others = row["hashes"]
    variants = dict(zip(VARIANTS[1:], others or [first] * (len(VARIANTS) - 1), strict=True))
    return {"pdq": first, "variants": variants, "quality": ENOUGH if row["quality"] is None else row["quality"]}
