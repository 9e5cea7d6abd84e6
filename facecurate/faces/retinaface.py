"""RetinaFace with MobileNet0.25 (``retinaface-mobile``) or ResNet-50 (``retinaface``) weights.

Frame: priors sit at (i + 0.5) * step and annotations were mirrored as x -> width - x in training,
so the network speaks corner-origin pixels of the working picture: 0.5 is subtracted at the edge, in
``base.from_corner`` (portraits and their mirror images at eight working sizes then miss symmetry by
0.1 pixel, without it by 0.4). Working size: a longest side of 800 pixels; larger photos are
averaged down, smaller ones are not enlarged. The largest prior has 512 pixels, so no face is much
larger than that.

The published ``mobilenet0.25`` file has other anchors than a file of the same name and size that is
also in circulation; the SHA-256 of ``weights.KNOWN`` tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import nms

from facecurate import fetch, storage
from facecurate.backbones import check_device
from facecurate.faces import base
from facecurate.faces.base import Detection, Image
from facecurate.faces.retinaface_net import Offsets, RetinaFace, build
from facecurate.weights import KNOWN, load_state_dict, locate

LONGEST_SIDE = 800
THRESHOLD = 0.8
NMS_IOU = 0.4
STEPS = (8, 16, 32)
SIZES = ((16, 32), (64, 128), (256, 512))  # sides of the priors in working pixels, by step
VARIANCES = (0.1, 0.2)  # scale of the offsets of centres and points, and of log sizes


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a picture becomes the network's input: (channels - mean) / std, in units of 0-255."""

    arch: str
    bgr: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


MOBILE = Recipe("mobilenet0.25", True, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0))
RESNET50 = Recipe(
    "resnet50",
    False,
    (0.485 * 255, 0.456 * 255, 0.406 * 255),
    (0.229 * 255, 0.224 * 255, 0.225 * 255),
)


@lru_cache(maxsize=16)
def priors(height: int, width: int) -> Tensor:
    """(N, 4) centre x, centre y, width, height of the priors for a (height, width) input.

    In corner-origin working pixels; by step, then row, column and size, as the heads put them out.
    """
    levels = []
    for step, sizes in zip(STEPS, SIZES, strict=True):
        y = (torch.arange(-(-height // step)) + 0.5) * step
        x = (torch.arange(-(-width // step)) + 0.5) * step
        side = torch.tensor(sizes, dtype=torch.float32)
        y, x, side = torch.meshgrid(y, x, side, indexing="ij")
        levels.append(torch.stack([x, y, side, side], dim=-1).reshape(-1, 4))
    return torch.cat(levels)


def decode(offsets: Tensor, points: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes (N, 4) as corners and points (N, 10), from the offsets (N, 4), (N, 10) of N priors."""
    centre = prior[:, :2] + offsets[:, :2] * VARIANCES[0] * prior[:, 2:]
    half = prior[:, 2:] * torch.exp(offsets[:, 2:] * VARIANCES[1]) / 2
    moved = prior[:, None, :2] + points.reshape(-1, 5, 2) * VARIANCES[0] * prior[:, None, 2:]
    return torch.cat([centre - half, centre + half], dim=1), moved.reshape(-1, 10)


def select(
    offsets: Offsets, height: int, width: int, threshold: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (K, 4), points (K, 10) and scores (K,) of the first picture's faces, on the CPU.

    Corner-origin pixels of the (height, width) input. Of two faces with IoU above 0.4 the one with
    the higher score stays.
    """
    scores = torch.softmax(offsets.scores[0].float(), dim=-1)[:, 1].cpu()
    sure = torch.nonzero(scores >= threshold)[:, 0]
    chosen = priors(height, width)[sure]
    at = sure.to(offsets.boxes.device)
    boxes, points = decode(
        offsets.boxes[0, at].float().cpu(), offsets.points[0, at].float().cpu(), chosen
    )
    keep = nms(boxes, scores[sure], NMS_IOU)
    return boxes[keep], points[keep], scores[sure][keep]


def to_input(image: Image, recipe: Recipe, device: str) -> Tensor:
    """(1, 3, h, w) float32 from an (h, w, 3) RGB picture."""
    channels = image[:, :, ::-1] if recipe.bgr else image
    mean, std = np.array([recipe.mean, recipe.std], np.float32)
    x = (channels.astype(np.float32) - mean) / std
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1))[None]).to(device)


@dataclass(frozen=True, slots=True, eq=False)
class RetinaFaceDetector:
    """One picture at a time in float32, so that an answer depends on its own picture alone."""

    name: str
    net: RetinaFace
    recipe: Recipe
    threshold: float
    device: str
    settings: Mapping[str, Any]
    longest_side: int | None = LONGEST_SIDE

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The faces of each (h, w, 3) RGB uint8 picture, in its pixels; highest score first."""
        return [self._faces(image) for image in images]

    @torch.inference_mode()
    def _faces(self, image: Image) -> list[Detection]:
        picture, scale = base.working(image, LONGEST_SIDE)
        offsets = self.net(to_input(picture, self.recipe, self.device))
        found = select(offsets, picture.shape[0], picture.shape[1], self.threshold)
        faces = zip(*(values.numpy() for values in found), strict=True)
        return base.ordered([base.from_corner(b, p, s, scale) for b, p, s in faces])


def settings(name: str, threshold: float, digest: str) -> dict[str, Any]:
    """Everything that moves the results of a RetinaFace detector."""
    return {
        "detector": name,
        "threshold": threshold,
        "nms_iou": NMS_IOU,
        "longest_side": LONGEST_SIDE,
        "weights": digest,
    }


def _load(
    name: str, recipe: Recipe, given: str | None, threshold: float | None, device: str
) -> RetinaFaceDetector:
    level = base.check_threshold(name, THRESHOLD if threshold is None else threshold, 0.0, 1.0)
    check_device(device)
    path = locate(KNOWN[name], given, download=fetch.download)
    net = build(recipe.arch, load_state_dict(path)).to(device)
    about = settings(name, level, storage.digest(path))
    return RetinaFaceDetector(name, net, recipe, level, device, about)


def mobile(*, weights: str | None, threshold: float | None, device: str) -> RetinaFaceDetector:
    """MobileNet0.25, 0.4 million parameters, 1.8 MB: input BGR minus (104, 117, 123)."""
    return _load("retinaface-mobile", MOBILE, weights, threshold, device)


def resnet50(*, weights: str | None, threshold: float | None, device: str) -> RetinaFaceDetector:
    """ResNet-50, 27 million parameters: RGB input normalised as for ImageNet."""
    return _load("retinaface", RESNET50, weights, threshold, device)
