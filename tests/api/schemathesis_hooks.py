"""What the requests that schemathesis makes need to get anywhere: a key, and a new Idempotency-Key for each."""

from __future__ import annotations

import os
import uuid
from typing import Any

import schemathesis

from api.rules import load


@schemathesis.auth()
class Key:
    """The key of a caller who may do everything."""

    def get(self, _case: Any, _context: Any) -> str:
        return os.environ["FUZZ_KEY"]

    def set(self, case: Any, data: str, _context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """A key names one change: sent with another body it is refused, as it should be.

    And no schema says which texts are a policy: a text of the right form becomes one.
    """
    text = case.body.get("text") if isinstance(case.body, dict) and case.path == "/v1/policies" else None
    if isinstance(text, str) and 1 <= len(text) <= 1000 and "\x00" not in text:
        case.body["text"] = load().text.replace('version: "1"', f'version: "{uuid.uuid4().hex}"')
    given = (case.headers or {}).get("Idempotency-Key")
    if given and given.isascii() and given.isprintable() and len(given) <= 255:
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
