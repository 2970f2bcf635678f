"""Forgetting in the event log: events from before a time, or everything about some accounts.

Rows *of* a forgotten account go. Rows of others that act *on* it (a message to it, a follow) stay, with its pseudonym
in place of its name: that twenty accounts wrote to the same stranger remains evidence about the twenty. Folders without
such rows are not touched. The others are written anew beside the old ones, one manifest takes over all of them at once
and closes the log to what was forgotten (graph.forgotten), then the old files go; killed anywhere and called again, it
finishes.

The wish and the key of the pseudonyms lie in the data folder's `.forgetting.json` until all stores are done.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from graph import manifest as manifests
from graph.errors import ConflictError
from graph.files import sync_folder, write_bytes
from graph.forgotten import PREFIX, names_of_accounts, pseudonym, tombstone
from graph.log import EventLog, describe
from graph.manifest import Forgotten, Segment
from graph.model import LOG_TABLES
from graph.workspace import Workspace

if TYPE_CHECKING:
    import duckdb

PATIENCE_S = 60.0  # for those who read the old files
JOURNAL = ".forgetting.json"


@dataclass(frozen=True)
class Wish:
    """What is to be forgotten: accounts, events before a time (microseconds UTC), or both.

    Attributes:
        accounts: their ids.
        before: the time.
        key: hex; of the pseudonyms.
        models: ids of the runs whose model saw one of the accounts.
    """

    accounts: tuple[str, ...] = ()
    before: int | None = None
    key: str = ""
    models: tuple[str, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """Account -> pseudonym."""
        return {name: pseudonym(bytes.fromhex(self.key), name) for name in self.accounts}


def wish_for(accounts: Sequence[str], before: int | None) -> Wish:
    """A wish with a key of its own."""
    return Wish(tuple(sorted(set(accounts))), before, secrets.token_hex(32))


def begin(workspace: Workspace, wish: Wish) -> Wish:
    """Write down what is to be forgotten; from here on it will be. The caller holds `workspace.writing()`."""
    write_bytes(workspace.root / JOURNAL, json.dumps(asdict(wish)).encode(), mode=0o600)
    return wish


def left(workspace: Workspace) -> Wish | None:
    """What a call that was killed has not finished."""
    path = workspace.root / JOURNAL
    if not path.exists():
        return None
    said = json.loads(path.read_text(encoding="utf-8"))
    return Wish(tuple(said["accounts"]), said["before"], said["key"], tuple(said["models"]))


def finish(workspace: Workspace) -> None:
    """Destroy the key: the pseudonyms say nothing from here on."""
    path = workspace.root / JOURNAL
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(workspace.root)


def count(log: EventLog, wish: Wish) -> dict[str, int]:
    """How many rows of each table would go or lose a name; tables without any are left out."""
    found = {}
    with log.connect() as connection:
        _prepare(connection, log, wish)
        for table in LOG_TABLES:
            rows = connection.execute(
                f"SELECT count(*) FROM ({log.source(table)}) WHERE {_goes(table, wish)} OR {_changes(table, wish)}"
            ).fetchall()[0][0]
            if rows:
                found[table] = int(rows)
    return found


def forget_in_log(workspace: Workspace, wish: Wish) -> int:
    """Take it out of the log, and close the log to it; returns how many folders were written anew.

    Raises ConflictError if somebody reads the old files for longer than PATIENCE_S; then the same call goes on later.
    """
    log = workspace.log
    manifest = log.manifest()
    if not (log.root / manifests.NAME).exists():
        log.root.mkdir(parents=True, exist_ok=True)
        manifests.write(log.root, manifest)
    old, new = _rewritten(workspace, wish)
    hashes = {tombstone(workspace.secret("forgotten"), name) for name in wish.accounts}
    was = manifest.forgotten
    before = max((t for t in (was.before, wish.before) if t is not None), default=None)
    closed = Forgotten(was.times, before, tuple(sorted({*was.accounts, *hashes})))
    if new or closed != was:
        changed = replace(manifest.instead(old, new), folders=manifest.folders + len(new))
        manifests.write(log.root, replace(changed, forgotten=replace(closed, times=was.times + 1)))
    if not log.clear(PATIENCE_S):
        raise ConflictError(
            f"{log.root}: another process reads the files from before; when it has ended, `shoal forget` again finishes"
        )
    return len(new)


def _rewritten(workspace: Workspace, wish: Wish) -> tuple[list[Segment], list[Segment]]:
    """Write the folders anew that hold something of it; returns the old ones and the new ones."""
    log, manifest = workspace.log, workspace.log.manifest()
    old: list[Segment] = []
    new: list[Segment] = []
    with log.connect() as connection:
        scratch = str(workspace.root / ".spill").replace("'", "''")
        connection.execute(f"SET temp_directory = '{scratch}'")
        _prepare(connection, log, wish)
        for segment in manifest.segments:
            touched = [t for t in segment.files if _is_touched(connection, log, segment, t, wish)]
            if touched:
                old.append(segment)
                number = manifest.folders + len(old)
                new.append(_rewrite(connection, log, segment, touched, wish, number))
    return old, new


def accounts_left(log: EventLog, names: Sequence[str]) -> set[str]:
    """Which of these accounts Neo4j has a node for: they act, are acted on, or have facts."""
    with log.connect() as connection:
        connection.register("_asked", pa.table({"name": pa.array(names, pa.string())}))
        present = " UNION ALL ".join(
            f"SELECT {name} FROM ({log.source(table)}) WHERE {name} IS NOT NULL"
            for table, columns in (("interactions", 2), ("actions", 1), ("accounts", 1))
            for name in names_of_accounts(table)[:columns]
        )
        return {row[0] for row in connection.execute(f"FROM _asked WHERE name IN ({present})").fetchall()}


def _named(log: EventLog, where: str = "true") -> str:
    """SQL of all accounts that interactions, actions, labels and bans name."""
    return " UNION ".join(
        f"SELECT {name} AS name FROM ({log.source(table)}) WHERE {where} AND {name} IS NOT NULL"
        for table in ("interactions", "actions", "labels", "bans")
        for name in names_of_accounts(table)
    )


def _prepare(connection: duckdb.DuckDBPyConnection, log: EventLog, wish: Wish) -> None:
    names = wish.names
    pairs = pa.table({"name": pa.array(names.keys(), pa.string()), "stand_in": pa.array(names.values(), pa.string())})
    connection.register("_pairs", pairs)
    connection.execute("CREATE TEMP TABLE _gone AS FROM _pairs")
    if wish.before is None:
        connection.execute("CREATE TEMP TABLE _present (name VARCHAR)")
    else:
        connection.execute(f'CREATE TEMP TABLE _present AS {_named(log, f""""at" >= {wish.before}""")}')
    goes, shown = _goes("interactions", wish), "unnest(media) AS media_id FROM interactions"
    connection.execute(
        f"CREATE TEMP TABLE _unshown AS SELECT {shown} WHERE {goes} EXCEPT SELECT {shown} WHERE NOT {goes}"
    )


def _goes(table: str, wish: Wish) -> str:
    """SQL: whether a row goes.

    Facts of an account go with the last event that names it, where events go by their time; media with the last
    interaction that shows them.
    """
    conditions = ["account_id IN (SELECT name FROM _gone)"] if "account_id" in LOG_TABLES[table].columns else []
    if wish.before is not None and "at" in LOG_TABLES[table].columns:
        conditions.append(f'coalesce("at" < {wish.before}, false)')
    if wish.before is not None and table == "accounts":
        conditions.append("account_id NOT IN (SELECT name FROM _present WHERE name IS NOT NULL)")
    if table == "media":
        conditions.append("media_id IN (FROM _unshown)")
    return f"({' OR '.join(conditions) or 'false'})"


def _changes(table: str, wish: Wish) -> str:
    """SQL: whether a row names a forgotten account that it is not of."""
    others = names_of_accounts(table)[1:] if wish.accounts else []
    return f"({' OR '.join(f'coalesce({name} IN (SELECT name FROM _gone), false)' for name in others) or 'false'})"


def _is_touched(connection: duckdb.DuckDBPyConnection, log: EventLog, segment: Segment, table: str, wish: Wish) -> bool:
    query = f"FROM ({log.source(table, [segment])}) WHERE {_goes(table, wish)} OR {_changes(table, wish)} LIMIT 1"
    return bool(connection.execute(query).fetchall())


def _rewrite(
    connection: duckdb.DuckDBPyConnection,
    log: EventLog,
    segment: Segment,
    touched: Sequence[str],
    wish: Wish,
    number: int,
) -> Segment:
    spread = segment.first != segment.last
    name = f"{segment.first:06d}-{segment.last:06d}-{number}" if spread else f"{segment.first:06d}-{number}"
    staging = log.stage(name)
    for table in segment.files:
        file = log.files(table, [segment])[0]
        target = staging / file.name
        if table not in touched:
            os.link(file, target)
            continue
        columns = [_column(c, table) for c in LOG_TABLES[table].columns]
        columns += ["batch"] if spread else []
        _copy(
            connection,
            f"SELECT {', '.join(columns)} FROM ({log.source(table, [segment])}) WHERE NOT {_goes(table, wish)}",
            target,
        )
    log.put(staging, name)
    return Segment(name, segment.first, segment.last, describe(log.root / "batches" / name))


def _column(name: str, table: str) -> str:
    """SQL of a column, with pseudonyms for names that are not the row's own."""
    stand_in = "(SELECT stand_in FROM _gone WHERE name = {})"
    if (table, name) == ("interactions", "target_id"):
        other = names_of_accounts(table)[1]
        return f"coalesce({stand_in.format(other)}, target_id) AS target_id"
    if (table, name) == ("actions", "object_id"):
        other = names_of_accounts(table)[1]
        return f"coalesce('{PREFIX}' || {stand_in.format(other)}, object_id) AS object_id"
    return f'"{name}"'


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    path = str(target).replace("'", "''")
    connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
