"""The features of an account: name, formula, unit, and whether it can be unknown.

Counts are of the data window and enter as ln(1 + n). Never among them: platform facts (registration,
client, device, verified role) and labels. They are evidence of their own families, weighed by the policy;
a model that had read them could not be used beside them. The group `coordination` is computed from
coordination edges or clusters, and is left out for the target `coordinated`, whose labels those are. It counts
only what an account does itself, and so `organic_share` is not in it: those who trail an account lower that.
"""

from __future__ import annotations

from dataclasses import dataclass

from graph.model import KINDS


@dataclass(frozen=True)
class Feature:
    """One column: `unknown` features get a second column that is 1 where the value is missing."""

    name: str
    formula: str
    unit: str
    unknown: bool = False


_LN = "ln(1 + count)"
_LNS = "ln(seconds)"
_SHARE = "share"

ACTIVITY = (
    Feature("actions", "ln(1 + events)", _LN),
    Feature("active_days", "ln(1 + distinct UTC days with an event)", _LN),
    Feature("actions_per_day", "ln(1 + events / active days)", _LN),
    Feature("span", "last event - first event, over the data window's length", _SHARE),
    Feature("objects", "ln(1 + distinct objects)", _LN),
    Feature("objects_per_action", "distinct objects / events, at most 2", "ratio"),
    Feature("template_share", "texts whose template two other accounts used / texts", _SHARE, unknown=True),
)
CHANNELS = (
    *(Feature(f"share_{kind}", f"events of kind {kind} / events", _SHARE) for kind in KINDS),
    Feature("share_other", "events of any other channel (sources that only know objects) / events", _SHARE),
    Feature("kind_entropy", "-sum p ln p over kinds", "nats"),
)
TIMING = (
    Feature("gap_mean", "ln(1 + mean gap between successive events)", _LNS, unknown=True),
    Feature("gap_log_mean", "mean of ln(1 + gap)", _LNS, unknown=True),
    Feature("gap_log_spread", "standard deviation of ln(1 + gap)", _LNS, unknown=True),
    Feature("burstiness", "(s - m) / (s + m) of gaps (Goh and Barabasi 2008)", "-1 to 1", unknown=True),
    Feature("gap_entropy", "-sum p ln p over octaves of the gap", "nats", unknown=True),
    Feature("short_gaps", "gaps under 10 s / gaps", _SHARE, unknown=True),
    Feature("fast_switches", "gaps of at most 3 s between events of different kinds / gaps", _SHARE, unknown=True),
    Feature("hour_entropy", "-sum p ln p over the 24 hours of the day: the same wherever one lives", "nats"),
    Feature("empty_hours", "longest run of hours of the day (circular) without any event", "hours"),
    Feature("quiet_gap", "longest daily quiet gap, median over days", "hours", unknown=True),
)
TEXTS = (
    Feature("texts", "ln(1 + public texts)", _LN),
    Feature("text_length", "ln(1 + mean characters without white space)", "ln(characters)", unknown=True),
    Feature("text_variation", "standard deviation / mean of characters", "ratio", unknown=True),
    Feature("linked", "events with a link / events", _SHARE),
    Feature("tagged", "events with a hashtag / events", _SHARE),
    Feature("repeats", "1 - different templates / texts with a template", _SHARE, unknown=True),
    Feature("shared_texts", "texts whose template another account used / texts with a template", _SHARE, unknown=True),
)
REPLIES = (
    Feature("comment_latency", "ln(1 + median time from note to comment)", _LNS, unknown=True),
    Feature("writing_speed", "ln(1 + median characters per 1000 s of that time)", "ln", unknown=True),
    Feature("answer_latency", "ln(1 + median time from a message to the answer)", _LNS, unknown=True),
)
CONTACTS = (
    Feature("messages_sent", "ln(1 + private messages sent)", _LN, unknown=True),
    Feature("recipients", "ln(1 + accounts messaged)", _LN, unknown=True),
    Feature("answered", "accounts messaged that wrote back / accounts messaged", _SHARE, unknown=True),
    Feature("senders", "ln(1 + accounts that message it)", _LN, unknown=True),
    Feature("audience", "ln(1 + accounts that comment on, like, share or collect what it made)", _LN, unknown=True),
    Feature("followers", "ln(1 + followers in the log)", _LN, unknown=True),
    Feature("follows", "ln(1 + followed in the log)", _LN, unknown=True),
    Feature("mutual", "follows returned / follows", _SHARE, unknown=True),
)
OBJECTS = (
    Feature("popularity", "mean of ln(accounts on the object) over its objects", "ln(accounts)"),
    Feature("alone", "objects nobody else touched / objects", _SHARE),
    Feature("rare", "objects of 2 to 50 accounts / objects", _SHARE),
    Feature("delay", "ln(1 + median time after the object's first actor)", _LNS, unknown=True),
)
COORDINATION = (
    Feature("coordination_degree", "ln(1 + coordination edges it does not lead; gnn.coordination)", _LN),
    Feature("joint_actions", "ln(1 + co-actions along these edges)", _LN),
    Feature("cluster_size", "ln(1 + accounts of its cluster); 0 outside clusters and for `followed` members", _LN),
    Feature("cluster_stability", "stability of its cluster; 0 likewise", "0 to 1"),
)

ALWAYS = (*ACTIVITY, *CHANNELS, *TIMING, *TEXTS, *REPLIES, *CONTACTS, *OBJECTS)


def features_of(target: str) -> tuple[Feature, ...]:
    """The features for a target: `coordinated` goes without everything that made its labels."""
    return ALWAYS if target == "coordinated" else (*ALWAYS, *COORDINATION)
