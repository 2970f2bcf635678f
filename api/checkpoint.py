"""Signed checkpoints of the audit log, and its export: what holds also against somebody who owns the database.

Whoever may change the schema can compute the whole chain anew, and it verifies. A checkpoint says, outside that
person's reach, how long the chain was and what its last hash was, signed by Ed25519 (RFC 8032) over RFC 8785 canonical
JSON. A chain that does not go through that hash is another one. An export holds the rows themselves, a line of
JSON each, and verifies without the database.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Engine, select

from api import audit
from api.audit import GENESIS, Chain
from api.clock import iso
from api.clock import now as clock
from api.store import reading
from api.tables import audit as rows_table
from api.tables import audit_head
from graph.errors import ConflictError, InputError, IntegrityError

WHAT = "shoal audit checkpoint"
VERSION = 1
FIELDS = ("what", "version", "rows", "head", "at", "key", "signature")
_LARGEST = 64 << 10  # bytes of a key or checkpoint file
_PAGE = 5_000


def make_keys(private: Path) -> Path:
    """Write a new private key, for its owner's eyes alone, and its public key beside it; returns the latter's path.

    Raises ConflictError if there is a file already: an old key is what old checkpoints are checked with.
    """
    public = private.with_name(f"{private.name}.pub")
    for path in (private, public):
        if path.exists():
            raise ConflictError(f"{path}: is there already; a key is not overwritten")
    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return public


def private_key(path: Path) -> Ed25519PrivateKey:
    """The key to sign with. Raises InputError if the file holds none."""
    try:
        key = serialization.load_pem_private_key(_read(path), None)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: no private key in PEM without a password; `shoal audit keygen` makes one") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: expected an Ed25519 key; `shoal audit keygen` makes one")
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """The key to check signatures with. Raises InputError if the file holds none."""
    try:
        key = serialization.load_pem_public_key(_read(path))
    except ValueError as error:
        raise InputError(f"{path}: no public key in PEM; `shoal audit keygen` writes one into a file .pub") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: expected an Ed25519 key")
    return key


def make(engine: Engine, key: Ed25519PrivateKey) -> dict[str, Any]:
    """A checkpoint of the chain as it is, after verifying it. Raises IntegrityError if it is not whole."""
    audit.verify_chain(engine)
    with reading(engine) as tx:
        head = tx.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
    said = {
        "what": WHAT,
        "version": VERSION,
        "rows": 0 if head is None else head.seq,
        "head": GENESIS if head is None else head.hash,
        "at": iso(clock()),
        "key": _fingerprint(key.public_key()),
    }
    return {**said, "signature": base64.b64encode(key.sign(rfc8785.dumps(said))).decode()}


def read(path: Path, key: Ed25519PublicKey) -> dict[str, Any]:
    """A checkpoint whose signature holds. Raises InputError for what is none, IntegrityError for a wrong signature."""
    try:
        said = json.loads(_read(path))
    except ValueError as error:
        raise InputError(f"{path}: not a checkpoint of the audit log: no JSON") from error
    if not isinstance(said, dict) or set(said) != set(FIELDS) or said["what"] != WHAT:
        raise InputError(f"{path}: not a checkpoint of the audit log: expected the fields {', '.join(FIELDS)}")
    if said["version"] != VERSION:
        raise InputError(f"{path}: version {said['version']}, this Shoal knows {VERSION}")
    if said["key"] != _fingerprint(key):
        raise InputError(f"{path}: was signed with another key (sha256 {str(said['key'])[:64]})")
    signed = {name: value for name, value in said.items() if name != "signature"}
    try:
        key.verify(base64.b64decode(str(said["signature"]), validate=True), rfc8785.dumps(signed))
    except (InvalidSignature, ValueError) as error:
        raise IntegrityError(f"{path}: its signature does not fit: it is not what was signed") from error
    return said


def require_extends(engine: Engine, said: Mapping[str, Any]) -> int:
    """Verify the chain and that it goes on from a checkpoint; returns how many rows it has.

    Raises IntegrityError if it is not whole, shorter than the checkpoint, or another chain.
    """
    end = audit.verify_chain(engine)
    with reading(engine) as tx:
        found = tx.execute(select(rows_table.c.hash).where(rows_table.c.seq == said["rows"])).scalar_one_or_none()
    _require_through(end, said, GENESIS if said["rows"] == 0 else found)
    return end


def _require_through(end: int, said: Mapping[str, Any], found: str | None) -> None:
    if end < said["rows"]:
        raise IntegrityError(
            f"the audit log has {end:,} rows; at {said['at']} it had {said['rows']:,}: it was cut, or a backup restored"
        )
    if found != said["head"]:
        raise IntegrityError(
            f"audit row {said['rows']} is not the one that was signed at {said['at']}: the log was written anew"
        )


def export(engine: Engine, after: int = 0) -> Iterator[str]:
    """Rows after a serial number as lines of canonical JSON, in order; one that begins later verifies from there on."""
    while True:
        with reading(engine) as tx:
            found = select(rows_table).where(rows_table.c.seq > after).order_by(rows_table.c.seq).limit(_PAGE)
            page = [dict(row) for row in tx.execute(found).mappings()]
        for row in page:
            yield rfc8785.dumps(row).decode() + "\n"
        if len(page) < _PAGE:
            return
        after = page[-1]["seq"]


def verify_file(path: Path, said: Mapping[str, Any] | None = None) -> tuple[int, int]:
    """Verify an exported log, and that it goes through a checkpoint; returns its first and last row's number.

    Raises InputError if the file is no export, IntegrityError as audit.verify_chain does.
    """
    vouched = audit.vouched((row["seq"], row["detail"]) for row in _rows(path) if row["event"] == audit.FORGOTTEN)
    chain: Chain | None = None
    first, through = 0, None
    for row in _rows(path):
        if chain is None:
            first = row["seq"]
            chain = Chain(first - 1, row["previous"] if first > 1 else GENESIS, vouched)
        chain.follow(row)
        if said is not None and row["seq"] == said["rows"]:
            through = row["hash"]
    if chain is None:
        raise InputError(f"{path}: no rows; expected a file that `shoal audit export` wrote")
    if said is not None:
        if said["rows"] < first - 1:
            raise InputError(f"{path}: begins at row {first}, after the checkpoint's {said['rows']}")
        _require_through(chain.end, said, chain.start if said["rows"] == first - 1 else through)
    return first, chain.end


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    columns = set(rows_table.c.keys())
    with path.open(encoding="utf-8", errors="replace") as file:  # what is no text is no row, and said so
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
                if not isinstance(row, dict) or set(row) != columns:
                    raise ValueError(row)
            except ValueError as error:
                raise InputError(f"{path}: line {number} is no row of an exported audit log") from error
            yield row


def _fingerprint(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST:
        raise InputError(f"{path}: more than {_LARGEST >> 10} KiB: neither a key nor a checkpoint")
    return data
