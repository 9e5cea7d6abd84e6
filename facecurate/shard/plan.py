"""Which face goes into which tar: a seeded order that depends on keys alone, cut by size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate.shard.sources import FACE_COLUMNS, PHOTO_COLUMNS, column_of

_MEMBERS = 2 * 512 + 2 * 511  # two headers, and the padding of two members, at most
_END = 1024  # the blocks of zeros behind the last one
_NUMBER = 25  # characters of a number in JSON with its comma, at most

Places = NDArray[np.int64]


def seeded_order(keys: pa.Array, seed: int) -> Places:
    """(N,) rows in the order of a hash: what comes first does not depend on what else is there."""
    digests = b"".join(place(seed, key) for key in keys.to_pylist())
    words = np.frombuffer(digests, ">u8").reshape(len(keys), 4)
    return np.lexsort(words.T[::-1])


def place(seed: int | str, key: str) -> bytes:
    """Where a key comes in the order of a seed."""
    return hashlib.sha256(f"{seed}/{key}".encode()).digest()


def cut(rows: Places, weights: NDArray[np.int64], limit: int) -> Iterator[Places]:
    """Consecutive runs of ``rows`` that weigh at most ``limit``, or are one row.

    rows: (N,) positions in order; weights: bytes of every position.
    """
    ends = np.cumsum(weights[rows])
    start = 0
    while start < len(rows):
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + limit - _END, side="right"))
        stop = max(stop, start + 1)
        yield rows[start:stop]
        start = stop


def weights_of(samples: pa.Table) -> NDArray[np.int64]:
    """(N,) the most bytes that each sample can take in its tar."""
    total = column_of(samples, "at_size").to_numpy(zero_copy_only=False).astype(np.int64) + _MEMBERS
    for name in (*FACE_COLUMNS, *PHOTO_COLUMNS):
        column = column_of(samples, name)
        total += len(name) + 6 + _longest(column)
    return np.asarray(total, np.int64)


def _longest(column: Any) -> NDArray[np.int64] | int:
    """(N,) or all alike: characters that a value can have in JSON, at most."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        longest = _longest(column.dictionary) if len(column.dictionary) else 0
        return int(np.max(longest)) if isinstance(longest, np.ndarray) else longest
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size * _NUMBER)
    if pa.types.is_list(kind):
        return _NUMBER * _lengths(pc.list_value_length(column))
    if pa.types.is_string(kind):
        return 6 * _lengths(pc.binary_length(column))  # a character beyond ASCII is \uXXXX
    return _NUMBER


def _lengths(lengths: pa.Array) -> NDArray[np.int64]:
    return np.asarray(lengths.fill_null(1).to_numpy(zero_copy_only=False), np.int64)


def keys_digest(keys: Sequence[str]) -> str:
    """One digest of keys in their order."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()
