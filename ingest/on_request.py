"""Channels that are looked at only where somebody asks for them by name (`shoal coact --channel device`).

    channel               object             an action is
    device                device:<id>        an interaction made on it, or the registration of an account on it
    registration_client   client:<name>      the registration of an account through it
    conversation          conversation:<id>  a note, comment, reply or share in one thread
    fast_response         account:<author>   a comment, reply, like, share or collection within `FAST` of the note's own
                                             time: who is always there when this author posts

No log holds these actions, and no run tests them. What an account does happens on some device, so each pair of events
on a shared one would count a second time, and strangers share a popular client all the time. A run uses both as what
they are, facts about accounts: pairs that share a rare one are tested as a family of their own (graph.coaction,
graph/sql/traits.sql). A thread is what its comments act on already, one by one; whoever speaks in a long one meets
everybody else there. Two that answer one note at once already meet on the note; what the author adds is mostly the
keenest fans, and one more channel costs every other pair power. docs/decisions/0013 has the measurements.
"""

from __future__ import annotations

from collections.abc import Collection

from graph.files import write_table
from graph.log import EventLog
from graph.model import ACTIONS, SECOND

RESPONSES = ("comment", "reply", "like", "share", "collect")  # a view is the feed's doing
FAST = 60 * SECOND

# each has the columns of ACTIONS
_SELECTS = {
    "device": """
        SELECT event_id, account_id, 'device' AS channel, 'device:' || device_id AS object_id, "at", content_id
        FROM interactions WHERE device_id <> ''
        UNION ALL
        SELECT 'registered:' || account_id, account_id, 'device', 'device:' || device_id, registered_at, NULL
        FROM accounts WHERE device_id <> '' AND registered_at IS NOT NULL
    """,
    "registration_client": """
        SELECT 'registered:' || account_id AS event_id, account_id, 'registration_client' AS channel,
            'client:' || registration_client AS object_id, registered_at AS "at", NULL AS content_id
        FROM accounts WHERE registration_client <> '' AND registered_at IS NOT NULL
    """,
    "conversation": """
        SELECT event_id, account_id, 'conversation' AS channel, 'conversation:' || conversation_id AS object_id,
            "at", content_id
        FROM interactions WHERE conversation_id <> '' AND kind IN ('note', 'comment', 'reply', 'share')
    """,
    "fast_response": f"""
        SELECT r.event_id, r.account_id, 'fast_response' AS channel, 'account:' || p.author AS object_id,
            r."at", r.content_id
        FROM interactions r
        JOIN (
            SELECT content_id, arg_min(account_id, ("at", event_id)) AS author, min("at") AS "at"
            FROM interactions WHERE kind = 'note' GROUP BY content_id
        ) p ON p.content_id = r.target_id
        WHERE r.kind IN {RESPONSES} AND r.account_id <> p.author AND r."at" - p."at" BETWEEN 0 AND {FAST}
    """,
}
ON_REQUEST = tuple(sorted(_SELECTS))


def add_on_request(log: EventLog, channels: Collection[str]) -> None:
    """Append the actions of those of ON_REQUEST that `channels` names, if there are any, to a throwaway log.

    Args:
        log: a log of `ingest.stage.staged`; nothing else reads it.
        channels: names of channels; those that every log has are passed over.
    """
    asked = [name for name in ON_REQUEST if name in channels]
    if not asked:
        return
    every = " UNION ALL ".join(f"SELECT * FROM ({_SELECTS[name]})" for name in asked)
    with log.connect() as connection:
        actions = connection.sql(f'{every} ORDER BY "at", event_id, channel').to_arrow_table()
    if actions.num_rows:
        staging = log.stage("on-request")
        write_table(staging / "actions.parquet", ACTIONS.check(actions, "on request"))
        log.commit(staging, {"derived": asked})
