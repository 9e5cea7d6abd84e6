"""Perceptual hashes straight from the pixels, in one pass; importing this module imports numba.

Resizing and the cosine transform are both linear, so one matrix a side does them together:
spectrum = A_h X A_w^T, (F, h) (h, w) (w, F). A's rows are the transform's cosines seen through the
filter of the resize. Sums run in one fixed order, without fused or reordered operations, so the
bits are the same on every machine. The pixels are not rounded between the steps, as they are
where a picture is resized first.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facecurate.similar.lanes import compiled

Pixels = NDArray[np.uint8]
Coefficients = NDArray[np.float64]

SMALL, LARGE = 8, 16
"""Rows and columns of the two hashes."""

OVERSAMPLING = 4
"""The picture is resized to this many pixels for each row of the hash (ImageHash's choice)."""

LOBES = 3
"""Of the Lanczos filter, as Pillow's."""


def describe(grey: Pixels, filled: tuple[float, float], decided: float) -> tuple[bytes, int]:
    """The four hashes one after another (8, 8, 32 and 32 bytes) and the decided bits of the third.

    grey: (h, w) uint8; filled: how many of its rows and columns the picture fills: the last ones
    of a scaled decode may be filled in part; decided: see ``phash.DECIDED``.
    """
    down, _ = _operator(grey.shape[0], filled[0])
    _, across = _operator(grey.shape[1], filled[1])
    packed, count = _described(np.ascontiguousarray(grey), down, across, decided)
    return packed.tobytes(), count


@lru_cache(maxsize=256)
def _operator(pixels: int, filled: float) -> tuple[Coefficients, Coefficients]:
    """(SMALL + LARGE, pixels) both transforms of the resized line, and the same transposed."""
    parts = []
    for size in (SMALL, LARGE):
        side = size * OVERSAMPLING
        k, n = np.arange(size)[:, None], np.arange(side)[None, :]
        cosines = 2.0 * np.cos(np.pi * k * (2 * n + 1) / (2 * side))
        parts.append(cosines @ _resize(pixels, filled, side))
    both = np.concatenate(parts)
    return both, np.ascontiguousarray(both.T)


def _resize(pixels: int, filled: float, side: int) -> Coefficients:
    """(side, pixels) weights of the Lanczos filter, widened where the line gets shorter."""
    scale = filled / side
    middle = (np.arange(side)[:, None] + 0.5) * scale
    away = (np.arange(pixels)[None, :] + 0.5 - middle) / max(scale, 1.0)
    weights = np.where(np.abs(away) < LOBES, np.sinc(away) * np.sinc(away / LOBES), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@compiled
def _described(
    grey: Pixels, down: Coefficients, across: Coefficients, least: float
) -> tuple[NDArray[np.uint8], int]:
    """The bytes of the four hashes, (80,), and how many bits of the third are decided."""
    half = _downwards(grey, down)
    packed = np.zeros((2 * SMALL * SMALL + 2 * LARGE * LARGE) // 8, np.uint8)
    small = _across(half[:SMALL], across[:, :SMALL])
    large = _across(half[SMALL:], across[:, SMALL:])
    end, last = SMALL * SMALL // 8, LARGE * LARGE // 8
    _above_median(small, False, packed[:end])
    _above_median(small, True, packed[end : 2 * end])
    _above_median(large, False, packed[2 * end : 2 * end + last])
    _above_median(large, True, packed[2 * end + last :])
    return packed, decided(large, least)


@compiled
def _downwards(grey: Pixels, down: Coefficients) -> Coefficients:
    """(F, h) (h, w) -> (F, w)."""
    half = np.zeros((down.shape[0], grey.shape[1]))
    line = np.empty(grey.shape[1])
    for y in range(grey.shape[0]):
        for x in range(len(line)):
            line[x] = grey[y, x]
        for f in range(down.shape[0]):
            weight, into = down[f, y], half[f]
            for x in range(len(line)):
                into[x] += weight * line[x]
    return half


@compiled
def _across(half: Coefficients, across: Coefficients) -> Coefficients:
    """(F, w) (w, F) -> (F, F), rounded so that equal coefficients are equal on every machine."""
    out = np.zeros((half.shape[0], half.shape[0]))
    for f in range(half.shape[0]):
        for x in range(half.shape[1]):
            value = half[f, x]
            for g in range(half.shape[0]):
                out[f, g] += value * across[x, g]
    for f in range(half.shape[0]):
        for g in range(half.shape[0]):
            out[f, g] = np.rint(out[f, g] * 1e6) * 1e-6 + 0.0
    return out


@compiled
def _above_median(spectrum: Coefficients, mirrored: bool, packed: NDArray[np.uint8]) -> None:
    """One bit a coefficient, the first one highest; mirrored: odd columns with the other sign."""
    values = spectrum.copy()
    if mirrored:
        for f in range(values.shape[0]):
            for g in range(1, values.shape[1], 2):
                values[f, g] = -values[f, g]
    flat = values.ravel()
    median = np.median(flat)
    for k in range(len(flat)):
        if flat[k] > median:
            packed[k >> 3] |= np.uint8(128 >> (k & 7))


@compiled
def decided(spectrum: Coefficients, least: float) -> int:
    """How many orthonormal coefficients lie at least so far from their median."""
    size = spectrum.shape[0]
    # FFTPACK's scale over the orthonormal one: 2N; the first row and column have sqrt 2 more.
    orthonormal = spectrum / (2.0 * OVERSAMPLING * size)
    orthonormal[0, :] /= np.sqrt(2.0)
    orthonormal[:, 0] /= np.sqrt(2.0)
    flat = orthonormal.ravel()
    median = np.median(flat)
    count = 0
    for value in flat:
        count += abs(value - median) >= least
    return count
