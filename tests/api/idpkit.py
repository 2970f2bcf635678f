"""An identity provider for tests: a real server with TLS, keys made for it, and tokens, true and forged."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

AUDIENCE = "shoal-api"
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    """A number as JWK writes it."""
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def jwk(private: Private, kid: str, **more: Any) -> dict[str, Any]:
    """The public half of a key, as a JWK."""
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "kid": kid, "n": number(numbers.n), "e": number(numbers.e), **more}
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        return {"kty": "EC", "crv": "P-256", "kid": kid, "x": number(point.x, 32), "y": number(point.y, 32), **more}
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(raw), **more}


def sign(private: Private, algorithm: str, signed: bytes) -> bytes:
    """A signature as JWS wants it."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(signed)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(private.sign(signed, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if algorithm == "PS256":
        return private.sign(signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    return private.sign(signed, padding.PKCS1v15(), hashes.SHA256())


def mac(secret: bytes, signed: bytes) -> bytes:
    """What HS256 signs with."""
    made = hmac.HMAC(secret, hashes.SHA256())
    made.update(signed)
    return made.finalize()


def signed_text(header: dict[str, Any] | str, claims: dict[str, Any] | str) -> str:
    """Header and claims, as they are signed; texts are taken as they are."""
    texts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    return ".".join(b64(text.encode()) for text in texts)


class Provider:
    """An identity provider at `url`: counts what is asked, and breaks in the ways a test says."""

    def __init__(self, url: str) -> None:
        self.url, self.asked = url, Counter[str]()
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.ed = ed25519.Ed25519PrivateKey.generate()
        self.keys = [jwk(self.rsa, "rsa"), jwk(self.ec, "ec", use="sig"), jwk(self.ed, "ed", alg="EdDSA")]
        self.broken: str | None = None

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """What is answered to a path."""
        self.asked[path] += 1
        if self.broken == "down":
            return 500, {}, b"{}"
        if self.broken == "elsewhere":
            return 302, {"Location": f"{self.url}/other"}, b""
        if self.broken == "huge":
            return 200, {}, b'{"keys": [' + b" " * (600 << 10) + b"]}"
        if self.broken == "no json":
            return 200, {}, b"<html>"
        if path == "/.well-known/openid-configuration":
            issuer = "https://other.example" if self.broken == "issuer" else self.url
            return 200, {}, json.dumps({"issuer": issuer, "jwks_uri": f"{self.url}/keys"}).encode()
        return 200, {}, json.dumps({"keys": self.keys}).encode()

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Claims of a good token, with changes; what is None is left out."""
        now = int(time.time())
        made = {"iss": self.url, "aud": AUDIENCE, "sub": "u-1", "iat": now, "exp": now + 300, "groups": ["safety"]}
        return {name: value for name, value in {**made, **changed}.items() if value is not None}

    def token(self, *, alg: str = "RS256", header: dict[str, Any] | None = None, **changed: Any) -> str:
        """A token signed by the key that suits the algorithm."""
        private, kid = {"RS256": (self.rsa, "rsa"), "PS256": (self.rsa, "rsa")}.get(alg, (self.ec, "ec"))
        if alg in ("EdDSA", "Ed25519"):
            private, kid = self.ed, "ed"
        text = signed_text({"alg": alg, "kid": kid, "typ": "JWT", **(header or {})}, self.claims(**changed))
        return f"{text}.{b64(sign(private, alg, text.encode()))}"

    def signed(self, text: str) -> str:
        """Any text, signed by the RSA key."""
        return f"{text}.{b64(sign(self.rsa, 'RS256', text.encode()))}"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "identity provider")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key.write_bytes(private.private_bytes(pem, form, serialization.NoEncryption()))
    return cert, key


@contextmanager
def provided(cert: Path, key: Path) -> Iterator[Provider]:
    """An identity provider behind TLS, in a thread of this process."""
    provider: Provider | None = None

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert provider is not None
            status, headers, body = provider.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    provider = Provider(f"https://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
