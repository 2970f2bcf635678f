"""The policy file: its schema, how it is read, and its fingerprint.

A file has parameters (sections of numbers and switches) and `rules` (api.ruleset). A file without the section `rules`
has those of the file that ships, with its own parameters.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from pydantic import PrivateAttr, ValidationError

from api import ceilings
from api.parameters import Parameters
from api.ruleset import RuleSet, RulesSpec, compiled
from api.yamltext import Marked, read
from graph.errors import InputError

DEFAULT = Path(__file__).parent / "policies" / "default.yml"


class Policy(Parameters):
    """One version of the policy."""

    rules: RulesSpec | None = None
    _text: str = PrivateAttr(default="")
    _compiled: RuleSet = PrivateAttr()

    @property
    def compiled(self) -> RuleSet:
        """The rules, ready to be asked."""
        return self._compiled

    @property
    def text(self) -> str:
        """The file's text, as read."""
        return self._text

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the file's text: names exactly what was applied."""
        return hashlib.sha256(self._text.encode()).hexdigest()


def parse(text: str, where: str) -> Policy:
    """A policy from YAML text. Raises InputError naming `where`, line and column, the field and what was expected."""
    source = read(text, where)
    if not isinstance(source.value, dict):
        raise source.error((), "not a policy: expected its sections (version, hosting_tools, ...), each with its name")
    try:
        policy = Policy.model_validate(source.value)
    except ValidationError as error:
        raise _refused(source, error) from error
    policy._text = text  # noqa: SLF001  (the text belongs to the parsed object)
    spec, place = (policy.rules, source) if policy.rules is not None else _shipped_rules()
    rules = compiled(spec, place, policy)
    ceilings.check(rules, place, policy)
    policy._compiled = rules  # noqa: SLF001
    return policy


@lru_cache(maxsize=1)
def _shipped_rules() -> tuple[RulesSpec, Marked]:
    """The rules of the file that ships, for files that have none of their own."""
    source = read(DEFAULT.read_text(encoding="utf-8"), str(DEFAULT))
    return RulesSpec.model_validate(source.value["rules"]), source


def _refused(source: Marked, error: ValidationError) -> InputError:
    """Each fault with the line and column of its node."""
    faults = []
    for e in error.errors():
        path = tuple(e["loc"])
        said = f"{'.'.join(map(str, path)) or 'file'}: {e['msg']}"
        faults.append(str(source.error(path, said)).removeprefix(f"{source.where}: "))
    return InputError(f"{source.where}: not a policy: {'; '.join(faults)}")


def load(path: Path | None = None) -> Policy:
    """The policy in a file; the one shipped by default."""
    path = path or DEFAULT
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a policy file: {error}") from error
    return parse(text, str(path))
