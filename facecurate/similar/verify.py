"""Two stages: 64-bit hashes propose pairs of pictures, 256-bit hashes decide.

The 64-bit hash alone destroys face datasets. Among 294,174 pairs of different people's portraits
61 pairs of photos and 86 of face crops lie within 8 bits, so clusters grow through chance edges
until one holds nearly everything. On the same pairs 40 of 256 bits accepts none (the nearest
different pair is at 42) and keeps all 31 real rescaled duplicates.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from facecurate.similar import hamming

CANDIDATE_BITS = 10
"""64-bit hashes within this distance make a candidate."""

VERIFIED_BITS = 40
"""256-bit hashes within this distance make an edge."""

FACE_VERIFIED_BITS = 12
"""The same for face crops. Two photos of one person in one pose and light (neutral and smiling in
the London set) come as near as 18 bits on crops and are no copies; crops of rescaled copies lie
within 6 in 7 of 8 cases. Copies cut differently are found through their photos."""

FALSE_EDGE_RATE = 3.0 / 294_174
"""Upper 95 % bound of a verified edge's chance for a pair of different pictures: none was seen
among 294,174 (3 / n, the rule of three)."""

METHODS = ("exact", "photo", "phash", "embedding")
"""How two pictures were found to be one, the surest first; edges hold the position."""

PHASH = METHODS.index("phash")


@dataclass(frozen=True, slots=True)
class HashTable:
    """The four hashes of N pictures as rows of bytes; see ``phash.Hashes``.

    phash64, phash64_mirror: (N, 8) uint8; phash256, phash256_mirror: (N, 32) uint8;
    informative: (N,) bool, false where a picture has no usable hash (its rows are ignored).
    """

    phash64: NDArray[np.uint8]
    phash64_mirror: NDArray[np.uint8]
    phash256: NDArray[np.uint8]
    phash256_mirror: NDArray[np.uint8]
    informative: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        phash64: Iterable[bytes | None],
        phash64_mirror: Iterable[bytes | None],
        phash256: Iterable[bytes | None],
        phash256_mirror: Iterable[bytes | None],
    ) -> Self:
        """From the columns of ``hashes/``; None for a picture without a usable hash."""
        a, am, b, bm = (list(c) for c in (phash64, phash64_mirror, phash256, phash256_mirror))
        known = [None not in row for row in zip(a, am, b, bm, strict=True)]
        informative = np.array(known, dtype=np.bool_)
        return cls(_rows(a, 8), _rows(am, 8), _rows(b, 32), _rows(bm, 32), informative)

    def take(self, rows: NDArray[np.int64]) -> "HashTable":
        """The chosen rows, in the order given."""
        return HashTable(
            self.phash64[rows],
            self.phash64_mirror[rows],
            self.phash256[rows],
            self.phash256_mirror[rows],
            self.informative[rows],
        )

    def __len__(self) -> int:
        return len(self.informative)


class Edges(NamedTuple):
    """Verified pairs i < j: method is a position in METHODS, distance in bits of ``phash256``."""

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    method: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    distance: NDArray[np.int64]

    @classmethod
    def concatenate(cls, parts: Iterable["Edges"]) -> "Edges":
        """All edges of several batches, in their order."""
        whole = np.empty(0, np.int64)
        start = cls(whole, whole, whole, np.empty(0, np.bool_), whole)
        i, j, method, mirrored, distance = zip(start, *parts, strict=True)
        return cls(
            np.concatenate(i),
            np.concatenate(j),
            np.concatenate(method),
            np.concatenate(mirrored),
            np.concatenate(distance),
        )


class Verified(NamedTuple):
    """One batch of candidates: its edges, how many candidates, and the nearest one refused."""

    edges: Edges
    candidates: int
    nearest_refused: int | None


def edges(
    table: HashTable,
    *,
    candidate_bits: int = CANDIDATE_BITS,
    verified_bits: int = VERIFIED_BITS,
) -> Iterator[Verified]:
    """Every verified edge among the rows of ``table``, in batches of bounded size.

    Every row must be informative, and equal rows are better collapsed first. A pair comes at
    most once upright and once mirrored.
    """
    for pairs in hamming.stream(table.phash64, None, candidate_bits):
        yield _verified(table, pairs.i, pairs.j, False, verified_bits)
    for pairs in hamming.stream(table.phash64, table.phash64_mirror, candidate_bits):
        i, j = _once(table, pairs, candidate_bits)
        yield _verified(table, i, j, True, verified_bits)


def distances(
    table: HashTable, i: NDArray[np.int64], j: NDArray[np.int64], mirrored: bool
) -> NDArray[np.int64]:
    """256-bit distances between rows i and j; mirrored: one picture against the other's mirror.

    The two ways to mirror a pair differ by a bit or two, so the smaller one counts and the
    order of the pair does not.
    """
    if not mirrored:
        return hamming.distances(table.phash256[i], table.phash256[j])
    forth = hamming.distances(table.phash256[i], table.phash256_mirror[j])
    back = hamming.distances(table.phash256_mirror[i], table.phash256[j])
    return np.minimum(forth, back)


def _verified(
    table: HashTable,
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    mirrored: bool,
    limit: int,
) -> Verified:
    apart = distances(table, i, j, mirrored)
    near = apart <= limit
    count = int(near.sum())
    found = Edges(i[near], j[near], np.full(count, PHASH), np.full(count, mirrored), apart[near])
    refused = int(apart[~near].min()) if count < len(i) else None
    return Verified(found, len(i), refused)


def _once(
    table: HashTable, pairs: hamming.Pairs, limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Mirrored pairs as i < j: those found as (j, i) only if (i, j) is not found as well."""
    forth = table.phash64[pairs.j], table.phash64_mirror[pairs.i]
    wanted = (pairs.i < pairs.j) | ((pairs.i > pairs.j) & (hamming.distances(*forth) > limit))
    i, j = pairs.i[wanted], pairs.j[wanted]
    return np.minimum(i, j), np.maximum(i, j)


def _rows(hashes: list[bytes | None], width: int) -> NDArray[np.uint8]:
    packed = b"".join(bytes(width) if h is None else h for h in hashes)
    return np.frombuffer(packed, dtype=np.uint8).reshape(-1, width)
