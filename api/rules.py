"""The policy file: its schema, how it is read, and its fingerprint."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from graph.errors import InputError

DEFAULT = Path(__file__).parent / "policies" / "default.yml"
Protection = Literal["always", "until_reviewed", "off"]


class _Rules(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NetworkRules(_Rules):
    """When membership of a network counts as evidence."""

    roles: list[Literal["core", "periphery"]]
    min_stability: float = Field(ge=0, le=1)
    min_size: int = Field(ge=2)
    max_run_age_days: int = Field(ge=1)
    watch_score: dict[Literal["coordinated", "ai_hosted"], float]
    tier_share: float = Field(gt=0, le=1)


class LabelRules(_Rules):
    """Which platform labels count."""

    min_confidence: float = Field(ge=0, le=1)


class ReviewRules(_Rules):
    """How many reviewers must agree, and how long the review queue may grow at one publication."""

    agreeing: int = Field(ge=2)
    queue_limit: int = Field(ge=0)


class BanRules(_Rules):
    """What a ban needs besides a grave condition."""

    families: int = Field(ge=2, le=3)


class OccasionalRules(_Rules):
    """Graded answer to occasional AI hosting."""

    occasion_days: int = Field(ge=1)
    strike_days: int = Field(ge=1)
    restrict_after: int = Field(ge=2)


class ProtectionRules(_Rules):
    """What holds an account at `watch`."""

    declared_automation: Protection
    verified_role: Protection
    organic_history: Protection
    organic_share: float = Field(gt=0, le=1)
    no_behaviour: Protection
    shadowed: Protection
    roles: list[str]
    accounts: list[str]


class TextRules(_Rules):
    """When what accounts write counts at all. It leads to `watch`, and no rule can make it lead further."""

    watch_share: float | None = Field(default=None, gt=0.5, le=1)
    min_scored: int = Field(default=20, ge=5)


class PenaltyRules(_Rules):
    """How long a penalty lasts, in days; null: until reversed."""

    warn: int | None = Field(ge=1)
    restrict: int | None = Field(ge=1)
    ban: int | None = Field(ge=1)


class CapRules(_Rules):
    """How many targets may get a penalty; null: any number. Counted whether or not it was taken back since."""

    per_action: int | None = Field(default=10_000, ge=1)
    per_hour: int | None = Field(default=5_000, ge=1)
    per_policy: int | None = Field(default=100_000, ge=1)
    active_share: float | None = Field(default=0.01, gt=0, le=1)
    active_least: int = Field(default=500, ge=1)


class ActionRules(_Rules):
    """What a network action must pass. What older policy files do not say is as in the file that ships."""

    preview_hours: int = Field(ge=1)
    two_approvals_above: int = Field(ge=0)
    sample_for: list[Literal["warn", "restrict", "ban"]]
    sample_size: int = Field(ge=1)
    sample_agreement: float = Field(gt=0, le=1)
    schedule_days: int = Field(default=7, ge=1)
    canary_above: int = Field(default=100, ge=0)
    canary_share: float = Field(default=0.05, ge=0, lt=1)
    canary_min: int = Field(default=20, ge=1)
    hold_hours: int = Field(default=24, ge=0)
    breaker_share: float = Field(default=0.05, gt=0, le=1)
    breaker_min: int = Field(default=3, ge=1)
    override_hours: int = Field(default=24, ge=1)
    minutes_per_review: float = Field(default=6.0, gt=0)
    appeal_share: float = Field(default=0.1, ge=0, le=1)
    caps: CapRules = CapRules()


class Policy(_Rules):
    """One version of the policy."""

    version: str = Field(min_length=1, max_length=100)
    hosting_tools: list[str]
    verdict_days: int = Field(ge=1)
    cooling_off_days: int = Field(ge=0)
    labels: LabelRules
    reviews: ReviewRules
    ban: BanRules
    occasional: OccasionalRules
    network: NetworkRules
    texts: TextRules = TextRules()
    protections: ProtectionRules
    penalties: PenaltyRules
    actions: ActionRules
    _text: str = PrivateAttr(default="")

    @property
    def text(self) -> str:
        """The file's text, as read."""
        return self._text

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the file's text: names exactly what was applied."""
        return hashlib.sha256(self._text.encode()).hexdigest()


def parse(text: str, where: str) -> Policy:
    """A policy from YAML text. Raises InputError naming `where`, the field and what was expected."""
    try:
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not YAML: {error}") from error
    try:
        policy = Policy.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise InputError(f"{where}: not a policy: {faults}") from error
    policy._text = text  # noqa: SLF001  (the text belongs to the parsed object)
    return policy


def load(path: Path | None = None) -> Policy:
    """The policy in a file; the one shipped by default."""
    path = path or DEFAULT
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a policy file: {error}") from error
    return parse(text, str(path))
