"""What random crops of a multi-crop may be, and what was drawn for those of one batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from facecurate.errors import UsageError
from facecurate.loading import colour
from facecurate.loading.seeds import generator

SWAV_STD = (0.228, 0.224, 0.225)  # 0.228 is SwAV's published value, not ImageNet's 0.229
RATIO = (3 / 4, 4 / 3)
_TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A resolution of the multi-crop: ``count`` crops of ``size`` pixels.

    scale: smallest and largest share of the picture's area.
    """

    size: int
    count: int
    scale: tuple[float, float]

    def __post_init__(self) -> None:
        if self.size < 8 or self.count < 1:
            raise UsageError(
                f"crops of {self.size} px x {self.count}: use 8 px or more, at least one crop"
            )
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise UsageError(
                f"crop scale {self.scale} must rise inside (0, 1]: use for example (0.3, 1.0)"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Augment:
    """Colour and geometry of a view; factors as in torchvision's ColorJitter.

    gain: further factor of each channel, 1 +- gain. blur: sigma in pixels, at ``blur_p``.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    gain: float = 0.0
    jitter_p: float = 0.0
    grey_p: float = 0.0
    flip_p: float = 0.5
    blur: tuple[float, float] = (0.1, 2.0)
    blur_p: float = 0.0
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = SWAV_STD

    def __post_init__(self) -> None:
        for name in ("jitter_p", "grey_p", "flip_p", "blur_p"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} ({getattr(self, name)}) is a probability: use 0 to 1")
        for name in ("brightness", "contrast", "saturation", "gain"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} ({getattr(self, name)}) is a half range: use 0 to 1")
        if not 0 <= self.hue <= 0.5:
            raise UsageError(f"hue ({self.hue}) is a share of the circle: use 0 to 0.5")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for N crops of one resolution, crop by crop.

    Row c * B + b belongs to crop c of picture b. boxes: (N, 4) x0, y0, width, height in the unit
    square; flips: (N,) bool; colours: of ``colour.draw``; sigmas: (N,) of the blur in pixels of
    the crop, 0 = none.
    """

    boxes: Tensor
    flips: Tensor
    colours: colour.Draws
    sigmas: Tensor

    def of(self, count: int, size: int, places: Sequence[int]) -> Drawn:
        """The rows of these places of each of ``count`` crops of ``size`` pictures."""
        starts = torch.arange(count)[:, None] * size
        rows = (starts + torch.as_tensor(list(places), dtype=torch.long)[None, :]).flatten()
        colours = self.colours.of(rows)
        return Drawn(self.boxes[rows], self.flips[rows], colours, self.sigmas[rows])


def draw(
    views: Sequence[View],
    settings: Augment,
    *,
    seed: int,
    step: int,
    size: int,
    places: Sequence[int] | None = None,
) -> list[Drawn]:
    """The draws of a batch of ``size`` pictures, one entry a resolution.

    ``places``: the pictures of the batch that are here (a rank's part, without those that were
    taken down), whose draws are then the same as in the whole batch. A pure function of its
    arguments: whoever knows (seed, step, place) knows what happens to a picture, on whatever
    device, process or rank it is.
    """
    found = []
    for number, view in enumerate(views):
        drawn = _draw(view.count * size, view, settings, generator(seed, step, number))
        found.append(drawn if places is None else drawn.of(view.count, size, places))
    return found


def _draw(count: int, view: View, settings: Augment, draws: torch.Generator) -> Drawn:
    boxes = crop_boxes(count, view.scale, draws)
    flips = torch.rand(count, generator=draws) < settings.flip_p
    colours = colour.draw(count, settings, draws)
    if not settings.blur_p:
        return Drawn(boxes, flips, colours, torch.zeros(count))
    low, high = settings.blur
    sigmas = low + (high - low) * torch.rand(count, generator=draws)
    blurred = torch.rand(count, generator=draws) < settings.blur_p
    return Drawn(boxes, flips, colours, torch.where(blurred, sigmas, 0.0))


def crop_boxes(count: int, scale: tuple[float, float], draws: torch.Generator) -> Tensor:
    """Random resized crops of the unit square: (count, 4) x0, y0, width, height.

    Area uniform in ``scale``, log aspect uniform in 3/4 to 4/3; drawn again up to ten times until
    it fits, else the middle of the square.
    """
    shape = (count, _TRIES)
    area = scale[0] + (scale[1] - scale[0]) * torch.rand(shape, generator=draws)
    low, high = math.log(RATIO[0]), math.log(RATIO[1])
    aspect = torch.exp(low + (high - low) * torch.rand(shape, generator=draws))
    sides = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], dim=-1)
    fits = (sides <= 1).all(dim=-1)
    first = fits.int().argmax(dim=1)
    chosen = sides[torch.arange(count), first]
    chosen = torch.where(fits.any(dim=1, keepdim=True), chosen, torch.ones(()))
    corner = torch.rand((count, 2), generator=draws) * (1 - chosen)
    return torch.cat([corner, chosen], dim=1)
