"""Reading texts of private messages: first the audit log says who, which and why, then they are shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Engine

from api import audit
from api.clock import iso
from api.clock import now as clock
from api.store import writing
from graph.errors import DeniedError, InputError, NothingFoundError
from graph.private_texts import PrivateTexts

MOST = 100


def read(engine: Engine, texts: PrivateTexts, event_ids: Sequence[str], *, reason: str, actor: str) -> Iterator[str]:
    """A line of JSON for each event: event_id, at, account_id, text; what no terminal should obey is escaped.

    Raises:
        DeniedError: no private texts are kept here.
        InputError: no reason, or more than MOST events at once.
        NothingFoundError: of one of the events nothing is kept; then nothing of the others is shown either.
    """
    if texts.oldest is None:
        raise DeniedError("private texts are not kept here: SHOAL_STORE_PRIVATE_TEXT_DAYS is not set")
    if not reason.strip() or len(reason) > 2_000:
        raise InputError("say why these texts are read, in 1 to 2,000 characters")
    if len(event_ids) > MOST:
        raise InputError(f"at most {MOST} events at once, not {len(event_ids):,}: read what you need to read")
    found = texts.read(event_ids)
    missing = sorted(set(event_ids) - set(found))
    if missing:
        raise NothingFoundError(f"no private text is kept of event {', '.join(missing)}")
    at = clock()
    entries = [
        audit.Entry(actor, "private_text.read", name, {"account_id": found[name]["account_id"], "reason": reason})
        for name in dict.fromkeys(event_ids)
    ]
    with writing(engine) as tx:
        audit.append(tx, entries, at)
    return (_line(name, found[name]) for name in dict.fromkeys(event_ids))


def _line(event_id: str, row: dict[str, Any]) -> str:
    said = {"event_id": event_id, "at": iso(row["at"]), "account_id": row["account_id"], "text": row["text"]}
    line = json.dumps(said, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)
