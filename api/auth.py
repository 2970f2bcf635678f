"""API keys: who is calling, and what they may do. Stored hashed; shown once, when made."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from api import audit
from api.clock import now as clock
from api.store import reading, writing
from api.tables import api_keys
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


def create(engine: Engine, name: str, scopes: Sequence[str], *, actor: str) -> str:
    """Make a key and return it: the only time it is seen. Raises InputError for an unknown scope or an empty name."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InputError(f"unknown scope {', '.join(unknown) or '(none)'}; there are {', '.join(SCOPES)}")
    if not name.strip() or len(name) > 200:
        raise InputError("a key's name is that of the person or service who uses it: 1 to 200 characters")
    key_id, secret, at = secrets.token_hex(8), secrets.token_hex(32), clock()
    row = {
        "key_id": key_id,
        "name": name.strip(),
        "secret_sha256": _hash(secret),
        "scopes": sorted(set(scopes)),
        "created_at": at,
    }
    with writing(engine) as tx:
        tx.execute(insert(api_keys).values(**row))
        audit.append(
            tx, [audit.Entry(actor, "key.created", key_id, {"name": row["name"], "scopes": row["scopes"]})], at
        )
    return f"{_PREFIX}_{key_id}_{secret}"


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
    columns = (api_keys.c.key_id, api_keys.c.name, api_keys.c.scopes, api_keys.c.created_at, api_keys.c.revoked_at)
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
    if row is None or not genuine or row.revoked_at is not None:
        raise UnauthenticatedError("this API key is not valid")
    return Caller(row.name, frozenset(row.scopes), row.key_id)


def _hash(secret: str) -> str:
    """Secrets are 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
