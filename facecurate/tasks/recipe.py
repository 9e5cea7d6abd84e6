"""How a cell is trained, and which cell it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from facecurate.errors import UsageError
from facecurate.tasks.heatmaps import Decoder
from facecurate.tasks.landmarks import Geometry
from facecurate.tasks.points import DatasetInfo
from facecurate.tasks.subsets import Fraction

Adapt = Literal["finetune", "linear"]
TASKS = ("landmarks",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Training settings of a cell, the same for all its arms.

    side: input pixels; channels: of the head; sigma: of the heatmaps, heatmap pixels; lr: of the
    head; backbone_lr: relative to it (scratch: always 1); batchnorm: "train", or "frozen" = running
    statistics; jitter: half range of brightness, contrast and saturation; looks: how often the test
    sets are scored on the way, for the curve against steps.
    """

    side: int = 64
    channels: int = 64
    sigma: float = 1.5
    decoder: Decoder = "parabola"
    steps: int = 300
    batch: int = 32
    lr: float = 2e-2
    backbone_lr: float = 1.0
    weight_decay: float = 1e-2
    warmup: float = 0.1
    batchnorm: Literal["train", "frozen"] = "train"
    geometry: Geometry = field(default_factory=Geometry)
    jitter: float = 0.2
    looks: int = 3

    def __post_init__(self) -> None:
        if self.side % 32 or self.side < 64:
            raise UsageError(f"side ({self.side}) must be a multiple of 32 from 64 on: use 64")
        if self.steps < 1 or self.batch < 2:
            raise UsageError(f"{self.steps} steps of {self.batch}: use 1 step, 2 images or more")
        if not self.lr > 0 or self.backbone_lr < 0:
            raise UsageError(f"lr ({self.lr}) must be positive and backbone_lr not negative")
        if not 0 <= self.warmup < 1:
            raise UsageError(f"warmup ({self.warmup}) is a share of the steps: use 0 to 0.5")


RECIPES: dict[str, Recipe] = {
    "small": Recipe(),
    # ours: the paper's schedules are not published
    "paper": Recipe(
        side=256,
        channels=256,
        steps=4000,
        batch=16,
        lr=1e-3,
        backbone_lr=0.1,
        weight_decay=1e-5,
        geometry=Geometry(rotation=30.0, scale=0.25),
    ),
}


@dataclass(frozen=True, slots=True)
class Arm:
    """A starting point of the backbone: ``weights`` in the grammar of ``--weights``.

    sha256: of the file, None for scratch; name: as it is printed, without folders.
    """

    weights: str
    name: str
    arch: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellConfig:
    """One cell of the benchmark and one draw of it: ``seed`` chooses subset and training.

    The draw is shared by all arms: same images, same order, same views, same head.
    """

    dataset: DatasetInfo
    arm: Arm
    fraction: Fraction
    adapt: Adapt = "finetune"
    seed: int = 0
    task: str = "landmarks"
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise UsageError(f"there is no task {self.task!r}: choose one of {', '.join(TASKS)}")
        if self.adapt not in ("finetune", "linear"):
            raise UsageError(f"adapt {self.adapt!r}: choose finetune or linear")

    def plain(self) -> dict[str, Any]:
        """Every setting as JSON values; ``arm.weights`` may hold a path and is left out."""
        settings = asdict(self)
        del settings["arm"]["weights"]
        return settings

    @property
    def backbone_lr(self) -> float:
        """Relative to the head's: scratch has no relative rate, a linear probe no rate."""
        if self.adapt == "linear":
            return 0.0
        return 1.0 if self.arm.sha256 is None else self.recipe.backbone_lr
