"""The simulation as tables: interactions and accounts as a platform would export them, and the truth about them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.model import ACCOUNTS, INTERACTIONS, KINDS
from ingest.simulation.cast import LOOKALIKES, ROLES
from ingest.simulation.events import ADDRESSED, CODE, NOTE_ACTS, Acts, Array
from ingest.simulation.identity import account_ids, ids
from ingest.simulation.population import CLIENT, CLIENT_SHARES, CLIENTS
from ingest.simulation.population import ROLES as VERIFIED
from ingest.simulation.world import World

TRUTH_ACCOUNTS = pa.schema(
    [
        pa.field("account_id", pa.string(), nullable=False),
        pa.field("class", pa.string()),
        pa.field("lookalike", pa.string()),
        pa.field("network", pa.string()),
        pa.field("ai_hosted", pa.bool_()),
    ]
)
TRUTH_NETWORKS = pa.schema(
    [
        pa.field("network", pa.string(), nullable=False),
        pa.field("behaviour", pa.string()),
        pa.field("size", pa.int64()),
        pa.field("targets", pa.int64()),
        pa.field("jitter_s", pa.float64()),
        pa.field("camouflage", pa.float64()),
        pa.field("participation", pa.float64()),
        pa.field("platform_facts", pa.bool_()),
        pa.field("registration_client", pa.string()),
    ]
)
MADE = [CODE[k] for k in ("comment", "reply", "message", "group_message")]


def salts(seed: int) -> dict[str, int]:
    """One salt per kind of id."""
    kinds = ("account", "note", "chat", "event", "content", "device", "label")
    return {kind: seed * len(kinds) + i + 1 for i, kind in enumerate(kinds)}


def known_ids(world: World) -> pa.Array:
    """The account ids, by account number."""
    return account_ids(world.stream("ids"), world.accounts, salts(world.seed)["account"])


def _targets(world: World, acts: Acts, accounts: pa.Array, chats: int) -> tuple[pa.Array, pa.Array]:
    """Columns target_id and content_id."""
    salt = salts(world.seed)
    notes = ids("n", np.arange(len(world.notes)), salt["note"])
    everything = pa.concat_arrays([notes, accounts, ids("g", np.arange(chats), salt["chat"])])
    base = np.zeros(len(KINDS), np.int64)
    base[list(ADDRESSED)] = len(notes)
    base[CODE["group_message"]] = len(notes) + len(accounts)
    place, posting = acts.target + base[acts.kind], acts.kind == CODE["note"]
    target = everything.take(pa.array(place, mask=posting))
    made = ids("c", np.arange(len(acts)), salt["content"])
    content = pc.if_else(pa.array(np.isin(acts.kind, MADE)), made, pa.nulls(len(acts), pa.string()))
    return target, pc.if_else(pa.array(posting), everything.take(pa.array(place)), content)


def _clients(world: World, acts: Acts) -> Array:
    """Client code per row: the planned one, else the account's usual one, now and then another."""
    rng, count = world.stream("clients"), len(acts)
    usual = world.people.client[acts.account]
    other = rng.choice(len(CLIENT_SHARES), count, p=CLIENT_SHARES)
    switch = (rng.random(count) < 0.07) & (usual < len(CLIENT_SHARES))
    chosen: Array = np.where(acts.client >= 0, acts.client, np.where(switch, other, usual))
    return chosen


def interactions(world: World, acts: Acts, accounts: pa.Array, chats: int) -> pa.Table:
    """The table of interactions, by time. Texts of private kinds are in it, as an export has them."""
    salt, count = salts(world.seed), len(acts)
    target, content = _targets(world, acts, accounts, chats)
    client = _clients(world, acts)
    device = ids("d", world.people.device[acts.account], salt["device"])
    lists = pa.list_(pa.string())
    columns = {
        "event_id": ids("e", np.arange(count), salt["event"]),
        "account_id": accounts.take(pa.array(acts.account)),
        "kind": pa.array(KINDS).take(pa.array(acts.kind)),
        "at": pa.array(acts.at),
        "target_id": target,
        "content_id": content,
        "text": acts.text,
        "urls": pa.array(world.url_pool(), lists).take(pa.array(acts.url, mask=acts.url < 0)),
        "hashtags": pa.array(world.tag_pool(), lists).take(pa.array(acts.tag, mask=acts.tag < 0)),
        "media": pa.nulls(count, lists),
        "conversation_id": pa.nulls(count, pa.string()),
        "client": pa.array(CLIENTS).take(pa.array(client)),
        "device_id": pc.if_else(pa.array(client == CLIENT["web"]), pa.nulls(count, pa.string()), device),
    }
    return INTERACTIONS.check(pa.table(columns), "simulated interactions")


def accounts_table(world: World, accounts: pa.Array) -> pa.Table:
    """The table of accounts, by id."""
    people = world.people
    role = pa.array([r or None for r in VERIFIED], pa.string())
    table = pa.table(
        {
            "account_id": accounts,
            "registered_at": pa.array(people.registered_at),
            "registration_client": pa.array(CLIENTS).take(pa.array(people.registration_client)),
            "device_id": ids("d", people.device, salts(world.seed)["device"]),
            "verified_role": role.take(pa.array(people.verified_role)),
            "declared_automation": pa.array(people.declared),
        }
    )
    return ACCOUNTS.check(table, "simulated accounts").sort_by("account_id")


def truth_accounts(world: World, accounts: pa.Array) -> pa.Table:
    """What every account really is, by id."""
    cast = world.cast
    lookalike, network = cast.lookalike, cast.network
    plans = pa.array([p.name for p in cast.plans], pa.string())
    table = pa.table(
        [
            accounts,
            pa.array(ROLES).take(pa.array(cast.role)),
            pa.array(LOOKALIKES).take(pa.array(lookalike, mask=lookalike < 0)),
            plans.take(pa.array(network, mask=network < 0)),
            pa.array(cast.ai_hosted),
        ],
        schema=TRUTH_ACCOUNTS,
    )
    return table.sort_by("account_id")


def truth_networks(world: World, acts: Acts) -> pa.Table:
    """The plan of every planted network; a shadowing one's targets are the notes its victim acted on."""
    rows = []
    for plan in world.cast.plans:
        targets = plan.targets
        if plan.victim >= 0:
            own = acts.target[(acts.account == plan.victim) & np.isin(acts.kind, NOTE_ACTS)]
            targets = len(np.unique(own))
        rows.append(
            {
                "network": plan.name,
                "behaviour": plan.behaviour,
                "size": len(plan.members),
                "targets": targets,
                "jitter_s": plan.jitter_s,
                "camouflage": plan.camouflage,
                "participation": plan.participation,
                "platform_facts": plan.registration_client is not None,
                "registration_client": plan.registration_client,
            }
        )
    return pa.Table.from_pylist(rows, schema=TRUTH_NETWORKS)
