"""RetinaFace with MobileNet0.25 (``retinaface-mobile``) or ResNet-50 (``retinaface``) weights.

Frame: priors sit at (i + 0.5) * step and annotations were mirrored as x -> width - x in training,
so the network speaks corner-origin pixels of the working picture: 0.5 is subtracted at the edge, in
``base.from_corner`` (portraits and their mirror images at eight working sizes then miss symmetry by
0.1 pixel, without it by 0.4). Working size: a longest side of 800 pixels; larger photos are
averaged down, smaller ones are not enlarged. The largest prior has 512 pixels; faces of more than
400 are looked for at half the size (``base.twice``).

The working picture is filled up to multiples of 32 pixels, always, right and below, with what is
zero to the network: pictures of a few shapes make full batches, and a picture's answer does not
depend on the batch it is in.

The published ``mobilenet0.25`` file has other anchors than a file of the same name and size that is
also in circulation; the SHA-256 of ``weights.KNOWN`` tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import nms

from facecurate import storage
from facecurate.backbones import check_device
from facecurate.errors import UsageError
from facecurate.faces import base
from facecurate.faces.base import Detection, Image, Options
from facecurate.faces.folding import fold
from facecurate.faces.retinaface_net import Offsets, RetinaFace, build
from facecurate.text import printable
from facecurate.weights import load_state_dict

LONGEST_SIDE = 800
LARGE = 400.0  # working pixels: longer faces are looked for at half the size
THRESHOLD = 0.8
NMS_IOU = 0.4
STEPS = (8, 16, 32)
SIZES = ((16, 32), (64, 128), (256, 512))  # sides of the priors in working pixels, by step
PAD = 32  # the coarsest step
VARIANCES = (0.1, 0.2)  # scale of the offsets of centres and points, and of log sizes
GPU_BATCH = 24 << 20  # pixels of one batch
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Faces(NamedTuple):
    """The faces of one picture, the surest first."""

    boxes: Tensor  # (K, 4) corners, corner-origin pixels of the input
    points: Tensor  # (K, 10)
    scores: Tensor  # (K,)


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


@lru_cache(maxsize=64)
def priors(height: int, width: int, device: str = "cpu") -> Tensor:
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
    return torch.cat(levels).to(device)


def decode(offsets: Tensor, points: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes (N, 4) as corners and points (N, 10), from the offsets (N, 4), (N, 10) of N priors."""
    centre = prior[:, :2] + offsets[:, :2] * VARIANCES[0] * prior[:, 2:]
    half = prior[:, 2:] * torch.exp(offsets[:, 2:] * VARIANCES[1]) / 2
    moved = prior[:, None, :2] + points.reshape(-1, 5, 2) * VARIANCES[0] * prior[:, None, 2:]
    return torch.cat([centre - half, centre + half], dim=1), moved.reshape(-1, 10)


def select(offsets: Offsets, height: int, width: int, threshold: float) -> list[Faces]:
    """The faces of each of B pictures, on the CPU.

    Corner-origin pixels of the (height, width) input. Of two faces with IoU above 0.4 the one with
    the higher score stays.
    """
    scores = torch.softmax(offsets.scores.float(), dim=-1)[:, :, 1]  # (B, N)
    picture, prior = torch.nonzero(scores >= threshold, as_tuple=True)  # (K,) each
    boxes, points = decode(
        offsets.boxes[picture, prior].float(),
        offsets.points[picture, prior].float(),
        priors(height, width, str(prior.device))[prior],
    )
    found = torch.cat([boxes, points, scores[picture, prior, None]], dim=1).cpu()  # one transfer
    counts = torch.bincount(picture.cpu(), minlength=len(scores)).tolist()
    return [_apart(rows) for rows in torch.split(found, counts)]


def _apart(rows: Tensor) -> Faces:
    """The faces (K, 15) of one picture without those that a surer one covers."""
    rows = rows[nms(rows[:, :4], rows[:, 14], NMS_IOU)]
    return Faces(rows[:, :4], rows[:, 4:14], rows[:, 14])


def to_input(pictures: Sequence[Image], recipe: Recipe, device: str) -> Tensor:
    """(B, 3, H, W) float32, channels last, from (h, w, 3) RGB pictures of one padded shape H, W."""
    height, width = padded(pictures[0])
    filled = np.zeros((len(pictures), height, width, 3), np.uint8)
    for row, picture in zip(filled, pictures, strict=True):
        row[: picture.shape[0], : picture.shape[1]] = picture
    x = torch.from_numpy(filled).to(device).permute(0, 3, 1, 2).float()
    if recipe.bgr:
        x = x.flip(1)
    mean, std = (torch.tensor(v, device=device).view(3, 1, 1) for v in (recipe.mean, recipe.std))
    x = (x - mean) / std
    for row, picture in zip(x, pictures, strict=True):
        row[:, picture.shape[0] :] = 0
        row[:, :, picture.shape[1] :] = 0
    return x.contiguous(memory_format=torch.channels_last)


def padded(picture: Image) -> tuple[int, int]:
    """Height and width of a picture, filled up to multiples of ``PAD``."""
    height, width = picture.shape[:2]
    return -(-height // PAD) * PAD, -(-width // PAD) * PAD


def batches(pictures: Sequence[Image], most: int) -> Iterator[list[int]]:
    """Numbers of pictures of one padded shape, at most ``most`` pixels together, one at least."""
    shapes: dict[tuple[int, int], list[int]] = {}
    for number, picture in enumerate(pictures):
        shapes.setdefault(padded(picture), []).append(number)
    for (height, width), numbers in shapes.items():
        size = max(1, most // (height * width))
        for start in range(0, len(numbers), size):
            yield numbers[start : start + size]


@dataclass(frozen=True, slots=True, eq=False)
class RetinaFaceDetector:
    """``net`` in eval mode with its weights; ``settings`` say which.

    On the CPU pictures go through one at a time: a batch gains nothing there (measured: 0.64 s a
    picture of 640 pixels in a batch of four, 0.62 alone).
    """

    name: str
    net: RetinaFace
    recipe: Recipe
    threshold: float
    device: str
    settings: Mapping[str, Any]
    longest_side: int | None = LONGEST_SIDE
    large: float | None = LARGE  # as ``base.twice`` has it

    @property
    def window(self) -> int:
        """64 pictures on a GPU: enough that their few shapes fill batches."""
        return 1 if self.device == "cpu" else 64

    @torch.inference_mode()
    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The faces of each (h, w, 3) RGB uint8 picture, in its pixels; highest score first."""
        return base.twice(self._look, images, LONGEST_SIDE, self.large)

    def _look(self, images: Sequence[Image], longest_side: int) -> list[list[Detection]]:
        ready = [base.working(image, longest_side) for image in images]
        pictures = [picture for picture, _ in ready]
        answers: list[list[Detection]] = [[] for _ in images]
        for numbers in batches(pictures, 0 if self.device == "cpu" else GPU_BATCH):
            found = self._found([pictures[n] for n in numbers])
            for number, faces in zip(numbers, found, strict=True):
                scale = ready[number][1]
                rows = zip(*(values.numpy() for values in faces), strict=True)
                answers[number] = base.ordered(
                    [base.from_corner(b, p, s, scale) for b, p, s in rows]
                )
        return answers

    def _found(self, pictures: Sequence[Image]) -> list[Faces]:
        inputs = to_input(pictures, self.recipe, self.device)
        offsets = self.net(inputs.to(next(self.net.parameters()).dtype))
        return select(offsets, inputs.shape[2], inputs.shape[3], self.threshold)


def settings(name: str, threshold: float, precision: str, digest: str) -> dict[str, Any]:
    """Everything that moves the results of a RetinaFace detector."""
    return {
        "detector": name,
        "threshold": threshold,
        "nms_iou": NMS_IOU,
        "longest_side": LONGEST_SIDE,
        "large": LARGE,
        "pad": PAD,
        "precision": precision,
        "weights": digest,
    }


def _load(name: str, recipe: Recipe, options: Options) -> RetinaFaceDetector:
    level = base.threshold(name, options, THRESHOLD)
    check_device(options.device)
    precision = options.precision or ("fp32" if options.device == "cpu" else "bf16")
    if precision not in DTYPES:
        raise UsageError(f"no precision '{printable(precision, 20)}': give fp32 or bf16")
    path = base.located(name, options)
    net = ready(build(recipe.arch, load_state_dict(path)), options.device, precision)
    about = settings(name, level, precision, storage.digest(path))
    return RetinaFaceDetector(name, net, recipe, level, options.device, about)


def ready(net: RetinaFace, device: str, precision: str) -> RetinaFace:
    """The network as it runs: normalisation folded into its convolutions, channels last."""
    folded = fold(net).to(device, DTYPES[precision])
    moved: RetinaFace = folded.to(memory_format=torch.channels_last)
    return moved


def mobile(options: Options) -> RetinaFaceDetector:
    """MobileNet0.25, 0.4 million parameters, 1.8 MB: input BGR minus (104, 117, 123)."""
    return _load("retinaface-mobile", MOBILE, options)


def resnet50(options: Options) -> RetinaFaceDetector:
    """ResNet-50, 27 million parameters: RGB input normalised as for ImageNet."""
    return _load("retinaface", RESNET50, options)
