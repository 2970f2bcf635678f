"""The parameters of a policy: sections of numbers and switches, as its file has them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# YAML reads an unquoted `off` as false
Protection = Annotated[
    Literal["always", "until_reviewed", "off"], BeforeValidator(lambda value: "off" if value is False else value)
]


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

    agreeing: int = Field(ge=2, le=50)
    queue_limit: int = Field(ge=0)


class BanRules(_Rules):
    """What a ban needs besides a grave condition."""

    families: int = Field(ge=2, le=3)


class OccasionalRules(_Rules):
    """Graded answer to occasional AI hosting."""

    occasion_days: int = Field(ge=1)
    strike_days: int = Field(ge=1)
    restrict_after: int = Field(ge=2, le=50)


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


class Parameters(_Rules):
    """All parameters of a policy: what its rules and the code ask for by name."""

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
