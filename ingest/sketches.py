"""Sketches of texts: MinHash signatures over character n-grams, and their bands.

n-grams are pairs of characters where both are ideographs, kana or Hangul syllables, and triples elsewhere: a script of
thousands of characters says in two what an alphabet says in three. No tokenizer, so every script is treated alike.

A signature holds `PERMUTATIONS` minima (Broder, "On the resemblance and containment of documents", 1997; by rensa), of
each the lowest byte (Li & Konig, "b-bit minwise hashing", WWW 2010): two texts agree in a share J + (1 - J) / 256 of
the bytes, J being the Jaccard similarity of their n-grams. Each `ROWS` minima are hashed to one of `BANDS` bands: two
texts share at least one with probability 1 - (1 - J^4)^32, which is 0.98 at J = 0.6.

n-grams are hashed with a key (BLAKE2b) before anything else, so without the key neither bands nor signatures of a guess
can be computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS = 128
BANDS, ROWS = 32, 4
SEED = 42  # of the permutations; another one, or another version of rensa's algorithm, makes other sketches
CHUNK = 20_000  # texts at a time
_IDEOGRAPHIC = ((0x2E80, 0xA4D0), (0xAC00, 0xD7B0), (0xF900, 0xFB00), (0x20000, 0x40000))


@dataclass(frozen=True)
class Sketches:
    """Sketches of n texts: bands (n, BANDS) int32, signatures (n, PERMUTATIONS) uint8."""

    bands: NDArray[np.int32]
    signatures: NDArray[np.uint8]


def sketch(texts: Sequence[str], key: bytes) -> Sketches:
    """Sketch texts; the same texts and key give the same sketches, in any order and company.

    Args:
        texts: normal forms (ingest.texts) of three characters or more.
        key: at most 64 bytes; empty for texts that are public.
    """
    # the minima of a chunk go when it is sketched: they take four times the memory of what is kept of them
    parts = [(_bands(minima), (minima & 0xFF).astype(np.uint8)) for minima in _chunks(texts, key)]
    if not parts:
        return Sketches(np.empty((0, BANDS), np.int32), np.empty((0, PERMUTATIONS), np.uint8))
    bands, signatures = zip(*parts, strict=True)
    return Sketches(np.concatenate(bands), np.concatenate(signatures))


def _chunks(texts: Sequence[str], key: bytes) -> Iterator[NDArray[np.uint32]]:
    from rensa import RMinHash  # type: ignore[import-untyped]

    for start in range(0, len(texts), CHUNK):
        grams, offsets = _ngrams(texts[start : start + CHUNK])
        tokens = _keyed(grams, key)
        found = RMinHash.digest_matrix_from_flat_token_hashes(tokens, offsets, PERMUTATIONS, SEED)
        yield np.array(found.to_rows(), dtype=np.uint32).reshape(-1, PERMUTATIONS)


def _ngrams(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Code of every n-gram, text after text, and where the texts begin and end, shape (texts + 1,)."""
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    ends = np.cumsum([len(t) for t in texts])
    left = np.repeat(ends, np.diff(ends, prepend=0)) - np.arange(len(points))  # characters from here to the end
    second, third = (np.append(points[n:], np.zeros(n, np.uint64)) for n in (1, 2))
    broad = _ideographic(points) & _ideographic(second)
    third[broad] = 0
    whole = left >= np.where(broad, 2, 3)
    codes = (points << np.uint64(42)) | (second << np.uint64(21)) | third  # 21 bits hold any code point
    offsets = np.concatenate([[0], np.cumsum(whole)[ends - 1]]).astype(np.uint64)
    return codes[whole], offsets


def _ideographic(points: NDArray[np.uint64]) -> NDArray[np.bool_]:
    found = np.zeros(points.shape, np.bool_)
    for first, last in _IDEOGRAPHIC:
        found |= (points >= first) & (points < last)
    return found


def _keyed(grams: NDArray[np.uint64], key: bytes) -> NDArray[np.uint64]:
    distinct, place = np.unique(grams, return_inverse=True)
    hashed = b"".join(blake2b(code, digest_size=8, key=key).digest() for code in distinct.view("V8").tolist())
    return np.frombuffer(hashed, dtype="<u8")[place]


def _bands(minima: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Hash of each band's number and minima (a multiplicative mix; secrecy comes from the keyed n-grams)."""
    mixed = np.broadcast_to(np.arange(1, BANDS + 1, dtype=np.uint64), (len(minima), BANDS)).copy()
    for row in range(ROWS):
        mixed ^= minima[:, row::ROWS].astype(np.uint64)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
    return (mixed & np.uint64(0xFFFFFFFF)).astype(np.uint32).view(np.int32)
