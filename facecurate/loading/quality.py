"""How well an order mixes: what a windowed shuffle gives away against a full one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate.loading.order import BatchOrder
from facecurate.loading.windows import Windows


@dataclass(frozen=True, slots=True)
class Quality:
    """Two samples of one batch, two neighbours of one block; computed, not sampled.

    same_block: the chance that another sample of a batch (inside one window) is from a sample's
    own block; uniform: the same in a full shuffle. Given a block, all of its slots are equally
    likely, and so are all other blocks, so ``same_block - uniform`` is the total variation distance
    between a batch's next sample, given one, and that of a full shuffle. apart: how far two samples
    of one block lie from each other on average in an epoch; apart_uniform: in a full shuffle.
    removed: the share of the variance between blocks that the shuffle removes, (n - 1) / (N - 1)
    for windows of n of N blocks (CorgiPile's alpha; 1 is a full shuffle).
    """

    samples: int
    batch: int
    windows: Windows | None
    same_block: float
    uniform: float
    apart: float
    apart_uniform: float
    removed: float

    @property
    def total_variation(self) -> float:
        """0 for a full shuffle, near 1 for none."""
        return self.same_block - self.uniform

    def __str__(self) -> str:
        if self.windows is None:
            return f"order: all {self.samples:,} samples mixed"
        mates = self.batch - 1
        return (
            f"order: {self.windows.blocks:,} blocks of {self.windows.block:,} samples, "
            f"{self.windows.window} mixed at a time: a sample shares its batch of {self.batch:,} "
            f"with {mates * self.same_block:.1f} of its block ({mates * self.uniform:.1f} if all "
            f"were mixed; total variation {self.total_variation:.3f}), two of a block come "
            f"{self.apart:,.0f} samples apart ({self.apart_uniform:,.0f} if all were mixed); "
            f"{self.removed:.0%} of the variance between blocks is removed"
        )


def quality(order: BatchOrder, epoch: int = 0) -> Quality:
    """The quality of one epoch of an order; epochs differ only in where the short block lies."""
    total, windows = order.samples, order.windows
    wide = (total + 1) / 3
    if windows is None or windows.whole:
        block = windows.block if windows else 1
        alike = (block - 1) / max(total - 1, 1)
        return Quality(total, order.batch_size, None, alike, alike, wide, wide, 1.0)
    same = apart = 0.0
    for sizes in windows.sizes(order.seed, epoch):
        held = int(sizes.sum())
        same += _pairs(sizes) / max(held - 1, 1) / total
        apart += _pairs(sizes) * (held + 1) / 3
    whole = np.minimum(windows.block, total - np.arange(windows.blocks) * windows.block)
    pairs = _pairs(whole)
    return Quality(
        samples=total,
        batch=order.batch_size,
        windows=windows,
        same_block=same,
        uniform=pairs / total / max(total - 1, 1),
        apart=apart / max(pairs, 1),
        apart_uniform=wide,
        removed=(windows.window - 1) / (windows.blocks - 1),
    )


def _pairs(sizes: NDArray[np.int64]) -> int:
    """Ordered pairs of different slots of one block."""
    return int((sizes * (sizes - 1)).sum())
