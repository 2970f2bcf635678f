"""What keys were used for: when last, to the hour, and what the audit log says was done with one."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, bindparam, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from api.clock import HOUR
from api.clock import now as clock
from api.store import reading, writing
from api.tables import api_keys, audit, network_actions
from graph.errors import NothingFoundError, ShoalError

if TYPE_CHECKING:
    from api.auth import Caller

_log = logging.getLogger("shoal.keys")


class LastUses:
    """Notes that keys were used, and writes it down aside: at most once an hour for each key.

    Reads stay reads: a request only remembers; a thread writes, and tries again where the store cannot be written.
    What is not written when the process is killed is lost: this helps to find idle keys, and proves nothing.
    """

    def __init__(self, engine: Engine, *, every: float = 20.0) -> None:
        self.engine, self.every = engine, every
        self._noted: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="shoal-key-uses", daemon=True)

    def note(self, caller: Caller) -> None:
        """Remember that a key is used now. Costs a look into a dictionary but for the first time in an hour."""
        key_id, hour = caller.key_id, clock() // HOUR * HOUR
        if key_id is None or max(self._noted.get(key_id, 0), caller.last_used_at or 0) >= hour:
            return
        with self._lock:
            self._noted[key_id] = self._waiting[key_id] = hour

    def write(self) -> int:
        """Write what was noted; returns of how many keys. Raises ShoalError where that cannot be: then it waits."""
        with self._lock:
            waiting = dict(self._waiting)
        if not waiting:
            return 0
        older = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < bindparam("hour"))
        change = update(api_keys).where(api_keys.c.key_id == bindparam("id"), older)
        with writing(self.engine) as tx:
            change = change.values(last_used_at=bindparam("hour"))
            tx.execute(change, [{"id": key_id, "hour": hour} for key_id, hour in sorted(waiting.items())])
        with self._lock:
            self._waiting = {k: hour for k, hour in self._waiting.items() if waiting.get(k) != hour}
        return len(waiting)

    def start(self) -> None:
        """Begin to write what is noted."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            ended = self._stop.wait(self.every)
            try:
                self.write()
            except ShoalError as error:
                _log.info("when keys were last used is written later: %s", error)
            except SQLAlchemyError:
                _log.exception("writing when keys were last used failed")
            if ended:
                return


@dataclass(frozen=True)
class Uses:
    """What was done with a key: the rows of the audit log, and the network actions in them as they stand now.

    `unmarked`: rows of the same name from before rows said by which key.
    """

    rows: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    unmarked: int


def uses(engine: Engine, key_id: str) -> Uses:
    """What was done with a key, oldest first. Raises NothingFoundError if there is no such key."""
    marked = audit.c.detail["key_id"].as_string()
    columns = (audit.c.seq, audit.c.at, audit.c.actor, audit.c.event, audit.c.subject)
    with reading(engine) as tx:
        key = tx.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()
        if key is None:
            raise NothingFoundError(f"no key {key_id}; `shoal key list` shows them")
        rows = tx.execute(select(*columns).where(marked == key_id).order_by(audit.c.seq)).mappings().all()
        named = sorted({row["subject"] for row in rows})
        actions: list[dict[str, Any]] = []
        for start in range(0, len(named), 500):
            known = network_actions.c.action_id.in_(named[start : start + 500])
            actions += map(dict, tx.execute(select(network_actions).where(known)).mappings())
        bare = select(func.count()).where(audit.c.actor == (key.person or key.name), marked.is_(None))
        unmarked = tx.execute(bare.select_from(audit)).scalar_one()
    return Uses([dict(row) for row in rows], actions, int(unmarked))
