"""Pictures that were taken down and are remembered by how they look: re-uploads stay out too."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facecurate.copies.hashing import hashes_of
from facecurate.similar import hamming
from facecurate.similar.verify import VERIFIED_BITS
from facecurate.stones import PICTURE, Stones


def is_remembered(data: bytes, stones: Stones) -> bool:
    """Whether a picture, or its mirror image, looks like one that is remembered.

    ``data``: a picture that can be decoded. Nothing is decoded where nothing is remembered.
    """
    looks = _remembered(stones)
    if not len(looks):
        return False
    found = hashes_of(data)
    if not found.informative:
        return False
    return any(_near(look, looks) for look in (found.phash256, found.phash256_mirror))


@lru_cache(maxsize=1)
def _remembered(stones: Stones) -> NDArray[np.uint8]:
    """(N, 32) hashes."""
    whole = b"".join(sorted(look for kind, look in stones if kind == PICTURE))
    return np.frombuffer(whole, np.uint8).reshape(-1, 32)


def _near(look: bytes, looks: NDArray[np.uint8]) -> bool:
    rows = np.repeat(np.frombuffer(look, np.uint8)[None], len(looks), axis=0)
    return bool((hamming.distances(rows, looks) <= VERIFIED_BITS).any())
