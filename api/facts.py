"""What a judgement may rest on: the facts about one account, without its name."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Decision = Literal["ai_hosted", "whole_history_ai", "registered_by_tool", "genuine", "unsure"]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LabelFact(_Fact):
    """A label the platform gave."""

    label: Literal["ai_hosted", "genuine", "whole_history_ai", "registered_by_tool"]
    at: int


class ReviewFact(_Fact):
    """A person's decision. `reviewer` only tells people apart."""

    reviewer: str
    decision: Decision
    at: int


class NetworkFact(_Fact):
    """Membership of a network in the published run."""

    network_id: str
    role: str
    size: int
    days: int
    stability: float
    density: float | None = None


class AccountFacts(_Fact):
    """All that a judgement may rest on. None means: not known."""

    as_of: int
    run_age_days: float
    facts_complete: bool = True
    in_window: bool = False
    organic_share: float | None = None
    registration_client: str | None = None
    verified_role: str | None = None
    declared_automation: bool = False
    protected: bool = False
    labels: tuple[LabelFact, ...] = ()
    reviews: tuple[ReviewFact, ...] = ()
    network: NetworkFact | None = None
    score: float | None = None
    score_target: str | None = None
    text_share: float | None = None
    texts_scored: int = 0
