"""Who may call, how often, and for how long: keys that end, tokens of an identity provider, rate limits."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from apikit import Caller, Platform, banned_network, previewed, proposed, sample_reviewed, served
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from sqlalchemy import Engine, select

from api import auth
from api.clock import now
from api.limits import Limits, RateLimitedError
from api.oidc import AGAIN, STALE, People, Tokens, fetched
from api.publish import publish
from api.rules import Policy
from api.store import reading
from api.tables import audit
from graph.errors import ConflictError, InputError, NothingFoundError, UnavailableError

SECOND = 1_000_000
ISSUER, AUDIENCE = "https://id.platform.example", "shoal"


def test_a_key_ends(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    at = now()
    key = auth.create(engine, "ann", ["verdict:read"], actor="t", expires_at=at + 60 * SECOND)
    with reading(engine) as tx:
        assert auth.identify(tx, f"Bearer {key}").name == "ann"
        monkeypatch.setattr(auth, "clock", lambda: at + 60 * SECOND)
        with pytest.raises(auth.UnauthenticatedError):
            auth.identify(tx, f"Bearer {key}")
    with pytest.raises(InputError):
        auth.create(engine, "ann", ["verdict:read"], actor="t", expires_at=at)


def test_a_rotated_key_is_valid_until_the_overlap_is_over(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    old = auth.create(engine, "ann", ["verdict:read", "review:write"], actor="t")
    new = auth.rotate(engine, old.split("_")[1], actor="t", overlap=3600 * SECOND)
    at = now()
    with reading(engine) as tx:
        callers = [auth.identify(tx, f"Bearer {key}") for key in (old, new)]
        assert callers[0].name == callers[1].name == "ann"
        assert callers[0].scopes == callers[1].scopes == {"verdict:read", "review:write"}
        monkeypatch.setattr(auth, "clock", lambda: at + 3601 * SECOND)
        assert auth.identify(tx, f"Bearer {new}").name == "ann"
        with pytest.raises(auth.UnauthenticatedError):
            auth.identify(tx, f"Bearer {old}")
        events = tx.execute(select(audit.c.event, audit.c.subject).order_by(audit.c.seq)).all()
        assert events[-1] == ("key.rotated", old.split("_")[1])
        stored = json.dumps([list(map(str, row)) for row in tx.execute(select(audit))])
    assert new.split("_")[2] not in stored
    with pytest.raises(ConflictError):
        auth.rotate(engine, old.split("_")[1], actor="t", overlap=0)
    with pytest.raises(NothingFoundError):
        auth.rotate(engine, "0000", actor="t", overlap=0)


def test_rotating_a_key_with_an_end_keeps_its_lifetime(engine: Engine) -> None:
    at = now()
    old = auth.create(engine, "ann", ["verdict:read"], actor="t", expires_at=at + 1000 * SECOND)
    auth.rotate(engine, old.split("_")[1], actor="t", overlap=5000 * SECOND)
    first, second = auth.keys(engine)
    assert first["expires_at"] == at + 1000 * SECOND  # an overlap makes nothing last longer
    assert second["expires_at"] - second["created_at"] == first["expires_at"] - first["created_at"]
    assert second["replaces"] == first["key_id"]


def test_what_a_key_was_used_for(engine: Engine, platform: Platform, policy: Policy) -> None:
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="t")
    with served(engine) as people:
        action = proposed(people("ann"))
        seen = previewed(people("bea"), action)
        sample_reviewed(people("rob"), seen)
        used = {name: auth.uses(engine, caller.key.split("_")[1]) for name, caller in people.known.items()}
    assert [row["event"] for row in used["ann"]] == ["action.proposed"]
    assert [row["event"] for row in used["bea"]] == ["action.previewed"]
    assert {row["event"] for row in used["rob"]} == {"account.reviewed", "verdict.changed"}
    assert {row["actor"] for row in used["rob"]} == {"rob"}
    with pytest.raises(NothingFoundError):
        auth.uses(engine, "0000")


def test_limits_are_per_caller_and_kind_and_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_RATE_READS", "5/minute")
    with served(engine) as people:
        ann, bea = people("ann"), people("bea")
        answers = [ann.get("/v1/accounts/x/verdict") for _ in range(6)]
        assert [a.status_code for a in answers] == [200] * 5 + [429]
        assert answers[0].headers["ratelimit-policy"] == '"reads";q=5;w=60'
        assert answers[0].headers["ratelimit"].startswith('"reads";r=4;t=')
        refused = answers[-1]
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.json()["type"] == "urn:shoal:problem:rate-limited"
        assert bea.get("/v1/accounts/x/verdict").status_code == 200
        assert ann.post("/v1/reviews", {"account_id": "x", "decision": "genuine", "reason": "y"}).status_code == 201
        assert people.http.get("/healthz").status_code == 200


def test_a_batch_costs_by_its_size(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_RATE_READS", "60/minute")
    with served(engine) as people:
        body = {"account_ids": [f"a{i}" for i in range(1000)]}
        answers = [people("ann").post("/v1/verdicts:batchGet", body) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 429]
    assert answers[0].headers["ratelimit"].startswith('"reads";r=9;')


def test_wrong_keys_are_not_looked_at_for_ever(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_RATE_FAILURES", "3/minute")
    with served(engine) as people:
        right = people("ann")
        wrong = Caller(people.http, "shoal_00_11")
        found = [wrong.get("/v1/accounts/x/verdict").status_code for _ in range(5)]
        assert found == [401, 401, 401, 429, 429]
        assert right.get("/v1/accounts/x/verdict").status_code == 429  # the address guesses: nobody's key is tried
    with served(engine) as people:  # a proxy's word is not taken unless it is trusted
        for n in range(5):
            headers = {"X-Forwarded-For": f"10.0.0.{n}", "Authorization": "Bearer shoal_00_11"}
            last = people.http.get("/v1/accounts/x/verdict", headers=headers)
        assert last.status_code == 429


@given(st.lists(st.integers(1, 4), max_size=30))
def test_never_more_than_the_limit(costs: list[int]) -> None:
    limits, spent = Limits("20/hour", "1/hour", "1/hour"), 0
    waits: list[int] = []
    spent_then: list[int] = []
    for cost in costs:
        try:
            standing = limits.spend("reads", "ann", cost)
        except RateLimitedError as error:
            waits.append(error.wait)
            spent_then.append(spent + cost)
        else:
            spent += cost
            assert standing.left <= 20 - spent
    assert spent <= 20
    assert all(wait >= 1 for wait in waits)
    assert all(wanted > 20 for wanted in spent_then)


@pytest.mark.parametrize("text", ["often", "10", "", "-1/minute"])
def test_a_limit_that_is_none(text: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_RATE_WRITES", text)
    with pytest.raises(InputError, match="SHOAL_RATE_WRITES"):
        Limits.configured()


# ---- tokens


@pytest.fixture(scope="module")
def signing() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})


@pytest.fixture
def people_file(tmp_path: Path) -> Path:
    path = tmp_path / "people.yml"
    path.write_text(
        "claim: groups\ngroups:\n  safety: [verdict:read, action:propose, action:approve]\n  none: []\n"
        'people:\n  "sub-ann": ann\n'
    )
    return path


def claims(**more: Any) -> dict[str, Any]:
    at = int(time.time())
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": "sub-ann", "iat": at, "exp": at + 300, "groups": ["safety", "other"]}
    return {name: value for name, value in {**made, **more}.items() if value is not None}


def token(key: Any, algorithm: str = "RS256", header: dict[str, Any] | None = None, **more: Any) -> str:
    head = {"alg": algorithm, "kid": "k1", **(header or {})}
    return jwt.encode(head, claims(**more), key, algorithms=[algorithm])


def taking(people_file: Path, keys: Any, clock: Any = time.monotonic) -> Tokens:
    return Tokens(ISSUER, AUDIENCE, People.load(people_file), keys, clock)


def published(*keys: Any) -> dict[str, Any]:
    return KeySet(list(keys)).as_dict(private=False)  # type: ignore[return-value]


def test_a_token_says_who_and_the_file_says_what(people_file: Path, signing: RSAKey) -> None:
    takes = taking(people_file, lambda: published(signing))
    ann = takes.caller(token(signing))
    assert (ann.name, ann.scopes) == ("ann", {"verdict:read", "action:propose", "action:approve"})
    other = takes.caller(token(signing, sub="sub-bob", groups=["nobody's"]))
    assert (other.name, other.scopes) == (f"{ISSUER}#sub-bob", frozenset())
    assert takes.caller(token(signing, groups="safety")).scopes == frozenset()  # a claim that is no list gives nothing


def signed_with(secret: bytes) -> str:
    """A token signed by HMAC with bytes that everybody knows."""
    parts = [json.dumps({"alg": "HS256", "kid": "k1"}), json.dumps(claims())]
    signed = ".".join(base64.urlsafe_b64encode(p.encode()).rstrip(b"=").decode() for p in parts)
    mac = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def forged(signing: RSAKey) -> Iterator[tuple[str, str]]:
    """Tokens that must not be taken, and why."""
    at = int(time.time())
    other = RSAKey.generate_key(2048, {"kid": "k1"})
    yield "signed by somebody else", token(other)
    yield "expired", token(signing, exp=at - 120)
    yield "not valid yet", token(signing, nbf=at + 600)
    yield "another issuer's", token(signing, iss="https://evil.example")
    yield "for another audience", token(signing, aud="other")
    yield "without an end", token(signing, exp=None)
    yield "without a subject", token(signing, sub=None)
    yield "of a subject that is no text", token(signing, sub=7)
    body = token(signing).split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').rstrip(b"=").decode()
    yield "without a signature", f"{none}.{body[1]}."
    public = signing.as_pem(private=False)
    yield "the public key as a shared secret", signed_with(public)
    yield "a key that it brings along", token(other, header={"jwk": other.as_dict(private=False)})
    yield "keys from elsewhere", token(other, header={"jku": "https://evil.example/keys"})
    changed = base64.urlsafe_b64encode(json.dumps(claims(sub="root")).encode()).rstrip(b"=").decode()
    yield "changed", f"{body[0]}.{changed}.{body[2]}"
    yield "no token", "a.b.c"
    yield "too long", token(signing, more="x" * 20_000)
    yield "not ASCII", "é.b.c"


def test_forged_tokens(people_file: Path, signing: RSAKey, caplog: pytest.LogCaptureFixture) -> None:
    takes = taking(people_file, lambda: published(signing))
    assert takes.caller(token(signing)).name == "ann"
    said = set()
    for why, given_token in forged(signing):
        try:
            taken = takes.caller(given_token)
        except auth.UnauthenticatedError as error:
            said.add(str(error))
        else:
            pytest.fail(f"{why}: {taken}")
    assert said == {"this token is not valid"}


def test_a_key_that_both_sides_would_know_is_none(people_file: Path, signing: RSAKey) -> None:
    """A provider that publishes a shared secret does not make it a key."""
    shared = OctKey.generate_key(256, {"kid": "k1"})
    takes = taking(people_file, lambda: {"keys": [shared.as_dict(private=True), signing.as_dict(private=False)]})
    with pytest.raises(auth.UnauthenticatedError):
        takes.caller(token(shared, "HS256"))


def test_keys_are_fetched_when_a_new_one_appears_but_not_for_every_guess(people_file: Path, signing: RSAKey) -> None:
    new = ECKey.generate_key("P-256", {"kid": "k2", "use": "sig"})
    now_, asked, served_keys = [0.0], [0], [published(signing)]

    def keys() -> dict[str, Any]:
        asked[0] += 1
        return served_keys[0]

    takes = taking(people_file, keys, lambda: now_[0])
    takes.caller(token(signing))
    served_keys[0] = published(signing, new)
    for _ in range(50):
        with pytest.raises(auth.UnauthenticatedError):
            takes.caller(token(new, "ES256", {"kid": "k2"}))
    assert asked == [1]
    now_[0] += AGAIN + 1
    assert takes.caller(token(new, "ES256", {"kid": "k2"})).name == "ann"
    assert asked == [2]


def test_without_the_provider_known_keys_count_for_a_day(people_file: Path, signing: RSAKey) -> None:
    now_, away = [0.0], [False]

    def keys() -> dict[str, Any]:
        if away[0]:
            raise httpx.ConnectError("away")
        return published(signing)

    takes = taking(people_file, keys, lambda: now_[0])
    takes.caller(token(signing))
    away[0], now_[0] = True, STALE - 1.0
    assert takes.caller(token(signing)).name == "ann"
    now_[0] = STALE + 1.0
    with pytest.raises(UnavailableError):
        takes.caller(token(signing))
    with pytest.raises(UnavailableError):
        taking(people_file, keys, lambda: 0.0).caller(token(signing))


class Provider(BaseHTTPRequestHandler):
    """A small identity provider: a discovery document and keys."""

    keys: dict[str, Any]

    def do_GET(self) -> None:
        here = f"http://127.0.0.1:{self.server.server_address[1]}"
        found: Any = {"issuer": here, "jwks_uri": f"{here}/keys"} if "well-known" in self.path else self.keys
        if self.path == "/huge":
            found = "x" * (2 << 20)
        data = json.dumps(found).encode()
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/keys")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def provider(signing: RSAKey) -> Iterator[str]:
    Provider.keys = published(signing)
    server = HTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_from_a_provider(provider: str, signing: RSAKey) -> None:
    assert fetched(provider, None) == published(signing)
    assert fetched(provider, f"{provider}/keys") == published(signing)
    for source in (f"{provider}/huge", f"{provider}/moved", "http://10.0.0.1/keys", "file:///etc/passwd"):
        with pytest.raises((ValueError, httpx.HTTPError)):
            fetched(provider, source)
    with pytest.raises(ValueError, match="another issuer"):
        fetched(f"{provider}/", None)


def test_a_person_with_a_key_and_a_token_is_one_person(
    engine: Engine,
    platform: Platform,
    policy: Policy,
    provider: str,
    signing: RSAKey,
    people_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The two-person rule does not count them twice."""
    monkeypatch.setenv("SHOAL_OIDC_ISSUER", provider)
    monkeypatch.setenv("SHOAL_OIDC_AUDIENCE", AUDIENCE)
    monkeypatch.setenv("SHOAL_OIDC_PEOPLE", str(people_file))
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="t")
    with served(engine) as people:
        action = proposed(people("ann"))
        seen = previewed(people("ann"), action)
        sample_reviewed(people("rob"), seen)
        by_token = Caller(people.http, token(signing, iss=provider))
        refused = by_token.post(f"/v1/network-actions/{action}:approve", {"digest": seen["digest"]})
        assert refused.status_code == 403, refused.text
        bea = Caller(people.http, token(signing, iss=provider, sub="sub-bea"))
        taken = bea.post(f"/v1/network-actions/{action}:approve", {"digest": seen["digest"]})
        assert taken.status_code == 200, taken.text
        assert bea.get("/v1/audit").status_code == 403
        assert Caller(people.http, token(signing)).get("/v1/accounts/x/verdict").status_code == 401
    with reading(engine) as tx:
        row = tx.execute(select(audit.c.actor, audit.c.detail).where(audit.c.event == "action.approved")).one()
    assert (row.actor, row.detail["credential"]) == (f"{provider}#sub-bea", "token:sub-bea")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groups: {a: [verdict:reed]}", "verdict:reed"),
        ("groups: []", "maps"),
        ("people: x", "maps"),
        ("other: 1", "claim, groups and people"),
        ("- 1", "claim, groups and people"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_bad_file_of_people(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text(text)
    with pytest.raises(InputError, match=said):
        People.load(tmp_path / "p.yml")


def test_an_issuer_alone_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_OIDC_ISSUER", ISSUER)
    with pytest.raises(InputError, match="SHOAL_OIDC_AUDIENCE"):
        Tokens.configured()
