"""Pictures of one level with their hashes; equal ones collapse into one node each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate.similar import hamming
from facecurate.similar.judging import Side
from facecurate.similar.verify import HashTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """N pictures of one level (photos, or face crops).

    keys: unique; sha256: of the bytes, None where pictures have no bytes of their own; size:
    (N,) pixels of the photo or the face; sharpness: (N,) higher is sharper, NaN where unknown;
    inner: hashes of the pictures' middles, which propose pairs and decide nothing.
    """

    keys: Sequence[str]
    sha256: Sequence[bytes | None]
    hashes: HashTable
    size: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    inner: HashTable | None = None

    def __post_init__(self) -> None:
        columns = (getattr(self, name) for name in Items.__slots__)
        lengths = {len(column) for column in columns if column is not None}
        if len(lengths) > 1:
            raise ValueError(f"the items' columns have different lengths: {sorted(lengths)}")
        if len(set(self.keys)) < len(self.keys):
            raise ValueError("the items' keys are not unique")


@dataclass(frozen=True, slots=True)
class Nodes:
    """Items with equal bytes or equal usable hashes, as one node each; the hashed ones first.

    of: (N,) the node of each item; leader: (M,) the item of each node that would be kept, whose
    hashes and pixels speak for the node; nodes below ``hashed`` have hashes; same: (N,) the item
    that would be kept among those with an item's bytes.
    """

    of: NDArray[np.int64]
    leader: NDArray[np.int64]
    hashed: int
    same: NDArray[np.int64]

    def side(self, items: Items) -> Side:
        """The hashes of the hashed nodes."""
        rows = self.leader[: self.hashed]
        return Side(items.hashes.take(rows), items.inner and items.inner.take(rows))


def collapse(items: Items, place: NDArray[np.int64]) -> Nodes:
    """The nodes of items; place: (N,) the order in which they would be kept."""
    same = _same_bytes(items.sha256, place)
    table = items.hashes
    usable = table.informative[same]
    columns = (table.phash64, table.phash64_mirror, table.phash256, table.phash256_mirror)
    groups = hamming.distinct(np.hstack(columns)[same[usable]])
    of = np.empty(len(same), dtype=np.int64)
    of[usable] = groups.inverse
    of[~usable] = len(groups.first) + np.unique(same[~usable], return_inverse=True)[1]
    return Nodes(of, best(of, place), len(groups.first), same)


def best(of: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """(M,) the best placed item of each of the groups 0, 1, ... M - 1 that ``of`` (N,) names."""
    order = np.lexsort((place, of))
    return np.asarray(order[np.unique(of[order], return_index=True)[1]])


def _same_bytes(sha256: Sequence[bytes | None], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) the best placed item with the same bytes; the item itself where none has."""
    source = np.arange(len(sha256))
    digests = pa.array(sha256, pa.binary())
    known = np.flatnonzero(digests.is_valid())
    of = np.asarray(digests.drop_null().dictionary_encode().indices).astype(np.int64)
    source[known] = known[best(of, place[known])][of]
    return source
