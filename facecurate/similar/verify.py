"""Two stages: 64-bit hashes propose pairs of pictures (``candidates``), 256-bit hashes decide.

The 64-bit hash alone destroys face datasets. Among 294,174 pairs of different people's portraits
61 pairs of photos and 86 of face crops lie within 8 bits, so clusters grow through chance edges
until one holds nearly everything. On the same pairs 40 of 256 bits accepts none (the nearest
different pair is at 42) and keeps all 31 real rescaled duplicates; so do 32, which also hold among
more pairs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate.similar import hamming

Index = NDArray[np.int64]

CANDIDATE_BITS = 10
"""64-bit hashes within this distance make a candidate."""

VERIFIED_BITS = 32
"""256-bit hashes within this distance make an edge. Among 32 million pairs of 8,000 rendered
portraits, upright and mirrored, the nearest different one is at 40 and four lie within 44; real
rescaled duplicates lie within 10."""

FACE_VERIFIED_BITS = 12
"""The same for face crops. Two photos of one person in one pose and light (neutral and smiling in
the London set) come as near as 18 bits on crops and are no copies; crops of rescaled copies lie
within 6 in 7 of 8 cases. Copies cut differently are found through their photos."""

DOUBT_BITS = 66
"""Face crops beyond ``FACE_VERIFIED_BITS`` and up to here are laid on each other (``register``).

Measured on 135 portraits cut out again by a detector: of the copies that lack 5 or 10 % a side and
that registration would confirm, all lie within 66 bits, of those scaled to half 97 % do; of 9,045
pairs of two portraits 20 come so near, 8 of them of different people, and none of these agrees by
more than .24. Up to 94 bits another 12 copies in 1,000 are found, and 8 more pairs registered."""

MIDDLE_DOUBT_BITS = 80
"""The same for the middles of crops, of which a box that is a little off moves more. Of the 9,045
pairs 19 come so near, and 11 within 66."""

FALSE_EDGE_RATE = 3.0 / 294_174
"""Upper 95 % bound of a verified edge's chance for a pair of different pictures: none was seen
among 294,174 (3 / n, the rule of three)."""

METHODS = ("exact", "photo", "phash", "embedding")
"""How two pictures were found to be one, the surest first; edges hold the position."""

PHASH = METHODS.index("phash")

_COLUMNS = {"phash64": 8, "phash64_mirror": 8, "phash256": 32, "phash256_mirror": 32}  # bytes


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

    @classmethod
    def of_table(cls, rows: pa.Table) -> Self:
        """From rows of ``hashes/``; null for a picture without a usable hash."""
        known = np.ones(len(rows), np.bool_)
        for name in _COLUMNS:
            known &= rows[name].is_valid().to_numpy()
        a, am, b, bm = (
            np.where(known[:, None], _bytes(rows[name], width), 0)
            for name, width in _COLUMNS.items()
        )
        return cls(a, am, b, bm, known)

    @classmethod
    def concatenate(cls, tables: Sequence["HashTable"]) -> Self:
        """The rows of all tables, one after the other."""
        a, am, b, bm = (np.concatenate([getattr(t, name) for t in tables]) for name in _COLUMNS)
        return cls(a, am, b, bm, np.concatenate([t.informative for t in tables]))

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


class Candidates(NamedTuple):
    """Pairs of rows that may be one picture, all upright or all mirrored, from one method."""

    i: Index
    j: Index
    mirrored: bool
    method: int


class Edges(NamedTuple):
    """Pairs of rows: i < j within one table, or i of one and j of another.

    method: position in METHODS; distance: bits of ``phash256``; agreement: of ``register`` where
    that decided, NaN where the hashes did.
    """

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    method: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    distance: NDArray[np.int64]
    agreement: NDArray[np.float64]

    @classmethod
    def by_hash(
        cls, i: Index, j: Index, method: Index, mirrored: NDArray[np.bool_], distance: Index
    ) -> "Edges":
        """Pairs that no registration has been asked about."""
        return cls(i, j, method, mirrored, distance, np.full(len(i), np.nan))

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Edges":
        """The chosen pairs."""
        i, j, method, mirrored, distance, agreement = self
        return Edges(
            i[rows], j[rows], method[rows], mirrored[rows], distance[rows], agreement[rows]
        )

    def renumbered(self, ours: Index, theirs: Index) -> "Edges":
        """The same pairs as rows i < j of a whole list; see ``Verified.renumbered``."""
        i, j = ours[self.i], theirs[self.j]
        return self._replace(i=np.minimum(i, j), j=np.maximum(i, j))

    @classmethod
    def concatenate(cls, parts: Iterable["Edges"]) -> "Edges":
        """All edges of several batches, in their order."""
        whole = np.empty(0, np.int64)
        start = cls.by_hash(whole, whole, whole, np.empty(0, np.bool_), whole)
        i, j, method, mirrored, distance, agreement = zip(start, *parts, strict=True)
        return cls(
            np.concatenate(i),
            np.concatenate(j),
            np.concatenate(method),
            np.concatenate(mirrored),
            np.concatenate(distance),
            np.concatenate(agreement),
        )


class Verified(NamedTuple):
    """One batch of candidates, judged by their hashes.

    edges: accepted; doubtful: refused, but near enough that a registration is worth its time;
    candidates: how many there were; nearest_refused: bits, None if none was.
    """

    edges: Edges
    doubtful: Edges
    candidates: int
    nearest_refused: int | None

    def renumbered(self, ours: Index, theirs: Index) -> "Verified":
        """The same with i < j of a whole list, whose rows ours (of i) and theirs (of j) are."""
        return self._replace(
            edges=self.edges.renumbered(ours, theirs),
            doubtful=self.doubtful.renumbered(ours, theirs),
        )


def judge(
    ours: HashTable, theirs: HashTable, batch: Candidates, verified_bits: int, doubt_bits: int = 0
) -> Verified:
    """Splits candidates by their 256-bit distance: edges up to ``verified_bits``, doubt beyond."""
    i, j, mirrored, method = batch
    apart = distances(ours, theirs, i, j, mirrored)
    pairs = Edges.by_hash(i, j, np.full(len(i), method), np.full(len(i), mirrored, np.bool_), apart)
    near = apart <= verified_bits
    refused = int(apart[~near].min()) if not near.all() else None
    doubtful = pairs.take(~near & (apart <= doubt_bits))
    return Verified(pairs.take(near), doubtful, len(i), refused)


def distances(
    ours: HashTable, theirs: HashTable, i: Index, j: Index, mirrored: bool
) -> NDArray[np.int64]:
    """256-bit distances between rows i of ours and j of theirs; mirrored: one against the mirror.

    The two ways to mirror a pair differ by a bit or two, so the smaller one counts and the
    order of the pair does not.
    """
    if not mirrored:
        return hamming.distances(ours.phash256[i], theirs.phash256[j])
    forth = hamming.distances(ours.phash256[i], theirs.phash256_mirror[j])
    back = hamming.distances(ours.phash256_mirror[i], theirs.phash256[j])
    return np.minimum(forth, back)


def _bytes(column: pa.ChunkedArray, width: int) -> NDArray[np.uint8]:
    """(N, width) what a column of fixed_size_binary[width] holds, anything where it is null."""
    parts = [np.empty((0, width), np.uint8)]
    for chunk in column.chunks:
        data = np.frombuffer(chunk.buffers()[1], np.uint8)
        parts.append(data[chunk.offset * width : (chunk.offset + len(chunk)) * width])
    return np.concatenate([part.reshape(-1, width) for part in parts])


def _rows(hashes: list[bytes | None], width: int) -> NDArray[np.uint8]:
    packed = b"".join(bytes(width) if h is None else h for h in hashes)
    return np.frombuffer(packed, dtype=np.uint8).reshape(-1, width)
