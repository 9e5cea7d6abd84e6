"""Which samples make which batch of which rank: a pure function of seed, epoch and position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.errors import FacecurateError
from facecurate.loading.windows import Around, Windows

Slots = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Part:
    """One rank's part of a batch.

    number: of the batch in the run; positions: its slots; places: where they stand in the global
    batch; size: slots of the global batch; around: blocks in use there, and those that come next.
    """

    number: int
    positions: list[int]
    places: range
    size: int
    around: Around = Around()  # noqa: RUF009 - frozen


class BatchOrder:
    """Epochs of shuffled batches without state: whoever knows (epoch, batch) knows its samples.

    samples: slots of the shards; batch_size: global, over all ranks. Every rank of ``world`` has
    the same number of batches: of a global batch of n slots, rank r gets those from
    floor(r n / world) to floor((r + 1) n / world), so the ranks' parts laid end to end are the
    batch, whatever the world. With ``drop_last`` the incomplete batch at the end of an epoch is
    left out (its samples differ from epoch to epoch); without, it is smaller, never padded, and
    where it has fewer slots than ranks some of them get an empty part. windows: the two-level
    shuffle for buckets; None shuffles everything. Raises FacecurateError where not one batch can be
    made, or where the batch cannot be shared out evenly.
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        seed: int,
        *,
        drop_last: bool = True,
        rank: int = 0,
        world: int = 1,
        windows: Windows | None = None,
    ) -> None:
        _check_batch(samples, batch_size, drop_last)
        _check_world(batch_size, rank, world)
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.drop_last = drop_last
        self.rank = rank
        self.world = world
        self.windows = windows

    @property
    def batches(self) -> int:
        """Batches in an epoch, the same number on every rank."""
        whole, rest = divmod(self.samples, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def dropped(self) -> int:
        """Samples that an epoch leaves out because they do not fill a batch."""
        return self.samples - min(self.samples, self.batches * self.batch_size)

    def batch(self, epoch: int, b: int) -> Slots:
        """The slots of an epoch's ``b``-th global batch, in order."""
        if not 0 <= b < self.batches:
            raise IndexError(f"batch {b} of {self.batches}")
        first = b * self.batch_size
        last = min(first + self.batch_size, self.samples)
        if self.windows is not None and not self.windows.whole:
            return self.windows.slots(self.seed, epoch, first, last)
        return _permutation(self.samples, self.seed, epoch)[first:last]

    def at(self, number: int) -> Slots:
        """The slots of the ``number``-th global batch of a run, epochs laid end to end."""
        return self.batch(*self.state(number))

    def part(self, number: int) -> Part:
        """The rank's part of the ``number``-th batch of a run."""
        slots = self.at(number)
        size = len(slots)
        places = range(
            self.rank * size // self.world,
            (self.rank + 1) * size // self.world,
        )
        mine = slots[places.start : places.stop].tolist()
        return Part(number, mine, places, size, self._around(number))

    def state(self, number: int) -> tuple[int, int]:
        """(epoch, batches received in it) after ``number`` batches of a run."""
        return divmod(number, self.batches)

    def number(self, epoch: int, batches: int) -> int:
        """The batch of a run that comes after ``batches`` of ``epoch``: where to go on."""
        if epoch < 0 or not 0 <= batches <= self.batches:
            raise FacecurateError(
                f"there is no batch {batches} in epoch {epoch}: an epoch has {self.batches} batches"
            )
        return epoch * self.batches + batches

    def described(self) -> dict[str, Any]:
        """What two runs must share for one to go on where the other stopped; JSON values."""
        windows = None if self.windows is None or self.windows.whole else self.windows
        return {
            "samples": self.samples,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "drop_last": self.drop_last,
            "block": windows.block if windows else None,
            "window": windows.window if windows else None,
        }

    def parts(self, start: int = 0, stop: int | None = None) -> Iterator[list[int]]:
        """The rank's slots batch by batch: a ``batch_sampler`` for any torch loader.

        From batch ``start`` of the run; to ``stop``, or to the end of the epoch that it is in.
        """
        end = (start // self.batches + 1) * self.batches if stop is None else stop
        for number in range(start, end):
            yield self.part(number).positions

    def _around(self, number: int) -> Around:
        if self.windows is None or self.windows.whole:
            return Around()
        epoch, b = self.state(number)
        return self.windows.around(self.seed, epoch, b * self.batch_size)


def _check_batch(samples: int, batch_size: int, drop_last: bool) -> None:
    if batch_size < 1:
        raise FacecurateError(f"a batch of {batch_size} holds nothing: use 1 or more")
    if samples < (batch_size if drop_last else 1):
        raise FacecurateError(
            f"{samples} samples do not fill a batch of {batch_size}: "
            f"use --batch-size {max(samples, 1)} or less, or more faces"
        )


def _check_world(batch_size: int, rank: int, world: int) -> None:
    if world < 1 or not 0 <= rank < world:
        raise FacecurateError(f"there is no rank {rank} in a world of {world}: ranks start at 0")
    if batch_size % world:
        near = max(round(batch_size / world), 1) * world
        raise FacecurateError(
            f"a batch of {batch_size} cannot be shared out to {world} ranks evenly: use "
            f"--batch-size {near} (the batch is that of all ranks together)"
        )


@lru_cache(maxsize=2)
def _permutation(samples: int, seed: int, epoch: int) -> Slots:
    order: Slots = np.arange(samples, dtype=np.int32 if samples < 2**31 else np.int64)
    np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch]))).shuffle(order)
    order.flags.writeable = False
    return order
