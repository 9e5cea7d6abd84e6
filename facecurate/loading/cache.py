"""A bounded number of blocks in one temporary file, shared by a process and its workers."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing import context as contexts
from typing import Any

from facecurate import storage

Fetch = Callable[[], list[tuple[int, bytes]]]  # (where in the block, bytes)

_EMPTY, _COMING, _THERE = 0, 1, 2
_BLOCK, _STATE, _USED, _EDITION = range(4)  # the columns of the table
_PAUSE = 0.005  # seconds between looks at a block that another process fetches


class Cache:
    """``places`` blocks of at most ``width`` bytes each; the one unused for longest makes room.

    A block that several workers want is fetched by one of them. Readers take no lock while they
    copy: they look afterwards whether the place was given to another block meanwhile, and read
    again if it was. Memory: ``places * width`` bytes of a temporary file without a name (the system
    keeps it in memory while there is room), once for a process and all its workers.
    """

    def __init__(self, places: int, width: int) -> None:
        self.places = places
        self.width = width
        spawn = multiprocessing.get_context("spawn")
        self._lock = spawn.Lock()
        self._table: Any = spawn.RawArray("q", 4 * places)
        self._clock: Any = spawn.RawArray("q", 2)  # last use, blocks fetched
        self._file = storage.Scratch()

    @property
    def fetched(self) -> int:
        """Blocks fetched so far, by whichever process."""
        return int(self._clock[1])

    def holds(self, block: int) -> bool:
        """True if a block is there or on its way."""
        with self._lock:
            return self._place_of(block) is not None

    def read(self, block: int, offset: int, size: int, fetch: Fetch) -> bytes:
        """``size`` bytes from ``offset`` of a block. Raises what ``fetch`` raises."""
        while True:
            place, edition = self._there(block, fetch)
            data = self._file.read(place * self.width + offset, size)
            if self._cell(place, _EDITION) == edition:
                return data

    def hold(self, block: int, fetch: Fetch) -> None:
        """Brings a block in, if it is not there. Raises what ``fetch`` raises."""
        self._there(block, fetch)

    def touch(self, blocks: Sequence[int]) -> None:
        """Marks blocks that are there as used just now: others make room before them."""
        with self._lock:
            for place in map(self._place_of, blocks):
                if place is not None:
                    self._touch(place)

    def _there(self, block: int, fetch: Fetch) -> tuple[int, int]:
        """The place of a block and its edition, after fetching it if nobody has."""
        while True:
            with self._lock:
                place = self._place_of(block)
                if place is not None and self._cell(place, _STATE) == _THERE:
                    self._touch(place)
                    return place, self._cell(place, _EDITION)
                mine = self._claim(block) if place is None else None
            if mine is None:
                time.sleep(_PAUSE)
            else:
                self._fill(mine, fetch)

    def _claim(self, block: int) -> int | None:
        """A place for a block, emptied for it; None while all places are being filled."""
        free = [p for p in range(self.places) if self._cell(p, _STATE) != _COMING]
        if not free:
            return None
        place = min(free, key=lambda p: self._cell(p, _USED))
        self._set(place, _BLOCK, block)
        self._set(place, _STATE, _COMING)
        self._set(place, _EDITION, self._cell(place, _EDITION) + 1)
        return place

    def _fill(self, place: int, fetch: Fetch) -> None:
        done = False
        try:
            for offset, data in fetch():
                self._file.write(place * self.width + offset, data)
            done = True
        finally:
            with self._lock:
                self._set(place, _STATE, _THERE if done else _EMPTY)
                self._clock[1] += done
                self._touch(place)

    def _place_of(self, block: int) -> int | None:
        for place in range(self.places):
            if self._cell(place, _BLOCK) == block and self._cell(place, _STATE) != _EMPTY:
                return place
        return None

    def _touch(self, place: int) -> None:
        self._clock[0] += 1
        self._set(place, _USED, self._clock[0])

    def _cell(self, place: int, column: int) -> int:
        return int(self._table[4 * place + column])

    def _set(self, place: int, column: int, value: int) -> None:
        self._table[4 * place + column] = value

    def __getstate__(self) -> dict[str, Any]:
        contexts.assert_spawning(self)
        return self.__dict__
