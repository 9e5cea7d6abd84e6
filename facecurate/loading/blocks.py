"""Blocks of a bucket's shards: fetched by ranged reads, kept in a bounded cache, read by sample."""

from __future__ import annotations

import contextlib
import threading
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facecurate import storage
from facecurate.errors import FacecurateError
from facecurate.loading.cache import Cache
from facecurate.loading.index import Index
from facecurate.loading.windows import Around, Windows

BLOCK_BYTES = 64 << 20
WINDOW = 8
_CUT = bytes(2)


def plan(
    index: Index, window: int, block_bytes: int = BLOCK_BYTES, block: int | None = None
) -> Windows:
    """Windows over blocks of about ``block_bytes``: of 2^n slots, with the index's mean size.

    Rounded to a power of two so that a take-down, which changes the mean a little, leaves the
    blocks and with them the order as they are; a run that must be sure of it gives the ``block``
    that it began with, in slots.
    """
    if block is not None:
        return Windows(len(index), block, min(window, -(-len(index) // block)))
    held = index.size[index.offset >= 0]
    mean = float(held.mean()) if len(held) else 1.0
    slots = 2 ** max(round(np.log2(max(block_bytes / max(mean, 1.0), 1.0))), 0)
    blocks = -(-len(index) // slots)
    return Windows(len(index), slots, min(window, blocks))


class Blocks:
    """The pictures of an index, block by block.

    A block's pictures lie in one or more ranges of bytes, one for each shard that it touches;
    each is fetched by one ranged read, whatever lies between the pictures included. cache_bytes:
    the most that the cache may hold; None: two windows, so that the next one comes while one is
    used. Raises FacecurateError where the cache does not hold one window and one block more.
    """

    def __init__(self, index: Index, windows: Windows, cache_bytes: int | None = None) -> None:
        self.windows = windows
        self._shards = index.shards
        self._lay_out(index)
        width = int(self._bytes.max(initial=1))
        least = min(windows.window + 1, windows.blocks)
        places = min(2 * windows.window, windows.blocks)
        if cache_bytes is not None:
            places = min(cache_bytes // width, windows.blocks)
        if places < least:
            raise FacecurateError(
                f"a cache of {cache_bytes:,} bytes holds {places} blocks of {width:,} bytes, and "
                f"{least} are needed: use {least * width:,} bytes or more, or a smaller window"
            )
        self.cache = Cache(places, width)
        self._thread: threading.Thread | None = None

    def _lay_out(self, index: Index) -> None:
        """Ranges: of slots in a row that share block and shard, in the order of the slots."""
        held = np.flatnonzero(index.offset >= 0)
        block, shard = held // self.windows.block, index.shard[held]
        new = np.ones(len(held), bool)
        new[1:] = (block[1:] != block[:-1]) | (shard[1:] != shard[:-1])
        first = np.flatnonzero(new)
        start, end = index.offset[held], index.offset[held] + index.size[held]
        self._range_block, self._range_shard = block[first], shard[first]
        none = np.zeros(0, np.int64)
        self._low = np.minimum.reduceat(start, first) if len(first) else none
        self._high = np.maximum.reduceat(end, first) if len(first) else none
        sizes = self._high - self._low
        self._bytes = np.bincount(
            self._range_block, weights=sizes, minlength=self.windows.blocks
        ).astype(np.int64)
        before = np.cumsum(sizes) - sizes
        block_start = np.searchsorted(self._range_block, self._range_block)
        self._at = before - before[block_start] if len(first) else none
        self._range_of: NDArray[np.int32] = np.full(len(index), -1, np.int32)
        self._range_of[held] = np.cumsum(new) - 1

    def read(self, slot: int, offset: int, size: int) -> bytes:
        """The bytes of a slot's picture; fewer where its shard ends. Raises FileNotFoundError."""
        block, number = slot // self.windows.block, self._range_of[slot]
        at = int(self._at[number] + offset - self._low[number])
        data = self.cache.read(block, at, size, partial(self._fetch, block))
        if data.endswith(_CUT):  # a JPEG does not end like this: what is wrong with its shard?
            return storage.read(self._shard(number), offset, size)
        return data

    def _shard(self, number: int) -> str:
        return self._shards[int(self._range_shard[number])]

    def _fetch(self, block: int) -> list[tuple[int, bytes]]:
        """(where in the block, bytes) of each of its ranges; zeros for what is not there."""
        first, last = np.searchsorted(self._range_block, [block, block + 1])
        found = []
        for n in range(first, last):
            low, high = int(self._low[n]), int(self._high[n])
            try:
                data = storage.read(self._shard(n), low, high - low)
            except FileNotFoundError:
                data = b""
            found.append((int(self._at[n]), data.ljust(high - low, b"\0")))
        return found

    def soon(self, around: Around) -> None:
        """Fetches what comes next in the background, as far as there is room beside the rest."""
        if self._thread is not None and self._thread.is_alive():
            return
        room = self.cache.places - self.windows.window
        missing = [b for b in around.soon[:room] if self._bytes[b] and not self.cache.holds(b)]
        if missing:
            self.cache.touch(around.now)
            self._thread = threading.Thread(target=self._ahead, args=(missing,), daemon=True)
            self._thread.start()

    def _ahead(self, blocks: list[int]) -> None:
        # What fails here fails again, and is told, when a sample of the block is asked for.
        with contextlib.suppress(OSError, FacecurateError):
            for block in blocks:
                self.cache.hold(block, partial(self._fetch, block))

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_thread": None}
