"""A growing table of interactions in columns of numbers and texts, before ids are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.model import KINDS

Array = NDArray[Any]
CODE = {kind: code for code, kind in enumerate(KINDS)}
NOTE_ACTS = np.array([CODE[k] for k in ("comment", "reply", "like", "share", "collect", "view")])
ADDRESSED = (CODE["message"], CODE["follow"])  # kinds whose target is an account
TYPES = {"account": np.int64, "kind": np.int8, "at": np.int64, "target": np.int64}
TYPES |= {"url": np.int64, "tag": np.int64, "client": np.int8}


@dataclass(frozen=True)
class Acts:
    """Interactions, one per row.

    `target` is a number whose meaning follows from the kind: the note made or acted on, the account
    followed or written to, the group chat spoken in. `url`, `tag` and `client` are -1 for none
    (client: the account's usual one). Times are microseconds UTC.
    """

    account: Array
    kind: Array
    at: Array
    target: Array
    url: Array
    tag: Array
    client: Array
    text: pa.Array

    def __len__(self) -> int:
        return len(self.account)

    def where(self, mask: Array) -> Acts:
        """The rows of a boolean mask, or of an index in that order."""
        rows = np.flatnonzero(mask) if mask.dtype == np.bool_ else mask
        return Acts(**{c: getattr(self, c)[rows] for c in TYPES}, text=self.text.take(pa.array(rows)))


@dataclass
class Events:
    """Collects acts from the parts of the simulation."""

    parts: list[Acts] = field(default_factory=list)

    def add(
        self,
        account: Array,
        kind: Array | str,
        at: Array,
        target: Array,
        *,
        text: pa.Array | None = None,
        url: Array | int = -1,
        tag: Array | int = -1,
        client: Array | int = -1,
    ) -> Acts:
        """Append rows; single values are repeated. Returns what was appended."""
        count = len(account)
        code: Array | int = CODE[kind] if isinstance(kind, str) else kind
        given = {"account": account, "kind": code, "at": at, "target": target}
        given |= {"url": url, "tag": tag, "client": client}
        columns = {c: np.broadcast_to(np.asarray(v, TYPES[c]), (count,)) for c, v in given.items()}
        acts = Acts(**columns, text=pa.nulls(count, pa.string()) if text is None else text)
        self.parts.append(acts)
        return acts

    def all(self) -> Acts:
        """Everything added so far, in the order of adding."""
        columns = {c: np.concatenate([getattr(p, c) for p in self.parts]) for c in TYPES}
        return Acts(**columns, text=pa.concat_arrays([p.text for p in self.parts]))
