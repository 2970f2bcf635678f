"""API keys: who is calling, and what they may do. Stored hashed; shown once, when made."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from sqlalchemy import Connection, Engine, Row, RowMapping, insert, select, update

from api import audit, persons
from api.clock import DAY
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
    "policy:read": "policies, and whom candidates would judge otherwise",
    "policy:write": "submit and withdraw policies",
    "policy:activate": "activate policies submitted by others",
    "audit:read": "the audit log",
    "metrics:read": "metrics for Prometheus",
}
_PREFIX = "shoal"
_NOBODY = hashlib.sha256(b"nobody").hexdigest()
MAX_OVERLAP = 30 * DAY


class UnauthenticatedError(DeniedError):
    """The caller did not say, or could not prove, who they are."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from. `name` is the person or service: two keys of one name are one person.

    `trace` is what the audit log says of the credential beside the name: never the credential itself.
    """

    name: str
    scopes: frozenset[str]
    key_id: str | None
    trace: Mapping[str, str] = field(default_factory=dict)
    last_used_at: int | None = None

    def require(self, scope: str) -> None:
        """Raise DeniedError unless the caller has the scope."""
        if scope not in self.scopes:
            what = "key" if self.key_id is not None else "token"
            raise DeniedError(f"this needs the scope {scope}, which the {what} of {self.name} does not have")


def create(
    engine: Engine,
    name: str,
    scopes: Sequence[str],
    *,
    actor: str,
    expires_in: int | None = None,
    max_days: int | None = None,
    person: str | None = None,
    allowed_from: Sequence[str] = (),
) -> str:
    """Make a key and return it: the only time it is seen.

    Args:
        engine: the decision store.
        name: the person or service who uses it.
        scopes: of SCOPES.
        actor: who makes it.
        expires_in: microseconds until it ends (None: with its maximum age, or never).
        max_days: the maximum age of any key (SHOAL_API_KEY_MAX_DAYS).
        person: who uses it at the identity provider: `ISSUER#SUBJECT`. A name keeps the person it was given first.
        allowed_from: networks (CIDR) it may be used from; none: from anywhere.

    Raises InputError for an unknown scope, name, time or network, ConflictError if the name is another person's.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InputError(f"unknown scope {', '.join(unknown) or '(none)'}; there are {', '.join(SCOPES)}")
    name = persons.key_name(name)
    networks, at = _networks(allowed_from), clock()
    with writing(engine) as tx:
        who = persons.settle(tx, name, person)
        row = {
            "name": name,
            "scopes": sorted(set(scopes)),
            "expires_at": _end(at, expires_in, max_days),
            "person": who,
            "allowed_from": networks or None,
        }
        return _insert(tx, row, actor=actor, at=at)


def _insert(tx: Connection, row: Mapping[str, object], *, actor: str, at: int) -> str:
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    tx.execute(insert(api_keys).values(**row, key_id=key_id, secret_sha256=_hash(secret), created_at=at))
    said = {name: value for name, value in row.items() if value is not None}
    audit.append(tx, [audit.Entry(actor, "key.created", key_id, said)], at)
    return f"{_PREFIX}_{key_id}_{secret}"


def _end(at: int, expires_in: int | None, max_days: int | None) -> int | None:
    """When a key made now ends. Raises InputError."""
    if expires_in is not None and expires_in <= 0:
        raise InputError("a key that expires does so in the future")
    if max_days is not None and (expires_in or 0) > max_days * DAY:
        raise InputError(f"SHOAL_API_KEY_MAX_DAYS lets keys live {max_days} days at most")
    if expires_in is None:
        return None if max_days is None else at + max_days * DAY
    return at + expires_in


def _networks(given: Sequence[str]) -> list[str]:
    """Networks in one spelling. Raises InputError."""
    try:
        return sorted({str(ip_network(network)) for network in given})
    except ValueError as error:
        raise InputError(f"{error}; a network is written 10.0.0.0/8 or 2001:db8::/32") from error


def ends_at(expires_at: int | None, created_at: int, max_days: int | None) -> int | None:
    """When a key ends by itself: its own time, or the maximum age where that is earlier. None: never."""
    if max_days is None:
        return expires_at
    oldest = created_at + max_days * DAY
    return oldest if expires_at is None else min(expires_at, oldest)


def rotate(
    engine: Engine,
    key_id: str,
    *,
    actor: str,
    overlap: int,
    expires_in: int | None = None,
    max_days: int | None = None,
) -> str:
    """Make a key that takes a key's place and return it; the old one ends after `overlap` microseconds (0: now).

    The new one has the old one's name, person, scopes, networks and, unless `expires_in` says otherwise, lifetime.
    Raises NothingFoundError, InputError, or ConflictError if the old one has ended or was replaced already.
    """
    if not 0 <= overlap <= MAX_OVERLAP:
        raise InputError("the old key lives on for 0 seconds to 30 days")
    at = clock()
    with writing(engine) as tx:
        old = _find(tx, key_id)
        end = ends_at(old.expires_at, old.created_at, max_days)
        if old.revoked_at is not None or (end is not None and end <= at):
            raise ConflictError(f"key {key_id} has ended; `shoal key create` makes a new one")
        if tx.execute(select(api_keys.c.key_id).where(api_keys.c.replaces == key_id)).first() is not None:
            raise ConflictError(f"key {key_id} was replaced already; rotate the key that took its place")
        if expires_in is None and old.expires_at is not None:
            expires_in = old.expires_at - old.created_at
            if max_days is not None:
                expires_in = min(expires_in, max_days * DAY)
        row = {
            "name": old.name,
            "scopes": old.scopes,
            "expires_at": _end(at, expires_in, max_days),
            "person": old.person,
            "allowed_from": old.allowed_from,
            "replaces": key_id,
        }
        made = _insert(tx, row, actor=actor, at=at)
        ends = at + overlap if end is None else min(end, at + overlap)
        tx.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(expires_at=ends))
        said = {"name": old.name, "replaced_by": made.split("_")[1], "ends_at": ends}
        audit.append(tx, [audit.Entry(actor, "key.rotated", key_id, said)], at)
    return made


def _find(tx: Connection, key_id: str) -> Row[Any]:
    row = tx.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()
    if row is None:
        raise NothingFoundError(f"no key {key_id}; `shoal key list` shows them")
    return row


def revoke(engine: Engine, key_id: str, *, actor: str) -> None:
    """End a key at once. Raises NothingFoundError, or ConflictError if it is revoked already."""
    at = clock()
    with writing(engine) as tx:
        row = _find(tx, key_id)
        if row.revoked_at is not None:
            raise ConflictError(f"key {key_id} is revoked already")
        _revoke(tx, [row], actor=actor, at=at)


def revoke_all(engine: Engine, name: str, *, actor: str) -> list[str]:
    """End all keys of a name, or of a person, at once; returns their ids. Raises NothingFoundError if none lives."""
    at = clock()
    with writing(engine) as tx:
        mine = (api_keys.c.name == name) | (api_keys.c.person == name)
        found = select(api_keys).where(mine, api_keys.c.revoked_at.is_(None)).order_by(api_keys.c.created_at)
        rows = tx.execute(found).all()
        if not rows:
            raise NothingFoundError(f"no key of {name} that is not revoked; `shoal key list` shows them")
        _revoke(tx, rows, actor=actor, at=at)
    return [row.key_id for row in rows]


def _revoke(tx: Connection, rows: Sequence[Row[Any]], *, actor: str, at: int) -> None:
    names = [row.key_id for row in rows]
    tx.execute(update(api_keys).where(api_keys.c.key_id.in_(names)).values(revoked_at=at))
    audit.append(tx, [audit.Entry(actor, "key.revoked", row.key_id, {"name": row.name}) for row in rows], at)


def keys(engine: Engine) -> Sequence[RowMapping]:
    """All keys, oldest first, without what would let anybody use them."""
    columns = [c for c in api_keys.c if c.name != "secret_sha256"]
    with reading(engine) as tx:
        return tx.execute(select(*columns).order_by(api_keys.c.created_at, api_keys.c.key_id)).mappings().all()


def bearer(authorization: str | None) -> str:
    """The credential in an Authorization header. Raises UnauthenticatedError."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("an API key is wanted: Authorization: Bearer KEY")
    return token.strip()


def identify(tx: Connection, key: str, *, address: str | None = None, max_days: int | None = None) -> Caller:
    """The caller behind a key. Raises UnauthenticatedError, with the same words for every fault."""
    prefix, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    row = None
    if prefix == _PREFIX and key_id.isascii() and key_id.isalnum():
        row = tx.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()
    expected = row.secret_sha256 if row is not None else _NOBODY
    genuine = hmac.compare_digest(_hash(secret), expected)
    if row is None or not genuine or row.revoked_at is not None:
        raise UnauthenticatedError("this API key is not valid")
    end = ends_at(row.expires_at, row.created_at, max_days)
    if (end is not None and end <= clock()) or not _from_there(row.allowed_from, address):
        raise UnauthenticatedError("this API key is not valid")
    trace = {"key_id": row.key_id}
    return Caller(row.person or row.name, frozenset(row.scopes), row.key_id, trace, row.last_used_at)


def _from_there(allowed: Sequence[str] | None, address: str | None) -> bool:
    """Whether an address is in one of the networks; where there are none, any is."""
    if not allowed:
        return True
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    return any(found in ip_network(network) for network in allowed)


def _hash(secret: str) -> str:
    """Secrets are 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
