"""Multi-crop as batched operations on uint8 tensors, on whatever device they are.

Per resolution one affine grid for random resized crop and flip, one fused 3 x 3 colour matrix for
jitter, channel gain and grey, one separable blur, one normalisation. The distributions are those
of torchvision's RandomResizedCrop, ColorJitter, RandomGrayscale and GaussianBlur, except that
values are clamped once after the fused colour matrix and that hue turns about the grey axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from facecurate.loading import colour
from facecurate.loading.crops import RATIO, Augment, Drawn, View, draw

_STEEPEST = 1.5  # source pixels an output pixel may stride before bilinear sampling aliases


def multi_crop(
    images: Tensor,
    views: tuple[View, ...],
    settings: Augment,
    *,
    seed: int,
    step: int,
    places: Sequence[int] | None = None,
    size: int | None = None,
) -> list[Tensor]:
    """Normalised views of a batch: (B, 3, S, S) uint8 -> one tensor a resolution.

    Entry i is (count * B, 3, size, size) float32 on the images' device, crop by crop: row c * B + b
    is crop c of image b. ``places``, ``size``: where in the global batch, and how large that is; a
    rank's part and a batch with left-out pictures get the draws they have in the whole. A pure
    function of the images, the settings and (seed, step).
    """
    pixels = images.contiguous().float().div_(255.0)
    whole = len(images) if size is None else size
    drawn = draw(views, settings, seed=seed, step=step, size=whole, places=places)
    return [_view(pixels, *pair, settings) for pair in zip(views, drawn, strict=True)]


def _view(pixels: Tensor, view: View, drawn: Drawn, settings: Augment) -> Tensor:
    boxes = drawn.boxes * pixels.shape[-1]
    crops = resized_crops(pixels, boxes, drawn.flips, view)
    crops = colour.apply(crops, drawn.colours.to(crops.device), settings)
    if settings.blur_p > 0:
        crops = _blur(crops, drawn.sigmas, settings.blur[1])
    mean, std = (torch.tensor(v, device=crops.device) for v in (settings.mean, settings.std))
    crops = (crops - mean[:, None, None]) / std[:, None, None]
    return crops.contiguous(memory_format=torch.channels_last)


def resized_crops(pixels: Tensor, boxes: Tensor, flips: Tensor, view: View) -> Tensor:
    """Crops resampled to ``view.size``: pixels (B, 3, S, S), boxes (count * B, 4) in pixels.

    A box's corner is at pixel edges (0 to S). Where a crop may be reduced by more than 1.5, the
    grid is that many times finer and averaged, so that thin structures do not alias.
    """
    side = pixels.shape[-1]
    largest = side * min(1.0, math.sqrt(view.scale[1] * RATIO[1]))
    finer = max(1, math.ceil(largest / view.size / _STEEPEST))
    x, y, width, height = (boxes / side).unbind(dim=1)
    sign = torch.where(flips, -1.0, 1.0)
    zero = torch.zeros_like(x)
    theta = torch.stack(
        [sign * width, zero, 2 * x + width - 1, zero, height, 2 * y + height - 1], dim=1
    ).view(-1, 2, 3)
    size = [len(boxes), 3, view.size * finer, view.size * finer]
    grid = functional.affine_grid(theta.to(pixels.device), size, align_corners=False)
    source = pixels.repeat(view.count, 1, 1, 1)
    crops = functional.grid_sample(source, grid, padding_mode="border", align_corners=False)
    return functional.avg_pool2d(crops, finer) if finer > 1 else crops


def _blur(crops: Tensor, sigmas: Tensor, high: float) -> Tensor:
    """A Gaussian of its own for each crop; those whose sigma is 0 keep their pixels."""
    count, _, height, width = crops.shape
    sigma = sigmas.clamp_min(1e-3)
    radius = min(math.ceil(3 * high), min(height, width) - 1)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    taps = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    taps = (taps / taps.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0).to(crops.device)
    flat = crops.reshape(1, count * 3, height, width)
    flat = functional.pad(flat, (radius, radius, radius, radius), mode="reflect")
    flat = functional.conv2d(flat, taps[:, None, None, :], groups=count * 3)
    flat = functional.conv2d(flat, taps[:, None, :, None], groups=count * 3)
    return flat.view(count, 3, height, width)
