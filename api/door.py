"""The door of the API: who comes, from where, with what, and how often. Made once, from the settings."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from sqlalchemy import Engine

from api import auth, rates
from api.auth import Caller, UnauthenticatedError
from api.jwks import KeySet
from api.key_uses import LastUses
from api.middleware import EXTRA
from api.oidc import Verifier, load_grants
from api.rates import Rates
from api.store import reading
from graph.errors import InputError
from graph.settings import Settings


@dataclass(frozen=True)
class Door:
    """Lets callers in. `verifier`: of tokens, None where only keys are taken; `max_days`: the maximum age of keys."""

    engine: Engine
    rates: Rates
    last_uses: LastUses
    verifier: Verifier | None = None
    max_days: int | None = None

    @classmethod
    def of(cls, engine: Engine, given: Settings) -> Door:
        """The door that the settings describe. Raises InputError."""
        return cls(engine, rates.of_settings(given), LastUses(engine), _verifier(given), given.api_key_max_days)

    def let_in(self, scope: MutableMapping[str, Any], authorization: str | None, wanted: str) -> Caller:
        """The caller of a request, who must have the scope `wanted`, counted against the quota of what they ask.

        Raises UnauthenticatedError, DeniedError, RateError, UnavailableError.
        """
        address = address_of(scope)
        credential = auth.bearer(authorization)
        try:
            caller = self._identify(credential, address)
        except UnauthenticatedError:
            self.rates.spend("failures", _household(address))
            raise
        self.last_uses.note(caller)
        self.spend(scope, _quota(scope, wanted), caller.name)
        caller.require(wanted)
        return caller

    def spend(self, scope: MutableMapping[str, Any], quota: str, who: str, cost: int = 1) -> None:
        """Count against a quota, and say in the answer's headers how it stands. Raises RateError."""
        standing = self.rates.spend(quota, who, cost)
        if standing is not None:
            scope.setdefault(EXTRA, []).extend(standing.headers())

    def _identify(self, credential: str, address: str) -> Caller:
        if self.verifier is not None and credential.count(".") == 2:
            return self.verifier.caller(credential)
        with reading(self.engine) as tx:
            return auth.identify(tx, credential, address=address, max_days=self.max_days)


def address_of(scope: MutableMapping[str, Any]) -> str:
    """The client's address; `unknown` where it has none."""
    given = scope.get("client")
    try:
        found = ip_address(given[0] if given else "")
    except ValueError:
        return "unknown"
    return str(getattr(found, "ipv4_mapped", None) or found)  # IPv4 on a socket of both families


def proxies(said: str) -> list[str]:
    """The addresses and networks in SHOAL_TRUSTED_PROXIES. Raises InputError: a name, or `*`, trusts too much."""
    found = [part.strip() for part in said.split(",") if part.strip()]
    try:
        return [str(ip_network(part)) if "/" in part else str(ip_address(part)) for part in found]
    except ValueError as error:
        raise InputError(f"SHOAL_TRUSTED_PROXIES: {error}; write 10.0.0.7,10.1.0.0/16") from error


def _household(address: str) -> str:
    """What wrong credentials are counted by: an IPv4 address, or the /64 of an IPv6 one, of which one line has many."""
    return str(ip_network((address, 64), strict=False)) if ":" in address else address


def _quota(scope: MutableMapping[str, Any], wanted: str) -> str:
    if scope["method"] in ("GET", "HEAD") or wanted.endswith(":read"):
        return "reads"
    return "halts" if wanted == "action:halt" else "writes"


def _verifier(given: Settings) -> Verifier | None:
    if given.oidc_issuer is None:
        return None
    if given.oidc_audience is None or given.oidc_scopes is None:
        raise InputError("SHOAL_OIDC_ISSUER wants SHOAL_OIDC_AUDIENCE and SHOAL_OIDC_SCOPES beside it")
    if given.oidc_jwks is not None and "://" in given.oidc_jwks and not given.oidc_jwks.startswith("https://"):
        raise InputError("SHOAL_OIDC_JWKS: an https address, or a file, is wanted")
    keys = KeySet(given.oidc_issuer, given.oidc_jwks)
    return Verifier(
        given.oidc_issuer, given.oidc_audience, keys, load_grants(given.oidc_scopes), given.oidc_audit_email
    )
