"""Shards and an order to a stream of batches, in this process or in workers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from facecurate.errors import DamagedError, FacecurateError
from facecurate.loading.batch import Batch, no_images
from facecurate.loading.order import BatchOrder, Part
from facecurate.loading.shards import FaceShards, decoded

Make = Callable[[FaceShards, Part], Batch]


def batches(
    shards: FaceShards,
    order: BatchOrder,
    *,
    start: int = 0,
    stop: int,
    workers: int = 0,
    make: Make = decoded,
) -> Iterator[Batch]:
    """Batches ``start`` to ``stop`` (not included) of a run, epochs laid end to end.

    The stream depends on (order's seed, number) alone: not on the number of workers, nor on where
    it was started; of another world with the same global batch, each rank gets another part of the
    same batches. ``make``: ``decoded``, ``MultiCrop(...)`` or ``Transformed(...)``. Workers are
    spawned, never forked: a process that has used torch and forks can hang. With CUDA the tensors
    come in page-locked memory. Raises DamagedError, and FacecurateError where shards cannot be
    read, a worker dies, or the order does not suit the shards.
    """
    _check(shards, order)
    pin = torch.cuda.is_available()
    if workers == 0:
        for number in range(start, stop):
            batch = make(shards, order.part(number))
            yield batch.pin_memory() if pin else batch
        return
    loader: Any = DataLoader(
        _Numbered(shards, order, make),
        batch_size=None,
        sampler=range(start, stop),
        num_workers=workers,
        multiprocessing_context="spawn",
        pin_memory=pin,
        worker_init_fn=_start_worker,
    )
    yield from _received(loader)


def _check(shards: FaceShards, order: BatchOrder) -> None:
    if order.samples != len(shards):
        raise FacecurateError(
            f"the order is of {order.samples:,} samples and {shards.url} has {len(shards):,}: "
            "make it with shards.order(...)"
        )
    if shards.windows is not None and order.windows != shards.windows:
        raise FacecurateError(
            f"{shards.url} is read in blocks and the order has others: make it with "
            "shards.order(...), or the shards with window=0"
        )


def _start_worker(_: int) -> None:
    """One thread a worker: OpenCV would start one for every core in each of them."""
    with contextlib.suppress(ImportError):
        import cv2

        cv2.setNumThreads(1)


def _received(loader: Any) -> Iterator[Batch]:
    received = iter(loader)
    while True:
        try:
            batch = next(received)
        except StopIteration:
            return
        except RuntimeError as error:
            if "exited unexpectedly" not in str(error):
                raise
            raise FacecurateError(
                f"a worker that loads batches died ({error}): it may have been killed for memory; "
                "use fewer workers or smaller batches"
            ) from error
        if batch.error:
            raise DamagedError(batch.error) if batch.damaged else FacecurateError(batch.error)
        yield batch


class _Numbered(Dataset[Batch]):
    """Batch number -> batch; an error travels as text, because a worker would wrap it."""

    def __init__(self, shards: FaceShards, order: BatchOrder, make: Make) -> None:
        self._shards = shards
        self._order = order
        self._make = make

    def __getitem__(self, number: int) -> Batch:
        try:
            return self._make(self._shards, self._order.part(number))
        except FacecurateError as error:
            damaged = isinstance(error, DamagedError)
            return Batch([], [], no_images(), 0, int(damaged), str(error), number)
