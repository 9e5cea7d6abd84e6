"""Blocks of cosines as matrix products; importing this module imports numba and torch.

A block is computed in bfloat16 where the processor multiplies it itself (about five times as
fast as float32, measured with AVX-512 BF16), else in float32. That only proposes pairs: ``SLACK``
is more than rounding can take off a cosine, so no pair is lost, and every pair proposed is
computed again from the vectors themselves in float64, in one fixed order.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from facecurate.similar.lanes import compiled

Vectors = NDArray[np.float32] | NDArray[np.float16]
Index = NDArray[np.int64]

ROOM = 1 << 18
"""Pairs proposed at once."""

SLACK = {torch.bfloat16: 0.01, torch.float32: 1e-4}
"""A significand of 8 bits rounds by at most 1 / 256: two such factors change x . y by at most
2 / 256 of the norms (Cauchy-Schwarz), the rounding of a result below 1 by 1 / 512."""


class Rows(NamedTuple):
    """Vectors, (N, D), and the inverse of their norms, (N,); 0 for those that have no direction."""

    vectors: Vectors
    inverse: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: Vectors) -> "Rows":
        """Vectors with a value that is not finite, or of norm 0, equal nothing."""
        if vectors.ndim != 2 or vectors.dtype not in (np.float16, np.float32):
            kind = f"{vectors.shape} {vectors.dtype}"
            raise ValueError(f"expected (N, D) float16 or float32 vectors, got {kind}")
        return cls(vectors, np.concatenate([_inverse(part) for part in _parts(vectors)]))

    @property
    def usable(self) -> Index:
        """The rows that have a direction."""
        return np.flatnonzero(self.inverse)


def _parts(vectors: Vectors) -> Iterator[NDArray[np.float32]]:
    for start in range(0, max(1, len(vectors)), 8192):
        yield np.asarray(vectors[start : start + 8192], np.float32)


def _inverse(part: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.sqrt((part.astype(np.float64) ** 2).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(np.isfinite(norms) & (norms > 0), 1.0 / norms, 0.0)
    return inverse.astype(np.float32)


def precision() -> torch.dtype:
    """bfloat16 where the processor multiplies it itself."""
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    native = any(getattr(torch.cpu, name, bool)() for name in tests)
    return torch.bfloat16 if native else torch.float32


def unit(rows: Rows, chosen: Index) -> torch.Tensor:
    """(R, D) the chosen vectors at length 1, zeros where they have none, in ``precision()``."""
    dimension = rows.vectors.shape[1]
    if precision() is torch.float32:
        whole = np.asarray(rows.vectors[chosen], np.float32) * rows.inverse[chosen, None]
        whole[rows.inverse[chosen] == 0] = 0
        return torch.from_numpy(whole)
    halves = np.empty((len(chosen), dimension), np.int16)
    if rows.vectors.dtype == np.float32:
        _halve(rows.vectors, rows.inverse, chosen, halves)
    else:
        few = np.asarray(rows.vectors[chosen], np.float32)
        _halve(few, rows.inverse[chosen], np.arange(len(chosen)), halves)
    return torch.from_numpy(halves).view(torch.bfloat16)


class Product:
    """Reuses one block of memory for products of at most ``rows`` by ``columns``."""

    def __init__(self, rows: int, columns: int) -> None:
        self._room = torch.empty(rows * columns, dtype=precision())

    def of(self, a: torch.Tensor, b: torch.Tensor) -> Any:
        """(R, C) the cosines of the rows of two tensors from ``unit``, valid until the next call.

        float32, or the bits of bfloat16 as int16, which are in the same order above 0.
        """
        block = self._room[: len(a) * len(b)].view(len(a), len(b))
        torch.mm(a, b.T, out=block)
        return (block.view(torch.int16) if block.dtype == torch.bfloat16 else block).numpy()


def values(block: Any) -> NDArray[np.float32]:
    """The cosines that the entries of a ``Product`` stand for."""
    if block.dtype == np.float32:
        return np.asarray(block)
    told: NDArray[np.float32] = torch.from_numpy(block).view(torch.bfloat16).float().numpy()
    return told


def above(block: Any, similarity: float) -> Iterator[tuple[Index, Index]]:
    """Rows and columns of a ``Product`` that may be at or above ``similarity``, in order."""
    least = similarity - SLACK[precision()]
    if block.dtype == np.int16:
        # Below 0 the order of the bits turns round; there everything from 0 up is proposed too.
        bits = torch.tensor(max(least, 0.0), dtype=torch.bfloat16).view(torch.int16)
        limit: Any = np.int16(bits.item() - 1)
    else:
        limit = np.float32(least)
    i, j = np.empty(ROOM, np.int64), np.empty(ROOM, np.int64)
    row, column = 0, 0
    while row < len(block):
        found, row, column = _above(block, limit, row, column, i, j)
        if found:
            yield i[:found].copy(), j[:found].copy()


def cosines(rows: Rows, i: Index, j: Index) -> NDArray[np.float64]:
    """(P,) the cosines of pairs of rows, in float64."""
    out = np.empty(len(i), np.float64)
    if rows.vectors.dtype == np.float32:
        _cosines(rows.vectors, i, j, out)
        return out
    for start in range(0, len(i), 4096):  # numba has no float16 on this side
        part = slice(start, start + 4096)
        few = np.concatenate([rows.vectors[i[part]], rows.vectors[j[part]]]).astype(np.float32)
        count = len(few) // 2
        _cosines(few, np.arange(count), np.arange(count, 2 * count), out[part])
    return out


@compiled
def _halve(vectors: Any, inverse: Any, chosen: Any, out: Any) -> None:
    for k in range(len(chosen)):
        row = chosen[k]
        scale = inverse[row]
        if scale == 0:
            out[k] = 0
            continue
        scaled = vectors[row] * scale
        bits = scaled.view(np.uint32)
        for n in range(len(bits)):  # to the nearest, ties to even
            word = bits[n]
            word += np.uint32(0x7FFF) + ((word >> np.uint32(16)) & np.uint32(1))
            out[k, n] = np.int16(word >> np.uint32(16))


@compiled
def _above(block: Any, limit: Any, row: int, column: int, i: Any, j: Any) -> tuple[int, int, int]:
    step, found, columns = 128, 0, block.shape[1]
    for r in range(row, len(block)):
        for left in range(column if r == row else 0, columns, step):
            right = min(left + step, columns)
            hit = False
            for value in block[r, left:right]:
                hit |= value >= limit
            if not hit:
                continue
            if found + step > len(i):
                return found, r, left
            for c in range(left, right):
                if block[r, c] >= limit:
                    i[found], j[found] = r, c
                    found += 1
    return found, len(block), 0


@compiled
def _cosines(vectors: Any, i: Any, j: Any, out: Any) -> None:
    for k in range(len(i)):
        x, y = vectors[i[k]], vectors[j[k]]
        xy, xx, yy = 0.0, 0.0, 0.0
        for n in range(len(x)):
            a, b = np.float64(x[n]), np.float64(y[n])
            xy += a * b
            xx += a * a
            yy += b * b
        out[k] = xy / np.sqrt(xx * yy)
