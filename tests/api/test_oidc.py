"""Tokens of an identity provider: what is taken, what is forged and refused, and what its keys' absence does."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from apikit import ALL, Caller, People, Platform, banned_network, previewed, proposed, sample_reviewed, served
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from idpkit import AUDIENCE, Provider, b64, certificate, jwk, mac, provided, sign, signed_text
from sqlalchemy import Engine, select

from api import auth, jwks
from api.app import create_app
from api.auth import UnauthenticatedError
from api.jwks import FRESH, GAP, KEEP, KeySet
from api.oidc import Grants, Verifier, load_grants
from api.publish import publish
from api.rules import Policy
from api.store import reading
from api.tables import audit
from graph.errors import InputError, UnavailableError

SCOPES = """
claim: groups
scopes:
  safety: [verdict:read, evidence:read, action:propose, action:approve]
  auditors: [audit:read]
"""


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key."""
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def provider(tls: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Provider]:
    """An identity provider that the settings name, trusted by its certificate."""
    (tmp_path / "scopes.yaml").write_text(SCOPES)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
    with provided(*tls) as found:
        monkeypatch.setenv("SHOAL_OIDC_ISSUER", found.url)
        monkeypatch.setenv("SHOAL_OIDC_AUDIENCE", AUDIENCE)
        monkeypatch.setenv("SHOAL_OIDC_SCOPES", str(tmp_path / "scopes.yaml"))
        yield found


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    """The time that keys age by."""
    return Clock()


@pytest.fixture
def verifier(provider: Provider, clock: Clock) -> Verifier:
    """A verifier of the provider's tokens."""
    grants = Grants("groups", {"safety": frozenset(["verdict:read"])})
    return Verifier(provider.url, AUDIENCE, KeySet(provider.url, None, clock), grants)


def refused(verifier: Verifier, token: str) -> None:
    with pytest.raises(UnauthenticatedError) as error:
        verifier.caller(token)
    assert str(error.value) == "this token is not valid", "the same words for every fault"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # providers still send the old name of Ed25519
@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
def test_a_good_token_is_its_person(provider: Provider, verifier: Verifier, alg: str) -> None:
    caller = verifier.caller(provider.token(alg=alg, jti="t-1"))
    assert caller.name == f"{provider.url}#u-1"
    assert caller.scopes == {"verdict:read"}
    assert (caller.key_id, caller.trace) == (None, {"token": "t-1"})
    assert verifier.caller(provider.token(alg=alg, aud=["x", AUDIENCE])).name == caller.name
    assert verifier.caller(provider.token(alg=alg, header={"typ": "at+jwt"})).name == caller.name


def public_pem(private: rsa.RSAPrivateKey) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def public_der(private: rsa.RSAPrivateKey) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def forged(provider: Provider) -> dict[str, str]:
    """Tokens that nobody may take, by what is wrong with them."""
    made: dict[str, str] = {}
    for alg in ("none", "None", "NONE", ""):
        made[f"alg {alg!r}"] = signed_text({"alg": alg, "kid": "rsa"}, provider.claims()) + "."
    for name, secret in (("pem", public_pem(provider.rsa)), ("der", public_der(provider.rsa))):
        for alg in ("HS256", "HS512", "RS256"):
            text = signed_text({"alg": alg, "kid": "rsa"}, provider.claims())
            made[f"{alg}, public key ({name}) as secret"] = f"{text}.{b64(mac(secret, text.encode()))}"
    text = signed_text({"alg": "HS256", "kid": "rsa"}, provider.claims())
    n = json.dumps(jwk(provider.rsa, "rsa")).encode()
    made["HS256, the JWK as secret"] = f"{text}.{b64(mac(n, text.encode()))}"

    stranger = rsa.generate_private_key(65537, 2048)
    for name, header in (
        ("a stranger's signature", {}),
        ("jwk in the header", {"jwk": jwk(stranger, "rsa")}),
        ("jku in the header", {"jku": f"{provider.url}/theirs"}),
        ("x5u in the header", {"x5u": f"{provider.url}/theirs"}),
        ("x5c in the header", {"x5c": [base64.b64encode(public_der(stranger)).decode()]}),
    ):
        text = signed_text({"alg": "RS256", "kid": "rsa", **header}, provider.claims())
        made[name] = f"{text}.{b64(sign(stranger, 'RS256', text.encode()))}"

    for name, header in (
        ("kid unknown", {"kid": "other"}),
        ("kid of another kind of key", {"kid": "ec"}),
        ("kid is a path", {"kid": "../../dev/null"}),
        ("kid is SQL", {"kid": "x' UNION SELECT 'y"}),
        ("kid is a number", {"kid": 1}),
        ("kid is empty", {"kid": ""}),
        ("kid is endless", {"kid": "x" * 257}),
        ("crit", {"crit": ["exp"], "exp": 1}),
        ("b64", {"b64": False}),
        ("another type", {"typ": "logout+jwt"}),
        ("type is no text", {"typ": 1}),
        ("RS512", {"alg": "RS512"}),
        ("alg is a list", {"alg": ["RS256"]}),
    ):
        made[name] = provider.token(header=header)
    made["no kid"] = provider.signed(signed_text({"alg": "RS256"}, provider.claims()))
    made["ES256 where the key is for EdDSA"] = provider.token(alg="ES256", header={"kid": "ed"})

    now = int(time.time())
    for name, claims in (
        ("wrong aud", {"aud": "other"}),
        ("aud is a part", {"aud": AUDIENCE[:-1]}),
        ("no aud", {"aud": None}),
        ("aud is an object", {"aud": {AUDIENCE: 1}}),
        ("wrong iss", {"iss": "https://other.example"}),
        ("iss with a slash more", {"iss": f"{provider.url}/"}),
        ("no iss", {"iss": None}),
        ("expired", {"iat": now - 400, "exp": now - 61}),
        ("no exp", {"exp": None}),
        ("exp is text", {"exp": str(now + 60)}),
        ("exp is true", {"exp": True}),
        ("lives for years", {"exp": now + 10**8}),
        ("not yet", {"nbf": now + 120}),
        ("nbf is text", {"nbf": "x"}),
        ("made in the future", {"iat": now + 120, "exp": now + 300}),
        ("no iat", {"iat": None}),
        ("no sub", {"sub": None}),
        ("sub is empty", {"sub": ""}),
        ("sub is a number", {"sub": 7}),
        ("sub is endless", {"sub": "x" * 256}),
        ("sub is not printable", {"sub": "u\x00"}),
        ("oversized", {"more": "x" * 9_000}),
    ):
        made[name] = provider.token(**claims)

    good = json.dumps(provider.claims())
    head = '{"alg": "RS256", "kid": "rsa"}'
    made["sub twice"] = provider.signed(signed_text(head, good[:-1] + ', "sub": "u-2"}'))
    made["exp twice"] = provider.signed(signed_text(head, good[:-1] + ', "exp": 9999999999}'))
    made["alg twice"] = provider.signed(signed_text('{"alg": "none", "alg": "RS256", "kid": "rsa"}', good))
    made["exp is NaN"] = provider.signed(signed_text(head, good.replace('"exp": ', '"exp": NaN, "old": ')))
    made["claims are a list"] = provider.signed(signed_text(head, "[]"))
    made["claims are no JSON"] = provider.signed(signed_text(head, "{"))
    made["header is no object"] = provider.signed(signed_text("[]", good))
    whole = provider.token()
    made["no signature"] = whole.rpartition(".")[0] + "."
    made["changed claims"] = ".".join(
        [whole.split(".")[0], b64(json.dumps(provider.claims(sub="u-2")).encode()), whole.split(".")[2]]
    )
    made["two parts"] = whole.rpartition(".")[0]
    made["four parts"] = f"{whole}.x"
    made["not base64"] = f"é{whole}"
    made["nothing"] = ".."
    return made


def test_forged_and_faulty_tokens_are_refused(provider: Provider, verifier: Verifier) -> None:
    assert verifier.caller(provider.token())
    found = forged(provider)
    assert len(found) > 60
    for name, token in found.items():
        with pytest.raises(UnauthenticatedError) as error:
            verifier.caller(token)
        assert str(error.value) == "this token is not valid", name
    assert "/theirs" not in provider.asked, "no address in a token is ever asked"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_token_with_any_character_changed_is_refused(provider: Provider, verifier: Verifier, data: Any) -> None:
    token = provider.token()
    at = data.draw(st.integers(0, len(token) - 3))  # the last characters hold bits that base64url does not use
    other = data.draw(st.sampled_from([c for c in "aZ09-_.=~ é" if c != token[at]]))
    refused(verifier, token[:at] + other + token[at + 1 :])


def test_leeway_is_a_minute(provider: Provider, verifier: Verifier) -> None:
    now = int(time.time())
    assert verifier.caller(provider.token(iat=now - 300, exp=now - 50))
    assert verifier.caller(provider.token(nbf=now + 50, iat=now + 50))


def test_values_that_nobody_mapped_allow_nothing(provider: Provider, verifier: Verifier) -> None:
    for groups in (None, [], ["admin"], "admin", ["action:execute"], 7, {"safety": 1}, [["safety"]]):
        assert verifier.caller(provider.token(groups=groups)).scopes == frozenset()
    assert verifier.caller(provider.token(groups="x safety")).scopes == {"verdict:read"}


@pytest.mark.filterwarnings("ignore:Key size should be")  # which is why it is left out
def test_keys_that_cannot_be_trusted_are_left_out() -> None:
    small, good = rsa.generate_private_key(65537, 1024), rsa.generate_private_key(65537, 2048)
    given = [
        jwk(small, "small"),
        jwk(good, "encrypts", use="enc"),
        jwk(good, "signs", key_ops=["sign"]),
        {"kty": "oct", "kid": "secret", "k": "eA"},
        {"kty": "EC", "crv": "P-521", "kid": "curve", "x": "eA", "y": "eA"},
        {"kty": "RSA", "kid": "half", "n": "eA"},
        {**jwk(good, "x"), "kid": 7},
        jwk(good, "twice"),
        jwk(good, "twice"),
        jwk(good, "good"),
        "no key",
    ]
    assert set(jwks.parse({"keys": given})) == {"good"}
    for wrong in ([], {}, {"keys": {}}, None):
        with pytest.raises(InputError, match="no JWK set"):
            jwks.parse(wrong)


def test_keys_are_fetched_once_and_renewed_in_time(provider: Provider, verifier: Verifier, clock: Clock) -> None:
    for _ in range(5):
        verifier.caller(provider.token())
    assert provider.asked == {"/.well-known/openid-configuration": 1, "/keys": 1}
    clock.at += FRESH
    verifier.caller(provider.token())
    assert provider.asked["/keys"] == 2


def test_a_new_key_is_found_and_a_withdrawn_one_forgotten(provider: Provider, verifier: Verifier, clock: Clock) -> None:
    verifier.caller(provider.token())
    old = provider.token()
    provider.keys[0] = jwk(provider.rsa, "rsa-2")
    clock.at += GAP
    assert verifier.caller(provider.token(header={"kid": "rsa-2"}))
    refused(verifier, old)


def test_a_flood_of_unknown_kids_is_one_fetch(provider: Provider, verifier: Verifier, clock: Clock) -> None:
    verifier.caller(provider.token())
    clock.at += GAP

    def flood(n: int) -> None:
        for i in range(25):
            refused(verifier, provider.token(header={"kid": f"k-{n}-{i}"}))

    threads = [threading.Thread(target=flood, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert provider.asked["/keys"] == 2
    assert verifier.caller(provider.token())


@pytest.mark.parametrize("fault", ["down", "elsewhere", "huge", "no json", "issuer"])
def test_without_the_provider_known_keys_go_on_for_a_while(
    provider: Provider, verifier: Verifier, clock: Clock, fault: str
) -> None:
    token = provider.token(exp=int(time.time()) + 80_000)
    verifier.caller(token)
    provider.broken = fault
    clock.at += KEEP - 1
    assert verifier.caller(token)
    clock.at += 1
    with pytest.raises(UnavailableError, match="cannot be had"):
        verifier.caller(token)
    provider.broken = None
    clock.at += GAP
    assert verifier.caller(token)


@pytest.mark.parametrize("fault", ["down", "elsewhere", "huge", "no json", "issuer"])
def test_without_keys_nobody_comes_in(provider: Provider, verifier: Verifier, fault: str) -> None:
    provider.broken = fault
    with pytest.raises(UnavailableError):
        verifier.caller(provider.token())
    assert "/other" not in provider.asked, "redirects are not followed"


def test_a_certificate_nobody_trusts_is_no_provider(
    provider: Provider, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(UnavailableError):
        verifier.caller(provider.token())
    assert not provider.asked


def test_keys_are_fetched_over_https_alone() -> None:
    for url in ("http://127.0.0.1:1/keys", "file:///etc/hostname", "ftp://127.0.0.1/keys"):
        with pytest.raises(UnavailableError, match="over https"):
            jwks.fetch(url)


def test_keys_from_a_file(provider: Provider, clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    verifier = Verifier(provider.url, AUDIENCE, KeySet(provider.url, str(file), clock), Grants("groups", {}))
    with pytest.raises(UnavailableError):
        verifier.caller(provider.token())
    file.write_text(json.dumps({"keys": provider.keys}))
    clock.at += GAP
    assert verifier.caller(provider.token()).scopes == frozenset()
    assert not provider.asked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("claim: groups", "two fields"),
        ("- x", "two fields"),
        ("claim: g\nscopes: [x]", "maps values"),
        ("claim: g\nscopes: {x: []}", "list of scopes"),
        ("claim: g\nscopes: {x: [verdict:write]}", "unknown verdict:write"),
        ("claim: g\nscopes: {1: [verdict:read]}", "a text"),
        ("claim: [", "cannot be read"),
    ],
)
def test_a_faulty_file_of_scopes_is_said(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "scopes.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=said) as error:
        load_grants(file)
    assert str(file) in str(error.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SHOAL_OIDC_AUDIENCE": None}, "SHOAL_OIDC_AUDIENCE"),
        ({"SHOAL_OIDC_SCOPES": None}, "SHOAL_OIDC_SCOPES"),
        ({"SHOAL_OIDC_ISSUER": "http://login.example"}, "SHOAL_OIDC_ISSUER"),
        ({"SHOAL_OIDC_JWKS": "http://login.example/keys"}, "SHOAL_OIDC_JWKS"),
    ],
)
def test_faulty_settings_are_said_at_the_start(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str | None], said: str
) -> None:
    assert provider
    for name, value in changed.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    from sqlalchemy import create_engine

    with pytest.raises(InputError, match=said):
        create_app(create_engine("sqlite://"))


@pytest.fixture
def people(provider: Provider, engine: Engine, platform: Platform, policy: Policy) -> Iterator[People]:
    """A served platform that takes tokens of the provider, with one network fit to ban."""
    assert provider
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    with served(engine, carry_out=False) as people:
        yield people


def test_people_come_with_tokens_and_services_with_keys(people: People, provider: Provider, engine: Engine) -> None:
    ann = Caller(people.http, provider.token(jti="t-1", email="ann@example.com"))
    assert ann.get("/v1/accounts/bot-n1-0000/verdict").json()["tier"] == "ban"
    assert people("feed").get("/v1/networks").status_code == 200
    denied = ann.get("/v1/audit")
    assert denied.status_code == 403
    assert "audit:read" in denied.json()["detail"]
    bad = Caller(people.http, provider.token(aud="other")).get("/v1/networks")
    assert (bad.status_code, bad.json()["detail"]) == (401, "this token is not valid")
    assert bad.headers["www-authenticate"] == 'Bearer realm="shoal"'
    action_id = proposed(ann)
    with reading(engine) as tx:
        row = tx.execute(select(audit).where(audit.c.subject == action_id)).one()
    assert row.actor == f"{provider.url}#u-1"
    assert row.detail["token"] == "t-1"
    assert "ann@example.com" not in str(row), "nobody asked for it"


def test_the_address_stands_in_the_audit_log_where_configured(
    provider: Provider, engine: Engine, platform: Platform, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOAL_OIDC_AUDIT_EMAIL", "true")
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    with served(engine, carry_out=False) as people:
        ann = Caller(people.http, provider.token(email="ann@example.com"))
        action_id = proposed(ann)
        assert "ann@example.com" not in ann.get(f"/v1/network-actions/{action_id}").text
    with reading(engine) as tx:
        row = tx.execute(select(audit).where(audit.c.subject == action_id)).one()
    assert row.detail["email"] == "ann@example.com"
    assert len(row.detail["token"]) == 16, "without a jti a token is called by its hash"


@pytest.mark.parametrize("first", ["key", "token"])
def test_a_person_with_key_and_token_counts_once(
    people: People, provider: Provider, engine: Engine, first: str
) -> None:
    """The rule of two people holds across what they come with, in either order."""
    person = f"{provider.url}#u-1"
    key = Caller(people.http, auth.create(engine, "ann", ALL, actor="test", person=person))
    token = Caller(people.http, provider.token())
    one, other = (key, token) if first == "key" else (token, key)
    action_id = proposed(one)
    seen = previewed(one, action_id)
    sample_reviewed(people("rob"), seen)
    own = other.post(f"/v1/network-actions/{action_id}:approve", {"digest": seen["digest"]})
    assert own.status_code == 403, own.text
    second = Caller(people.http, provider.token(sub="u-2"))
    assert second.post(f"/v1/network-actions/{action_id}:approve", {"digest": seen["digest"]}).status_code == 200


def test_who_set_the_switch_by_key_cannot_lift_it_by_token(
    people: People, provider: Provider, engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "scopes.yaml").write_text(SCOPES.replace("audit:read", "action:halt"))
    with served(engine, carry_out=False) as again:  # the file is read at the start
        person = f"{provider.url}#u-1"
        key = Caller(again.http, auth.create(engine, "ann", ALL, actor="test", person=person))
        assert key.post("/v1/kill-switch:set", {"reason": "x"}).status_code == 200
        own = Caller(again.http, provider.token(groups=["auditors"]))
        assert own.post("/v1/kill-switch:lift", {"reason": "x"}).status_code == 403
        other = Caller(again.http, provider.token(groups=["auditors"], sub="u-2"))
        assert other.post("/v1/kill-switch:lift", {"reason": "x"}).status_code == 200
    assert people


def test_without_the_provider_keys_still_work(people: People, provider: Provider) -> None:
    provider.broken = "down"
    token = Caller(people.http, provider.token()).get("/v1/networks")
    assert (token.status_code, token.headers["retry-after"]) == (503, "1")
    assert token.headers["content-type"] == "application/problem+json"
    assert people("feed").get("/v1/networks").status_code == 200


def test_without_the_setting_no_token_is_taken(
    provider: Provider, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOAL_OIDC_ISSUER")
    with served(engine, carry_out=False) as people:
        answer: httpx.Response = Caller(people.http, provider.token()).get("/v1/networks")
    assert (answer.status_code, answer.json()["detail"]) == (401, "this API key is not valid")
    assert not provider.asked
