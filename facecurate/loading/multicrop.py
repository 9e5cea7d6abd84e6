"""Views on the CPU: SwAV's multi-crop by OpenCV, from crops decoded no larger than they need be.

The same draws as ``facecurate.pretrain.augment.multi_crop`` makes of them on a device, so that the
two differ by resampling and rounding alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facecurate.errors import FacecurateError
from facecurate.loading import colour
from facecurate.loading.arrays import Arrays
from facecurate.loading.batch import Batch, no_images
from facecurate.loading.crops import Augment, Drawn, View, draw
from facecurate.loading.decode import Pixels
from facecurate.loading.order import Part
from facecurate.loading.shards import FaceShards

SWAV_VIEWS = (
    View(size=224, count=2, scale=(0.14, 1.0)),
    View(size=96, count=6, scale=(0.05, 0.14)),
)
SWAV_AUGMENT = Augment(
    brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, jitter_p=0.8, grey_p=0.2, blur_p=0.5
)


class MultiCrop:
    """``batches(..., make=MultiCrop())``: random resized crops, flip, colour, blur, normalised.

    views, augment: Caron et al. (2020)'s 2 x 224 + 6 x 96 unless given. seed: of the draws, which
    are a pure function of (seed, number of the batch, place in the global batch). ``Batch.views``
    holds a tensor a resolution, (count * B, 3, size, size), crop by crop: row c * B + b is crop c
    of picture b. kind: "float32" normalised, or "uint8" for a quarter of the bytes, to be
    normalised on the device. Needs OpenCV.
    """

    def __init__(
        self,
        views: Sequence[View] = SWAV_VIEWS,
        augment: Augment = SWAV_AUGMENT,
        *,
        seed: int = 0,
        kind: Literal["float32", "uint8"] = "float32",
    ) -> None:
        _opencv()
        self.views = tuple(views)
        self.augment = augment
        self.seed = seed
        self.kind = kind
        self._tables = _tables(augment)
        self._arrays = Arrays()

    def __call__(self, shards: FaceShards, part: Part) -> Batch:
        """The views of a part of a batch. Raises DamagedError unless damage is skipped."""
        drawn = draw(
            self.views,
            self.augment,
            seed=self.seed,
            step=part.number,
            size=part.size,
            places=part.places,
        )
        first, count = part.places.start, len(part.places)
        least = _least_sides(self.views, drawn, count)
        kept = shards.each(part, lambda i, place: shards.reduced(i, least[place - first]))
        rows = [place - first for place in kept.places]
        views = [
            self._view(kept.made, view, one.of(view.count, count, rows))
            for view, one in zip(self.views, drawn, strict=True)
        ]
        return kept.batch(shards, part, no_images(), views)

    def _view(self, pictures: Sequence[Pixels], view: View, drawn: Drawn) -> Tensor:
        """One resolution of all pictures: cut and resized, then changed in place."""
        shape = (view.count * len(pictures), view.size, view.size, 3)
        crops = self._arrays.take(shape, np.uint8)
        boxes, flips = drawn.boxes.tolist(), drawn.flips.tolist()
        for row, crop in enumerate(crops):
            _cut(pictures[row % len(pictures)], boxes[row], crop, flip=flips[row])
        if self.augment.jitter_p or self.augment.grey_p:
            _recolour(crops, drawn.colours)
        for crop, sigma in zip(crops, drawn.sigmas.tolist(), strict=True):
            if sigma:
                _blur(crop, sigma)
        if self.kind == "uint8":
            return torch.from_numpy(crops).permute(0, 3, 1, 2)
        out = self._arrays.take((len(crops), 3, view.size, view.size), np.float32)
        _normalise(crops, self._tables, out)
        return torch.from_numpy(out)


def _opencv() -> Any:
    """OpenCV, imported where it is needed. Raises FacecurateError."""
    try:
        import cv2
    except ImportError as error:
        raise FacecurateError(
            "views on the CPU need OpenCV: pip install opencv-python-headless, or make the views "
            "on the device (facecurate.pretrain.augment)"
        ) from error
    return cv2


def _least_sides(views: Sequence[View], drawn: Sequence[Drawn], count: int) -> list[int]:
    """For each picture the side in pixels at which no view of it has to be enlarged."""
    sides = [
        (view.size / one.boxes[:, 2:].amin(dim=1)).view(view.count, count).amax(dim=0)
        for view, one in zip(views, drawn, strict=True)
    ]
    return [math.ceil(side) for side in torch.stack(sides).amax(dim=0).tolist()]


def _cut(picture: Pixels, box: Sequence[float], crop: Pixels, *, flip: bool) -> None:
    """Fills ``crop`` with a box of the unit square, its corners at whole pixels of the picture.

    Averaged where that reduces by more than 1.5, else bilinear.
    """
    cv2 = _opencv()
    height, width = picture.shape[:2]
    x, right = _range(box[0], box[2], width)
    y, bottom = _range(box[1], box[3], height)
    size = crop.shape[0]
    reduces = max(right - x, bottom - y) > 1.5 * size
    how = cv2.INTER_AREA if reduces else cv2.INTER_LINEAR
    cv2.resize(picture[y:bottom, x:right], (size, size), dst=crop, interpolation=how)
    if flip:
        cv2.flip(crop, 1, dst=crop)


def _range(start: float, length: float, side: int) -> tuple[int, int]:
    first = min(round(start * side), side - 1)
    return first, min(max(round((start + length) * side), first + 1), side)


def _recolour(crops: NDArray[np.uint8], colours: colour.Draws) -> None:
    """The colour changes of each crop as one affine map of its RGB, rounded and clamped once."""
    cv2 = _opencv()
    means = np.array([cv2.mean(crop)[:3] for crop in crops], np.float32).reshape(-1, 3)
    matrix, offset = colour.compose(colours, torch.from_numpy(means / 255))
    maps = torch.cat([matrix, 255 * offset[:, :, None]], dim=2).numpy()
    changed = np.abs(maps - np.eye(3, 4, dtype=np.float32)).max(axis=(1, 2)) > 1e-6
    for row in np.flatnonzero(changed):
        cv2.transform(crops[row], maps[row], dst=crops[row])


def _blur(crop: Pixels, sigma: float) -> None:
    radius = min(math.ceil(3 * sigma), crop.shape[0] - 1)
    side = 2 * radius + 1
    _opencv().GaussianBlur(crop, (side, side), sigma, dst=crop)


def _tables(augment: Augment) -> NDArray[np.float32]:
    """What each of the 256 values of a channel becomes: (3, 256)."""
    values = np.arange(256, dtype=np.float32) / 255
    mean, std = (np.array(three, np.float32)[:, None] for three in (augment.mean, augment.std))
    return np.asarray((values - mean) / std, np.float32)


def _normalise(
    crops: NDArray[np.uint8], tables: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) float32 by looking every value up."""
    cv2 = _opencv()
    for crop, planes in zip(crops, out, strict=True):
        for plane, table, target in zip(cv2.split(crop), tables, planes, strict=True):
            cv2.LUT(plane, table, dst=target)
