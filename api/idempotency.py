"""One key, one effect: a request sent twice under one Idempotency-Key happens once and is answered the same.

The answer is stored in the transaction of the effect, so a crash leaves both or neither. A request that failed
stored nothing: sending it again tries again.

Answers are kept for a time (SHOAL_IDEMPOTENCY_DAYS). After it a key is as good as new: who sends a request again later
than that does it again. The worker deletes what is older.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, tuple_

from api.audit import canonical_sha256
from api.clock import DAY
from api.clock import now as clock
from api.store import reading, writing
from api.tables import idempotency
from graph.errors import ConflictError, InputError

PAGE = 5_000


class KeyMissingError(InputError):
    """A request that must carry an Idempotency-Key carries none."""


class InFlightError(ConflictError):
    """The same request is being worked on now."""


@dataclass(frozen=True)
class Answer:
    """What a request that changed something is answered."""

    status: int
    body: dict[str, Any]
    location: str | None = None
    replayed: bool = False


class InFlight:
    """The requests this process works on now, by caller and key."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def claim(self, caller: str, key: str) -> Iterator[None]:
        """Hold a key while its request is worked on. Raises InFlightError if another request holds it."""
        with self._lock:
            if (caller, key) in self._keys:
                raise InFlightError("a request with this Idempotency-Key is being worked on; ask again in a moment")
            self._keys.add((caller, key))
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard((caller, key))


def once(
    engine: Engine,
    in_flight: InFlight,
    *,
    caller: str,
    key: str | None,
    request: dict[str, Any],
    effect: Callable[[Connection, int], Answer],
    days: int = 7,
) -> Answer:
    """Run `effect(tx, now)` in one write transaction, unless this caller's key did before: then answer the same.

    `request` is what must be the same for the same key: method, path and body. Answers are kept `days` days. Raises
    KeyMissingError without a key, InputError if the key came with another request, InFlightError.
    """
    if key is None or not 1 <= len(key) <= 255 or not key.isprintable():
        raise KeyMissingError("this request needs an Idempotency-Key header of 1 to 255 printable characters")
    fingerprint = canonical_sha256(request)
    with in_flight.claim(caller, key), writing(engine) as tx:
        at = clock()
        mine = (idempotency.c.caller == caller) & (idempotency.c.key == key)
        before = tx.execute(select(idempotency).where(mine)).one_or_none()
        if before is not None and before.at < at - days * DAY:
            tx.execute(delete(idempotency).where(mine))
        elif before is not None:
            if before.request_sha256 != fingerprint:
                raise InputError("this Idempotency-Key was used for another request")
            return Answer(before.status, before.body, before.location, replayed=True)
        answer = effect(tx, at)
        tx.execute(
            insert(idempotency).values(
                caller=caller,
                key=key,
                request_sha256=fingerprint,
                status=answer.status,
                location=answer.location,
                body=answer.body,
                at=at,
            )
        )
        return answer


def purge(engine: Engine, days: int) -> int:
    """Delete up to a page of answers older than `days` days; returns how many. They are no record: the audit log is."""
    at = clock()
    old = select(idempotency.c.caller, idempotency.c.key).where(idempotency.c.at < at - days * DAY).limit(PAGE)
    with reading(engine) as tx:
        if tx.execute(old.limit(1)).first() is None:
            return 0
    with writing(engine) as tx:
        found = tuple_(idempotency.c.caller, idempotency.c.key).in_(old)
        return tx.execute(delete(idempotency).where(found)).rowcount
