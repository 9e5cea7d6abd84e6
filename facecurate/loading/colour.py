"""Brightness, contrast, saturation, hue, channel gain and grey as one affine map of RGB a crop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from facecurate.loading.crops import Augment

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and torchvision weigh grey


@dataclass(frozen=True, slots=True)
class Draws:
    """What was drawn for each of N crops.

    order: (N, 4) in which brightness (0), contrast (1), saturation (2) and hue (3) are applied;
    factors: (N, 3) of the first three, 1 = none; hue: (N,) radians; gain: (N, 3); grey: (N,) bool.
    """

    order: Tensor
    factors: Tensor
    hue: Tensor
    gain: Tensor
    grey: Tensor

    def to(self, device: torch.device) -> Draws:
        """The same on a device."""
        fields = (self.order, self.factors, self.hue, self.gain, self.grey)
        order, factors, hue, gain, grey = (field.to(device) for field in fields)
        return Draws(order, factors, hue, gain, grey)

    def of(self, rows: Tensor) -> Draws:
        """The draws of these crops."""
        fields = (self.order, self.factors, self.hue, self.gain, self.grey)
        order, factors, hue, gain, grey = (field[rows] for field in fields)
        return Draws(order, factors, hue, gain, grey)


def draw(count: int, settings: Augment, draws: torch.Generator) -> Draws:
    """Draws for ``count`` crops; those without jitter get factors of 1."""
    order = torch.rand((count, 4), generator=draws).argsort(dim=1)
    ranges = torch.tensor([settings.brightness, settings.contrast, settings.saturation])
    factors = 1 + ranges * (2 * torch.rand((count, 3), generator=draws) - 1)
    hue = 2 * math.pi * settings.hue * (2 * torch.rand(count, generator=draws) - 1)
    gain = 1 + settings.gain * (2 * torch.rand((count, 3), generator=draws) - 1)
    jitter = torch.rand(count, generator=draws) < settings.jitter_p
    grey = torch.rand(count, generator=draws) < settings.grey_p
    keep = jitter[:, None]
    return Draws(
        order,
        torch.where(keep, factors, 1.0),
        torch.where(jitter, hue, 0.0),
        torch.where(keep, gain, 1.0),
        grey,
    )


def apply(crops: Tensor, drawn: Draws, settings: Augment) -> Tensor:
    """(N, 3, H, W) in 0 to 1 -> the same after the drawn changes, clamped to 0 to 1."""
    if not settings.jitter_p and not settings.grey_p:
        return crops
    matrix, offset = compose(drawn, crops.mean(dim=(2, 3)))
    flat = torch.baddbmm(offset[:, :, None], matrix, crops.flatten(2))
    return flat.clamp_(0.0, 1.0).view_as(crops)


def compose(drawn: Draws, mean: Tensor) -> tuple[Tensor, Tensor]:
    """The affine map of each crop: matrix (N, 3, 3) and offset (N, 3), from its mean RGB (N, 3)."""
    count, device = len(mean), mean.device
    luma = torch.tensor(_LUMA, device=device)
    one = torch.eye(3, device=device)
    to_grey = luma.expand(3, 3)
    brightness, contrast, saturation = (f[:, None, None] for f in drawn.factors.unbind(dim=1))
    linear = torch.stack(
        [
            brightness * one,
            contrast * one,
            saturation * one + (1 - saturation) * to_grey,
            _turns(drawn.hue),
        ],
        dim=1,
    )  # (N, 4, 3, 3)
    matrix = one.expand(count, 3, 3)
    offset = torch.zeros((count, 3), device=device)
    rows = torch.arange(count, device=device)
    for place in range(4):
        which = drawn.order[:, place]
        step = linear[rows, which]
        grey = ((matrix @ mean[:, :, None]).squeeze(2) + offset) @ luma
        # contrast pulls towards the crop's mean grey, as it is after the steps before
        pull = torch.where(which == 1, (1 - drawn.factors[:, 1]) * grey, 0.0)
        matrix = step @ matrix
        offset = (step @ offset[:, :, None]).squeeze(2) + pull[:, None]
    last = torch.diag_embed(drawn.gain)
    last = torch.where(drawn.grey[:, None, None], to_grey @ last, last)
    return last @ matrix, (last @ offset[:, :, None]).squeeze(2)


def _turns(angle: Tensor) -> Tensor:
    """Rotations of RGB about the grey axis by ``angle`` (N,): (N, 3, 3) (Rodrigues' formula)."""
    one = torch.eye(3, device=angle.device)
    axis = torch.full((3, 3), 1 / 3, device=angle.device)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=angle.device)
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return cosine * one + (1 - cosine) * axis + sine * cross / math.sqrt(3)
