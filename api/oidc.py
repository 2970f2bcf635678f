"""Tokens of an identity provider (OpenID Connect): people come as themselves instead of with a key.

A token is a signed JWT (RFC 7519) whose issuer, audience, times and signature are checked against the provider's keys.
What its bearer may do stands in a file, never in the token:

    claim: groups                 # the claim that lists groups; one that is absent gives nothing
    groups:
      trust-and-safety: [verdict:read, evidence:read, action:propose]
    people:
      "8f2c-41": ann              # a subject, and the name of the same person's keys: two ways in, one person

A subject that is not listed is called by its issuer's name for it, which no key can have. Nobody is two people to the
two-person rule who is listed here under the name of their key.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.auth import SCOPES, Caller, UnauthenticatedError
from graph.errors import InputError, UnavailableError
from graph.settings import settings

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")  # signatures that the provider alone can make
LEEWAY = 60  # seconds by which clocks may differ
AGAIN = 60  # seconds before keys are fetched anew because a token names one that is not known
FRESH, STALE = 3_600, 86_400  # seconds after which keys are fetched anew, and after which old ones count no more
MOST_BYTES = 16 << 10  # of a token
MOST_ANSWER = 1 << 20  # of what the provider answers


@dataclass(frozen=True)
class People:
    """Who may do what: groups to scopes, and subjects to the names of their keys."""

    claim: str
    groups: dict[str, frozenset[str]]
    names: dict[str, str]

    @classmethod
    def load(cls, path: Path) -> People:
        """Read the file. Raises InputError naming it and what is wrong."""
        try:
            given = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from error
        if not isinstance(given, dict) or set(given) - {"claim", "groups", "people"}:
            raise InputError(f"{path}: expected claim, groups and people")
        groups, people = ({} if given.get(name) is None else given[name] for name in ("groups", "people"))
        if not isinstance(groups, dict) or not isinstance(people, dict):
            raise InputError(f"{path}: groups and people are maps")
        for group, scopes in groups.items():
            unknown = sorted(set(map(str, scopes)) - set(SCOPES)) if isinstance(scopes, list) else ["no list"]
            if unknown:
                raise InputError(f"{path}: groups: {group}: {', '.join(unknown)}; there are {', '.join(SCOPES)}")
        return cls(
            str(given.get("claim", "groups")),
            {str(group): frozenset(map(str, scopes)) for group, scopes in groups.items()},
            {str(subject): str(name) for subject, name in people.items()},
        )


class Tokens:
    """Takes tokens of one issuer for one audience."""

    def __init__(
        self, issuer: str, audience: str, people: People, keys: Callable[[], dict[str, Any]], clock: Callable[[], float]
    ) -> None:
        self.issuer, self.audience, self.people = issuer, audience, people
        self._fetch, self._clock = keys, clock
        self._keys: KeySet | None = None
        self._fetched = self._tried = float("-inf")
        self._lock = threading.Lock()

    @classmethod
    def configured(cls) -> Tokens | None:
        """As the settings say; None without an issuer. Raises InputError for settings that do not go together."""
        given = settings()
        if given.oidc_issuer is None:
            return None
        if given.oidc_audience is None or given.oidc_people is None:
            raise InputError("environment: SHOAL_OIDC_ISSUER needs SHOAL_OIDC_AUDIENCE and SHOAL_OIDC_PEOPLE as well")
        source, issuer = given.oidc_jwks, given.oidc_issuer
        if source is not None and not urlsplit(source).scheme:
            path = Path(source)
            return cls(
                issuer, given.oidc_audience, People.load(given.oidc_people), lambda: _from_file(path), time.monotonic
            )
        return cls(
            issuer, given.oidc_audience, People.load(given.oidc_people), lambda: fetched(issuer, source), time.monotonic
        )

    def caller(self, token: str) -> Caller:
        """Whose token this is. Raises UnauthenticatedError, with the same words for every fault."""
        if len(token) > MOST_BYTES:
            raise UnauthenticatedError("this token is not valid")
        try:
            claims = self._claims(token)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise UnauthenticatedError("this token is not valid") from error
        listed = claims.get(self.people.claim)
        groups = [g for g in listed if isinstance(g, str)] if isinstance(listed, list) else []
        scopes = frozenset[str]().union(*(self.people.groups.get(g, frozenset()) for g in groups))
        subject = claims["sub"]
        return Caller(self.people.names.get(subject, f"{self.issuer}#{subject}"), scopes, f"token:{subject}")

    def _claims(self, token: str) -> dict[str, Any]:
        key_id = _key_id(token)
        keys = self._key_set(key_id)
        found = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        registry.validate(found.claims)
        if not isinstance(found.claims["sub"], str) or not 1 <= len(found.claims["sub"]) <= 255:
            raise TypeError("no subject")
        return found.claims

    def _key_set(self, key_id: str) -> KeySet:
        """The provider's keys, fetched where they are old or `key_id` is none of them; not more than once a while."""
        with self._lock:
            now = self._clock()
            known = self._keys is not None and any(k.kid == key_id for k in self._keys.keys)
            wanted = not known or now - self._fetched > FRESH
            if wanted and now - self._tried > AGAIN:
                self._tried = now
                try:
                    self._keys, self._fetched = _usable(self._fetch()), now
                except (httpx.HTTPError, OSError, ValueError, JoseError) as error:
                    if self._keys is None:
                        raise UnavailableError("the identity provider's keys cannot be read") from error
            if self._keys is None or now - self._fetched > STALE:
                raise UnavailableError("the identity provider's keys cannot be read")
            return self._keys


def _key_id(token: str) -> str:
    """The id of the key that a token says it is signed with; where to find keys is never taken from a token."""
    from joserfc import jws

    header = jws.extract_compact(token.encode("ascii")).headers()
    if not isinstance(header.get("kid"), str):
        raise TypeError("a token names the key it is signed with")
    return str(header["kid"])


def _usable(found: dict[str, Any]) -> KeySet:
    """Keys for signatures, without those that both sides would have to know."""
    keys = [k for k in found["keys"] if k.get("kty") in ("RSA", "EC", "OKP") and k.get("use", "sig") == "sig"]
    return KeySet.import_key_set({"keys": [k for k in keys if isinstance(k.get("kid"), str)]})


def _from_file(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def fetched(issuer: str, source: str | None, *, client: httpx.Client | None = None) -> dict[str, Any]:
    """The provider's keys: from `source`, or from where its discovery document says.

    Only over https, without following it elsewhere. Raises httpx.HTTPError or ValueError.
    """
    with client or httpx.Client(timeout=5, follow_redirects=False) as http:
        if source is None:
            document = _get(http, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if document.get("issuer") != issuer:
                raise ValueError("the discovery document is another issuer's")
            source = str(document["jwks_uri"])
        return _get(http, source)


def _get(http: httpx.Client, url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("an identity provider is asked over https")
    with http.stream("GET", url) as answer:
        answer.raise_for_status()
        body = b""
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > MOST_ANSWER:
                raise ValueError("the identity provider's answer is too large")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise TypeError("the identity provider's answer is no object")
    return found
