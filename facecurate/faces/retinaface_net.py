"""The RetinaFace network, with the parameter names under which its weights are published.

Deng et al., RetinaFace: Single-stage Dense Face Localisation in the Wild (2019): a feature pyramid
(Lin et al. 2017) over three levels of a backbone, context modules from SSH (Najibi et al. 2017),
and three 1x1 heads that give for each prior two class scores, four box offsets, ten landmark
offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

PRIORS_PER_CELL = 2


class Offsets(NamedTuple):
    """The heads' answer for B pictures and N priors."""

    boxes: Tensor  # (B, N, 4)
    scores: Tensor  # (B, N, 2), before the softmax: no face, face
    points: Tensor  # (B, N, 10)


def _unit(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, slope: float | None
) -> nn.Sequential:
    """Convolution and batch normalisation, then a leaky ReLU unless ``slope`` is None."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if slope is not None:
        layers.append(nn.LeakyReLU(slope, inplace=True))
    return nn.Sequential(*layers)


def _separable(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """A depthwise 3x3 and a pointwise convolution (MobileNet, Howard et al. 2017)."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.LeakyReLU(0.1, inplace=True),
        *_unit(inputs, outputs, 1, slope=0.1),
    )


class MobileBody(nn.Module):
    """MobileNet of width 0.25 without its classifier: maps of 64, 128, 256 channels."""

    widths = (64, 128, 256)

    def __init__(self) -> None:
        super().__init__()
        first = [(8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
        self.stage1 = nn.Sequential(
            _unit(3, 8, 3, stride=2, slope=0.1), *(_separable(*block) for block in first)
        )
        self.stage2 = nn.Sequential(
            _separable(64, 128, 2), *(_separable(128, 128, 1) for _ in range(5))
        )
        self.stage3 = nn.Sequential(_separable(128, 256, 2), _separable(256, 256, 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps at 1/8, 1/16 and 1/32 of the pictures' size."""
        fine = self.stage1(images)
        middle = self.stage2(fine)
        return [fine, middle, self.stage3(middle)]


class ResNetBody(nn.Module):
    """ResNet-50 (He et al. 2016) without its classifier: maps of 512, 1024, 2048 channels."""

    widths = (512, 1024, 2048)

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet50

        for name, layer in resnet50(weights=None).named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, layer)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps at 1/8, 1/16 and 1/32 of the pictures' size."""
        maps, x = [], images
        for name, layer in self.named_children():
            x = layer(x)
            if name in ("layer2", "layer3", "layer4"):
                maps.append(x)
        return maps


class Pyramid(nn.Module):
    """Brings three maps to one width and adds each coarser one to the next finer."""

    def __init__(self, widths: Sequence[int], width: int, slope: float) -> None:
        super().__init__()
        self.output1 = _unit(widths[0], width, 1, slope=slope)
        self.output2 = _unit(widths[1], width, 1, slope=slope)
        self.output3 = _unit(widths[2], width, 1, slope=slope)
        self.merge1 = _unit(width, width, 3, slope=slope)
        self.merge2 = _unit(width, width, 3, slope=slope)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Three maps of equal width, finest first."""
        fine, middle = self.output1(maps[0]), self.output2(maps[1])
        coarse = self.output3(maps[2])
        middle = self.merge2(middle + functional.interpolate(coarse, middle.shape[-2:]))
        fine = self.merge1(fine + functional.interpolate(middle, fine.shape[-2:]))
        return [fine, middle, coarse]


class Context(nn.Module):
    """Half of the channels see 3x3, a quarter 5x5, a quarter 7x7, by stacked 3x3 convolutions."""

    def __init__(self, width: int, slope: float) -> None:
        super().__init__()
        quarter = width // 4
        self.conv3X3 = _unit(width, width // 2, 3, slope=None)
        self.conv5X5_1 = _unit(width, quarter, 3, slope=slope)
        self.conv5X5_2 = _unit(quarter, quarter, 3, slope=None)
        self.conv7X7_2 = _unit(quarter, quarter, 3, slope=slope)
        self.conv7x7_3 = _unit(quarter, quarter, 3, slope=None)

    def forward(self, x: Tensor) -> Tensor:
        """A map of the same shape."""
        shared = self.conv5X5_1(x)
        wide = self.conv7x7_3(self.conv7X7_2(shared))
        return functional.relu(torch.cat([self.conv3X3(x), self.conv5X5_2(shared), wide], dim=1))


class Head(nn.Module):
    """A 1x1 convolution whose channels become ``values`` numbers for each prior."""

    def __init__(self, width: int, values: int) -> None:
        super().__init__()
        self.values = values
        self.conv1x1 = nn.Conv2d(width, PRIORS_PER_CELL * values, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) -> (B, h * w * 2, values), cells in row-major order."""
        x = self.conv1x1(x).permute(0, 2, 3, 1)
        return x.reshape(x.shape[0], -1, self.values)


class RetinaFace(nn.Module):
    """Pictures (B, 3, h, w) to ``Offsets``; ``width`` is 64 over MobileNet, 256 over ResNet-50."""

    def __init__(self, body: MobileBody | ResNetBody, width: int) -> None:
        super().__init__()
        slope = 0.1 if width <= 64 else 0.0  # as both published networks were trained
        self.body = body
        self.fpn = Pyramid(body.widths, width, slope)
        self.ssh1, self.ssh2, self.ssh3 = (Context(width, slope) for _ in range(3))
        self.ClassHead = nn.ModuleList(Head(width, 2) for _ in range(3))
        self.BboxHead = nn.ModuleList(Head(width, 4) for _ in range(3))
        self.LandmarkHead = nn.ModuleList(Head(width, 10) for _ in range(3))

    def forward(self, images: Tensor) -> Offsets:
        """Offsets of every prior, in the order of ``retinaface.priors``."""
        maps = self.fpn(self.body(images))
        seen = [ssh(x) for ssh, x in zip((self.ssh1, self.ssh2, self.ssh3), maps, strict=True)]
        boxes, scores, points = (
            torch.cat([head(x) for head, x in zip(heads, seen, strict=True)], dim=1)
            for heads in (self.BboxHead, self.ClassHead, self.LandmarkHead)
        )
        return Offsets(boxes, scores, points)


def build(arch: str, state: dict[str, Tensor]) -> RetinaFace:
    """The network ``mobilenet0.25`` or ``resnet50`` with the parameters ``state``, in eval mode.

    Raises RuntimeError, naming the keys, if ``state`` belongs to another network.
    """
    with torch.device("meta"):  # no time spent on first values that are replaced at once
        net = (
            RetinaFace(MobileBody(), 64)
            if arch == "mobilenet0.25"
            else RetinaFace(ResNetBody(), 256)
        )
    net.load_state_dict(state, assign=True)
    return net.eval()
