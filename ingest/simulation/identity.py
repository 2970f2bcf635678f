"""Ids that say nothing: unique, random-looking, the same for the same seed, and not only in Latin script."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest.simulation.texts import join

_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)
PREFIXES = ("u", "user_", "用户", "пользователь_", "مستخدم_", "ユーザー")
PREFIX_SHARES = (0.85, 0.05, 0.06, 0.02, 0.01, 0.01)


def scrambled(numbers: NDArray[np.integer[Any]], salt: int) -> NDArray[np.uint64]:
    """The splitmix64 finaliser (Steele, Lea and Flood, OOPSLA 2014): one-to-one on 64 bits, so ids stay unique."""
    x = numbers.astype(np.uint64) + np.uint64((salt * 0x9E3779B97F4A7C15) % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    done: NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return done


def ids(prefix: str, numbers: NDArray[np.integer[Any]], salt: int) -> pa.Array:
    """One id per number: an ASCII letter and 16 hexadecimal digits."""
    count = len(numbers)
    raw = scrambled(numbers, salt).astype(">u8").view(np.uint8).reshape(count, 8)
    data = np.empty((count, 17), np.uint8)
    data[:, 0] = ord(prefix)
    data[:, 1:] = _HEX[raw].reshape(count, 16)
    offsets = (np.arange(count + 1) * 17).astype(np.int32)
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def account_ids(rng: np.random.Generator, count: int, salt: int) -> pa.Array:
    """Account ids, some in other scripts, as a real platform has them."""
    chosen = rng.choice(len(PREFIXES), count, p=PREFIX_SHARES)
    digits = ids("0", np.arange(count), salt)
    return join(pa.array(PREFIXES).take(pa.array(chosen)), digits)
