"""What a loop receives: the samples of one rank's part of a batch, and what was left out of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import torch

from facecurate.loading.order import Part

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Batch:
    """One rank's part of a batch; emptied and damaged slots are left out and counted.

    So B is the rank's share of the batch less ``emptied`` and ``damaged``, and may be 0: every rank
    still gets every batch. positions: slots of the index, (B,); images: (B, 3, side, side) uint8,
    or (0, 3, 0, 0) where views were made; views: what ``make`` made of them; places: where they
    stand in the global batch of ``size`` slots, (B,); error: why reading stopped, for
    ``on_error="raise"``; number: which batch of the run it is.
    """

    keys: list[str]
    positions: list[int]
    images: torch.Tensor
    emptied: int = 0
    damaged: int = 0
    error: str | None = None
    number: int = 0
    places: list[int] = field(default_factory=list)
    size: int = 0
    views: Any = ()

    def __len__(self) -> int:
        return len(self.positions)

    def pin_memory(self) -> Batch:
        """The same in page-locked memory, from which copies to a GPU need not wait."""
        return dataclasses.replace(self, images=_pinned(self.images), views=_pinned(self.views))


def no_images() -> torch.Tensor:
    """What stands for the crops where only views were asked for."""
    return torch.zeros((0, 3, 0, 0), dtype=torch.uint8)


def _pinned(value: Any) -> Any:
    from torch.utils.data._utils.pin_memory import pin_memory

    return pin_memory(value)  # type: ignore[no-untyped-call]


class HasKeys(Protocol):
    """Where the keys of slots are known."""

    def key(self, i: int) -> str:
        """The key of slot ``i``."""
        ...


@dataclass(slots=True)
class Kept(Generic[Made]):
    """What was made of the slots of a part that are there and whole."""

    made: list[Made] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    emptied: int = 0
    damaged: int = 0

    def batch(self, shards: HasKeys, part: Part, images: torch.Tensor, views: Any = ()) -> Batch:
        """The batch of it."""
        return Batch(
            keys=[shards.key(i) for i in self.positions],
            positions=self.positions,
            images=images,
            emptied=self.emptied,
            damaged=self.damaged,
            number=part.number,
            places=self.places,
            size=part.size,
            views=views,
        )
