"""Expressions of rules: `all`, `any`, `not` and predicates, checked with line and column and compiled to closures.

A rule that raises a tier must be monotone: no less evidence, no stale or missing signal may make it hold. That can be
seen in its text: predicates that speak against an account stand under an even number of `not`, those that speak for it
under an odd number, those that do neither nowhere. A rule that protects is checked the other way round, one that only
tells something is not checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from api.evidence import Evidence
from api.parameters import Parameters
from api.predicates import PREDICATES, Test
from api.yamltext import Marked, Path

OPERATORS = ("all", "any", "not")
MAX_DEPTH = 8
MAX_NODES = 400
Speaks = Literal["against", "for"]
_OTHER: dict[Speaks, Speaks] = {"against": "for", "for": "against"}


@dataclass
class Compiler:
    """Compiles the expressions of one policy. `nodes` counts all of them, `families` those of the last rule."""

    source: Marked
    policy: Parameters
    nodes: int = 0
    families: set[str] = field(default_factory=set)

    def compile(self, tree: Any, path: Path, wanted: Speaks | None, depth: int = 1) -> Test:
        """The test that a tree stands for. `wanted`: whom its predicates must speak for; None: anybody.

        Raises InputError naming the line and column of the node that is wrong.
        """
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.source.error(path, f"more than {MAX_NODES} nodes in the expressions of one policy")
        if depth > MAX_DEPTH:
            raise self.source.error(path, f"nested more than {MAX_DEPTH} deep")
        if not isinstance(tree, dict) or len(tree) != 1:
            raise self.source.error(path, "expected one of all, any, not or a predicate, with what it takes")
        ((name, value),) = tree.items()
        below = (*path, name)
        if name in ("all", "any"):
            if not isinstance(value, list) or not value:
                raise self.source.error(below, f"`{name}` takes a list of at least one expression")
            parts = [self.compile(part, (*below, i), wanted, depth + 1) for i, part in enumerate(value)]
            return every(parts) if name == "all" else some(parts)
        if name == "not":
            inner = self.compile(value, below, None if wanted is None else _OTHER[wanted], depth + 1)
            return lambda e: not inner(e)
        return self._predicate(name, value, below, wanted)

    def _predicate(self, name: Any, value: Any, path: Path, wanted: Speaks | None) -> Test:
        found = PREDICATES.get(name) if isinstance(name, str) else None
        if found is None:
            known = ", ".join((*OPERATORS, *PREDICATES))
            raise self.source.error(path, f"there is no predicate {name!r}; there are {known}")
        if wanted is not None and found.speaks != wanted:
            if found.speaks == "neither":
                said = "neither for nor against an account: it is for rules without a tier, and for questions"
                raise self.source.error(path, f"`{name}` speaks {said}")
            why = "less evidence would raise a tier" if wanted == "against" else "more evidence would protect it"
            raise self.source.error(
                path, f"`{name}` speaks {found.speaks} an account, so here it needs one `not` more or less: {why}"
            )
        try:
            taken = found.adapter.validate_python(value)
        except ValidationError as error:
            said = "; ".join(dict.fromkeys(e["msg"] for e in error.errors()))
            raise self.source.error(path, f"`{name}` does not take {value!r}: {said}") from error
        self.families.update(found.family)
        return found.build(taken, self.policy)


def every(parts: Sequence[Test]) -> Test:
    """Holds where all parts do."""
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        one, two = parts
        return lambda e: one(e) and two(e)
    tests = tuple(parts)

    def test(e: Evidence) -> bool:
        for part in tests:  # noqa: SIM110  (all() of a generator takes twice as long, millions of times)
            if not part(e):
                return False
        return True

    return test


def some(parts: Sequence[Test]) -> Test:
    """Holds where any part does."""
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        one, two = parts
        return lambda e: one(e) or two(e)
    tests = tuple(parts)

    def test(e: Evidence) -> bool:
        for part in tests:  # noqa: SIM110
            if part(e):
                return True
        return False

    return test
