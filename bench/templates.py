"""Near-duplicate texts: rensa's MinHash (in Rust, what Shoal uses) against datasketch's (numpy), on the same n-grams.

    bench/.venv/bin/python bench/templates.py [--texts N] [--seed S]

Each in a process of its own: signatures of 128 permutations over sets of character bigrams, 32 bands of 4, and of the
pairs of texts that share a band those whose signatures agree in half. datasketch: MinHash.bulk and MinHashLSH. rensa:
RMinHash.digest_matrix_from_token_sets, bands by sorting. The clock starts when the sets of bigrams are there.
`shoal` is ingest.sketches, which also cuts the texts into n-grams and hashes them with a key; its clock starts before.

Synthetic: half of the texts alone, half in families of five whose members had 7% of their characters replaced; Chinese
characters whose frequency has a heavy tail, 60 to 120 a text. A pair is right if both are of one family.
"""

from __future__ import annotations

import argparse
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from measured import Clock, in_a_process

PERMUTATIONS, BANDS, ROWS = 128, 32, 4
AGREE = 0.5  # of a signature
FAMILY, EDITED, ALPHABET = 5, 0.07, 3000
Given = tuple[int, int]
Pairs = set[tuple[int, int]]


def texts(given: Given) -> tuple[list[str], np.ndarray]:
    """So many texts, and the family of each: the place of its first text."""
    count, seed = given
    random = np.random.default_rng(seed)
    share = (np.arange(ALPHABET) + 5.0) ** -1.0
    share /= share.sum()

    def written(length: int) -> np.ndarray:
        return random.choice(ALPHABET, length, p=share)

    made: list[str] = []
    family: list[int] = []
    while len(made) < count:
        original = written(int(random.integers(60, 121)))
        copies = FAMILY if len(made) < count // 2 else 1
        first = len(made)
        for _ in range(copies):
            copy = original.copy()
            edited = random.random(len(copy)) < (EDITED if copies > 1 else 0.0)
            copy[edited] = written(int(edited.sum()))
            made.append("".join(map(chr, 0x4E00 + copy)))
            family.append(first)
    return made, np.array(family)


def bigrams(made: list[str]) -> list[list[str]]:
    """The set of pairs of neighbouring characters of each text, in order."""
    return [sorted({text[i : i + 2] for i in range(len(text) - 1)}) for text in made]


def alike(bands: np.ndarray, signatures: np.ndarray) -> Pairs:
    """Pairs that share a band (n, BANDS) and agree in half of their signatures (n, PERMUTATIONS)."""
    found: Pairs = set()
    for band in bands.T:
        order = np.argsort(band, kind="stable")
        cuts = np.flatnonzero(np.diff(band[order])) + 1
        for group in np.split(order, cuts):
            if len(group) > 1:
                found.update(combinations(sorted(group.tolist()), 2))
    return {(a, b) for a, b in found if (signatures[a] == signatures[b]).mean() >= AGREE}


def of_rensa(given: Given) -> dict[str, Any]:
    """rensa's pairs."""
    from rensa import RMinHash  # type: ignore[import-untyped]

    sets = bigrams(texts(given)[0])
    clock = Clock()
    matrix = RMinHash.digest_matrix_from_token_sets(sets, PERMUTATIONS, 42)
    signatures = np.array(matrix.to_rows(), np.uint32)
    signed = clock.stop()["cpu_s"]
    bands = np.ascontiguousarray(signatures).view(np.dtype((np.void, 4 * ROWS)))
    codes = np.stack([np.unique(bands[:, band], return_inverse=True)[1].ravel() for band in range(BANDS)], axis=1)
    pairs = alike(codes, signatures)
    return {"what": "rensa", "signatures cpu_s": signed, **clock.stop(), "pairs": pairs}


def of_datasketch(given: Given) -> dict[str, Any]:
    """datasketch's pairs."""
    from datasketch import MinHash, MinHashLSH

    sets = [[gram.encode() for gram in grams] for grams in bigrams(texts(given)[0])]
    clock = Clock()
    hashes = MinHash.bulk(sets, num_perm=PERMUTATIONS)
    signed = clock.stop()["cpu_s"]
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, ROWS))
    pairs: Pairs = set()
    for b, minhash in enumerate(hashes):
        pairs.update((a, b) for a in index.query(minhash) if hashes[a].jaccard(minhash) >= AGREE)
        index.insert(b, minhash)
    return {"what": "datasketch", "signatures cpu_s": signed, **clock.stop(), "pairs": pairs}


def of_shoal(given: Given) -> dict[str, Any]:
    """The pairs of Shoal's own sketches."""
    from ingest.sketches import sketch

    made = texts(given)[0]
    clock = Clock()
    sketches = sketch(made, b"a key")
    signed = clock.stop()["cpu_s"]
    pairs = alike(sketches.bands, sketches.signatures)
    return {"what": "shoal", "signatures cpu_s": signed, **clock.stop(), "pairs": pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    given = asked.texts, asked.seed
    made, family = texts(given)
    members = [group for _, group in pd.Series(range(len(family))).groupby(family) if len(group) > 1]
    truth = {pair for group in members for pair in combinations(group.tolist(), 2)}
    results = [in_a_process(job, given) for job in (of_rensa, of_datasketch, of_shoal)]
    found = [result.pop("pairs") for result in results]
    for result, pairs in zip(results, found, strict=True):
        result["pairs"] = len(pairs)
        result["recall"] = round(len(pairs & truth) / len(truth), 4)
        result["precision"] = round(len(pairs & truth) / max(len(pairs), 1), 4)
    print(f"{len(made):,} texts, {len(members):,} families, {len(truth):,} pairs in them, seed {asked.seed}")
    print(pd.DataFrame(results).to_string(index=False))
    both = len(found[0] & found[1]) / max(len(found[0] | found[1]), 1)
    print(f"agreement of rensa and datasketch (pairs that both find, of those that either finds): {both:.4f}")


if __name__ == "__main__":
    main()
