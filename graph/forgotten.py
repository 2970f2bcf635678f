"""What the log must not take in again, and the name that stands for an account whose own is gone.

Two keyed hashes, for two ends. The *pseudonym* keeps what is left of an account together in runs, Neo4j and decisions;
its key exists while `shoal forget` runs and is destroyed at its end, so nobody can test a name against it. The
*tombstone* recognises the account in files that come later; its key has to stay (`secrets/forgotten` of the data
folder), so whoever has that key and a name can tell whether the name was forgotten, and nothing more.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from graph.manifest import Forgotten
from graph.model import LOG_TABLES

PSEUDONYM = re.compile(r"forgotten-[0-9a-f]{32}")
ON_ACCOUNTS = ("message", "follow")  # kinds whose target is an account
PREFIX = "account:"  # of an object that is one


def pseudonym(key: bytes, account_id: str) -> str:
    """The name that stands for an account."""
    return f"forgotten-{keyed(key, account_id)[:32]}"


def keyed(key: bytes, text: str) -> str:
    """Hex HMAC-SHA-256."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def tombstone(secret: str, account_id: str) -> str:
    """The keyed hash by which an account is recognised; nested, as SQL can do it (`_hashed`)."""
    inner = hashlib.sha256((secret + account_id).encode()).hexdigest()
    return hashlib.sha256((secret + inner).encode()).hexdigest()


@dataclass(frozen=True)
class Gate:
    """What keeps forgotten events out. `secret`: the data folder's secret `forgotten`."""

    forgotten: Forgotten
    secret: str

    def lets_in(self, account_id: str) -> bool:
        """Whether rows about this account may enter the log."""
        return tombstone(self.secret, account_id) not in self.forgotten.accounts

    def leave_out(self, connection: object, table: str, relation: str) -> int:
        """Delete from a table of the connection what was forgotten; returns how many rows.

        Args:
            connection: of the log.
            table: which of the log's tables `relation` is going to be part of.
            relation: name of a table with its columns. A row whose time is null or whose account is null stays.
        """
        run = connection.execute  # type: ignore[attr-defined]
        columns, conditions = LOG_TABLES[table].columns, []
        if self.forgotten.before is not None and "at" in columns:
            conditions.append(f'"at" < {self.forgotten.before}')
        if self.forgotten.accounts:
            run("CREATE OR REPLACE TEMP TABLE _tombstones (hash VARCHAR)")
            hashes = pa.table({"hash": list(self.forgotten.accounts)})
            connection.register("_hashes", hashes)  # type: ignore[attr-defined]
            run("INSERT INTO _tombstones FROM _hashes")
            for name in names_of_accounts(table):
                distinct = f"SELECT DISTINCT {name} AS name FROM {relation} WHERE {name} IS NOT NULL"
                hashed = "sha256($secret || sha256($secret || name))"
                run(
                    f"CREATE OR REPLACE TEMP TABLE _named_{len(conditions)} AS SELECT name FROM ({distinct}) "
                    f"WHERE {hashed} IN (FROM _tombstones)",
                    {"secret": self.secret},
                )
                conditions.append(f"coalesce({name} IN (FROM _named_{len(conditions)}), false)")
        if not conditions:
            return 0
        found: int = run(f"SELECT count(*) FROM {relation} WHERE {' OR '.join(conditions)}").fetchall()[0][0]
        if found:
            run(f"DELETE FROM {relation} WHERE {' OR '.join(conditions)}")
        return found


def names_of_accounts(table: str) -> Sequence[str]:
    """SQL of every account that a row of a log table names (null: none)."""
    kinds = ", ".join(f"'{kind}'" for kind in ON_ACCOUNTS)
    more = {
        "interactions": [f"CASE WHEN kind IN ({kinds}) THEN target_id END"],
        "actions": [f"CASE WHEN starts_with(object_id, '{PREFIX}') THEN substr(object_id, {len(PREFIX) + 1}) END"],
    }
    own = ["account_id"] if "account_id" in LOG_TABLES[table].columns else []
    return [*own, *more.get(table, [])]
