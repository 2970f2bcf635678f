"""People who come with a token of an identity provider: a signed JWT, checked, and mapped to a name and scopes.

Nothing that the token itself says decides how it is checked: algorithms are those listed here, keys those of the
issuer in the settings. `jku`, `x5u`, `jwk` and `x5c` in a header are never looked at.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

import yaml
from joserfc import jws
from joserfc.errors import JoseError

from api import strict_json
from api.auth import SCOPES, Caller, UnauthenticatedError
from api.jwks import ALGORITHMS, KeySet
from api.persons import named
from graph.errors import InputError

MAX_TOKEN = 8_192
LEEWAY = 60
MAX_LIFE = 24 * 3_600
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_registry = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_registry.max_header_length = 4_096


@dataclass(frozen=True)
class Grants:
    """What a claim's values allow: `claim` names it, `scopes` maps its values to scopes of Shoal."""

    claim: str
    scopes: Mapping[str, frozenset[str]]

    def of(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The scopes of a token. Values nobody mapped allow nothing."""
        given = claims.get(self.claim)
        values = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
        return frozenset().union(*(self.scopes.get(v, frozenset()) for v in values if isinstance(v, str)))


def load_grants(path: Path) -> Grants:
    """Read the file that SHOAL_OIDC_SCOPES names (YAML or JSON). Raises InputError naming file and field."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if not isinstance(found, dict) or set(found) != {"claim", "scopes"} or not isinstance(found["claim"], str):
        raise InputError(f"{path}: wants two fields: claim (a name) and scopes (value of the claim: list of scopes)")
    if not isinstance(found["scopes"], dict):
        raise InputError(f"{path}: scopes maps values of the claim to lists of scopes")
    made = {}
    for value, scopes in found["scopes"].items():
        if not isinstance(value, str) or not isinstance(scopes, list) or not scopes:
            raise InputError(f"{path}: scopes: {value}: a text, and a list of scopes, are wanted")
        unknown = [str(scope) for scope in scopes if scope not in SCOPES]
        if unknown:
            raise InputError(f"{path}: scopes: {value}: unknown {', '.join(unknown)}; there are {', '.join(SCOPES)}")
        made[value] = frozenset(scopes)
    return Grants(found["claim"], made)


@dataclass(frozen=True)
class Verifier:
    """Checks tokens of one issuer for one audience. `email`: whether the audit log says the person's address."""

    issuer: str
    audience: str
    keys: KeySet
    grants: Grants
    email: bool = False

    def caller(self, token: str) -> Caller:
        """Who comes with a token.

        Raises UnauthenticatedError, with the same words for every fault, or UnavailableError without usable keys.
        """
        header = self._header(token)
        known = self.keys.key(header["kid"])
        if known is None or not known.fits(header["alg"]):
            raise _refused()
        try:
            payload = jws.deserialize_compact(token, known.key, algorithms=[header["alg"]], registry=_registry).payload
        except (JoseError, ValueError) as error:
            raise _refused() from error
        claims = _object(payload)
        self._check(claims, int(time()))
        trace = {"token": _token_id(claims, token)}
        if self.email and isinstance(claims.get("email"), str):
            trace["email"] = claims["email"][:320]
        return Caller(named(self.issuer, claims["sub"]), self.grants.of(claims), None, trace)

    def _header(self, token: str) -> dict[str, Any]:
        """The header of a token that may be worth checking."""
        if len(token) > MAX_TOKEN or not token.isascii() or token.count(".") != 2:
            raise _refused()
        encoded = token.partition(".")[0]
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused() from error
        header = _object(raw)
        kid, kind = header.get("kid"), header.get("typ", "JWT")
        wanted = header.get("alg") in ALGORITHMS and isinstance(kid, str) and 1 <= len(kid) <= 256
        if not wanted or "crit" in header or "b64" in header:
            raise _refused()
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise _refused()
        return header

    def _check(self, claims: dict[str, Any], now: int) -> None:
        audience = claims.get("aud")
        meant = [audience] if isinstance(audience, str) else audience
        if claims.get("iss") != self.issuer or not isinstance(meant, list) or self.audience not in meant:
            raise _refused()
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
            raise _refused()
        issued, ends, begins = _seconds(claims, "iat"), _seconds(claims, "exp"), _seconds(claims, "nbf", 0)
        if not (ends > now - LEEWAY and begins <= now + LEEWAY and issued <= now + LEEWAY):
            raise _refused()
        if ends - issued > MAX_LIFE:
            raise _refused()


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = strict_json.load(raw.decode("utf-8"))
    except (ValueError, InputError) as error:
        raise _refused() from error
    if not isinstance(found, dict):
        raise _refused()
    return found


def _seconds(claims: Mapping[str, Any], name: str, otherwise: int | None = None) -> float:
    value = claims.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused()
    return value


def _token_id(claims: Mapping[str, Any], token: str) -> str:
    """What the audit log calls a token: its `jti`, or the beginning of its hash."""
    given = claims.get("jti")
    if isinstance(given, str) and 1 <= len(given) <= 128 and given.isprintable():
        return given
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _refused() -> UnauthenticatedError:
    return UnauthenticatedError("this token is not valid")
