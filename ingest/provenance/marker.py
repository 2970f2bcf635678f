"""A marker: something in a file that says where it comes from, and what a file's markers come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

# what a marker says of the media; none of them says that a person made it
GENERATED = "generated"
PARTLY = "partly generated"
POSSIBLY = "possibly generated"
SUSPECTED = "suspected to be generated"
SILENT = "nothing about how it was made"

TRUSTED, UNTRUSTED, INVALID = "trusted", "valid-untrusted", "invalid"
DECLARED, NONE, ERROR = "declared", "none", "error"
MEANING = {
    TRUSTED: "Signed by somebody under the trust anchors that were given, and unchanged since.",
    UNTRUSTED: "Signed and unchanged since, by somebody under none of the trust anchors that were given.",
    INVALID: "A signed manifest is there, and it does not fit the file: one of them was changed, or made up.",
    DECLARED: "The file says so itself, unsigned: whoever wrote or forwarded it could have put that there.",
    NONE: (
        "No marker was found, which says nothing about who or what made this: markers are lost when media are "
        "re-encoded or photographed from a screen, and anybody can take them out."
    ),
    ERROR: "A part of the file that can hold markers could not be read, and the rest holds none: nothing is known.",
}


@dataclass(frozen=True)
class Marker:
    """One marker.

    Attributes:
        kind: c2pa, iptc, gb45438 or generator.
        where: the part of the file that holds it.
        says: one of the words above.
        details: what else it holds, as JSON.
    """

    kind: str
    where: str
    says: str
    details: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def status(markers: Sequence[Marker], *, broken: bool) -> str:
    """How far the best marker of a file can be believed; the words are the keys of MEANING.

    Args:
        markers: all that were found.
        broken: whether a part of the file that can hold a marker could not be read.
    """
    for marker in markers:
        if marker.kind == "c2pa":
            return str(marker.details["state"])
    if markers:
        return DECLARED
    return ERROR if broken else NONE
