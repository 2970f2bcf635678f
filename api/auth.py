"""API keys: who is calling, and what they may do. Stored hashed; shown once, when made."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from api import audit
from api.clock import now as clock
from api.store import reading, writing
from api.tables import api_keys
from api.tables import audit as audit_rows
from graph.errors import ConflictError, DeniedError, InputError, NothingFoundError

SCOPES = {
    "verdict:read": "verdicts of accounts, the list of networks, the enforcement feed",
    "evidence:read": "members and evidence of networks, network actions and their targets",
    "private:read": "private objects in evidence, otherwise redacted; each read is audited",
    "action:propose": "propose, preview, cancel network actions",
    "action:approve": "approve or reject network actions proposed by others",
    "action:execute": "execute, pause, resume and reverse approved network actions",
    "action:halt": "set and lift the kill switch",
    "review:write": "the review queue, and reviews",
    "audit:read": "the audit log",
    "metrics:read": "metrics for Prometheus",
}
_PREFIX = "shoal"
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


class UnauthenticatedError(DeniedError):
    """The caller did not say, or could not prove, who they are."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from. `name` is the person or service: two keys of one name are one person."""

    name: str
    scopes: frozenset[str]
    key_id: str

    def require(self, scope: str) -> None:
        """Raise DeniedError unless the caller has the scope."""
        if scope not in self.scopes:
            raise DeniedError(f"this needs the scope {scope}, which the key of {self.name} does not have")


def create(engine: Engine, name: str, scopes: Sequence[str], *, actor: str, expires_at: int | None = None) -> str:
    """Make a key and return it: the only time it is seen.

    `expires_at`: microseconds UTC from which on it is not valid. Raises InputError for an unknown scope, an empty name,
    or a time that has passed.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InputError(f"unknown scope {', '.join(unknown) or '(none)'}; there are {', '.join(SCOPES)}")
    if not name.strip() or len(name) > 200:
        raise InputError("a key's name is that of the person or service who uses it: 1 to 200 characters")
    at = clock()
    if expires_at is not None and expires_at <= at:
        raise InputError("a key that has expired already is of no use")
    row, shown = _made(name.strip(), sorted(set(scopes)), at, expires_at)
    with writing(engine) as tx:
        tx.execute(insert(api_keys).values(**row))
        said = {"name": row["name"], "scopes": row["scopes"], "expires_at": expires_at}
        audit.append(tx, [audit.Entry(actor, "key.created", row["key_id"], said)], at)
    return shown


def _made(
    name: str, scopes: list[str], at: int, expires_at: int | None, replaces: str | None = None
) -> tuple[Any, str]:
    """A row of api_keys, and the key as its owner sees it once."""
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    row = {
        "key_id": key_id,
        "name": name,
        "secret_sha256": _hash(secret),
        "scopes": scopes,
        "created_at": at,
        "expires_at": expires_at,
        "replaces": replaces,
    }
    return row, f"{_PREFIX}_{key_id}_{secret}"


def rotate(engine: Engine, key_id: str, *, actor: str, overlap: int) -> str:
    """Make a key of the same name, scopes and lifetime; the old one ends after `overlap` microseconds.

    Returns the new key. Raises NothingFoundError, or ConflictError if the old one is not valid any more.
    """
    at = clock()
    with writing(engine) as tx:
        old = tx.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()
        if old is None:
            raise NothingFoundError(f"no key {key_id}; `shoal key list` shows them")
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= at):
            raise ConflictError(f"key {key_id} is not valid any more: make another with `shoal key create`")
        life = None if old.expires_at is None else old.expires_at - old.created_at
        row, shown = _made(old.name, old.scopes, at, None if life is None else at + life, key_id)
        ends = at + overlap if old.expires_at is None else min(old.expires_at, at + overlap)
        tx.execute(insert(api_keys).values(**row))
        tx.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(expires_at=ends))
        said = {"name": old.name, "by": row["key_id"], "ends_at": ends}
        audit.append(tx, [audit.Entry(actor, "key.rotated", key_id, said)], at)
    return shown


def uses(engine: Engine, key_id: str) -> Sequence[RowMapping]:
    """What was changed with a key, oldest first: rows of the audit log. Raises NothingFoundError for an unknown key."""
    with reading(engine) as tx:
        if tx.execute(select(api_keys.c.key_id).where(api_keys.c.key_id == key_id)).one_or_none() is None:
            raise NothingFoundError(f"no key {key_id}; `shoal key list` shows them")
        used = audit_rows.c.detail[audit.CREDENTIAL].as_string() == key_id
        return tx.execute(select(audit_rows).where(used).order_by(audit_rows.c.seq)).mappings().all()


def revoke(engine: Engine, key_id: str, *, actor: str) -> None:
    """End a key at once. Raises NothingFoundError, or ConflictError if it is revoked already."""
    at = clock()
    with writing(engine) as tx:
        row = tx.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()
        if row is None:
            raise NothingFoundError(f"no key {key_id}; `shoal key list` shows them")
        if row.revoked_at is not None:
            raise ConflictError(f"key {key_id} is revoked already")
        tx.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(revoked_at=at))
        audit.append(tx, [audit.Entry(actor, "key.revoked", key_id, {"name": row.name})], at)


def keys(engine: Engine) -> Sequence[RowMapping]:
    """All keys, oldest first, without what would let anybody use them."""
    columns = [c for c in api_keys.c if c.name != "secret_sha256"]
    with reading(engine) as tx:
        return tx.execute(select(*columns).order_by(api_keys.c.created_at, api_keys.c.key_id)).mappings().all()


def identify(tx: Connection, authorization: str | None) -> Caller:
    """The caller behind an Authorization header. Raises UnauthenticatedError, with the same words for every fault."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("an API key is wanted: Authorization: Bearer KEY")
    prefix, _, rest = token.strip().partition("_")
    key_id, _, secret = rest.partition("_")
    row = None
    if prefix == _PREFIX and key_id.isascii() and key_id.isalnum():
        row = tx.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()
    expected = row.secret_sha256 if row is not None else _NOBODY
    genuine = hmac.compare_digest(_hash(secret), expected)
    if row is None or not genuine or row.revoked_at is not None or _expired(row.expires_at):
        raise UnauthenticatedError("this API key is not valid")
    return Caller(row.name, frozenset(row.scopes), row.key_id)


def _expired(expires_at: int | None) -> bool:
    return expires_at is not None and expires_at <= clock()


def _hash(secret: str) -> str:
    """Secrets are 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
