"""The Hamming join as a stream: a plan, carried out in blocks by threads, told in order.

Each block of rows is one task that fills a buffer and stops when it is full; the next one begins
where it stopped. Tasks run ahead of what was taken from the stream by one for each thread, so
memory is bounded, and the order of the pairs is that of the blocks whatever the number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, pairwise, repeat
from typing import Self

import numba
import numpy as np
from numpy.typing import NDArray

from facecurate.similar import plan as plans
from facecurate.similar.buckets import gather, histogram, permute, search
from facecurate.similar.lanes import TILE
from facecurate.similar.plan import Plan, Substring

Words = NDArray[np.uint64]
Index = NDArray[np.int64]
Found = tuple[Index, Index, Index]

_BLOCKS = 64
"""Blocks of rows for each substring: enough that threads end together."""

_LEAST_ROWS = 256
"""Rows that make a block of their own at least."""


def stream(
    x: Words, y: Words | None, distance: int, chunk: int, plan: Plan | None = None
) -> Iterator[Found]:
    """Pairs of rows of (N, W) and (M, W) words within ``distance``; None: i < j within x."""
    plan = plan or plans.choose(x, y, distance)
    blocks = _blocks(x, y, distance, plan)
    yield from _in_order(blocks, max(chunk, TILE), numba.get_num_threads())


# -- blocks ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Side:
    """Rows sorted by a substring: flat words, the row that each was, and the buckets' starts."""

    words: Words
    rows: Index
    starts: Index

    @classmethod
    def of(cls, words: Words, substring: Substring) -> Self:
        """words: (W, N + TILE), permuted."""
        shift, rows = np.uint64(substring.shift), words.shape[1] - TILE
        counts = histogram(words[substring.word], rows, shift, 1 << substring.size)
        starts = np.cumsum(counts)
        ordered, places = gather(words, substring.word, shift, starts)
        return cls(ordered.ravel(), places, starts)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some rows of x, sorted, and what lies in the buckets around theirs."""

    x: _Side
    y: _Side
    upper: bool
    width: int
    substring: Substring
    earlier: Words
    distance: int
    last: int
    at: Index

    def more(self, i: Index, j: Index, d: Index) -> tuple[int, bool]:
        """Fills the buffers from where the last call stopped: how many pairs, and if all."""
        found = search(
            self.x.words,
            self.y.words,
            self.width,
            self.x.rows,
            self.y.rows,
            self.y.starts,
            self.upper,
            self.at,
            self.last,
            self.substring.word,
            np.uint64(self.substring.shift),
            plans.ball(self.substring.size, self.substring.radius),
            self.earlier,
            self.distance,
            i,
            j,
            d,
        )
        return found, bool(self.at[0] == self.last)


def _blocks(x: Words, y: Words | None, distance: int, plan: Plan) -> Iterator[_Block]:
    """The blocks of every substring in turn; two substrings' sorted rows are held at most."""
    tables = plan.tables
    one = permute(x, tables)
    two = None if y is None else permute(y, tables)
    searched: list[list[int]] = []
    for substring in plan.substrings:
        left = _Side.of(one, substring)
        right = left if two is None else _Side.of(two, substring)
        earlier = np.array(searched, np.uint64).reshape(-1, 4)
        for begin, end in _cut(len(x)):
            at = np.array([begin, 0, -1, -1, -1])
            width = x.shape[1]
            yield _Block(left, right, y is None, width, substring, earlier, distance, end, at)
        mask = (1 << substring.size) - 1
        searched.append([substring.word, substring.shift, mask, substring.radius])


def _cut(rows: int) -> Iterator[tuple[int, int]]:
    blocks = min(_BLOCKS, -(-rows // _LEAST_ROWS))
    ends = [rows * k // blocks for k in range(blocks + 1)]
    yield from ((a, b) for a, b in pairwise(ends) if a < b)


# -- threads ---------------------------------------------------------------------------------


def _in_order(blocks: Iterable[_Block], room: int, threads: int) -> Iterator[Found]:
    """What the blocks find, in their order, by threads that run at most a little ahead."""

    def work(block: _Block) -> tuple[Found, bool]:
        i, j, d = (np.empty(room, np.int64) for _ in range(3))
        found, done = block.more(i, j, d)
        return (i[:found].copy(), j[:found].copy(), d[:found].copy()), done

    waiting: deque[tuple[_Block, Future[tuple[Found, bool]]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for block in chain(blocks, repeat(None, threads)):
            if block is not None:
                waiting.append((block, pool.submit(work, block)))
            if not waiting or (block is not None and len(waiting) <= threads):
                continue
            first, future = waiting.popleft()
            done = False
            while not done:
                found, done = future.result()
                if not done:
                    future = pool.submit(work, first)
                if len(found[0]):
                    yield found
