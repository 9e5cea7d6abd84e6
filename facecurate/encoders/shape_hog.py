"""``shape+hog``: a hand-made encoder that sees expression, without a download.

Histograms of oriented gradients (Dalal and Triggs, CVPR 2005; normalised by all four blocks of a
cell and averaged, as in Felzenszwalb et al., PAMI 2010) of the face, levelled by eyes and nose;
beside them the source's own points without place, size and turn (Procrustes). Gradients see
wrinkles and teeth, points see how far a brow or a lip has moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate import images

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIDE, CELL, TURNS = 96, 12, 9
CELLS = SIDE // CELL
FLAT = float(CELL * CELL)  # added to norms: a block whose pixels differ by one level is flat
LANDMARKS = 5
SHAPE = 66  # points: the 68 without the inner corners of the lips
OF_68 = tuple(i for i in range(68) if i not in (60, 64))
WEIGHT = 4.0
"""Length of the shape's part where the gradients' is 1: squared distances of shapes are about a
sixteenth of those of gradients for the same change of expression."""

# Left eye, right eye, nose in the levelled picture, from its upper left corner, in pixels.
TEMPLATE = np.array([(32.0, 36.0), (64.0, 36.0), (48.0, 54.0)])

DEFINITION = (
    "shape+hog 1: ITU-R 601 luminance; eyes and nose by least squares onto (32 36) (64 36) (48 54) "
    "of 96 x 96, or the whole crop where a landmark is unknown; 8 x 8 cells of 12 pixels, 9 "
    "unsigned orientations with linear weights, four block norms plus 144, clipped at .2, "
    "averaged, length 1; then 66 points (68 without 60 and 64) or else zeros: mean 0, length 4, "
    "turned to level eyes"
)
"""What the numbers mean; their SHA-256 names the version."""


@dataclass(frozen=True, slots=True)
class ShapeHogEncoder:
    """576 numbers of gradients and 132 of the face's shape; needs no weights."""

    name: str = "shape+hog"
    identity: bool = False
    dimension: int = CELLS * CELLS * TURNS + 2 * SHAPE
    sha256: str = hashlib.sha256(DEFINITION.encode()).hexdigest()

    def encode(self, crops: Sequence[Pixels], points: Sequence[Floats] | None = None) -> Floats:
        """(N, 708) float32 of (H, W, 3) RGB uint8 crops.

        points: for each crop (10 + 2 P,): the five landmarks in crop pixels, then the P points
        that the source has. Without 66 or 68 of these the shape's part is 0, without eyes and nose
        the crop is taken as it is.
        """
        if not len(crops):
            return np.empty((0, self.dimension), np.float32)
        known = [np.empty(0, np.float32)] * len(crops) if points is None else points
        level = np.stack([_levelled(c, p) for c, p in zip(crops, known, strict=True)])
        return np.concatenate([_hog(level), np.stack([_shape(p) for p in known])], axis=1)


def _levelled(crop: Pixels, points: ArrayLike) -> NDArray[np.float32]:
    """(96, 96) luminance with the eyes level and at their places."""
    import cv2

    known = np.asarray(points, np.float64).reshape(-1, 2)[:3]
    if len(known) < 3 or not np.isfinite(known).all() or np.ptp(known[:, 0]) < 1:
        return images.luma(images.resize(crop, SIDE, SIDE)).astype(np.float32)
    grey: NDArray[Any] = images.luma(crop)
    matrix = _similarity(known, TEMPLATE)
    block = int(1 / np.hypot(matrix[0, 0], matrix[1, 0]))
    if block > 1:  # averaged first, so that no pixel is skipped
        height, width = (side // block for side in grey.shape)
        grey = cv2.resize(grey[: height * block, : width * block], (width, height),
                          interpolation=cv2.INTER_AREA)  # fmt: skip
        shift = matrix[:, 2] + matrix[:, :2] @ np.full(2, (block - 1) / 2)
        matrix = np.column_stack([matrix[:, :2] * block, shift])
    drawn = cv2.warpAffine(grey, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR,
                           borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(drawn, np.float32)


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3) rotation, scale and shift, least squares (Umeyama 1991) as one complex division."""
    s, t = source - source.mean(axis=0), target - target.mean(axis=0)
    a, b = s[:, 0] + 1j * s[:, 1], t[:, 0] + 1j * t[:, 1]
    factor = complex((np.conj(a) * b).sum() / (np.conj(a) * a).sum())
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([turn, target.mean(axis=0) - turn @ source.mean(axis=0)])


def _hog(grey: NDArray[np.float32]) -> Floats:
    """(N, 96, 96) -> (N, 576) unit vectors; the first one for flat pictures."""
    dx, dy = np.zeros_like(grey), np.zeros_like(grey)
    dx[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    dy[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    strength = np.hypot(dx, dy)
    place = np.mod(np.arctan2(dy, dx), np.pi) * (TURNS / np.pi)  # 0 to TURNS, turns without sign
    lower = np.floor(place)
    share = place - lower
    cells = np.zeros((len(grey), CELLS, CELLS, TURNS), np.float32)
    for turn in range(TURNS):
        weight = np.where(lower % TURNS == turn, 1 - share, 0)
        weight += np.where((lower + 1) % TURNS == turn, share, 0)
        cells[..., turn] = _summed(strength * weight)
    numbers = _normalised(cells).reshape(len(grey), -1)
    length = np.linalg.norm(numbers, axis=1)
    numbers[length < 1e-6] = np.eye(1, numbers.shape[1])[0]  # all of these are one picture
    return np.asarray(numbers / np.where(length < 1e-6, 1, length)[:, None], np.float32)


def _summed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 96, 96) -> (N, 8, 8) sums over cells."""
    summed: NDArray[np.float32] = values.reshape(-1, CELLS, CELL, CELLS, CELL).sum(axis=(2, 4))
    return summed


def _normalised(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each cell over the norms of the four 2 x 2 blocks that hold it, clipped and averaged."""
    energy = np.pad((cells**2).sum(axis=-1), ((0, 0), (1, 1), (1, 1)), mode="edge")
    blocks = energy[:, :-1, :-1] + energy[:, 1:, :-1] + energy[:, :-1, 1:] + energy[:, 1:, 1:]
    norms = np.sqrt(blocks) + FLAT
    out = np.zeros_like(cells)
    for down in (0, 1):
        for right in (0, 1):
            norm = norms[:, down : down + CELLS, right : right + CELLS, None]
            out += np.minimum(cells / norm, 0.2) / 4
    return out


def _shape(points: ArrayLike) -> Floats:
    """(132,): the source's points without place, size and turn, of length ``WEIGHT``; or zeros."""
    table = np.asarray(points, np.float64).reshape(-1, 2)[LANDMARKS:]
    if len(table) == 68:
        table = table[list(OF_68)]
    if len(table) != SHAPE or not np.isfinite(table).all():
        return np.zeros(2 * SHAPE, np.float32)
    centred = table - table.mean(axis=0)
    eyes = centred[EYES[1]].mean(axis=0) - centred[EYES[0]].mean(axis=0)
    length = float(np.linalg.norm(centred))
    if length < 1e-6 or float(np.hypot(*eyes)) < 1e-6:
        return np.zeros(2 * SHAPE, np.float32)
    (c, s) = eyes / np.hypot(*eyes)
    level = centred @ np.array([[c, -s], [s, c]])
    return np.asarray(level.ravel() * (WEIGHT / length), np.float32)


EYES = (list(range(36, 42)), list(range(42, 48)))  # of the 68, and of the 66
