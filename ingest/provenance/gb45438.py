"""The implicit label of GB 45438-2025: JSON in a property, key or text named AIGC.

The standard asks generating and spreading services in China for it: Label (1 generated, 2 possibly, 3 suspected), who
made and who spread it, and their numbers for it.
"""

from __future__ import annotations

import json
from typing import Any

from graph.errors import InputError
from ingest.provenance.marker import GENERATED, POSSIBLY, SUSPECTED, Marker

NAME = "AIGC"
SAYS = {"1": GENERATED, "2": POSSIBLY, "3": SUSPECTED}
_FIELDS = ("Label", "ContentProducer", "ProduceID", "ContentPropagator", "PropagateID")
_LONGEST = 200  # characters of a field that are shown


def find(value: str, where: str) -> Marker:
    """The marker that a value of AIGC is.

    Raises:
        InputError: it is no label that can be read.
    """
    label = _object(value, where)
    inner = label.get(NAME)  # some tools wrap the label in its own name
    if isinstance(inner, (str, dict)):
        label = _object(inner, where) if isinstance(inner, str) else inner
    kind = str(label.get("Label", "")).strip()
    if kind not in SAYS:
        raise InputError(f"{where}: Label is {kind[:20]!r}, and only 1, 2 and 3 mean something")
    details = {name: str(label[name])[:_LONGEST] for name in _FIELDS if label.get(name) not in (None, "")}
    return Marker("gb45438", where, SAYS[kind], details)


def _object(value: str, where: str) -> dict[str, Any]:
    try:
        label = json.loads(value)
    except (ValueError, RecursionError):
        raise InputError(f"{where}: not the JSON of a label") from None
    if not isinstance(label, dict):
        raise InputError(f"{where}: not a JSON object, which a label is")
    return label
