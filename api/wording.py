"""Sentences of rules: templates over a closed set of fields, checked when the policy is loaded."""

from __future__ import annotations

from collections.abc import Callable
from string import Formatter

from api.evidence import Evidence

_TARGETS = {"coordinated": "coordinated with others", "ai_hosted": "hosted by AI"}


def _people(decision: str) -> Callable[[Evidence], str]:
    def told(e: Evidence) -> str:
        n = e.reviewers.get(decision, 0)
        return "One reviewer" if n == 1 else f"{n} reviewers"

    return told


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0%}"


def _network(name: str, shape: str = "") -> Callable[[Evidence], str]:
    def told(e: Evidence) -> str:
        member = e.facts.network
        return "unknown" if member is None else format(getattr(member, name), shape)

    return told


FIELDS: dict[str, tuple[str, Callable[[Evidence], str]]] = {
    "client": ("registration client", lambda e: e.facts.registration_client or "unknown"),
    "occasions": ("separate occasions of AI hosting", lambda e: str(e.occasions)),
    "reviewers_registered_by_tool": ("`One reviewer`, `2 reviewers` who decided so", _people("registered_by_tool")),
    "reviewers_whole_history_ai": ("the same", _people("whole_history_ai")),
    "reviewers_ai_hosted": ("the same", _people("ai_hosted")),
    "role": ("role in its network", _network("role")),
    "network_size": ("accounts of its network", _network("size")),
    "network_days": ("days on which its network acted together", _network("days")),
    "stability": ("its network's stability, two decimals", _network("stability", ".2f")),
    "max_run_age_days": ("`network.max_run_age_days`", lambda e: str(e.policy.network.max_run_age_days)),
    "score_threshold": (
        "`network.watch_score` of its score's target",
        lambda e: "unknown" if e.score_threshold is None else f"{e.score_threshold:g}",
    ),
    "score_target": ("what its score is a probability of", lambda e: _TARGETS.get(e.facts.score_target or "", "that")),
    "text_threshold": ("`texts.watch_share` in percent", lambda e: _share(e.policy.texts.watch_share)),
    "organic_share": (
        "share of its history outside coordination in percent, or `unknown`",
        lambda e: _share(e.facts.organic_share if e.facts.in_window else None),
    ),
    "verified_role": ("role that the platform verified", lambda e: e.facts.verified_role or "none"),
}


def sentence(template: str) -> Callable[[Evidence], str]:
    """A template, ready to be filled. Raises ValueError naming the field that is none, or what is malformed."""
    parts: list[str | Callable[[Evidence], str]] = []
    for text, name, shape, conversion in Formatter().parse(template):
        if text:
            parts.append(text)
        if name is None:
            continue
        if name not in FIELDS or shape or conversion:
            raise ValueError(f"there is no field {{{name}}}; there are {', '.join(FIELDS)}")
        parts.append(FIELDS[name][1])
    if all(isinstance(part, str) for part in parts):
        whole = "".join(str(part) for part in parts)
        return lambda _e: whole
    return lambda e: "".join(part if isinstance(part, str) else part(e) for part in parts)
