"""The tables at the seams: their columns, types and keys, checked once where a table enters.

Times are int64 microseconds UTC. Ids are strings. See docs/reference/tables.md (generated).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from graph.errors import InputError

MAX_ID_CHARS = 512
MAX_TEXT_CHARS = 100_000
SECOND = 1_000_000
DAY = 86_400 * SECOND

KINDS = (
    "note",
    "comment",
    "reply",
    "message",
    "group_message",
    "like",
    "follow",
    "share",
    "collect",
    "view",
)
PRIVATE_KINDS = ("message", "group_message")
# channels of what an interaction holds or tells, beside its kind (ingest.objects)
DERIVED = ("url", "hashtag", "hashtag_sequence", "template", "message_template", "media")
PRIVATE_MARK = "private-"  # begins the value of an object that stands for something in a private text
LABELS = ("ai_hosted", "genuine", "whole_history_ai", "registered_by_tool")
LABEL_SOURCES = ("platform", "review", "report")
BAN_RECORDS = ("imposed", "lifted")


@dataclass(frozen=True)
class Table:
    """A table: its name, its columns in order, its key and what each column means."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    meaning: dict[str, str]

    @property
    def columns(self) -> list[str]:
        """Column names, in order."""
        return list(self.schema.names)

    def check(self, table: pa.Table, where: str) -> pa.Table:
        """Return `table` cast to this schema, columns in order.

        Raises InputError naming `where`, the column and what was expected.
        """
        missing = [c for c in self.columns if c not in table.column_names]
        if missing:
            raise InputError(
                f"{where}: missing column {', '.join(missing)}; a table of {self.name} has {', '.join(self.columns)}"
            )
        try:
            return table.select(self.columns).cast(self.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
            raise InputError(f"{where}: not a table of {self.name}: {error}") from error


def _table(name: str, key: Iterable[str], *columns: tuple[str, pa.DataType, str]) -> Table:
    keys = tuple(key)
    fields = [pa.field(c, t, nullable=c not in keys) for c, t, _ in columns]
    return Table(name, pa.schema(fields), keys, {c: m for c, _, m in columns})


_S, _I, _F, _B = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_L = pa.list_(pa.string())

INTERACTIONS = _table(
    "interactions",
    ["event_id"],
    ("event_id", _S, "id of the record; a hash of all fields and the occurrence number where the source has none"),
    ("account_id", _S, "who did it"),
    ("kind", _S, "one of " + ", ".join(KINDS)),
    ("at", _I, "when, microseconds UTC"),
    ("target_id", _S, "the note, account or group chat acted on"),
    ("content_id", _S, "id of what was made (the note, comment, message), where it has one"),
    ("text", _S, "public text; private text is never stored"),
    ("urls", _L, "links in it"),
    ("hashtags", _L, "hashtags in it"),
    ("media", _L, "pictures and videos in it, by the names that the table media knows them by"),
    ("conversation_id", _S, "the thread, private conversation or group chat that it is part of"),
    ("client", _S, "client it was made with"),
    ("device_id", _S, "device it was made on"),
)
ACCOUNTS = _table(
    "accounts",
    ["account_id"],
    ("account_id", _S, "the account"),
    ("registered_at", _I, "when it was registered, microseconds UTC"),
    ("registration_client", _S, "client it was registered through"),
    ("device_id", _S, "device it was registered on"),
    ("verified_role", _S, "role the platform verified: brand, customer_service, ..."),
    ("declared_automation", _B, "whether it declares that a tool posts for it"),
)
LABELS_TABLE = _table(
    "labels",
    ["label_id"],
    ("label_id", _S, "id of the label; a hash of its fields where the source has none"),
    ("account_id", _S, "the account labelled"),
    ("label", _S, "one of " + ", ".join(LABELS)),
    ("source", _S, "one of " + ", ".join(LABEL_SOURCES)),
    ("at", _I, "when it was given, microseconds UTC"),
    ("confidence", _F, "0 to 1"),
)
BANS = _table(
    "bans",
    ["record_id"],
    ("record_id", _S, "id of the record, after the decision it tells of"),
    ("ban_id", _S, "the ban; `lifted` names the one that was `imposed`, and takes it back"),
    ("account_id", _S, "the account banned"),
    ("network_id", _S, "the network it was banned with"),
    ("what", _S, "one of " + ", ".join(BAN_RECORDS)),
    ("at", _I, "when, microseconds UTC"),
)
ACTIONS = _table(
    "actions",
    ["event_id", "channel", "object_id"],
    ("event_id", _S, "the interaction it was derived from"),
    ("account_id", _S, "who acted"),
    ("channel", _S, "the way of acting: " + ", ".join((*KINDS[1:], *DERIVED)) + ", or a source's own"),
    ("object_id", _S, "what was acted on, with its kind in front: note:..., url:..., hashtags:..., template:..."),
    ("at", _I, "when, microseconds UTC"),
    ("content_id", _S, "id of what was made, where it has one"),
)
TEMPLATES = _table(
    "templates",
    ["template_id"],
    ("template_id", _S, "the template, named after the text it was first seen in (its leader)"),
    ("rank", _I, "place among all templates of the log: a text belongs to the first whose leader it resembles"),
    ("private", _B, "whether it leads private texts; its bands and signature are keyed then"),
    ("bands", pa.list_(pa.int32()), "32 hashes of the leader's sketch; texts that resemble each other share one"),
    ("signature", pa.binary(), "128 bytes of the leader's sketch; what two texts share of it is their similarity"),
)
MEDIA = _table(
    "media",
    ["media_id"],
    ("media_id", _S, "the name that interactions have for it"),
    ("object_id", _S, "media:<hash of the first picture it is a near copy of>; null: nothing to compare by"),
    ("status", _S, "how far its markers can be believed: trusted, valid-untrusted, invalid, declared or none"),
    ("says", _S, "what they say about how it was made, the gravest; null: there are none, which says nothing"),
    ("markers", _S, "all of them, as JSON"),
    ("quality", _I, "0 to 100: how much there is to see; null: not told"),
    ("hashes", _L, "PDQ of the picture, and of it cropped and mirrored (ingest.media), in hexadecimal"),
)
EXTRAS = _table(
    "extras",
    ["table_name", "row_id"],
    ("table_name", _S, "the table whose row it belongs to: interactions, accounts or labels"),
    ("row_id", _S, "event_id, account_id or label_id of that row"),
    ("account_id", _S, "the account of that row"),
    ("at", _I, "the time of that row, microseconds UTC; null for accounts"),
    ("fields", _S, "the columns that the format does not know, as one JSON object; none of a private interaction"),
)
EDGES = _table(
    "edges",
    ["account_a", "account_b", "channel"],
    ("account_a", _S, "the account first in lexicographic order"),
    ("account_b", _S, "the other one"),
    ("channel", _S, "the channel, or `all`"),
    ("co_actions", _I, "pairs of actions on the same object within the window"),
    ("objects", _I, "distinct objects with at least one co-action"),
    ("first_at", _I, "time of the first co-action, microseconds UTC"),
    ("last_at", _I, "time of the last co-action, microseconds UTC"),
    ("a_first_share", _F, "share of co-actions in which account_a acted first, a tie counting half"),
    ("expected", _F, "objects with a co-action that chance explains; null: too few objects to be tested"),
    ("p_value", _F, "probability of at least this many under chance, all tests of the pair counted; 1 if not tested"),
    ("q_value", _F, "false discovery rate from which the pair is an edge, over all pairs tested (graph.significance)"),
)
CLUSTERS = _table(
    "clusters",
    ["account_id"],
    ("account_id", _S, "the account; unclustered accounts are left out"),
    ("cluster_id", _S, "the cluster, named after its smallest member"),
    ("role", _S, "core, bridge, periphery or followed (others trail it; it never trails them)"),
    ("stability", _F, "how far the cluster recurs over resolutions and seeds, 0 to 1"),
)
NETWORKS = _table(
    "networks",
    ["network_id"],
    ("network_id", _S, "keeps its value from run to run"),
    ("cluster_id", _S, "the cluster of this run it stands for"),
    ("change", _S, "born, grew, shrank, same, split or merged"),
    ("size", _I, "accounts"),
    ("density", _F, "coordination edges over possible pairs"),
    ("stability", _F, "of the cluster"),
    ("objects", _I, "distinct objects its members co-acted on"),
    ("days", _I, "distinct days (UTC) on which they did"),
    ("channels", _L, "channels with coordination edges, strongest first"),
    ("first_at", _I, "first co-action, microseconds UTC"),
    ("last_at", _I, "last co-action, microseconds UTC"),
    ("title", _S, "what it does, in a line a person can read"),
    ("chance_permuted", _F, "p-value against logs with accounts swapped (graph.permutation); null: not asked for"),
)
LINEAGE = _table(
    "lineage",
    ["network_id"],
    ("network_id", _S, "a network of this run, or one of the parent run that no cluster continues"),
    ("change", _S, "born, grew, shrank, same, split, merged or dissolved"),
    ("parents", _L, "networks of the parent run that it continues, itself among them where it keeps its id"),
    ("size", _I, "accounts; 0 if dissolved"),
    ("size_before", _I, "accounts of the network with this id in the parent run; null: the id is new"),
    ("joined", _I, "accounts that were not in it then; null: the id is new"),
    ("left", _I, "accounts that were in it then and are no longer; null: the id is new"),
    ("last_run_id", _S, "if dissolved: the run that holds its last members, which is the parent; else null"),
    ("title", _S, "if dissolved: what it did; else null"),
)
LEADS = _table(
    "leads",
    ["account_id"],
    ("account_id", _S, "the account; unclustered accounts are left out"),
    ("cluster_id", _S, "its cluster"),
    ("co_actions", _I, "its co-actions along coordination edges inside the cluster"),
    ("lead_share", _F, "share of them in which it acted first, a tie counting half; null: it has none"),
    ("median_lag", _I, "its median distance to the other, microseconds; below 0: it acts first; null: it has none"),
)
REBORN = _table(
    "reborn",
    ["network_id", "banned_network_id"],
    ("network_id", _S, "a network of this run, of mostly new accounts, none of them banned"),
    ("banned_network_id", _S, "the banned network it matches more than chance explains"),
    ("matched_by", _L, "what tells: template, device, target; strongest first"),
    ("p_value", _F, "of the strongest, times everything that was tested in the run (Bonferroni)"),
    ("templates", _I, "texts (templates) of the banned network that its accounts use"),
    ("devices", _I, "devices and registration clients of the banned network that its accounts use"),
    ("targets", _I, "other objects of the banned network that its accounts act on"),
    ("new_accounts", _I, "its accounts that were not seen before the ban"),
    ("banned_accounts", _I, "accounts of the banned network whose ban stands"),
    ("banned_at", _I, "when the first of them was banned, microseconds UTC"),
)
EVIDENCE = _table(
    "evidence",
    ["account_a", "account_b", "channel", "object_id"],
    ("account_a", _S, "the account first in lexicographic order"),
    ("account_b", _S, "the other one"),
    ("channel", _S, "the channel"),
    ("object_id", _S, "the object both acted on"),
    ("a_at", _I, "when account_a acted, microseconds UTC (the closest pair of actions)"),
    ("b_at", _I, "when account_b acted"),
    ("a_event_id", _S, "event of account_a"),
    ("b_event_id", _S, "event of account_b"),
    ("object_accounts", _I, "accounts that acted on the object at all: its rarity"),
)
BEHAVIOUR = _table(
    "behaviour",
    ["account_id"],
    ("account_id", _S, "every account that acted in the data window"),
    ("actions", _I, "interactions in the data window (actions, for sources that only know objects)"),
    ("active_days", _I, "distinct days (UTC) with one"),
    ("first_at", _I, "first one, microseconds UTC"),
    ("last_at", _I, "last one, microseconds UTC"),
    ("objects", _I, "distinct objects acted on"),
    ("joint_objects", _I, "of these, objects with a co-action along a coordination edge"),
    ("organic_share", _F, "share of its objects that are not joint: its history outside coordination"),
    ("template_share", _F, "share of its texts whose template at least two other accounts used too; null: no texts"),
    ("quiet_gap_hours", _F, "longest daily quiet gap, median over days; null under 20 actions or 7 active days"),
)
RHYTHM = _table(
    "rhythm",
    ["account_id"],
    ("account_id", _S, "every account that acted in the data window, by more than being shown something (views)"),
    ("acts", _I, "acts that all of this rests on: interactions but views (actions, where only objects are known)"),
    ("active_days", _I, "distinct days (UTC) with one"),
    ("answers", _I, "comments and replies to notes whose time is known, and answers to private messages"),
    ("written", _I, "of these, public ones of at least 20 characters without white space"),
    ("answer_seconds", _F, "median time to answer; null under 20 answers, and as all that follows"),
    ("writing_speed", _F, "median of characters a second from note to answer; null under 20 written"),
    ("same_profile", _I, "other accounts whose quartiles of the time to answer are the same; null under 20 answers"),
    ("common_sequence", _I, "longest of 2, 4, 8 or 16 acts in a row that another account also did in a row; 0: none"),
    ("restless_share", _F, "share of days, begun when it is least, that no gap of 4 hours or more ends on"),
    ("switch_share", _F, "share of gaps of at most 3 s between acts of another kind on another object"),
    ("gap_variation", _F, "standard deviation / mean of the gaps between acts"),
    ("gap_entropy", _F, "-sum p ln p over octaves of the gap, nats; null under 20 acts or 7 active days, as all these"),
)
CONTENT = _table(
    "content",
    ["account_id"],
    ("account_id", _S, "every account that acted in the data window"),
    ("public_texts", _I, "public texts in the data window; what self_revealing rests on"),
    ("private_texts", _I, "private messages and group messages; their text is never stored"),
    ("compared_texts", _I, "of both, texts long enough to have a template; what the next shares rest on"),
    ("compared_private", _I, "of these, private ones, compared by keyed stand-ins alone"),
    ("template_reuse", _F, "share of them whose template at least two other accounts used; null under 10 of them"),
    ("own_reuse", _F, "share of them that repeats a template of its own; null likewise"),
    ("near_duplicate_share", _F, "share of them with a near copy in the data window, by whomever; null likewise"),
    ("self_revealing", _I, "public texts that begin as a language model speaks of itself, unquoted; null: no texts"),
    ("compared_answers", _I, "comments and replies to a text of another account that a third account answered too"),
    ("mirroring", _F, "share of such an answer that is in the text it answers, mean; null under 5 of them"),
    ("mirroring_excess", _F, "the same, less that of the other accounts' answers to the same text; null likewise"),
    ("media", _I, "pictures and videos in its public interactions that were checked; what the next rests on"),
    ("generated_media", _I, "of these, those whose markers say a machine made them, wholly or in part"),
)
MEASURES = _table(
    "measures",
    ["account_id"],
    ("account_id", _S, "accounts with a coordination edge"),
    ("component", _S, "connected component, named after its smallest account"),
    ("coarse_community", _S, "modularity Leiden community (GDS), named after its smallest account"),
    ("degree", _I, "coordination edges"),
    ("pagerank", _F, "PageRank over coordination edges (GDS), 6 decimals"),
    ("betweenness", _F, "betweenness over coordination edges (GDS), 6 significant digits"),
)
SCORES = _table(
    "scores",
    ["account_id"],
    ("account_id", _S, "every account of the data window"),
    ("target", _S, "what the score is a probability of: coordinated or ai_hosted"),
    ("score", _F, "calibrated probability of the GraphSAGE model"),
    ("baseline", _F, "calibrated probability of the random forest, for comparison"),
)
TEXT_SCORES = _table(
    "text_scores",
    ["account_id"],
    ("account_id", _S, "accounts with a public text in the data window"),
    ("texts", _I, "its public texts there"),
    ("scored", _I, "of these, texts that the model of texts says anything about (gnn.text)"),
    ("ai_share", _F, "share of these expected to be AI-made: mean calibrated probability; null under 5 of them"),
)
SUGGESTIONS = _table(
    "suggestions",
    ["account_id"],
    ("account_id", _S, "account whose review would teach most"),
    ("priority", _F, "higher first"),
    ("reason", _S, "why"),
)


def is_private(channel: str, object_id: str) -> bool:
    """Whether an object is a private recipient, a group chat, or a link, hashtag or template of a private text."""
    kind, _, value = object_id.partition(":")
    return channel in PRIVATE_KINDS or kind == "group" or value.startswith(PRIVATE_MARK)


LOG_TABLES = {t.name: t for t in (INTERACTIONS, ACCOUNTS, LABELS_TABLE, BANS, ACTIONS, TEMPLATES, MEDIA, EXTRAS)}
RUN_TABLES = {
    t.name: t
    for t in (
        EDGES,
        CLUSTERS,
        NETWORKS,
        LINEAGE,
        LEADS,
        REBORN,
        EVIDENCE,
        BEHAVIOUR,
        RHYTHM,
        CONTENT,
        MEASURES,
        SCORES,
        TEXT_SCORES,
        SUGGESTIONS,
    )
}
