"""A small client of the HTTP API: what an enforcement system or a demonstration needs, and an example of its use.

with Client("http://127.0.0.1:8321", key) as shoal:
    shoal.verdict("some-account")["tier"]
"""

from __future__ import annotations

import time
import uuid
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from graph.errors import ConflictError, DeniedError, InputError, ShoalError, UnavailableError

ATTEMPTS = 4
SETTLED = (
    "executed",
    "partially_executed",
    "reversed",
    "partially_reversed",
    "cancelled",
    "rejected",
    "stale",
    "paused",
    "halted",
)


class Client:
    """One caller of the API. Changes carry an idempotency key, so that a repeated attempt has one effect."""

    def __init__(self, url: str, key: str, *, timeout: float = 30.0) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=timeout)

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the connections."""
        self._http.close()

    def verdict(self, account_id: str) -> dict[str, Any]:
        """The present verdict on an account."""
        return self._ask("GET", f"/v1/accounts/{quote(account_id, safe='')}/verdict")

    def networks(self) -> list[dict[str, Any]]:
        """Every network of the current publication."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self._ask("GET", "/v1/networks", params={"limit": 1000, **({"cursor": cursor} if cursor else {})})
            found += page["networks"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def network(self, network_id: str) -> dict[str, Any]:
        """One network with (a page of) its members and evidence."""
        return self._ask("GET", f"/v1/networks/{quote(network_id, safe='')}", params={"limit": 1000})

    def propose(self, network_id: str, action: str, reason: str) -> dict[str, Any]:
        """Propose a network action."""
        return self._ask("POST", "/v1/network-actions", {"network_id": network_id, "action": action, "reason": reason})

    def review(self, account_id: str, decision: str, reason: str, action_id: str | None = None) -> dict[str, Any]:
        """Record a review."""
        body = {"account_id": account_id, "decision": decision, "reason": reason}
        return self._ask("POST", "/v1/reviews", {**body, **({"action_id": action_id} if action_id else {})})

    def step(self, action_id: str, verb: str, **body: Any) -> dict[str, Any]:
        """preview, approve (digest), execute; pause, resume, reverse, cancel, reject (reason)."""
        return self._ask("POST", f"/v1/network-actions/{action_id}:{verb}", body or None)

    def action(self, action_id: str) -> dict[str, Any]:
        """A network action as it stands."""
        return self._ask("GET", f"/v1/network-actions/{action_id}")

    def settle(self, action_id: str, *, leaving: str = "", within: float = 120.0) -> dict[str, Any]:
        """Wait until the worker has carried the action on to an end other than `leaving`, and return it."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            found = self.action(action_id)
            if found["state"] in SETTLED and found["state"] != leaving:
                return found
            time.sleep(0.2)
        raise UnavailableError(
            f"action {action_id} is still {found['state']} after {within:.0f} s: does the worker run?"
        )

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, params: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
        for attempt in range(ATTEMPTS):
            try:
                answer = self._http.request(method, path, json=body, params=params, headers=headers)
            except httpx.TransportError as error:
                if attempt == ATTEMPTS - 1:
                    raise UnavailableError(f"{self._http.base_url}: {error}") from error
                time.sleep(0.2 * 2**attempt)
                continue
            if answer.is_success:
                found: dict[str, Any] = answer.json()
                return found
            raise _error(answer)
        raise AssertionError("unreachable: the last attempt returns or raises")


def _error(answer: httpx.Response) -> ShoalError:
    """The answer's problem details as an error of this project."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    said = problem.get("detail") or problem.get("title") or answer.reason_phrase
    kinds: dict[int, type[ShoalError]] = {401: DeniedError, 403: DeniedError, 409: ConflictError, 503: UnavailableError}
    return kinds.get(answer.status_code, InputError)(f"{answer.status_code}: {said}")
