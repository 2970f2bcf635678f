"""The policy file as JSON Schema, for editors: its sections, and expressions over the closed set of predicates.

It says what form a file has. That its rules are monotone and stay below the ceilings only reading it tells
(`shoal policy check`).
"""

from __future__ import annotations

from typing import Any

from api.expressions import OPERATORS
from api.predicates import PREDICATES
from api.rules import Policy

EXPRESSION = {"$ref": "#/$defs/Expression"}


def json_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12)."""
    found = Policy.model_json_schema()
    parts = found["$defs"]
    for rule in ("EvidenceSpec", "ProtectionSpec", "QuestionSpec"):
        parts[rule]["properties"]["when"] = EXPRESSION
    for setting in parts["ProtectionRules"]["properties"].values():
        if "off" in setting.get("enum", ()):
            setting["enum"] = [*setting["enum"], False]  # YAML reads an unquoted `off` so
            del setting["type"]
    parts["Expression"] = {"description": _ASKED, "oneOf": [*_operators(), *_predicates(parts)]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "Shoal's policy"}


_SPEAKS = {
    "against": "Speaks against an account.",
    "for": "Speaks for an account.",
    "neither": "Speaks neither for nor against an account: only for rules without a tier, and questions.",
}
_ASKED = "Exactly one of all, any, not or a predicate, with what it takes."


def _operators() -> list[dict[str, Any]]:
    several = {"type": "array", "minItems": 1, "items": EXPRESSION}
    return [_single(name, EXPRESSION if name == "not" else several) for name in OPERATORS]


def _predicates(parts: dict[str, Any]) -> list[dict[str, Any]]:
    """Each predicate's form; what its parameters are made of goes to the schema's parts."""
    found = []
    for name, predicate in PREDICATES.items():
        takes = predicate.adapter.json_schema(ref_template="#/$defs/{model}")
        parts.update(takes.pop("$defs", {}))
        found.append({**_single(name, takes), "description": f"{predicate.asks} {_SPEAKS[predicate.speaks]}"})
    return found


def _single(name: str, takes: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: takes}, "required": [name], "additionalProperties": False}
