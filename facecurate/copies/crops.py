"""Face crops by their row, as views that can be registered: only those asked about are read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa

from facecurate import images, storage, tars
from facecurate.errors import DamagedError
from facecurate.faces.align import map_points
from facecurate.pool import Pool
from facecurate.similar import register

VIEWS = 2048  # held in memory, 63 KB each
INDEXES = 64  # parts whose tar's headers are held, 1,000 and more members each


class Crops:
    """The views of a dataset's face crops, read by their place in the tars, the last ones held.

    Can be sent to another process, which reads for itself.
    """

    def __init__(self, faces: Pool, rows: pa.Table) -> None:
        """``rows``: as ``Pictures.faces``."""
        self._faces, self._rows = faces, rows
        self._index = lru_cache(INDEXES)(lambda stem: tars.index(faces.file(stem, "tar")))
        self._views = lru_cache(VIEWS)(self._read)

    def __reduce__(self) -> tuple[type[Crops], tuple[Pool, pa.Table]]:
        return Crops, (self._faces, self._rows)

    @property
    def is_shared(self) -> bool:
        """Whether another process finds the same files."""
        return storage.is_shared(self._faces.url)

    def part(self, rows: Sequence[int]) -> tuple[Crops, list[int]]:
        """The crops of some faces alone, and the row of each among them."""
        chosen, place = np.unique(np.array(rows, np.int64), return_inverse=True)
        return Crops(self._faces, self._rows.take(chosen)), place.tolist()

    def view(self, row: int) -> register.View:
        """The view of a face. Raises DamagedError if its crop is not there."""
        return self._views(row)

    def _read(self, place: int) -> register.View:
        (row,) = self._rows.slice(place, 1).to_pylist()
        stem, key = row["part"], row["key"]
        member = self._index(stem).get(f"{key}.jpg")
        if member is None:
            raise DamagedError(f"faces/{stem}.tar lacks {key}: 'facecurate verify' says more")
        data = storage.read(self._faces.file(stem, "tar"), member.offset, member.size)
        grey = images.decode(data, grey=True).pixels
        matrix = np.array(row["matrix"], np.float64)
        points = np.array(row["landmarks"], np.float64).reshape(5, 2)
        seen = map_points(matrix, points)
        return register.without_rim(register.view(grey, seen, matrix, row["width"], row["height"]))
