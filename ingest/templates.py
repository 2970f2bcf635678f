"""Templates: texts that are near copies of one another are one object, so that a tool's small edits hide nothing.

Every template is led by one text, the one it was first seen in, and named after it. A text belongs to the first
template (in the order in which the log met them) whose leader it resembles: at least one band in common, and at least
`THRESHOLD` of the signature (ingest.sketches). A text that resembles no leader begins a template. The texts of one file
are taken most used first, then by name, so the order of its rows changes nothing. What follows:

- one text, one template, whatever its length and edits: near copies never count as several objects;
- a text keeps its template for good: leaders are only ever added, and earlier ones go first;
- the same files in the same order give the same templates; in another order they may be named after another copy, and a
  text that resembles two leaders may go to the other one;
- the cost is linear: a text is compared with at most `CROWDED` leaders a band.

The sketches of leaders are kept in the log (graph.model.TEMPLATES), so that later files meet them. Those of private
texts are keyed with the data folder's secret: bands by their n-grams, signatures by a key stream; the name is a
stand-in that cannot be guessed without the secret.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.log import EventLog
from graph.model import PRIVATE_MARK, TEMPLATES
from ingest.sketches import BANDS, PERMUTATIONS, Sketches, sketch
from ingest.texts import has_template, normal_form

THRESHOLD = 0.5  # of the signature that two texts share: about 7% of the characters edited in both, Latin script
CROWDED = 16  # leaders a band; a band that so many have is a phrase, and leads nobody to another leader


def stand_in(value: str, key: str) -> str:
    """A private value's stand-in: equal for equal values, and not to be guessed without the key.

    Nested, so that knowing one stand-in helps with no other.
    """
    inner = hashlib.sha256((key + value).encode("utf-8", "surrogatepass")).hexdigest()
    return PRIVATE_MARK + hashlib.sha256((key + inner).encode()).hexdigest()[:24]


def assign(connection: Any, log: EventLog, texts: pa.Table, key: str) -> tuple[pa.Table, pa.Table]:
    """The template of each text.

    Args:
        connection: of the log.
        log: where the leaders of earlier files are.
        texts: text, private (whether it was said in private), uses (how often); each text once, apart for private.
        key: the secret that private texts are keyed with.

    Returns:
        text, private, template_id of the texts that have one; and the new leaders (graph.model.TEMPLATES).
    """
    rank = sum(b.info["files"].get("templates", {}).get("rows", 0) for b in log.batches())
    given, led = [], []
    for private in (False, True):
        mine = texts.filter(pa.compute.equal(texts["private"], private))
        named, leaders = _assign(connection, log, mine, key if private else "", rank)
        rank += leaders.num_rows
        given.append(named.append_column("private", pa.array([private] * named.num_rows, pa.bool_())))
        led.append(leaders)
    return pa.concat_tables(given), pa.concat_tables(led)


def _assign(connection: Any, log: EventLog, texts: pa.Table, key: str, rank: int) -> tuple[pa.Table, pa.Table]:
    raw = texts["text"].to_pylist()
    forms = [normal_form(t) for t in raw]
    uses: defaultdict[str, int] = defaultdict(int)
    for form, n in zip(forms, texts["uses"].to_pylist(), strict=True):
        if has_template(form):
            uses[form] += n
    names = {form: stand_in(form, key) if key else hashlib.sha256(_bytes(form)).hexdigest()[:24] for form in uses}
    ordered = sorted(uses, key=lambda form: (-uses[form], names[form]))
    sketches = sketch(ordered, hashlib.sha256(key.encode()).digest() if key else b"")
    known = _known(connection, log, sketches, key)
    own = [names[form] for form in ordered]
    led_by, new = follow(sketches, own, known)
    template = dict(zip(ordered, led_by, strict=True))
    rows = [(text, template[form]) for text, form in zip(raw, forms, strict=True) if form in template]
    named = pa.table(
        {
            "text": pa.array([t for t, _ in rows], pa.string()),
            "template_id": pa.array([i for _, i in rows], pa.string()),
        }
    )
    return named, _leaders([own[i] for i in new], sketches, new, key, rank)


@dataclass(frozen=True)
class Leaders:
    """Leaders met before, in order: names, signatures (n, PERMUTATIONS), and places by band (at most CROWDED each)."""

    names: list[str]
    signatures: NDArray[np.uint8]
    by_band: dict[int, list[int]]


def follow(sketches: Sketches, names: Sequence[str], known: Leaders) -> tuple[list[str], list[int]]:
    """Give each text, in order, the first leader it resembles, or make it one.

    Returns:
        the leader's name for each text, and the places of the texts that became leaders.
    """
    first = len(known.names)
    leaders, by_band = list(known.names), {band: list(places) for band, places in known.by_band.items()}
    signatures = np.concatenate([known.signatures, np.empty_like(sketches.signatures)])
    values, counts = np.unique(sketches.bands, return_counts=True)
    met = set(values[counts > 1].tolist())  # a band met once leads nobody anywhere
    least = int(np.ceil(THRESHOLD * PERMUTATIONS))
    given: list[str] = []
    new: list[int] = []
    for i, (bands, name) in enumerate(zip(sketches.bands.tolist(), names, strict=True)):
        near = np.array(sorted({place for band in bands for place in by_band.get(band, ())}), dtype=np.int64)
        alike = near[(signatures[near] == sketches.signatures[i]).sum(axis=1) >= least]
        if len(alike):
            given.append(leaders[alike[0]])
            continue
        place = first + len(new)
        signatures[place] = sketches.signatures[i]
        leaders.append(name)
        new.append(i)
        given.append(name)
        for band in bands:
            if band in met:
                crowd = by_band.setdefault(band, [])
                if len(crowd) < CROWDED:
                    crowd.append(place)
    return given, new


def _known(connection: Any, log: EventLog, sketches: Sketches, key: str) -> Leaders:
    """The leaders of earlier files that share a band with one of these texts, no more than CROWDED a band."""
    if not log.files("templates") or not len(sketches.bands):
        return Leaders([], np.empty((0, PERMUTATIONS), np.uint8), {})
    connection.register("_bands", pa.table({"band": np.unique(sketches.bands)}))
    found = connection.sql(
        "SELECT band, rank, template_id, signature FROM ("
        "  SELECT unnest(bands) AS band, rank, template_id, signature FROM templates WHERE private = $private"
        ") SEMI JOIN _bands USING (band) "
        "QUALIFY row_number() OVER (PARTITION BY band ORDER BY rank) <= $crowded ORDER BY rank, band",
        params={"private": bool(key), "crowded": CROWDED},
    ).to_arrow_table()
    connection.unregister("_bands")
    ranks, place = np.unique(found["rank"].to_numpy(), return_inverse=True)
    first = np.unique(place, return_index=True)[1]
    ids = found["template_id"].take(first).to_pylist()
    kept = found["signature"].take(first).to_pylist()
    signatures = np.frombuffer(b"".join(kept), np.uint8).reshape(len(ranks), PERMUTATIONS)
    by_band: defaultdict[int, list[int]] = defaultdict(list)
    for band, at in zip(found["band"].to_pylist(), place.tolist(), strict=True):
        by_band[band].append(at)
    return Leaders(ids, signatures ^ _stream(ids, key), dict(by_band))


def _leaders(names: list[str], sketches: Sketches, places: list[int], key: str, rank: int) -> pa.Table:
    signatures = sketches.signatures[places] ^ _stream(names, key)
    bands = pa.array(sketches.bands[places].ravel(), pa.int32())
    return pa.table(
        {
            "template_id": pa.array(names, pa.string()),
            "rank": pa.array(range(rank, rank + len(names)), pa.int64()),
            "private": pa.array([bool(key)] * len(names), pa.bool_()),
            "bands": pa.ListArray.from_arrays(np.arange(0, bands.__len__() + 1, BANDS, dtype=np.int32), bands),
            "signature": pa.array([row.tobytes() for row in signatures], pa.binary()),
        },
        schema=TEMPLATES.schema,
    )


def _stream(names: Sequence[str], key: str) -> NDArray[np.uint8]:
    """What the signatures of these leaders are masked with, by exclusive or; zeros where there is no key."""
    if not key:
        return np.zeros((len(names), PERMUTATIONS), np.uint8)
    made = b"".join(hashlib.shake_256(f"{key}:{name}".encode()).digest(PERMUTATIONS) for name in names)
    return np.frombuffer(made, np.uint8).reshape(len(names), PERMUTATIONS)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
