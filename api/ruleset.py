"""The section `rules` of a policy: evidence, protections and questions to people, as data, compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.evidence import Evidence
from api.expressions import Compiler
from api.parameters import Parameters, Protection
from api.predicates import Test
from api.wording import sentence
from api.yamltext import Marked, Path

Tier = Literal["watch", "warn", "restrict", "ban"]
Tiers = tuple[str, ...]
TIERS: Tiers = ("none", "watch", "warn", "restrict", "ban")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=400, pattern=r"\S")]
RESERVED = ("found_genuine", "protected", "facts_missing", "members", "ceiling")


class _Spec(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class EvidenceSpec(_Spec):
    """Evidence: where `when` holds, the tier is at least `tier`, and `text` is said, under the code `name`."""

    name: Name
    when: dict[str, Any]
    tier: Tier | None = None
    family: Literal["platform", "review", "network", "text"] | None = None
    text: Sentence | None = None


class ProtectionSpec(_Spec):
    """A protection: where `when` holds, the tier is at most `watch`.

    `hold`: `always`, `until_reviewed` (until enough reviewers agree on a grave condition), `off`, or `setting`: as the
    section `protections` says under the rule's name. `unless`: earlier protections beside which this one is not told.
    """

    name: Name
    when: dict[str, Any]
    hold: Literal["setting"] | Protection = "setting"
    unless: list[Name] = Field(default_factory=list)
    text: Sentence


class QuestionSpec(_Spec):
    """Why a person should look: the first whose tier is among `at` and whose `when` holds is asked."""

    name: Name
    at: list[Literal["watch", "warn", "restrict", "ban"]] = Field(min_length=1)
    when: dict[str, Any]
    text: Sentence


class RulesSpec(_Spec):
    """All rules of a policy, in order."""

    evidence: list[EvidenceSpec] = Field(min_length=1, max_length=100)
    protections: list[ProtectionSpec] = Field(default_factory=list, max_length=50)
    questions: list[QuestionSpec] = Field(default_factory=list, max_length=50)


@dataclass(frozen=True)
class Rule:
    """One compiled rule of evidence. `rank` is the place of its tier (0: it only tells)."""

    name: str
    holds: Test
    rank: int
    family: str | None
    said: Callable[[Evidence], str] | None
    path: Path = field(repr=False)


@dataclass(frozen=True)
class Protector:
    """One compiled protection that is not off."""

    name: str
    holds: Test
    unless: frozenset[str]
    said: Callable[[Evidence], str]


@dataclass(frozen=True)
class Question:
    """One compiled question."""

    name: str
    at: frozenset[str]
    holds: Test
    said: Callable[[Evidence], str]


@dataclass(frozen=True)
class RuleSet:
    """A policy's rules, ready to be asked."""

    evidence: tuple[Rule, ...]
    protections: tuple[Protector, ...]
    questions: tuple[Question, ...]


def compiled(spec: RulesSpec, source: Marked, policy: Parameters) -> RuleSet:
    """Compile the rules of a file. Raises InputError naming line and column of what is wrong."""
    compiler = Compiler(source, policy)
    _names(spec, source)
    return RuleSet(
        tuple(_evidence(r, ("rules", "evidence", i), compiler) for i, r in enumerate(spec.evidence)),
        _protections(spec.protections, compiler),
        tuple(_question(r, ("rules", "questions", i), compiler) for i, r in enumerate(spec.questions)),
    )


def _names(spec: RulesSpec, source: Marked) -> None:
    """A code means one thing: refuse names used twice, and those of what is decided in code."""
    sections: tuple[tuple[str, Sequence[Any]], ...] = (
        ("evidence", spec.evidence),
        ("protections", spec.protections),
        ("questions", spec.questions),
    )
    seen: set[str] = set()
    for section, rules in sections:
        for i, rule in enumerate(rules):
            if rule.name in seen or rule.name in RESERVED:
                said = "stands there twice" if rule.name in seen else "is a code of what no policy decides"
                raise source.error(("rules", section, i, "name"), f"the rule name {rule.name!r} {said}")
            seen.add(rule.name)


def _said(template: str, path: Path, compiler: Compiler) -> Callable[[Evidence], str]:
    try:
        return sentence(template)
    except ValueError as error:
        raise compiler.source.error((*path, "text"), str(error)) from error


def _evidence(spec: EvidenceSpec, path: Path, compiler: Compiler) -> Rule:
    if spec.tier is None and spec.text is None:
        raise compiler.source.error(path, f"the rule {spec.name} has neither a tier nor a text, so it does nothing")
    compiler.families = set()
    holds = compiler.compile(spec.when, (*path, "when"), None if spec.tier is None else "against")
    if spec.family is not None and spec.family not in compiler.families:
        asked = ", ".join(sorted(compiler.families)) or "no family"
        raise compiler.source.error(
            (*path, "family"), f"the rule {spec.name} says it is of the family {spec.family}, but asks for {asked}"
        )
    said = None if spec.text is None else _said(spec.text, path, compiler)
    return Rule(spec.name, holds, 0 if spec.tier is None else TIERS.index(spec.tier), spec.family, said, path)


def _protections(specs: Sequence[ProtectionSpec], compiler: Compiler) -> tuple[Protector, ...]:
    found: list[Protector] = []
    known: set[str] = set()
    for i, spec in enumerate(specs):
        path: Path = ("rules", "protections", i)
        hold = spec.hold if spec.hold != "setting" else getattr(compiler.policy.protections, spec.name, None)
        if hold not in ("always", "until_reviewed", "off"):
            raise compiler.source.error(
                (*path, "hold"), f"`protections` has no setting {spec.name}; say always, until_reviewed or off"
            )
        missing = set(spec.unless) - known
        if missing:
            raise compiler.source.error((*path, "unless"), f"no earlier protection is called {min(missing)}")
        known.add(spec.name)
        holds = compiler.compile(spec.when, (*path, "when"), "for")
        said = _said(spec.text, path, compiler)
        if hold != "off":
            test = holds if hold == "always" else _until_reviewed(holds)
            found.append(Protector(spec.name, test, frozenset(spec.unless), said))
    return tuple(found)


def _until_reviewed(holds: Test) -> Test:
    return lambda e: not e.agreed and holds(e)


def _question(spec: QuestionSpec, path: Path, compiler: Compiler) -> Question:
    holds = compiler.compile(spec.when, (*path, "when"), None)
    return Question(spec.name, frozenset(spec.at), holds, _said(spec.text, path, compiler))
