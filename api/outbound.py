"""Requests that leave: only to public addresses or where the settings say, and to no other address than was checked.

Whoever may name a URL could otherwise have Shoal ask what only Shoal can reach (server-side request forgery). So a name
is resolved here, every address it has must be allowed, and the connection goes to one of these very addresses: a name
that resolves differently a moment later changes nothing. No redirect is followed and no proxy is taken from the
environment. A request has a time in all: who answers byte by byte holds nobody up.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore

from graph.errors import DeniedError, InputError
from graph.settings import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
MOST_ANSWER = 4096  # bytes of an answer that are read
MOST_CONNECTIONS = 16

Resolver = Callable[[str, int], Sequence[str]]


class RefusedError(DeniedError):
    """Where a request would go is not allowed."""


@dataclass(frozen=True)
class Allowed:
    """Hosts and networks inside that may be asked, over http as well."""

    hosts: frozenset[str]
    networks: tuple[Network, ...]

    @classmethod
    def parse(cls, text: str) -> Allowed:
        """From comma-separated hosts, addresses and networks. A host may be reached wherever it is."""
        hosts, networks = set(), []
        for item in filter(None, (part.strip().lower() for part in text.split(","))):
            try:
                networks.append(ipaddress.ip_network(item))
            except ValueError as error:
                if "/" in item:
                    raise InputError(
                        f"environment: SHOAL_WEBHOOK_ALLOW: {item} is neither a host nor a network"
                    ) from error
                hosts.add(item)
        return cls(frozenset(hosts), tuple(networks))

    @classmethod
    def configured(cls) -> Allowed:
        """As SHOAL_WEBHOOK_ALLOW says. Raises InputError."""
        return cls.parse(settings().webhook_allow)

    def takes(self, host: str, address: Address) -> bool:
        """Whether this host at this address is allowed by name or network."""
        return host.lower() in self.hosts or any(
            address in network for network in self.networks if network.version == address.version
        )


def public(address: Address) -> bool:
    """Whether an address is somebody's in the public internet, also behind the ways IPv6 has of writing an IPv4 one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def check_url(url: str, allowed: Allowed) -> None:
    """Raise InputError unless this is a URL that requests may be sent to, as far as it says itself."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InputError(f"not a URL: {error}") from error
    if not (parts.scheme in ("https", "http") and host and url.isascii() and url.isprintable()) or len(url) > 2000:
        raise InputError("expected a URL: https://host/path, in ASCII, at most 2,000 characters")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise InputError("a URL with a user, a password or a fragment is not taken: signatures say who sends")
    if port == 0:
        raise InputError("port 0 is none")
    literal = _literal(host)
    inside = host.lower() in allowed.hosts or (literal is not None and allowed.takes(host, literal))
    if parts.scheme == "http" and not inside:
        raise InputError("expected https; over http only hosts that SHOAL_WEBHOOK_ALLOW names")
    if literal is not None and not inside and not public(literal):
        raise InputError(f"{host} is not a public address, and SHOAL_WEBHOOK_ALLOW does not name it")


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a name. Raises OSError."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


class _Deadline(threading.local):
    """When the request that this thread makes has to be over: `time.monotonic()`."""

    at = float("inf")

    def left(self, timeout: float | None) -> float:
        """Seconds to wait for the next step. Raises httpcore.ReadTimeout if there are none left."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("no whole answer in time")
        return left if timeout is None else min(left, timeout)


class _Timed(httpcore.NetworkStream):
    """A connection each step of which ends by the deadline: the limits of the library start anew with each step."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._inner.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class Guarded(httpcore.NetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, allowed: Allowed, deadline: _Deadline, resolver: Resolver = resolve) -> None:
        self._allowed, self._deadline, self._resolve = allowed, deadline, resolver
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of the host. Raises RefusedError if any of its addresses is not allowed."""
        try:
            found = [ipaddress.ip_address(name.partition("%")[0]) for name in self._resolve(host, port)]
        except (OSError, ValueError) as error:
            raise httpcore.ConnectError(f"{host} has no address") from error
        for address in found:
            if not (public(address) or self._allowed.takes(host, address)):
                raise RefusedError(
                    f"{host} is at {address}, which is not public and not allowed by SHOAL_WEBHOOK_ALLOW"
                )
        if not found:
            raise httpcore.ConnectError(f"{host} has no address")
        left = self._deadline.left(timeout)
        connected = self._inner.connect_tcp(str(found[0]), port, left, local_address, socket_options)
        return _Timed(connected, self._deadline)


@dataclass(frozen=True)
class Answered:
    """What came back: the status, and how long to wait before asking again (seconds). The body says nothing to us."""

    status: int
    retry_after: int | None


class Sender:
    """Sends bodies by POST, each within `timeout` seconds in all; may be used by several threads."""

    def __init__(self, allowed: Allowed, *, timeout: float = 10.0, resolver: Resolver = resolve) -> None:
        self._timeout, self._deadline = timeout, _Deadline()
        backend = Guarded(allowed, self._deadline, resolver)
        self._pool = httpcore.ConnectionPool(
            network_backend=backend, max_connections=MOST_CONNECTIONS, keepalive_expiry=30
        )

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answered:
        """Send. Raises RefusedError, or OSError for anything that went wrong on the way."""
        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        given.append((b"Content-Length", str(len(body)).encode()))
        given.append((b"Host", urlsplit(url).netloc.encode()))
        limits = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)}
        self._deadline.at = time.monotonic() + self._timeout
        try:
            with self._pool.stream("POST", url, headers=given, content=body, extensions=limits) as got:
                size = 0  # what is read to its end leaves the connection fit for the next request
                for chunk in got.iter_stream():
                    size += len(chunk)
                    if size >= MOST_ANSWER:
                        break
                after = next((value for name, value in got.headers if name.lower() == b"retry-after"), b"")
                wait = int(after) if after.isdigit() and len(after) < 8 else None
                return Answered(got.status, wait)
        except (
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
            httpcore.UnsupportedProtocol,
        ) as error:
            raise OSError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
