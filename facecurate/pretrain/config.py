"""Every setting of a pre-training run in one frozen record, and the presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from facecurate.backbones import ARCHS
from facecurate.errors import UsageError
from facecurate.loading import Augment, View

METHODS = ("swav",)


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainConfig:
    """A run of SwAV (Caron et al. 2020); every field is saved, compared and printed.

    Either ``epochs`` (passes over the shards) or ``steps`` is positive. ``views[0]`` are the
    crops that get assignments. ``source``: side in pixels of the decoded crops that views are cut
    from. ``warmup_epochs`` and ``warmup_steps`` add up. ``frozen_steps``: steps in which the
    prototypes do not move. ``queue``: features kept for Sinkhorn, from ``queue_from`` epochs on.
    """

    method: str = "swav"
    arch: str = "resnet18-half"
    views: tuple[View, ...] = ()
    augment: Augment = Augment()  # noqa: RUF009 - frozen
    source: int = 72
    split: str = "train"
    batch_size: int = 64
    epochs: int = 0
    steps: int = 0
    optimizer: Literal["adamw", "larc"] = "adamw"
    lr: float = 2e-3
    lr_start: float = 0.0
    lr_end: float = 0.0
    warmup_epochs: int = 0
    warmup_steps: int = 0
    weight_decay: float = 1e-2
    momentum: float = 0.9
    trust: float = 1e-3
    hidden: int = 256
    features: int = 64
    prototypes: int = 200
    temperature: float = 0.1
    epsilon: float = 0.02
    sinkhorn: int = 3
    frozen_steps: int = 0
    queue: int = 0
    queue_from: int = 0
    guard: bool = True
    seed: int = 0
    checkpoint_every: int = 50
    log_every: int = 1

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            _refuse(f"there is no method {self.method!r}: choose one of {', '.join(METHODS)}")
        if self.arch not in ARCHS:
            _refuse(f"there is no backbone {self.arch!r}: choose one of {', '.join(ARCHS)}")
        if (self.epochs > 0) == (self.steps > 0):
            _refuse(f"epochs ({self.epochs}) or steps ({self.steps}): give one of them, not both")
        if not self.views or sum(v.count for v in self.views) < 2:
            _refuse("fewer than two crops leave nothing to predict: give two views or more")
        if self.batch_size < 2:
            _refuse(f"batch_size ({self.batch_size}) must be 2 or more: BatchNorm needs a spread")
        for name in ("lr", "temperature", "epsilon"):
            if not getattr(self, name) > 0:
                _refuse(f"{name} ({getattr(self, name)}) must be greater than 0")
        for name in ("hidden", "features", "sinkhorn", "source", "checkpoint_every", "log_every"):
            if getattr(self, name) < 1:
                _refuse(f"{name} ({getattr(self, name)}) must be 1 or more")
        if self.prototypes < 2:
            _refuse(f"prototypes ({self.prototypes}) must be 2 or more")
        if self.queue % self.batch_size:
            near = round(self.queue / self.batch_size) * self.batch_size or self.batch_size
            _refuse(
                f"queue ({self.queue}) must be a multiple of batch_size ({self.batch_size}): "
                f"use {near}, or 0 for no queue"
            )

    def total_steps(self, batches: int) -> int:
        """Optimiser steps of the run when an epoch has this many batches."""
        return self.steps or self.epochs * batches

    def warmup(self, batches: int) -> int:
        """Steps of linear warm-up; never more than a quarter of the run."""
        wanted = self.warmup_steps + self.warmup_epochs * batches
        return min(wanted, self.total_steps(batches) // 4)

    def frozen(self, batches: int) -> int:
        """Steps with fixed prototypes; never more than a quarter of the run."""
        return min(self.frozen_steps, self.total_steps(batches) // 4)

    def but(self, **changes: Any) -> PretrainConfig:
        """The same with changed fields, checked again; epochs and steps replace each other."""
        if changes.get("epochs"):
            changes.setdefault("steps", 0)
        elif changes.get("steps"):
            changes.setdefault("epochs", 0)
        return dataclasses.replace(self, **changes)


def _refuse(message: str) -> None:
    raise UsageError(message)


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """The first setting in which two saved configurations differ, its values, or None."""
    for name in sorted({*old, *new}):
        before, now = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            inner = changed(before, now)
            if inner:
                return f"{name}.{inner[0]}", inner[1], inner[2]
        elif before != now:
            return name, before, now
    return None


_PAPER_AUGMENT = Augment(
    brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, jitter_p=0.8, grey_p=0.2, blur_p=0.5
)
_PAPER = PretrainConfig(
    arch="resnet50",
    views=(
        View(size=224, count=2, scale=(0.14, 1.0)),
        View(size=96, count=6, scale=(0.05, 0.14)),
    ),
    augment=_PAPER_AUGMENT,
    source=256,
    batch_size=4096,
    epochs=400,
    optimizer="larc",
    lr=4.8,
    lr_start=0.3,
    lr_end=0.0048,
    warmup_epochs=10,
    weight_decay=1e-6,
    hidden=2048,
    features=128,
    prototypes=3000,
    epsilon=0.05,
    frozen_steps=313,
    checkpoint_every=500,
    log_every=10,
)

PRESETS: dict[str, PretrainConfig] = {
    "paper": _PAPER,
    # the released launch script keeps lr 4.8 at a quarter of the batch
    "batch1024": _PAPER.but(batch_size=1024),
    "batch256": _PAPER.but(
        batch_size=256,
        epochs=200,
        lr=0.6,
        lr_start=0.6,
        lr_end=0.0006,
        warmup_epochs=0,
        frozen_steps=5005,
        queue=3840,
        queue_from=15,
    ),
    # for rendered faces and laptops; no evidence about the paper's recipe
    "small": PretrainConfig(
        views=(
            View(size=64, count=2, scale=(0.3, 1.0)),
            View(size=32, count=4, scale=(0.1, 0.3)),
        ),
        augment=Augment(
            brightness=0.2, contrast=0.2, saturation=0.2, gain=0.06, jitter_p=0.8, grey_p=0.2
        ),
        steps=550,
        warmup_steps=40,
        frozen_steps=30,
    ),
}
