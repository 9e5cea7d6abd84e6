"""Blocks of cosines in float32; or faster and nearly right, where bfloat16 is multiplied at once.

Encoders leave vectors that point much the same way (a mean cosine of 0.9 is usual), and bfloat16
keeps 8 bits: of cosines between 0.9 and 1 it would tell little. So the mean is taken off first:
with x = m + r, x . y = m.m + m.r + m.s + r.s, and only r.s, small where the mean is large, is
multiplied in bfloat16. ``slack`` is more than that can be wrong.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from facecurate.diversity import kernels
from facecurate.diversity.places import Index
from facecurate.errors import FacecurateError
from facecurate.similar import products
from facecurate.similar.products import Rows, Vectors

Block = NDArray[np.float32]

ROUNDED = 3.02 / 2**8
"""Three roundings to 8 bits, of r, of s and of r . s, as a share of |r| |s| (Cauchy-Schwarz)."""

SUMMED = 2.0**-24
"""What adding one product in float32 may change, as a share of |r| |s|."""

_ROWS = 8192


def usable(vectors: Vectors) -> Rows:
    """The vectors with their lengths. Raises FacecurateError if some have no direction."""
    rows = Rows.of(vectors)
    bad = int((rows.inverse == 0).sum())
    if bad:
        raise FacecurateError(
            f"{bad} of {len(vectors)} vectors have no direction (zero or not finite): "
            "leave those frames out, or take another encoder"
        )
    return rows


class Exact:
    """Blocks in float32: a cosine is wrong by some 1e-7."""

    slack = 0.0

    def __init__(self, rows: Rows, block: int) -> None:
        self.rows, self._room = rows, torch.empty(block * block)

    def prepared(self, chosen: Index) -> torch.Tensor:
        """(R, D) the chosen rows, for ``of``."""
        return torch.from_numpy(_unit(self.rows, chosen))

    def of(self, first: torch.Tensor, second: torch.Tensor) -> Block:
        """(R, C) cosines, valid until the next call."""
        block = self._room[: len(first) * len(second)].view(len(first), len(second))
        torch.mm(first, second.T, out=block)
        cosines: Block = block.numpy()
        return cosines


class Centre:
    """The mean m of all unit vectors, (D,) float32, and the greatest square of a rest."""

    def __init__(self, rows: Rows) -> None:
        count, starts = len(rows.vectors), range(0, len(rows.vectors), _ROWS)
        parts = [slice(start, start + _ROWS) for start in starts]
        sums = np.zeros(rows.vectors.shape[1])
        for part in parts:
            sums += rows.inverse[part] @ np.asarray(rows.vectors[part], np.float32)
        self.mean = (sums / max(count, 1)).astype(np.float32)
        along = [
            np.asarray(rows.vectors[p], np.float32) @ self.mean * rows.inverse[p] for p in parts
        ]
        least = min((float(part.min()) for part in along), default=0.0)
        self.greatest = 1.0 - 2.0 * least + float(self.mean @ self.mean) + 1e-5  # |x - m|^2


class Near:
    """Blocks by bfloat16: a cosine is wrong by less than ``slack``."""

    def __init__(self, rows: Rows, centre: Centre, block: int) -> None:
        self.rows, self.mean = rows, centre.mean
        self.slack = ROUNDED * centre.greatest + SUMMED * (rows.vectors.shape[1] + 32)
        self._room = torch.empty(block * block, dtype=torch.bfloat16)
        self._wide = np.empty(block * block, np.float32)

    def prepared(self, chosen: Index) -> tuple[torch.Tensor, Block]:
        """The rests of the chosen rows, (R, D), and what else each of them adds, (R,)."""
        rest = _unit(self.rows, chosen) - self.mean
        offset = rest @ self.mean + np.float32(0.5) * (self.mean @ self.mean)
        return torch.from_numpy(rest).bfloat16(), offset

    def of(
        self, first: tuple[torch.Tensor, Block], second: tuple[torch.Tensor, Block]
    ) -> Block:  # fmt: skip
        """(R, C) cosines, valid until the next call."""
        shape = len(first[0]), len(second[0])
        block = self._room[: shape[0] * shape[1]].view(shape)
        torch.mm(first[0], second[0].T, out=block)
        wide = self._wide[: block.numel()].reshape(shape)
        kernels.widened(block.view(torch.int16).numpy(), first[1], second[1], wide)
        return wide


def native() -> bool:
    """Whether the processor multiplies bfloat16 itself."""
    return products.precision() is torch.bfloat16


def _unit(rows: Rows, chosen: Index) -> Block:
    unit: Block = np.asarray(rows.vectors[chosen], np.float32) * rows.inverse[chosen, None]
    return unit
