"""Samples by number: the picture's bytes, its row, its pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from facecurate import storage
from facecurate.errors import DamagedError, FacecurateError
from facecurate.loading.decode import Pixels, decode_jpeg
from facecurate.loading.index import read_index


@dataclass(frozen=True, slots=True)
class Sample:
    """A crop as it is stored."""

    key: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Decoded crops; emptied and damaged slots are left out and counted.

    positions: slots of the index, (B,); images: (B, 3, side, side) uint8; emptied, damaged:
    slots left out; error: why reading stopped, for ``on_error="raise"``; number: which batch of
    the run it is.
    """

    keys: list[str]
    positions: list[int]
    images: torch.Tensor
    emptied: int = 0
    damaged: int = 0
    error: str | None = None
    number: int = 0


class FaceShards:
    """Map-style access to shards: one positioned read a sample, no state, safe to share or pickle.

    url, split: see ``read_index``. side: of the decoded crops, pixels. on_error: "raise" a
    DamagedError that names shard, key and offset, or "skip" and count. cache: decoded crops are
    kept in memory if all of them fit into this many bytes. ``shards[i]`` is a decoded
    (3, side, side) uint8 tensor, so that any torch loader can use it.
    """

    def __init__(
        self,
        url: str,
        *,
        split: str | None = None,
        side: int = 64,
        on_error: Literal["raise", "skip"] = "raise",
        cache: int = 0,
    ) -> None:
        self.url = url
        self.index = read_index(url, split)
        self.side = side
        self.on_error = on_error
        fits = len(self.index) * 3 * side * side <= cache
        self._cache: dict[int, Pixels] | None = {} if fits else None

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

        ``dataset`` is the SHA-256 of dataset.json; for foreign tars that of the index.
        """
        folders = (self.url, storage.join(self.url, "shards"))
        cards = [storage.join(folder, "dataset.json") for folder in folders]
        card = next((c for c in cards if storage.exists(c)), None)
        digest = self._index_digest() if card is None else storage.digest(card)
        return {"dataset": digest, "slots": len(self), "emptied": self.emptied}

    def _index_digest(self) -> str:
        total = hashlib.sha256("\0".join(self.index.keys.to_pylist()).encode())
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
        data = self._bytes(i, index.json_offset[i], index.json_size[i])
        try:
            row: dict[str, Any] = json.loads(data)
        except ValueError as error:
            raise DamagedError(self._where(i, f"its row is no JSON ({error})")) from error
        return row

    def image(self, i: int) -> Pixels:
        """The crop decoded to (side, side, 3) uint8. Raises DamagedError."""
        if self._cache is not None and i in self._cache:
            return self._cache[i]
        try:
            pixels = decode_jpeg(self.read(i).jpeg, self.side)
        except ValueError as error:
            raise DamagedError(self._where(i, str(error))) from error
        if self._cache is not None:
            self._cache[i] = pixels
        return pixels

    def __getitem__(self, i: int) -> torch.Tensor:
        return torch.from_numpy(self.image(i).copy()).permute(2, 0, 1).contiguous()

    def batch(self, positions: Sequence[int], number: int = 0) -> Batch:
        """The crops of these slots, in order. Raises DamagedError unless damage is skipped."""
        kept: list[int] = []
        pixels: list[Pixels] = []
        emptied = damaged = 0
        for i in map(int, positions):
            if self.is_empty(i):
                emptied += 1
                continue
            try:
                pixels.append(self.image(i))
                kept.append(i)
            except DamagedError:
                if self.on_error == "raise":
                    raise
                damaged += 1
        stack = np.stack(pixels) if pixels else np.zeros((0, self.side, self.side, 3), np.uint8)
        images = torch.from_numpy(stack).permute(0, 3, 1, 2).contiguous()
        return Batch([self.key(i) for i in kept], kept, images, emptied, damaged, None, number)

    def _bytes(self, i: int, offset: int, size: int) -> bytes:
        try:
            data = storage.read(self._shard(i), int(offset), int(size))
        except FileNotFoundError as error:
            raise DamagedError(self._where(i, "the shard is missing")) from error
        if len(data) != size:
            raise DamagedError(self._where(i, f"{len(data)} of {size} bytes are there"))
        return data

    def _shard(self, i: int) -> str:
        return str(self.index.shards[int(self.index.shard[i])])

    def _where(self, i: int, what: str) -> str:
        place = f"{self._shard(i)}, key {self.key(i)}, offset {self.index.offset[i]}"
        return f"{place}: {what}; make the shard again with `facecurate shard`"
