"""JSON as callers must send it: no name twice, no NaN, no number that is none, no deep nesting, no surprises of form.

Parsers differ in what they make of such texts, and what one program checked another would read otherwise.
"""

from __future__ import annotations

import json
from typing import Any

from graph.errors import InputError

MAX_DEPTH = 32
_DIGITS = 32


def load(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises InputError for a name twice in one object, NaN or Infinity, numbers of more than 32 digits and nesting of
    more than MAX_DEPTH levels; ValueError where it is no JSON at all.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse, parse_int=_integer, parse_float=_float
        )
    except RecursionError:
        raise InputError(f"the JSON is nested more than {MAX_DEPTH} levels deep") from None
    _require_shallow(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InputError("an object in the JSON has the same name twice")
    return found


def _refuse(constant: str) -> float:
    raise InputError(f"{constant} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise InputError(f"a number in the JSON has more than {_DIGITS} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if len(digits) > 2 * _DIGITS or value in (float("inf"), float("-inf")):
        raise InputError("a number in the JSON is too large or too long")
    return value


def _require_shallow(value: Any) -> None:
    """Raise InputError if the value is nested too deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise InputError(f"the JSON is nested more than {MAX_DEPTH} levels deep")
