"""Devices and registration clients as objects, for whoever asks for them by channel (`shoal coact --channel device`).

    channel               object             an action is
    device                device:<id>        an interaction made on it, or the registration of an account on it
    registration_client   client:<name>      the registration of an account through it

So two accounts have a co-action where they used one device, or were registered through one client, within the window.

No log holds these actions, and no run tests them. What an account does happens on some device, so each pair of events
on a shared one would count a second time, and strangers share a popular client all the time. A run uses both as what
they are, facts about accounts: pairs that share a rare one are tested as a family of their own (graph.coaction,
graph/sql/traits.sql). docs/decisions/0013 has the reasons.
"""

from __future__ import annotations

from collections.abc import Collection

from graph.files import write_table
from graph.log import EventLog
from graph.model import ACTIONS

BELONGINGS = ("device", "registration_client")

_SELECT = """
    SELECT event_id, account_id, 'device' AS channel, 'device:' || device_id AS object_id, "at", content_id
    FROM interactions WHERE device_id <> ''
    UNION ALL
    SELECT 'registered:' || account_id, account_id, 'device', 'device:' || device_id, registered_at, NULL
    FROM accounts WHERE device_id <> '' AND registered_at IS NOT NULL
    UNION ALL
    SELECT 'registered:' || account_id, account_id, 'registration_client', 'client:' || registration_client,
        registered_at, NULL
    FROM accounts WHERE registration_client <> '' AND registered_at IS NOT NULL
"""


def add_belongings(log: EventLog, channels: Collection[str]) -> None:
    """Append the actions of those of BELONGINGS that `channels` names, if there are any, to a throwaway log.

    Args:
        log: a log of `ingest.stage.staged`; nothing else reads it.
        channels: names of channels; those that are no belongings are passed over.
    """
    asked = [name for name in BELONGINGS if name in channels]
    if not asked:
        return
    with log.connect() as connection:
        actions = connection.sql(
            f'SELECT * FROM ({_SELECT}) WHERE list_contains($asked, channel) ORDER BY "at", event_id, channel',
            params={"asked": asked},
        ).to_arrow_table()
    if actions.num_rows:
        staging = log.stage("belongings")
        write_table(staging / "actions.parquet", ACTIONS.check(actions, "belongings"))
        log.commit(staging, {"derived": asked})
