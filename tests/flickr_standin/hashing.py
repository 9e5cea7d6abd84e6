"""Chance that depends on what is asked and on nothing else: hashes as random numbers."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


def mix(*parts: int) -> int:
    """64 well mixed bits of some integers (splitmix64, Steele et al. 2014)."""
    state = 0
    for part in parts:
        state = (state ^ (part & _MASK)) + _STEP & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state


def mixed(values: NDArray[np.int64], *parts: int) -> NDArray[np.uint64]:
    """``mix`` of ``parts`` and each of (N,) ``values``, in one sweep."""
    state = (np.uint64(mix(*parts)) ^ values.astype(np.uint64)) + np.uint64(_STEP)
    state = (state ^ state >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ state >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ state >> np.uint64(31))


def chance(*parts: int) -> float:
    """A number in [0, 1) that the parts decide."""
    return mix(*parts) / 2**64


def chances(values: NDArray[np.int64], *parts: int) -> NDArray[np.float64]:
    """(N,) numbers in [0, 1)."""
    return mixed(values, *parts) / 2.0**64


def number(text: str) -> int:
    """An integer for a text, the same in every process."""
    return zlib.crc32(text.encode()) | zlib.adler32(text.encode()) << 32


def secrets(ids: NDArray[np.int64], kind: int, version: int, seed: int) -> list[str]:
    """Ten hexadecimal digits for each photo, as in the addresses of pictures."""
    bits = mixed(ids, seed, kind, version) & np.uint64(0xFFFFFFFFFF)
    return [f"{value:010x}" for value in bits.tolist()]


def secret(photo_id: int, kind: int, version: int, seed: int) -> str:
    """The digits of one photo."""
    return f"{mix(seed, kind, version, photo_id) & 0xFFFFFFFFFF:010x}"
