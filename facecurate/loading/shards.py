"""Samples by number: the picture's bytes, its row, its pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import context as contexts
from typing import Any, Literal, TypeVar

import numpy as np
import torch

from facecurate import storage
from facecurate.errors import DamagedError, FacecurateError
from facecurate.loading.batch import Batch, Kept
from facecurate.loading.blocks import BLOCK_BYTES, WINDOW, Blocks, plan
from facecurate.loading.decode import Pixels, decode_jpeg, decode_reduced
from facecurate.loading.index import read_index
from facecurate.loading.order import BatchOrder, Part
from facecurate.text import printable

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Sample:
    """A crop as it is stored."""

    key: str
    jpeg: bytes


class FaceShards:
    """Map-style access to shards: one positioned read a sample, no state, safe to share or pickle.

    url, split: see ``read_index``. side: of the decoded crops, pixels. on_error: "raise" a
    DamagedError that names shard, key and offset, or "skip" and count. cache: decoded crops are
    kept in memory if all of them fit into this many bytes. window: how many blocks of about
    ``block_bytes`` (or of ``block`` slots) an order mixes at a time (see ``Windows``), each fetched
    whole and kept in a temporary file of at most ``cache_bytes`` (None: two windows); 0: everything
    is mixed and each sample read by itself; None: 0 for local files, 8 for buckets. ``shards[i]``
    is a decoded (3, side, side) uint8 tensor, so that any torch loader can use it. Raises
    FacecurateError where nothing can be read, and for a cache that holds no window.
    """

    def __init__(
        self,
        url: str,
        *,
        split: str | None = None,
        side: int = 64,
        on_error: Literal["raise", "skip"] = "raise",
        cache: int = 0,
        window: int | None = None,
        block_bytes: int = BLOCK_BYTES,
        block: int | None = None,
        cache_bytes: int | None = None,
    ) -> None:
        self.url = url
        self.index = read_index(url, split, skip=on_error == "skip")
        self.side = side
        self.on_error = on_error
        fits = len(self.index) * 3 * side * side <= cache
        self._cache: dict[int, Pixels] | None = {} if fits else None
        self._files = storage.Files()
        wanted = (0 if storage.is_local(url) else WINDOW) if window is None else window
        self.windows = plan(self.index, wanted, block_bytes, block) if wanted else None
        self._cache_bytes = cache_bytes
        self._blocks = self._make_blocks()

    def order(
        self, batch_size: int, seed: int, *, drop_last: bool = True, rank: int = 0, world: int = 1
    ) -> BatchOrder:
        """The order in which these shards are best read."""
        return BatchOrder(
            len(self),
            batch_size,
            seed,
            drop_last=drop_last,
            rank=rank,
            world=world,
            windows=self.windows,
        )

    @property
    def blocks(self) -> Blocks | None:
        """The cache of blocks; None where each sample is read by itself."""
        return self._blocks

    def _make_blocks(self) -> Blocks | None:
        return Blocks(self.index, self.windows, self._cache_bytes) if self.windows else None

    def __getstate__(self) -> dict[str, Any]:
        """Workers share the cache of the process that spawns them; a copy has one of its own."""
        spawning = contexts.get_spawning_popen() is not None
        return self.__dict__ if spawning else {**self.__dict__, "_blocks": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._blocks is None:
            self._blocks = self._make_blocks()

    def __len__(self) -> int:
        """Slots, emptied ones included, so that the order of the others never changes."""
        return len(self.index)

    @property
    def emptied(self) -> int:
        """Slots whose sample was taken down."""
        return int((self.index.offset < 0).sum())

    def is_empty(self, i: int) -> bool:
        """True if the sample of slot ``i`` was taken down."""
        return bool(self.index.offset[i] < 0)

    def key(self, i: int) -> str:
        """The key of slot ``i``."""
        return str(self.index.keys[i].as_py())

    def lineage(self) -> dict[str, Any]:
        """What training on these shards is traced by: digest, slots, emptied slots.

        ``dataset`` is the SHA-256 of dataset.json; for foreign tars that of the index. ``block``:
        slots of a block, where blocks decide about the order.
        """
        folders = (self.url, storage.join(self.url, "shards"))
        cards = [storage.join(folder, "dataset.json") for folder in folders]
        card = next((c for c in cards if storage.exists(c)), None)
        digest = self._index_digest() if card is None else storage.digest(card)
        told = {"dataset": digest, "slots": len(self), "emptied": self.emptied}
        if self.windows is not None and not self.windows.whole:
            told["block"] = self.windows.block
        return told

    def _index_digest(self) -> str:
        total = hashlib.sha256("\0".join(k or "" for k in self.index.keys.to_pylist()).encode())
        total.update(self.index.offset.tobytes() + self.index.size.tobytes())
        return total.hexdigest()

    def read(self, i: int) -> Sample:
        """The stored picture. Raises DamagedError where the shard is cut short or missing."""
        if self.is_empty(i):
            raise FacecurateError(f"slot {i} of {self.url} was emptied by a take-down: skip it")
        index = self.index
        return Sample(self.key(i), self._bytes(i, index.offset[i], index.size[i]))

    def metadata(self, i: int) -> dict[str, Any]:
        """The face's row and labels; empty where the tar has none."""
        index = self.index
        if index.json_offset[i] < 0:
            return {}
        data = self._bytes(i, index.json_offset[i], index.json_size[i], picture=False)
        try:
            row: dict[str, Any] = json.loads(data)
        except ValueError as error:
            raise DamagedError(self._where(i, f"its row is no JSON ({error})")) from error
        return row

    def image(self, i: int, out: Pixels | None = None) -> Pixels:
        """The crop decoded to (side, side, 3) uint8, in ``out`` if given. Raises DamagedError."""
        pixels = None if self._cache is None else self._cache.get(i)
        if pixels is None:
            try:
                pixels = decode_jpeg(self.read(i).jpeg, self.side, out)
            except ValueError as error:
                raise DamagedError(self._where(i, str(error))) from error
            if self._cache is not None:
                self._cache[i] = pixels.copy()
        if out is None or pixels is out:
            return pixels
        out[:] = pixels
        return out

    def reduced(self, i: int, least: int | None = None) -> Pixels:
        """The crop as it is stored, or at 1/2, 1/4 or 1/8 with no side below ``least`` pixels.

        Raises DamagedError.
        """
        data = self.read(i).jpeg
        try:
            return decode_jpeg(data) if least is None else decode_reduced(data, least)
        except ValueError as error:
            raise DamagedError(self._where(i, str(error))) from error

    def __getitem__(self, i: int) -> torch.Tensor:
        return torch.from_numpy(self.image(i).copy()).permute(2, 0, 1).contiguous()

    def each(self, part: Part, one: Callable[[int, int], Made]) -> Kept[Made]:
        """``one(slot, place)`` of a part's slots, in order, without the emptied and damaged ones.

        Raises DamagedError unless damage is skipped.
        """
        if self._blocks is not None:
            self._blocks.soon(part.around)
        kept: Kept[Made] = Kept()
        for i, place in zip(part.positions, part.places, strict=True):
            if self.is_empty(i):
                kept.emptied += 1
                continue
            try:
                kept.made.append(one(i, place))
            except DamagedError:
                if self.on_error == "raise":
                    raise
                kept.damaged += 1
                continue
            kept.positions.append(i)
            kept.places.append(place)
        return kept

    def batch(self, positions: Sequence[int], number: int = 0) -> Batch:
        """The decoded crops of these slots, in order. Raises DamagedError unless it is skipped."""
        slots = [int(i) for i in positions]
        return decoded(self, Part(number, slots, range(len(slots)), len(slots)))

    def _bytes(self, i: int, offset: int, size: int, *, picture: bool = True) -> bytes:
        try:
            data = self._read(i, int(offset), int(size), picture=picture)
        except FileNotFoundError as error:
            raise DamagedError(self._where(i, "the shard is missing")) from error
        except OSError as error:
            raise FacecurateError(
                f"{self._shard(i)} cannot be read: {printable(error, 200)}"
            ) from error
        if len(data) != size:
            raise DamagedError(self._where(i, f"{len(data)} of {size} bytes are there"))
        return data

    def _read(self, i: int, offset: int, size: int, *, picture: bool) -> bytes:
        if picture and self._blocks is not None:
            return self._blocks.read(i, offset, size)
        if storage.is_local(self._shard(i)):
            return self._files.read(self._shard(i), offset, size)
        return storage.read(self._shard(i), offset, size)

    def _shard(self, i: int) -> str:
        return str(self.index.shards[int(self.index.shard[i])])

    def _where(self, i: int, what: str) -> str:
        place = f"{self._shard(i)}, key {self.key(i)}, offset {self.index.offset[i]}"
        return f"{place}: {what}; make the shard again with `facecurate shard`"


def decoded(shards: FaceShards, part: Part) -> Batch:
    """The plain way out: crops decoded to (B, 3, side, side) uint8, channels last in memory."""
    stack = np.empty((len(part.positions), shards.side, shards.side, 3), np.uint8)
    filled = 0

    def one(i: int, place: int) -> None:
        nonlocal filled
        shards.image(i, stack[filled])
        filled += 1

    kept = shards.each(part, one)
    return kept.batch(shards, part, torch.from_numpy(stack[:filled]).permute(0, 3, 1, 2))
