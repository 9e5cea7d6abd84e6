"""A shuffle in two levels, for stores where a small read costs as much as a large one.

Blocks of consecutive slots are permuted and taken a window of them at a time; the slots of a window
are permuted. The idea is CorgiPile's (Xu et al., "In-database machine learning with CorgiPile:
stochastic gradient descent without full data shuffle", SIGMOD 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facecurate.errors import FacecurateError

_BLOCKS, _SLOTS = 1, 2  # apart from the full shuffle, whose stream is (seed, epoch)


@dataclass(frozen=True, slots=True)
class Around:
    """Blocks in use, and blocks that come next."""

    now: tuple[int, ...] = ()
    soon: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Windows:
    """Blocks of ``block`` slots (the last may have fewer), ``window`` of them mixed at a time.

    Both count slots, which a take-down leaves in place, and no bytes, which it does not.
    """

    samples: int
    block: int
    window: int

    def __post_init__(self) -> None:
        if self.block < 1 or self.window < 1 or self.samples < 1:
            raise FacecurateError(
                f"windows of {self.window} blocks of {self.block} slots over {self.samples} "
                "samples mix nothing: use 1 or more of each"
            )

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return -(-self.samples // self.block)

    @property
    def whole(self) -> bool:
        """True if one window holds everything: then all is mixed, as on a local disk."""
        return self.window >= self.blocks

    def block_size(self, number: int) -> int:
        """Slots of a block."""
        return min(self.block, self.samples - number * self.block)

    def slots(self, seed: int, epoch: int, first: int, last: int) -> NDArray[np.int64]:
        """The slots at positions ``first`` to ``last`` (not included) of an epoch."""
        starts = _starts(self, seed, epoch)
        at = int(np.searchsorted(starts, first, side="right")) - 1
        found = []
        while at < len(starts) - 1 and starts[at] < last:
            low = max(first - int(starts[at]), 0)
            high = last - int(starts[at])
            found.append(_window(self, seed, epoch, at)[low:high])
            at += 1
        return found[0] if len(found) == 1 else np.concatenate([np.zeros(0, np.int64), *found])

    def sizes(self, seed: int, epoch: int) -> list[NDArray[np.int64]]:
        """Slots of each block, window by window, in the order in which an epoch takes them."""
        order = _block_order(self, seed, epoch)
        sizes = np.minimum(self.block, self.samples - order * self.block)
        return [sizes[i : i + self.window] for i in range(0, len(sizes), self.window)]

    def around(self, seed: int, epoch: int, position: int) -> Around:
        """The blocks of the window at a position, and those to fetch meanwhile.

        None of these while the window has just begun: workers are a few batches apart, and the
        window before may still be in use by one of them.
        """
        starts = _starts(self, seed, epoch)
        at = int(np.searchsorted(starts, position, side="right")) - 1
        now = _blocks_of(self, seed, epoch, at)
        if position - starts[at] < (starts[at + 1] - starts[at]) / 4:
            return Around(now, ())
        if at + 2 < len(starts):
            return Around(now, _blocks_of(self, seed, epoch, at + 1))
        return Around(now, _blocks_of(self, seed, epoch + 1, 0))


def _generator(*path: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(path)))


@lru_cache(maxsize=4)
def _block_order(windows: Windows, seed: int, epoch: int) -> NDArray[np.int64]:
    return _generator(seed, epoch, _BLOCKS).permutation(windows.blocks)


@lru_cache(maxsize=4)
def _starts(windows: Windows, seed: int, epoch: int) -> NDArray[np.int64]:
    """The position in the epoch at which each window starts, and the epoch's length."""
    sizes = [int(s.sum()) for s in windows.sizes(seed, epoch)]
    return np.cumsum([0, *sizes])


def _blocks_of(windows: Windows, seed: int, epoch: int, at: int) -> tuple[int, ...]:
    order = _block_order(windows, seed, epoch)
    return tuple(order[at * windows.window : (at + 1) * windows.window].tolist())


@lru_cache(maxsize=4)
def _window(windows: Windows, seed: int, epoch: int, at: int) -> NDArray[np.int64]:
    """All slots of a window, mixed."""
    runs = [
        b * windows.block + np.arange(windows.block_size(b))
        for b in _blocks_of(windows, seed, epoch, at)
    ]
    slots = np.concatenate(runs)
    _generator(seed, epoch, _SLOTS, at).shuffle(slots)
    slots.flags.writeable = False
    return slots
