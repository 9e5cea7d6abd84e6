"""Work done ahead by threads, given back in its order: the GPU need not wait for the decoder."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Ahead:
    """``map`` with threads, at most a few items ahead of who takes them; no threads, no lead.

    Worth it where the function leaves Python's lock, as decoders and encoders do.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """``function`` of every item, in their order; an error comes where its item stood."""
        if self._pool is None:
            yield from map(function, items)
            return
        waiting: deque[Future[R]] = deque()
        rest = iter(items)
        for item in rest:
            waiting.append(self._pool.submit(function, item))
            if len(waiting) > 4 * self._threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def grouped(
    items: Iterable[T], size: int, weigh: Callable[[T], int], most: int
) -> Iterator[list[T]]:
    """Consecutive lists of at most ``size`` items that weigh ``most`` together, one at least."""
    group: list[T] = []
    weight = 0
    for item in items:
        weight += weigh(item)
        if group and weight > most:
            yield group
            group, weight = [], weigh(item)
        group.append(item)
        if len(group) == size:
            yield group
            group, weight = [], 0
    if group:
        yield group
