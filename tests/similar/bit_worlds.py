"""Small worlds of hashes without pictures, near each other by design."""

from __future__ import annotations

import dataclasses

import numpy as np

from facecurate.similar.items import Items
from facecurate.similar.phash import Hashes
from facecurate.similar.verify import HashTable


def table(rows: list[Hashes]) -> HashTable:
    usable = [h if h.informative else None for h in rows]
    names = ("phash64", "phash64_mirror", "phash256", "phash256_mirror")
    return HashTable.of(*([getattr(h, name, None) for h in usable] for name in names))


def shuffled(source: Items, order: list[int]) -> Items:
    rows = np.array(order, dtype=np.int64)
    return Items(
        keys=[source.keys[r] for r in order],
        sha256=[source.sha256[r] for r in order],
        hashes=source.hashes.take(rows),
        size=source.size[rows],
        sharpness=source.sharpness[rows],
    )


def bit_world(centres: int, copies: int, flips: int, seed: int) -> Items:
    """Hashes near each other by design, some pairs within the thresholds and some just beyond."""
    rng = np.random.default_rng(seed)
    count = centres * copies
    small = np.repeat(rng.integers(0, 2, (centres, 64)), copies, axis=0)
    large = np.repeat(rng.integers(0, 2, (centres, 256)), copies, axis=0)
    for row in range(count):
        small[row, rng.choice(64, rng.integers(0, 6), replace=False)] ^= 1
        large[row, rng.choice(256, rng.integers(0, flips), replace=False)] ^= 1
    bits = np.packbits(small, axis=1), np.packbits(large, axis=1)
    return Items(
        keys=[f"k{n}" for n in rng.permutation(count)],
        sha256=[bytes([int(n)]) for n in rng.integers(0, 200, count)],
        hashes=HashTable(
            bits[0],
            bits[0][::-1],  # the last picture is the first one's mirror image, and so on inwards
            bits[1],
            bits[1][::-1],
            rng.random(count) > 0.1,
        ),
        size=rng.integers(1, 4, count).astype(float),
        sharpness=rng.integers(1, 3, count).astype(float),
    )


def unique_bytes(world: Items) -> Items:
    """The same items, those with equal bytes having equal hashes as in the real world."""
    first: dict[bytes | None, int] = {}
    rows = [first.setdefault(digest, n) for n, digest in enumerate(world.sha256)]
    return dataclasses.replace(world, hashes=world.hashes.take(np.array(rows)))
