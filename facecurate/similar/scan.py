"""The compiled inner loops of the Hamming join; importing this module imports numba."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])

TILE = 1024
"""Hashes compared before looking whether any was near: 8 KB of 64-bit ones stay in L1."""


def _compiled(function: F) -> F:
    return cast(F, numba.njit(nogil=True)(function))


@_compiled
def _bits(word: np.uint64) -> np.uint64:
    # Sideways addition, in the form that LLVM recognises as a population count.
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@_compiled
def _near(word: np.uint64, tile: NDArray[np.uint64], limit: np.uint64) -> np.uint64:
    count = np.uint64(0)
    for other in tile:  # no branch and no index, so that it becomes vector code
        count += np.uint64(_bits(word ^ other) <= limit)
    return count


@_compiled
def scan(
    a: NDArray[np.uint64],
    b: NDArray[np.uint64],
    distance: int,
    upper: bool,
    row: int,
    column: int,
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    d: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Writes pairs within ``distance`` to i, j, d and stops before they could overflow.

    a: (N, W), b: (M, W) words; upper: only j > i. The comparison goes on from (row, column) and
    ends with (pairs written, next row, next column); next row = N when all is done. The first
    word alone is compared first: what it already tells apart is far.
    """
    found, words, limit = 0, a.shape[1], np.uint64(distance)
    first = np.ascontiguousarray(b[:, 0])
    for r in range(row, len(a)):
        start = column if r == row else 0
        if upper:
            start = max(start, r + 1)
        for left in range(start, len(b), TILE):
            right = min(left + TILE, len(b))
            if found + right - left > len(i):
                return found, r, left
            if _near(a[r, 0], first[left:right], limit) == 0:
                continue
            for c in range(left, right):
                apart = np.uint64(0)
                for w in range(words):
                    apart += _bits(a[r, w] ^ b[c, w])
                if apart <= limit:
                    i[found], j[found], d[found] = r, c, apart
                    found += 1
    return found, len(a), 0
