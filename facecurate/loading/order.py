"""Which samples make which batch: a pure function of seed, epoch and position."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facecurate.errors import FacecurateError


class BatchOrder:
    """Epochs of shuffled batches without state: whoever knows (epoch, batch) knows its samples.

    samples: slots of the shards; batch_size: global, over all ranks; drop_last: the incomplete
    batch at the end of an epoch is left out (its samples differ from epoch to epoch). Raises
    FacecurateError where not one batch can be made.
    """

    def __init__(self, samples: int, batch_size: int, seed: int, *, drop_last: bool = True) -> None:
        if batch_size < 1:
            raise FacecurateError(f"a batch of {batch_size} holds nothing: use 1 or more")
        if samples < (batch_size if drop_last else 1):
            raise FacecurateError(
                f"{samples} samples do not fill a batch of {batch_size}: "
                f"use --batch-size {max(samples, 1)} or less, or more faces"
            )
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.drop_last = drop_last

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(self.samples, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def dropped(self) -> int:
        """Samples that an epoch leaves out because they do not fill a batch."""
        return self.samples - min(self.samples, self.batches * self.batch_size)

    def batch(self, epoch: int, b: int) -> NDArray[np.int64]:
        """The slots of an epoch's ``b``-th batch, in order."""
        if not 0 <= b < self.batches:
            raise IndexError(f"batch {b} of {self.batches}")
        order = _permutation(self.samples, self.seed, epoch)
        return order[b * self.batch_size : (b + 1) * self.batch_size]

    def at(self, number: int) -> NDArray[np.int64]:
        """The slots of the ``number``-th batch of a run, epochs laid end to end."""
        return self.batch(*divmod(number, self.batches))

    def state(self, number: int) -> tuple[int, int]:
        """(epoch, batches received in it) after ``number`` batches of a run."""
        return divmod(number, self.batches)


@lru_cache(maxsize=2)
def _permutation(samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    order = generator.permutation(samples)
    order.flags.writeable = False
    return order
