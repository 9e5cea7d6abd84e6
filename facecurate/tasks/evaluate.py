"""``evaluate``: a plan of cells, those that are missing trained, then tables."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from facecurate import records, storage
from facecurate.backbones import build
from facecurate.errors import StoppedError, UsageError
from facecurate.tasks import tables
from facecurate.tasks.finetune import RESULTS, finetune_cell, lineage
from facecurate.tasks.page import report_page
from facecurate.tasks.points import DatasetInfo
from facecurate.tasks.recipe import Adapt, Arm, CellConfig, Recipe
from facecurate.tasks.subsets import Fraction
from facecurate.tasks.training import Trainee
from facecurate.workers import Progress, Task, map_tasks, silent, single_thread

Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A dataset that has shards."""

    info: DatasetInfo
    shards: str


@dataclass(frozen=True, slots=True)
class Cell(Task):
    """A cell with the folders it reads and writes; ``name`` is its folder's."""

    config: CellConfig
    shards: str
    url: str
    workspace: str

    @property
    def done(self) -> bool:
        """True if its result is there."""
        return storage.exists(storage.join(self.url, RESULTS))


def plan(
    datasets: Sequence[Labelled],
    arms: Sequence[Arm],
    fractions: Sequence[Fraction],
    *,
    seeds: int | Sequence[int],
    recipe: Recipe,
    out_url: str,
    workspace: str,
    adapts: Sequence[Adapt] = ("finetune",),
) -> tuple[Cell, ...]:
    """Every cell, draw by draw, so that a stopped evaluation has whole draws.

    A cell's folder is named after its settings, data and weights: other settings are another cell,
    and what is asked for twice is one cell, not another draw.
    """
    if not (datasets and arms and fractions and adapts):
        raise UsageError("nothing to evaluate: give a dataset, weights and a fraction")
    draws = range(seeds) if isinstance(seeds, int) else seeds
    data = {one.shards: lineage(one.shards) for one in datasets}
    cells: dict[str, Cell] = {}
    for seed in draws:
        for one in datasets:
            for fraction in fractions:
                for adapt in adapts:
                    for arm in arms:
                        config = CellConfig(
                            dataset=one.info,
                            arm=arm,
                            fraction=fraction,
                            adapt=adapt,
                            seed=seed,
                            recipe=recipe,
                        )
                        name = cell_name(config, data[one.shards])
                        url = storage.join(out_url, "cells", name)
                        cell = Cell(name, config, one.shards, url, workspace)
                        cells.setdefault(name, cell)
    return tuple(cells.values())


def cell_name(config: CellConfig, data: dict[str, Any]) -> str:
    """For example ``render-300w-scratch-2pct-finetune-0-1a2b3c4d``."""
    settings = json.dumps([config.plain(), data], sort_keys=True)
    digest = hashlib.sha256(settings.encode()).hexdigest()[:8]
    words = (config.dataset.label, config.arm.name, config.fraction.slug, config.adapt)
    plain = "-".join("".join(c if c.isalnum() else "-" for c in word) for word in words)
    return f"{plain}-{config.seed}-{digest}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan will cost; ``str`` is the line that is printed before it starts."""

    cells: int
    done: int
    seconds: float

    def __str__(self) -> str:
        left = self.cells - self.done
        line = f"{self.cells} cells, {self.done} of them finished"
        return line + (f"; about {max(1, round(self.seconds / 60))} min for {left}" if left else "")


def estimate(cells: Sequence[Cell], *, workers: int = 1) -> Estimate:
    """Times two steps of one training for each arm and recipe that has cells to train."""
    left = [cell for cell in cells if not cell.done]
    cost: dict[tuple[str, Recipe], float] = {}
    for cell in left:
        kind = (cell.config.arm.arch, cell.config.recipe)
        if kind not in cost:
            cost[kind] = _seconds_of_step(cell.config) * cell.config.recipe.steps
    total = sum(cost[cell.config.arm.arch, cell.config.recipe] for cell in left)
    return Estimate(
        len(cells), len(cells) - len(left), total / max(1, min(workers, len(left) or 1))
    )


def _seconds_of_step(config: CellConfig) -> float:
    recipe = config.recipe
    trainee = Trainee(config, build(config.arm.arch, seed=0), 68, (0.5,) * 3, (0.25,) * 3)
    trainee.training_mode()
    images = torch.zeros(recipe.batch, 3, recipe.side, recipe.side)
    seconds = []
    with single_thread():  # as the cells are trained
        for _ in range(2):
            began = time.perf_counter()
            trainee(images).square().mean().backward()  # type: ignore[no-untyped-call]
            seconds.append(time.perf_counter() - began)
    return min(seconds) * 1.2  # views, optimiser and scoring are about a fifth more


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every cell's result and the files that show them; ``str`` is the last line."""

    finished: tuple[tables.Finished, ...]
    trained: int
    tables: str
    page: str

    @property
    def results(self) -> tuple[dict[str, Any], ...]:
        """What each cell's ``results.json`` holds."""
        return tuple(cell.result for cell in self.finished)

    def __str__(self) -> str:
        found = len(self.finished) - self.trained
        return f"{len(self.finished)} cells: {self.trained} trained, {found} found; {self.page}"


def evaluate(
    cells: Sequence[Cell],
    out_url: str,
    *,
    workers: int = 0,
    progress: Progress = silent,
    stop: Stop | None = None,
) -> Evaluation:
    """Trains the cells that are missing, then writes tables, page and ``results.parquet``.

    A cell is the unit of work: a crash or a stop costs those in progress. ``progress`` counts
    steps. Raises StoppedError, PartError.
    """
    missing = [cell for cell in cells if not cell.done]
    total = sum(cell.config.recipe.steps for cell in missing)

    def finished(cell: Cell) -> None:
        if stop and stop():
            raise StoppedError("stopped between two cells: the same command goes on")

    map_tasks(_make, missing, workers=workers, total=total, progress=progress, finished=finished)
    finished_cells = tuple(
        tables.Finished(
            c.config, finetune_cell(c.config, c.shards, c.url, workspace=c.workspace), c.url
        )
        for c in cells
    )
    names = ("tables.md", "report.html", "results.parquet")
    text, page, table = (storage.join(out_url, name) for name in names)
    storage.write_atomic(text, tables.markdown_page(finished_cells).encode())
    storage.write_atomic(page, report_page(finished_cells))
    rows = tables.rows(cell.result for cell in finished_cells)
    storage.write_atomic(table, records.to_parquet(rows))
    return Evaluation(finished_cells, len(missing), text, page)


def _make(cell: Cell, tick: Callable[[int], None]) -> None:
    finetune_cell(
        cell.config,
        cell.shards,
        cell.url,
        workspace=cell.workspace,
        progress=lambda step, steps: tick(1),
    )


__all__ = ["Cell", "Estimate", "Evaluation", "Labelled", "estimate", "evaluate", "plan"]
