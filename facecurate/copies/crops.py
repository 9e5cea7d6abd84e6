"""Face crops by their row, as views that can be registered: only those asked about are read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facecurate import images, storage, tars
from facecurate.errors import DamagedError
from facecurate.faces.align import map_points
from facecurate.pool import Pool
from facecurate.similar import register
from facecurate.workers import Progress, silent

VIEWS = 2048  # held in memory, 63 KB each
INDEXES = 64  # parts whose tar's headers are held, 1,000 and more members each


class Crops:
    """The views of a dataset's face crops, read by their place in the tars, the last ones held."""

    def __init__(self, faces: Pool, rows: pa.Table) -> None:
        """``rows``: as ``Pictures.faces``."""
        self._faces, self._rows = faces, rows
        self._index = lru_cache(INDEXES)(lambda stem: tars.index(faces.file(stem, "tar")))
        self._views = lru_cache(VIEWS)(self._read)

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


class Registration:
    """Says of pairs of faces how well they agree; the faces by their rows in two datasets."""

    def __init__(self, ours: Crops, theirs: Crops, progress: Progress = silent) -> None:
        self._ours, self._theirs, self._progress = ours, theirs, progress

    def __call__(self, pairs: Sequence[tuple[int, int, bool]]) -> NDArray[np.float64]:
        """(N,) agreements; below ``register.SAME`` only known to be below it."""
        agreed = np.empty(len(pairs))
        for n, (i, j, flipped) in enumerate(pairs):
            if n % 100 == 0:
                self._progress(n, len(pairs))
            one, two = self._ours.view(i), self._theirs.view(j)
            two = register.mirrored(two) if flipped else two
            agreed[n] = register.agreement(one, two, register.SAME)
        return agreed
