"""Training a heatmap network on a few labelled crops, and predicting with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facecurate.backbones import Backbone
from facecurate.loading import Augment, colour
from facecurate.loading.seeds import generator
from facecurate.pretrain.optim import learning_rate
from facecurate.tasks import heatmaps, landmarks
from facecurate.tasks.landmarks import LandmarkSet
from facecurate.tasks.recipe import CellConfig

Look = Callable[[int, "Trainee"], None]
_HEAD, _ORDER, _VIEWS = 1, 2, 3  # places of a draw's random streams


class Trainee:
    """A network with the normalisation that its weights expect."""

    def __init__(
        self,
        config: CellConfig,
        backbone: Backbone,
        points: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        self.config = config
        self.mean = torch.tensor(mean)[:, None, None]
        self.std = torch.tensor(std)[:, None, None]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator(config.seed, _HEAD).initial_seed())
            net = heatmaps.HeatmapNet(backbone, points, config.recipe.channels)
        self.net = net.to(memory_format=torch.channels_last)

    def __call__(self, images: Tensor) -> Tensor:
        """Heatmaps of float crops in 0 to 1."""
        shown = (images - self.mean) / self.std
        shown = shown.contiguous(memory_format=torch.channels_last)
        heat: Tensor = self.net(shown, frozen=self.config.backbone_lr == 0)
        return heat

    def training_mode(self) -> None:
        """BatchNorm as the recipe says; a backbone that is not trained keeps its statistics."""
        self.net.train()
        if self.config.recipe.batchnorm == "frozen" or self.config.backbone_lr == 0:
            self.net.backbone.eval()

    @torch.no_grad()
    def predict(self, data: LandmarkSet, batch: int = 128) -> NDArray[np.float64]:
        """Points of every crop, (N, P, 2) in crop pixels."""
        self.net.eval()
        recipe = self.config.recipe
        found = [
            heatmaps.decode(self(part.float().div(255)), recipe.decoder, recipe.sigma)
            for part in data.images.split(batch)  # type: ignore[no-untyped-call]
        ]
        self.training_mode()
        return heatmaps.from_heatmap(torch.cat(found)).double().numpy()


def train(trainee: Trainee, data: LandmarkSet, look: Look) -> float:
    """Trains on all of ``data`` for the recipe's steps; ``look(step, trainee)`` after each.

    Returns the mean loss of the last tenth of the steps. A pure function of the starting weights,
    the data and the draw's seed (and the number of threads).
    """
    config, recipe = trainee.config, trainee.config.recipe
    optimizer = _optimizer(trainee)
    trainee.training_mode()
    losses = []
    for step, rows in enumerate(_rows(len(data), recipe.batch, recipe.steps, config.seed)):
        rate = learning_rate(
            step,
            steps=recipe.steps,
            warmup=round(recipe.warmup * recipe.steps),
            lr=recipe.lr,
            start=0.0,
            end=0.0,
        )
        for group in optimizer.param_groups:
            group["lr"] = rate * group["relative"]
        images, points = _views(data.images[rows], data.points[rows], config, step)
        loss = heatmaps.heatmap_loss(trainee(images), points, recipe.sigma)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
        look(step + 1, trainee)
    last = losses[-max(1, len(losses) // 10) :]
    return sum(last) / len(last)


def _optimizer(trainee: Trainee) -> torch.optim.Optimizer:
    config = trainee.config
    groups = [{"params": trainee.net.head_parameters(), "relative": 1.0}]
    if config.backbone_lr > 0:
        parameters = list(trainee.net.backbone.parameters())
        groups.append({"params": parameters, "relative": config.backbone_lr})
    recipe = config.recipe
    return torch.optim.AdamW(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)


def _rows(count: int, batch: int, steps: int, seed: int) -> Iterator[list[int]]:
    """Batches cut from shuffled passes laid end to end: few images are all used equally often."""
    draws = np.random.default_rng(np.random.SeedSequence([seed, _ORDER]))
    waiting: list[int] = []
    for _ in range(steps):
        while len(waiting) < batch:
            waiting += draws.permutation(count).tolist()
        yield waiting[:batch]
        del waiting[:batch]


def _views(images: Tensor, points: Tensor, config: CellConfig, step: int) -> tuple[Tensor, Tensor]:
    recipe, draws = config.recipe, generator(config.seed, _VIEWS, step)
    mirror = config.dataset.permutation(points.shape[1])
    geometry = recipe.geometry
    if not config.dataset.mirror:
        geometry = landmarks.without_flip(geometry)
    shown = images.float().div(255)
    shown, moved = landmarks.training_view(shown, points, geometry, mirror, draws)
    jitter = Augment(
        brightness=recipe.jitter, contrast=recipe.jitter, saturation=recipe.jitter, jitter_p=1.0
    )
    return colour.apply(shown, colour.draw(len(shown), jitter, draws), jitter), moved
