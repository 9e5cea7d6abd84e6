"""Shards for anyone's training loop: iterate an epoch, save the state, go on exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from facecurate.errors import FacecurateError
from facecurate.loading.batch import Batch
from facecurate.loading.order import BatchOrder
from facecurate.loading.shards import FaceShards, decoded
from facecurate.loading.stream import Make, batches

_FOREVER = 1 << 62


class Loader:
    """``for batch in loader`` is the rest of an epoch; the next ``for`` is the next epoch.

    ``state_dict()`` tells which batches the loop has received, whatever the workers have prepared
    beyond them; ``load_state_dict()`` goes on after them, on any number of workers and, with the
    same global batch, of ranks. Workers live from one epoch to the next. Raises as ``batches``
    does.
    """

    def __init__(
        self, shards: FaceShards, order: BatchOrder, *, workers: int = 0, make: Make = decoded
    ) -> None:
        self.shards = shards
        self.order = order
        self._workers = workers
        self._make = make
        self._received = 0
        self._stream: Iterator[Batch] | None = None

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self.order.batches

    def __iter__(self) -> Iterator[Batch]:
        left = len(self) - self.order.state(self._received)[1]
        for _ in range(left):
            batch = self._next()
            self._received += 1
            yield batch

    def _next(self) -> Batch:
        if self._stream is None:
            self._stream = batches(
                self.shards,
                self.order,
                start=self._received,
                stop=_FOREVER,
                workers=self._workers,
                make=self._make,
            )
        try:
            return next(self._stream)
        except FacecurateError:
            self._stream = None  # it has ended: iterating again tries the same batch again
            raise

    def state_dict(self) -> dict[str, Any]:
        """(epoch, batches received in it), and which order they belong to; plain JSON values."""
        epoch, received = self.order.state(self._received)
        return {"epoch": epoch, "batches": received, "order": self.order.described()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on where ``state`` was taken. Raises FacecurateError for another order's state."""
        now = self.order.described()
        for name, value in now.items():
            before = state["order"].get(name)
            if before != value:
                raise FacecurateError(
                    f"the state was saved with {name} {before}, now it is {value}: use that value, "
                    "or start a new run"
                )
        self.close()
        self._received = self.order.number(int(state["epoch"]), int(state["batches"]))

    def close(self) -> None:
        """Ends the workers; iterating again starts them where the loop stopped."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()  # type: ignore[attr-defined]
