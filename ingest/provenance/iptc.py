"""IPTC's DigitalSourceType in XMP: a word of a controlled vocabulary that says how a picture came about."""

from __future__ import annotations

import re

from ingest.provenance.marker import GENERATED, PARTLY, Marker

SAYS = {"trainedAlgorithmicMedia": GENERATED, "compositeWithTrainedAlgorithmicMedia": PARTLY}


def says(source_type: str) -> str | None:
    """What a source type says, if it speaks of generated media; its last part is what counts, not the address."""
    return SAYS.get(re.split(r"[/:#]", source_type.strip())[-1])


def find(values: list[str]) -> list[Marker]:
    """Markers among the values of DigitalSourceType; a camera's word for itself is none."""
    found = {value.strip(): said for value in values if (said := says(value)) is not None}
    return [Marker("iptc", "XMP DigitalSourceType", said, {"value": value[:200]}) for value, said in found.items()]
