"""Points as heatmaps and back, and the network between picture and heatmaps."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from facecurate.backbones import Backbone

STRIDE = 4  # input pixels of a heatmap pixel: stride 32, three times up by 2

Decoder = Literal["parabola", "centroid"]


class HeatmapNet(nn.Module):
    """A backbone under the paper's head (Bulat et al. 2022): (B, 3, S, S), S a multiple of 32.

    Three convolutions, each followed by bilinear up-sampling by 2 and by the sum with an earlier
    stage's map (brought to ``channels`` by a 1 x 1 convolution); then 1 x 1 to ``points`` heatmaps
    at a quarter of the input, (B, points, S / 4, S / 4).
    """

    def __init__(self, backbone: Backbone, points: int, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        inputs = (backbone.channels[3], channels, channels)
        self.convolutions = nn.ModuleList(_convolution(i, channels) for i in inputs)
        skips = reversed(backbone.channels[:3])
        self.skips = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in skips)
        self.last = nn.Conv2d(channels, points, 1)

    def forward(self, images: Tensor, *, frozen: bool = False) -> Tensor:
        """Heatmaps; ``frozen``: no gradient reaches the backbone."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            *earlier, x = self.backbone.feature_maps(images)
        for convolution, skip, stage in zip(
            self.convolutions, self.skips, reversed(earlier), strict=True
        ):
            x = functional.interpolate(
                convolution(x), scale_factor=2.0, mode="bilinear", align_corners=False
            )
            x = x + skip(stage)
        heatmaps: Tensor = self.last(x)
        return heatmaps

    def head_parameters(self) -> list[nn.Parameter]:
        """Everything but the backbone."""
        return [p for n, p in self.named_parameters() if not n.startswith("backbone.")]


def _convolution(inputs: int, channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def to_heatmap(points: Tensor) -> Tensor:
    """Input pixels -> heatmap pixels, both with centres at integers: (p + 0.5) / 4 - 0.5."""
    return (points + 0.5) / STRIDE - 0.5


def from_heatmap(points: Tensor) -> Tensor:
    """Heatmap pixels -> input pixels."""
    return (points + 0.5) * STRIDE - 0.5


def draw(points: Tensor, side: int, sigma: float) -> Tensor:
    """Gaussians of height 1: points (B, P, 2) in heatmap pixels -> (B, P, side, side)."""
    line = torch.arange(side, dtype=points.dtype, device=points.device)
    across, down = (torch.exp(-0.5 * ((line - points[..., i, None]) / sigma) ** 2) for i in (0, 1))
    return down[..., :, None] * across[..., None, :]


def heatmap_loss(heatmaps: Tensor, points: Tensor, sigma: float) -> Tensor:
    """Pixel-wise squared error, summed over a heatmap, averaged over points with a truth.

    points: (B, P, 2) in input pixels, NaN where unknown.
    """
    known = ~points.isnan().any(dim=-1)
    target = draw(to_heatmap(points.nan_to_num(0.0)), heatmaps.shape[-1], sigma)
    error = (heatmaps - target).square().sum(dim=(2, 3))
    return (error * known).sum() / known.sum().clamp_min(1)


def decode(heatmaps: Tensor, how: Decoder, sigma: float) -> Tensor:
    """(B, P, S, S) -> (B, P, 2) in heatmap pixels, finer than a pixel.

    ``parabola``: where the heatmap agrees best with a Gaussian of width ``sigma``, by a parabola
    through the logarithms of the best pixel and its neighbours in x and in y; exact for a Gaussian.
    ``centroid``: of the positive values within two sigma of the highest one.
    """
    if how == "parabola":
        matched = _smooth(heatmaps, sigma)
        return _parabola(matched, _peak(matched))
    return _centroid(heatmaps, _peak(heatmaps), sigma)


def _peak(heatmaps: Tensor) -> Tensor:
    """x, y of the highest value, (B, P, 2)."""
    side = heatmaps.shape[-1]
    top = heatmaps.flatten(2).argmax(dim=2)
    return torch.stack([top % side, top // side], dim=2)


def _smooth(heatmaps: Tensor, sigma: float) -> Tensor:
    """Correlation with a Gaussian of width ``sigma``; nothing is outside the heatmap."""
    side = heatmaps.shape[-1]
    line = torch.arange(side, dtype=heatmaps.dtype, device=heatmaps.device)
    weights = torch.exp(-0.5 * ((line[:, None] - line) / sigma) ** 2)
    weights = weights / weights[side // 2].sum()
    return weights @ heatmaps @ weights


def _parabola(heatmaps: Tensor, peak: Tensor) -> Tensor:
    side = heatmaps.shape[-1]
    logs = heatmaps.clamp_min(1e-6).log()
    rows = logs.gather(2, peak[:, :, 1, None, None].expand(-1, -1, 1, side)).squeeze(2)
    columns = logs.gather(3, peak[:, :, 0, None, None].expand(-1, -1, side, 1)).squeeze(3)
    shifts = [_vertex(line, peak[:, :, i]) for i, line in enumerate((rows, columns))]
    return peak + torch.stack(shifts, dim=2)


def _vertex(line: Tensor, at: Tensor) -> Tensor:
    """Where a parabola through three values is highest, from the middle one: -0.5 to 0.5."""
    inside = at.clamp(1, line.shape[-1] - 2)
    left, middle, right = (
        line.gather(2, (inside + step)[..., None]).squeeze(2) for step in (-1, 0, 1)
    )
    curve = left - 2 * middle + right
    shift = torch.where(curve < 0, 0.5 * (left - right) / curve.clamp(max=-1e-6), 0.0)
    return (shift + inside - at).clamp(-0.5, 0.5)


def _centroid(heatmaps: Tensor, peak: Tensor, sigma: float) -> Tensor:
    side = heatmaps.shape[-1]
    line = torch.arange(side, device=heatmaps.device)
    near = (line - peak[..., None]).abs() <= 2 * sigma  # (B, P, 2, S)
    window = near[:, :, 1, :, None] & near[:, :, 0, None, :]
    weight = heatmaps.clamp_min(0) * window
    total = weight.sum(dim=(2, 3)).clamp_min(1e-12)
    x = (weight.sum(dim=2) * line).sum(dim=2) / total
    y = (weight.sum(dim=3) * line).sum(dim=2) / total
    return torch.stack([x, y], dim=2)
