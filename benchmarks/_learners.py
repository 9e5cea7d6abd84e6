"""Small residual networks: two read the labels off a face, one tells people apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from _drawn import ALIGNED, BOXED, Faces
from _scores import VIEWS, Floats, targets
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock

from facecurate.synth.points import MIRRORS

STEM, STAGES, HIDDEN = 16, (32, 64, 128), 192  # channels; units of the layer before the heads
WEIGHTS = {"points": 10.0, "units": 2.0, "affect": 1.0, "pose": 2.0, "expression": 0.5}
WIDTHS = {"points": 136, "units": 12, "affect": 2, "pose": 3, "expression": 8}
EMBEDDING, SCALE, MARGIN = 128, 24.0, 0.15  # of the cosine softmax
IDENTITY_SIDE = 64  # pixels


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long and how fast: ``shown`` pictures in all, a one-cycle cosine from ``rate`` down."""

    shown: int
    batch: int = 20
    rate: float = 1e-3
    decay: float = 0.05
    warmup: float = 0.1

    @property
    def steps(self) -> int:
        """Batches."""
        return max(1, self.shown // self.batch)


class Trunk(nn.Module):
    """A residual network (He et al. 2016) of strides 2, 4, 8 and 16; its last map is not averaged.

    (B, 3, side, side) -> (B, HIDDEN): where a point lies is what the landmarks are about.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        stem = nn.Conv2d(3, STEM, 5, 2, 2, bias=False)
        layers: list[nn.Module] = [stem, nn.BatchNorm2d(STEM), nn.ReLU(inplace=True)]
        planes = STEM
        for width in STAGES:
            along = nn.Conv2d(planes, width, 1, 2, bias=False)
            layers.append(BasicBlock(planes, width, 2, nn.Sequential(along, nn.BatchNorm2d(width))))
            planes = width
        self.body = nn.Sequential(*layers)
        self.top = nn.Linear(planes * (side // 16) ** 2, HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.top(self.body(x).flatten(1))
        return functional.relu(hidden)


class LabelNet(nn.Module):
    """Some labels, the numbers among them in training standard deviations."""

    def __init__(self, labels: Sequence[str], side: int) -> None:
        super().__init__()
        self.trunk = Trunk(side)
        self.heads = nn.ModuleDict({k: nn.Linear(HIDDEN, WIDTHS[k]) for k in labels})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.trunk(x)
        return {name: head(hidden) for name, head in self.heads.items()}


@dataclass(frozen=True, slots=True)
class Learner:
    """A network trained on one of the views, and what brings its numbers back to the labels' units.

    ``last``: mean loss of each label over the last tenth of the steps, where 1 is what the
    training mean gets (the expression's cross entropy apart).
    """

    net: LabelNet
    seen: str  # of _scores.VIEWS
    mean: dict[str, Tensor]
    deviation: dict[str, Tensor]
    last: dict[str, float]

    @torch.inference_mode()
    def predict(self, faces: Faces) -> dict[str, Floats]:
        """Its labels; see ``_scores``."""
        self.net.eval()
        told = [self.net(part) for part in _middles(faces, self.seen)]
        out = {}
        for name in VIEWS[self.seen]:
            values = torch.cat([one[name] for one in told])
            if name in self.mean:
                values = values * self.deviation[name] + self.mean[name]
            out[name] = values.double().numpy()
        if "points" in out:
            out["points"] = out["points"].reshape(-1, 68, 2)
        return out


SIDES = {"boxed": BOXED, "aligned": ALIGNED}


def _middles(faces: Faces, seen: str) -> Iterator[Tensor]:
    stored, side = SIDES[seen]
    for part in np.array_split(np.arange(len(faces)), max(1, len(faces) // 100)):
        corners = np.full((len(part), 2), (stored - side) // 2)
        yield view(getattr(faces, seen)[part], corners, side)


def view(pictures: NDArray[np.uint8], corners: NDArray[np.int64], side: int) -> Tensor:
    """(B, 3, side, side) of each picture from its corner (x, y) on; mean 0, deviation 1."""
    pairs = zip(pictures, corners.tolist(), strict=True)
    cut = np.stack([p[y : y + side, x : x + side] for p, (x, y) in pairs])
    tensor = torch.from_numpy(cut).permute(0, 3, 1, 2).float()
    tensor = tensor - tensor.mean((1, 2, 3), keepdim=True)
    tensor = tensor / (tensor.std((1, 2, 3), keepdim=True) + 1.0)
    return tensor.contiguous(memory_format=torch.channels_last)


def _batches(count: int, recipe: Recipe, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Shuffled passes laid end to end."""
    waiting: list[int] = []
    for _ in range(recipe.steps):
        while len(waiting) < recipe.batch:
            waiting += rng.permutation(count).tolist()
        yield np.array(waiting[: recipe.batch])
        del waiting[: recipe.batch]


def _optimizer(
    net: nn.Module, recipe: Recipe
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimizer = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    warm = max(1, round(recipe.warmup * recipe.steps))

    def factor(step: int) -> float:
        done = (step - warm) / max(1, recipe.steps - warm)
        return (step + 1) / warm if step < warm else float(0.5 + 0.5 * np.cos(np.pi * done))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def learn(train: Faces, seen: str, recipe: Recipe, seed: int) -> Learner:
    """A network for the labels of a view; a pure function of faces, recipe and seed."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([0x7EA, seed])
    labels, pictures = VIEWS[seen], getattr(train, seen)
    net = LabelNet(labels, SIDES[seen][1]).to(memory_format=torch.channels_last)
    optimizer, schedule = _optimizer(net, recipe)
    truth = targets(train)
    known = {k: torch.from_numpy(truth[k].reshape(len(train), -1)).float() for k in labels}
    mean = {k: v.mean(0) for k, v in known.items() if k != "expression"}
    deviation = {k: known[k].std(0) + 1e-6 for k in mean}
    history = []
    net.train()
    for rows in _batches(len(train), recipe, rng):
        some = {k: v[rows] for k, v in known.items()}
        images, wanted = _augmented(pictures[rows], some, SIDES[seen], rng)
        scaled = {k: (wanted[k] - mean[k]) / deviation[k] for k in mean}
        losses = _losses(net(images), {**wanted, **scaled})
        total = torch.stack([WEIGHTS[k] * v for k, v in losses.items()]).sum()
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        history.append([v.item() for v in losses.values()])
    last = np.mean(history[-max(1, len(history) // 10) :], axis=0).tolist()
    return Learner(net, seen, mean, deviation, dict(zip(labels, last, strict=True)))


def _losses(told: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    out = {}
    for name, values in told.items():
        if name == "expression":
            out[name] = functional.cross_entropy(values, wanted[name].argmax(1))
        else:
            out[name] = functional.mse_loss(values, wanted[name])
    return out


def _augmented(
    pictures: NDArray[np.uint8],
    known: dict[str, Tensor],
    sides: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Another cut of each picture, half of them mirrored, and the labels that go with it."""
    stored, side = sides
    corners = rng.integers(0, stored - side + 1, (len(pictures), 2))
    images = view(pictures, corners, side)
    flip = torch.from_numpy(rng.uniform(size=len(pictures)) < 0.5)
    images = torch.where(flip[:, None, None, None], images.flip(3), images)
    out = dict(known)
    if "points" in known:
        moved = torch.from_numpy((stored - side) / 2 - corners)[:, None].float()
        points = known["points"].reshape(-1, 68, 2) + moved
        across = points[:, MIRRORS["68"]] * torch.tensor([-1.0, 1.0]) + torch.tensor(
            [side - 1.0, 0]
        )
        out["points"] = torch.where(flip[:, None, None], across, points).flatten(1)
    if "pose" in known:
        sign = torch.where(flip[:, None], torch.tensor([[-1.0, 1.0, -1.0]]), torch.ones(1, 3))
        out["pose"] = known["pose"] * sign
    return images, out


# -- who it is -----------------------------------------------------------------------------------


class IdentityNet(nn.Module):
    """An aligned view (B, 3, side, side) -> (B, EMBEDDING), seen at ``IDENTITY_SIDE`` pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk(IDENTITY_SIDE)
        self.embed = nn.Linear(HIDDEN, EMBEDDING)

    def forward(self, x: Tensor) -> Tensor:
        side = (IDENTITY_SIDE, IDENTITY_SIDE)
        small = functional.interpolate(x, size=side, mode="bilinear", antialias=True)
        out: Tensor = self.embed(self.trunk(small))
        return functional.normalize(out)


def tell_apart(train: Faces, test: Faces, recipe: Recipe, seed: int) -> Floats:
    """(N, EMBEDDING) of the test faces, by a network that learned to name the training people.

    Cosine softmax with an additive margin (Wang et al., CosFace, 2018); both mirror images' sum.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng([0x1DE, seed])
    net = IdentityNet().to(memory_format=torch.channels_last)
    names = nn.Linear(EMBEDDING, int(train.person.max()) + 1, bias=False)
    optimizer, schedule = _optimizer(nn.ModuleList([net, names]), recipe)
    net.train()
    for rows in _batches(len(train), recipe, rng):
        images, _ = _augmented(train.aligned[rows], {}, ALIGNED, rng)
        cosine = net(images) @ functional.normalize(names.weight).T
        wanted = torch.from_numpy(train.person[rows])
        margin = MARGIN * functional.one_hot(wanted, cosine.shape[1])
        loss = functional.cross_entropy(SCALE * (cosine - margin), wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.inference_mode():
        net.eval()
        told = [net(x) + net(x.flip(3)) for x in _middles(test, "aligned")]
    return np.asarray(torch.cat(told).double().numpy())
