"""Vectors of faces as ``embed`` leaves them: one row for every row of ``faces/``."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from facecurate import storage
from facecurate.errors import DamagedError
from facecurate.pool import Pool
from facecurate.workspace import Dataset


def vectors_pool(dataset: Dataset, encoder: str, sha256: str) -> Pool:
    """Where the vectors of an encoder lie: its name and the first 8 digits of its digest."""
    slug = re.sub(r"[^A-Za-z0-9._]+", "-", encoder)[:64].strip("-.")
    return Pool(dataset.path("embeddings", f"{slug}-{sha256[:8]}"))


def read_vectors(pool: Pool) -> NDArray[np.float32]:
    """All vectors, in the order of the faces' rows: (rows, dimension), NaN for dropped faces."""
    parts = [_read(pool.file(stem, "npy")) for stem in pool.stems()]
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)


def _read(url: str) -> NDArray[np.float32]:
    try:
        with storage.buffer(storage.read(url)) as file:
            vectors = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, FileNotFoundError) as error:
        raise DamagedError(f"{url} is damaged: {error}") from error
    return np.asarray(vectors, np.float32)
