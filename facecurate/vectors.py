"""Vectors of faces as ``embed`` leaves them: one row for every row of ``faces/``."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facecurate import storage
from facecurate.errors import DamagedError, FacecurateError
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA
from facecurate.workspace import Dataset


def vectors_pool(dataset: Dataset, encoder: str, sha256: str) -> Pool:
    """Where the vectors of an encoder lie: its name and the first 8 digits of its digest."""
    slug = re.sub(r"[^A-Za-z0-9._]+", "-", encoder)[:64].strip("-.")
    return Pool(dataset.path("embeddings", f"{slug}-{sha256[:8]}"))


def read_vectors(pool: Pool) -> NDArray[np.float32]:
    """All vectors, in the order of the faces' rows: (rows, dimension), NaN for dropped faces."""
    parts = [read_part(pool, stem).astype(np.float32) for stem in pool.stems()]
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)


def read_part(pool: Pool, stem: str) -> NDArray[np.float16]:
    """The vectors of one part as they are stored: (rows, dimension) float16."""
    return _read(pool.file(stem, "npy"))


def kept_vectors(dataset: Dataset, pool: Pool, keys: Sequence[str]) -> NDArray[np.float32]:
    """The vectors of the kept faces, whose keys are given in the order of their rows.

    Raises FacecurateError if the vectors were made of other faces.
    """
    faces = Pool(dataset.path("faces"))
    made = {stem: pool.info(stem).inputs for stem in pool.stems()}
    if made != {stem: faces.lineage(stem) for stem in faces.stems()}:
        raise FacecurateError(
            f"the vectors are not those of the faces: 'facecurate embed {dataset.name}'"
        )
    status = faces.tables(FACE_SCHEMA)["status"].to_pylist()
    kept = np.flatnonzero(np.array([told == "ok" for told in status], np.bool_))
    assert len(kept) == len(keys)
    vectors: NDArray[np.float32] = read_vectors(pool)[kept]
    return vectors


def _read(url: str) -> NDArray[np.float16]:
    try:
        with storage.buffer(storage.read(url)) as file:
            vectors = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, FileNotFoundError) as error:
        raise DamagedError(f"{url} is damaged: {error}") from error
    return np.asarray(vectors, np.float16)
