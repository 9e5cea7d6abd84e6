"""Ledgers and hashed pictures made by hand, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from facecurate.review.hashed import Pictures
from facecurate.review.ledger import Ledger
from facecurate.similar.verify import HashTable

Copy = tuple[str, bool, float]  # method, mirrored, distance


def ledger(clusters: Sequence[Sequence[Copy]], level: str = "photo") -> Ledger:
    """Each cluster keeps ``C-kept`` for copies ``C-0``, ``C-1`` and so on."""
    rows = []
    for number, copies in enumerate(clusters):
        kept = f"{number:06d}-kept"
        rows.append((kept, kept, number, True, "", False, 0.0))
        rows += [(f"{number:06d}-{k}", kept, number, False, *copy) for k, copy in enumerate(copies)]
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    methods = sorted({name for name in columns[4] if name})
    return Ledger(
        level=level,
        keys=pa.array(columns[0], pa.string()),
        kept_keys=pa.array(columns[1], pa.string()),
        cluster=np.array(columns[2], np.int64),
        kept=np.array(columns[3], np.bool_),
        methods=methods,
        method=np.array([methods.index(m) if m else -1 for m in columns[4]], np.int64),
        mirrored=np.array(columns[5], np.bool_),
        distance=np.array(columns[6], np.float64),
        verified=pa.nulls(len(rows), pa.string()),
    )


def random_bits(rng: np.random.Generator, base: bytes, flips: int) -> bytes:
    """``base`` with so many of its bits flipped."""
    bits = np.unpackbits(np.frombuffer(base, np.uint8))
    bits[rng.choice(len(bits), flips, replace=False)] ^= 1
    return np.packbits(bits).tobytes()


def pictures(rng: np.random.Generator, count: int, *, blank: int = 0) -> Pictures:
    """Pictures around a few motifs, some mirrored, so that many are near and chains occur."""
    small = [rng.bytes(8) for _ in range(4)]
    large = [rng.bytes(32) for _ in range(4)]
    rows = []
    for k in range(count):
        motif = int(rng.integers(0, 4))
        one = random_bits(rng, small[motif], int(rng.integers(0, 6)))
        two = random_bits(rng, large[motif], int(rng.integers(0, 40)))
        other, another = rng.bytes(8), rng.bytes(32)
        mirrored = rng.uniform() < 0.2
        rows.append((other, one, another, two) if mirrored else (one, other, two, another))
        if k % 7 == 0 and k:
            rows[-1] = rows[-2]  # equal hashes
    rows[:blank] = [(None,) * 4] * blank
    keys = [f"k{number:04d}" for number in range(count)]
    return Pictures(keys, HashTable.of(*zip(*rows, strict=True)), rng.permutation(count))
