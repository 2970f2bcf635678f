"""The public keys of an identity provider: fetched over https or read from a file, kept for a while, renewed with care.

How long what holds:

- FRESH: keys are fetched anew when they are older; so a key that the provider withdrew is refused after that;
- GAP: there is no second try within it, however many unknown key ids arrive;
- KEEP: while the provider does not answer, keys no older than that go on being used. After it: fail closed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from api import strict_json
from graph.errors import InputError, ShoalError, UnavailableError

FRESH, GAP, KEEP = 600.0, 30.0, 24 * 3_600.0
TIMEOUT = 5.0
MAX_BYTES = 512 << 10
MIN_RSA_BITS = 2_048
Key = RSAKey | ECKey | OKPKey
_ALGORITHMS: dict[str, type[Key]] = {"RS256": RSAKey, "PS256": RSAKey, "ES256": ECKey}
_ALGORITHMS |= {"EdDSA": OKPKey, "Ed25519": OKPKey}  # one algorithm: RFC 9864 gives it the second name
ALGORITHMS = tuple(_ALGORITHMS)
_log = logging.getLogger("shoal.oidc")


@dataclass(frozen=True)
class Known:
    """A public key, and the algorithm it is meant for, where the provider says so."""

    key: Key
    meant: str | None

    def fits(self, algorithm: str) -> bool:
        """Whether the key is of the kind the algorithm takes, and not meant for another one."""
        same = {"EdDSA", "Ed25519"} if algorithm in ("EdDSA", "Ed25519") else {algorithm}
        return isinstance(self.key, _ALGORITHMS[algorithm]) and (self.meant is None or self.meant in same)


def fetch(url: str) -> Any:
    """The JSON at an https address. Follows no redirects. Raises UnavailableError."""
    if not url.startswith("https://"):
        raise UnavailableError(f"{url}: an identity provider is asked over https, and nothing else")
    body, until = bytearray(), monotonic() + TIMEOUT
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}) as answer:
            if answer.status_code != 200:
                raise UnavailableError(f"{url}: answered {answer.status_code}, not 200")
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > MAX_BYTES or monotonic() > until:
                    raise UnavailableError(f"{url}: sent more than {MAX_BYTES:,} bytes, or took over {TIMEOUT:.0f} s")
        return strict_json.load(bytes(body))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, InputError) as error:
        raise UnavailableError(f"{url}: no JSON to be had: {type(error).__name__}") from error


def discover(issuer: str) -> str:
    """Where an issuer says its keys are (OpenID Connect Discovery). Raises UnavailableError."""
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    found = fetch(url)
    if not isinstance(found, dict) or found.get("issuer") != issuer or not isinstance(found.get("jwks_uri"), str):
        raise UnavailableError(f"{url}: is not the configuration of {issuer}")
    return str(found["jwks_uri"])


def parse(document: Any) -> dict[str, Known]:
    """The keys of a JWK set that can check signatures, by id. Others are left out, and ids that two keys have.

    Raises InputError if it is no JWK set.
    """
    given = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(given, list):
        raise InputError("is no JWK set: an object with a list `keys`")
    found: dict[str, Known] = {}
    twice: set[str] = set()
    for one in given:
        key = _usable(one)
        if key is not None:
            kid = one["kid"]
            if kid in found:
                twice.add(kid)
            found[kid] = key
    return {kid: key for kid, key in found.items() if kid not in twice}


def _usable(one: Any) -> Known | None:
    if not isinstance(one, Mapping) or not isinstance(one.get("kid"), str) or one.get("use", "sig") != "sig":
        return None
    if "verify" not in one.get("key_ops", ["verify"]):
        return None
    public = {name: value for name, value in one.items() if name in ("kty", "crv", "n", "e", "x", "y")}
    kinds: dict[Any, type[Key]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    kind = kinds.get(one.get("kty"))
    if kind is None or (kind is not RSAKey and one.get("crv") not in ("P-256", "Ed25519")):
        return None
    try:
        key: Key = kind.import_key(public)
        if isinstance(key, RSAKey) and key.public_key.key_size < MIN_RSA_BITS:
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return Known(key, one.get("alg"))


class KeySet:
    """An issuer's keys as this process knows them. `source`: https address or file; None: where the issuer says.

    `clock` gives seconds that only grow, so that tests need not wait.
    """

    def __init__(self, issuer: str, source: str | None, clock: Callable[[], float] = monotonic) -> None:
        self.issuer, self.source, self._clock = issuer, source, clock
        self._keys: dict[str, Known] = {}
        self._got = self._tried = float("-inf")
        self._lock = threading.Lock()

    def key(self, kid: str) -> Known | None:
        """The key of this id, or None if the issuer has none such.

        Raises UnavailableError if the keys cannot be had and those known are too old.
        """
        if kid in self._keys and self._clock() - self._got < FRESH:
            return self._keys[kid]
        # who finds the keys being fetched goes on with those known, if the one wanted is among them
        wait = kid not in self._keys or self._clock() - self._got >= KEEP
        if self._lock.acquire(blocking=wait):
            try:
                self._renew(kid)
            finally:
                self._lock.release()
        if self._clock() - self._got >= KEEP:
            raise UnavailableError("the identity provider's keys cannot be had now; API keys work")
        return self._keys.get(kid)

    def _renew(self, kid: str) -> None:
        """Fetch the keys, unless another thread just did or the last try was a moment ago."""
        now = self._clock()
        if now - self._tried < GAP or (kid in self._keys and now - self._got < FRESH):
            return
        self._tried = now
        try:
            self._keys, self._got = parse(self._document()), now
        except ShoalError as error:
            _log.warning("keys of %s could not be renewed: %s", self.issuer, error)

    def _document(self) -> Any:
        if self.source is None:
            return fetch(discover(self.issuer))
        if self.source.startswith("https://"):
            return fetch(self.source)
        try:
            with Path(self.source).open("rb") as file:
                return strict_json.load(file.read(MAX_BYTES + 1)[:MAX_BYTES])
        except (OSError, ValueError) as error:
            raise UnavailableError(f"{self.source}: no JSON to be had: {error}") from error
