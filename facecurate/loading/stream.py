"""Shards and an order to a stream of decoded batches, in this process or in workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from facecurate.errors import DamagedError
from facecurate.loading.order import BatchOrder
from facecurate.loading.shards import Batch, FaceShards


def batches(
    shards: FaceShards, order: BatchOrder, *, start: int = 0, stop: int, workers: int = 0
) -> Iterator[Batch]:
    """Batches ``start`` to ``stop`` (not included) of a run, epochs laid end to end.

    The stream does not depend on the number of workers. Workers are spawned, never forked: a
    process that has used torch and forks can hang. Raises DamagedError.
    """
    if workers == 0:
        for number in range(start, stop):
            yield shards.batch(order.at(number).tolist(), number)
        return
    loader: Any = DataLoader(
        _Numbered(shards, order),
        batch_size=None,
        sampler=range(start, stop),
        num_workers=workers,
        multiprocessing_context="spawn",
    )
    for batch in loader:
        if batch.error:
            raise DamagedError(batch.error)
        yield batch


class _Numbered(Dataset[Batch]):
    """Batch number -> batch; an error travels as text, because a worker would wrap it."""

    def __init__(self, shards: FaceShards, order: BatchOrder) -> None:
        self._shards = shards
        self._order = order

    def __getitem__(self, number: int) -> Batch:
        try:
            return self._shards.batch(self._order.at(number).tolist(), number)
        except DamagedError as error:
            return Batch([], [], torch.empty(0), error=str(error), number=number)
