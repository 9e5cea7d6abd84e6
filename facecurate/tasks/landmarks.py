"""The landmark task: labelled crops, training views, loss, predictions in photo pixels, scores."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facecurate import metrics
from facecurate.errors import FacecurateError
from facecurate.loading import FaceShards
from facecurate.tasks.points import DatasetInfo

THRESHOLDS = (7, 8, 10)  # percent, for AUC and failure rate


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkSet:
    """Labelled crops of side S.

    images: (N, 3, S, S) uint8; points: (N, P, 2) in crop pixels, NaN where unknown; truth: the same
    in photo pixels; to_photo: (N, 2, 3), crop pixels -> photo pixels; splits: the source's own.
    """

    keys: tuple[str, ...]
    splits: tuple[str, ...]
    images: Tensor
    points: Tensor
    truth: NDArray[np.float64]
    to_photo: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, rows: Iterable[int]) -> LandmarkSet:
        """The same with these rows, in this order."""
        rows = list(rows)
        return LandmarkSet(
            tuple(self.keys[i] for i in rows),
            tuple(self.splits[i] for i in rows),
            self.images[rows],
            self.points[rows],
            self.truth[rows],
            self.to_photo[rows],
        )

    def of_keys(self, keys: Sequence[str]) -> LandmarkSet:
        """The crops with these keys, in this order."""
        place = {key: i for i, key in enumerate(self.keys)}
        return self.at(place[key] for key in keys)

    def of_splits(self, splits: Sequence[str]) -> LandmarkSet:
        """The crops of these splits, in the order of their keys."""
        chosen = [i for i, split in enumerate(self.splits) if split in splits]
        return self.at(sorted(chosen, key=lambda i: self.keys[i]))


def load(shards_url: str, side: int) -> LandmarkSet:
    """Every labelled crop of a dataset's shards. Raises FacecurateError if none has points."""
    shards = FaceShards(shards_url, side=side)
    rows, slots = [], []
    for i in range(len(shards)):
        row = {} if shards.is_empty(i) else shards.metadata(i)
        if row.get("points"):
            rows.append(row)
            slots.append(i)
    if not rows:
        raise FacecurateError(f"no face in {shards_url} has points: is this a landmark dataset?")
    counts = {len(row["points"]) for row in rows}
    if len(counts) > 1:
        raise FacecurateError(f"faces of {shards_url} differ in their number of points: {counts}")
    truth = np.asarray([row["points"] for row in rows], np.float64).reshape(len(rows), -1, 2)
    to_crop = np.stack([_to_crop(row["matrix"], row["crop_size"], side) for row in rows])
    images = np.stack([shards.image(i) for i in slots])
    return LandmarkSet(
        keys=tuple(str(row["key"]) for row in rows),
        splits=tuple(str(row.get("split") or "") for row in rows),
        images=torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
        points=torch.from_numpy(transform(truth, to_crop)).float(),
        truth=truth,
        to_photo=invert(to_crop),
    )


def _to_crop(matrix: Sequence[float], crop_size: int, side: int) -> NDArray[np.float64]:
    """Photo -> decoded crop: the stored matrix, then the resize from ``crop_size`` to ``side``."""
    scale = side / crop_size
    stored = np.asarray(matrix, np.float64).reshape(2, 3)
    scaled: NDArray[np.float64] = stored * scale + [[0.0, 0.0, 0.5 * scale - 0.5]]
    return scaled


def transform(points: NDArray[np.float64], maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, P, 2) under one 2 x 3 map each, (N, 2, 3)."""
    moved: NDArray[np.float64] = points @ maps[:, :, :2].transpose(0, 2, 1) + maps[:, None, :, 2]
    return moved


def invert(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of each affine map, (N, 2, 3)."""
    back = np.linalg.inv(maps[:, :, :2])
    return np.concatenate([back, -back @ maps[:, :, 2:]], axis=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Random changes of a training view: half ranges about "none".

    rotation: degrees; scale: share; shift: share of the side; flip: probability.
    """

    rotation: float = 15.0
    scale: float = 0.1
    shift: float = 0.04
    flip: float = 0.5


def without_flip(geometry: Geometry) -> Geometry:
    """For datasets whose mirrored pairs nobody stated."""
    return dataclasses.replace(geometry, flip=0.0)


def training_view(
    images: Tensor,
    points: Tensor,
    geometry: Geometry,
    mirror: Sequence[int],
    draws: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Turned, scaled, shifted and flipped crops with their points.

    images: (B, 3, S, S) float in 0 to 1; points: (B, P, 2) in crop pixels; mirror: see
    ``DatasetInfo.permutation``. What comes from outside the crop is black.
    """
    count, side = len(images), images.shape[-1]
    angle = math.radians(geometry.rotation) * _half_range(count, draws)
    scale = 1 + geometry.scale * _half_range(count, draws)
    shift = geometry.shift * torch.stack([_half_range(count, draws) for _ in range(2)], dim=1)
    flip = torch.rand(count, generator=draws) < geometry.flip
    sign = torch.where(flip, -1.0, 1.0)
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    # forward: mirror in x, turn and scale about the middle, shift
    forward = torch.stack([sign * cosine, -sine, sign * sine, cosine], dim=1).view(-1, 2, 2)
    back = torch.linalg.inv(forward)
    theta = torch.cat([back, -back @ (2 * shift)[:, :, None]], dim=2)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    views = functional.grid_sample(images, grid.to(images.device), align_corners=False)
    middle = (side - 1) / 2
    moved = (points - middle) @ forward.transpose(1, 2) + middle + side * shift[:, None]
    return views, torch.where(flip[:, None, None], moved[:, list(mirror)], moved)


def _half_range(count: int, draws: torch.Generator) -> Tensor:
    return 2 * torch.rand(count, generator=draws) - 1


def errors(prediction: NDArray[np.float64], data: LandmarkSet, info: DatasetInfo) -> metrics.Floats:
    """NME of each image in percent; prediction (N, P, 2) in crop pixels, scored in photo pixels."""
    in_photo = transform(prediction, data.to_photo)
    return metrics.nme(
        in_photo, data.truth, metrics.inter_ocular(data.truth, info.left, info.right)
    )


def summary(nmes: metrics.Floats) -> dict[str, float]:
    """NME, AUC and failure rate (percent) of one test set; images without any truth left out."""
    known = nmes[~np.isnan(nmes)]
    values = {"n": len(known), "nme": float(known.mean())}
    values |= {f"auc@{t}": metrics.auc(known, t) for t in THRESHOLDS}
    return values | {f"fr@{t}": metrics.failure_rate(known, t) for t in THRESHOLDS}


def mean_shape(train: LandmarkSet) -> NDArray[np.float64]:
    """The trivial prediction: mean of the training points in the crop, (P, 2)."""
    shape: NDArray[np.float64] = np.nanmean(train.points.numpy().astype(np.float64), axis=0)
    return shape
