"""``pretrain``, ``finetune`` and ``evaluate``: training on shards, and what it was worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facecurate.cli.names import existing, prepared
from facecurate.cli.state import State, common, redo_option, worker_count, workers_option

if TYPE_CHECKING:
    from facecurate.tasks import Cell, Labelled
    from facecurate.workspace import Dataset

PRESETS = ("small", "batch256", "batch1024", "paper")


@click.command(short_help="Pre-train a backbone on shards.")
@click.option(
    "--shards",
    metavar="[NAME_OR_FOLDER_OR_PATTERN]",
    is_flag=False,
    flag_value="",
    default="",
    help="Without a value: the workspace's own.",
)
@click.option("--method", type=click.Choice(["swav"]), default="swav", show_default=True)
@click.option("--preset", type=click.Choice(PRESETS), default="small", show_default=True)
@click.option("--arch", help="Backbone, e.g. resnet50.  [default: the preset's]")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the shards.")
@click.option("--steps", type=click.IntRange(min=1), help="Optimiser steps, instead of epochs.")
@click.option("--batch-size", type=int, help="[default: the preset's]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--name", "run", metavar="RUN", help="The run's name.  [default: METHOD-PRESET]")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@redo_option
@common
def pretrain(
    state: State,
    shards: str,
    preset: str,
    run: str | None,
    method: str,
    device: str,
    redo: bool,
    **options: Any,
) -> None:
    """Pre-train a backbone with SwAV on training shards; a stopped run goes on exactly.

    The preset 'small' is for rendered faces and laptops: it is no evidence about the paper's
    recipe. The weights have torchvision's keys.

    \b
    Example:
      facecurate pretrain --shards
      facecurate pretrain --shards mine --preset small --epochs 20 --name first
    """
    from facecurate import storage
    from facecurate.pretrain import PRESETS as CONFIGS
    from facecurate.pretrain import pretrain
    from facecurate.weights import names

    url = _shards(state, shards)
    changes = {key: value for key, value in options.items() if value is not None}
    config = CONFIGS[preset].but(method=method, **changes)
    place = _run_folder(state, names.run_name(run or f"{method}-{preset}"))
    with place.lock("pretrain") as taken_over, state.logged(place) as counts:
        state.say(taken_over or f"from {url}")
        with state.progress("steps") as progress:
            result = pretrain(
                url,
                place.url,
                config,
                device=device,
                redo=redo,
                progress=lambda step, steps, metrics: progress(step, steps),
                say=state.say,
            )
        counts |= {"steps": result.steps, "images": result.images}
    for warning in result.warnings:
        state.say(warning)
    facts = {"run": storage.name(place.url), **_plain(result)}
    state.finish(f"{facts['run']}: {result}; {result.weights}", facts)


def _run_folder(state: State, name: str) -> Dataset:
    """``runs/NAME`` with the lock and the log that datasets have."""
    from facecurate.workspace import Dataset

    return Dataset(state.workspace.url, f"runs/{name}")


def _shards(state: State, given: str) -> str:
    """The url of the shards: the workspace's own, a dataset's, a folder or a pattern."""
    from facecurate import storage
    from facecurate.errors import FacecurateError

    if given and ("/" in given or given.endswith(".tar")):
        return given
    if given and given not in state.workspace.names() and storage.is_folder(given):
        return given
    dataset = existing(state, given or None, "pretrain --shards {}")
    if not dataset.has("shards", "index.parquet"):
        raise FacecurateError(f"{dataset.name} has no shards yet: facecurate shard {dataset.name}")
    return dataset.path("shards")


def _plain(result: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(result)


# -- the benchmark -----------------------------------------------------------------------------


def _recipe(preset: str, steps: int | None) -> Any:
    from dataclasses import replace

    from facecurate.tasks import RECIPES

    return replace(RECIPES[preset], steps=steps) if steps else RECIPES[preset]


def _labelled(state: State, name: str, *, workers: int, rendered: bool) -> Labelled:
    """A linked dataset with its shards, made on first use."""
    from facecurate.cli.names import linked
    from facecurate.datasets import manifest
    from facecurate.errors import UsageError
    from facecurate.tasks import Labelled, dataset_info

    dataset = prepared(state, name, workers=workers, shards=True, rendered=rendered)
    link = linked(state, name, rendered=rendered)
    source = link.dataset if link else _source(dataset)
    if source not in manifest.names():
        raise UsageError(f"{dataset.name} has no labels of a task: see 'facecurate datasets'")
    known = manifest.load(source)
    stand_in = _is_rendered(dataset) or (link is not None and link.rendered)
    return Labelled(dataset_info(known, rendered=stand_in), dataset.path("shards"))


def _source(dataset: Dataset) -> str | None:
    """Which known dataset a workspace dataset was imported from."""
    from facecurate.pool import Pool

    photos = Pool(dataset.path("photos"))
    stems = photos.stems()
    return photos.info(stems[0]).settings.get("source") if stems else None


def _is_rendered(dataset: Dataset) -> bool:
    from facecurate.pool import Pool

    photos = Pool(dataset.path("photos"))
    return any(photos.info(s).settings["origin"] == "rendered" for s in photos.stems())


def _fractions(words: tuple[str, ...]) -> list[Any]:
    from facecurate.tasks import parse_fraction

    return [parse_fraction(word) for word in split(words)]


def split(words: tuple[str, ...]) -> list[str]:
    """Values that were repeated or joined by commas."""
    return [part.strip() for word in words for part in word.split(",") if part.strip()]


_PRESET = click.option(
    "--preset", type=click.Choice(["small", "paper"]), default="small", show_default=True
)
_STEPS = click.option("--steps", type=click.IntRange(min=1), help="[default: the preset's]")
_RENDERED = click.option("--rendered", is_flag=True, help="Use rendered stand-ins, not real files.")


@click.command(short_help="One cell of the benchmark.")
@click.option("--task", type=click.Choice(["landmarks"]), default="landmarks", show_default=True)
@click.option("--dataset", required=True, help="A linked dataset, e.g. 300w.")
@click.option("--weights", default="scratch", show_default=True, help="scratch, run:NAME, ...")
@click.option("--fraction", default="100%", show_default=True, help="Of the labels: 10%, 2%.")
@click.option("--labels", type=click.IntRange(min=1), help="A count instead of a fraction.")
@click.option(
    "--adapt", type=click.Choice(["finetune", "linear"]), default="finetune", show_default=True
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@_PRESET
@_STEPS
@_RENDERED
@redo_option
@common
def finetune(
    state: State,
    task: str,
    dataset: str,
    weights: str,
    fraction: str,
    labels: int | None,
    adapt: str,
    seed: int,
    preset: str,
    steps: int | None,
    rendered: bool,
    redo: bool,
) -> None:
    """Train and score one cell: a task on a dataset, from some weights, with some labels.

    A fraction has a percent sign; a bare number would be ambiguous and is refused.

    \b
    Example:
      facecurate finetune --dataset 300w --weights run:swav-small --fraction 2%
    """
    from facecurate import storage
    from facecurate.tasks import Fraction, make_arm, parse_fraction, plan
    from facecurate.tasks.finetune import finetune_cell

    one = _labelled(state, dataset, workers=worker_count(None), rendered=rendered)
    share = Fraction(labels=labels) if labels else parse_fraction(fraction)
    (cell,) = plan(
        [one],
        [make_arm(weights, workspace=state.workspace.url)],
        [share],
        seeds=[seed],
        recipe=_recipe(preset, steps),
        adapts=[adapt],  # type: ignore[list-item]
        out_url=storage.join(state.workspace.url, "runs", "evaluate"),
        workspace=state.workspace.url,
    )
    place = _run_folder(state, "evaluate")
    with (
        place.lock("finetune"),
        state.logged(place) as counts,
        state.progress("steps") as progress,
    ):
        counts |= {"cells": 1}
        result = finetune_cell(
            cell.config,
            cell.shards,
            cell.url,
            workspace=state.workspace.url,
            redo=redo,
            progress=progress,
        )
    scores = ", ".join(f"{k} NME {v['nme']:.2f}" for k, v in result["metrics"].items())
    state.finish(
        f"{one.info.label}, {cell.config.arm.name}, {share} = {result['labels']} labels, "
        f"{result['steps']} steps: {scores}; {cell.url}",
        result,
    )


@click.command(short_help="Every cell, tables and a page.")
@click.option("--tasks", multiple=True, help="[default: all that have a linked dataset]")
@click.option("--datasets", "names", multiple=True, help="[default: every linked one]")
@click.option("--weights", multiple=True, help="[default: scratch and every finished run]")
@click.option("--fractions", multiple=True, default=["100%,10%,2%"], show_default=True)
@click.option("--adapt", "adapts", multiple=True, default=["finetune"], show_default=True)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Draws.")
@_PRESET
@_STEPS
@_RENDERED
@click.option("--dry-run", is_flag=True, help="Print the plan and the estimate only.")
@workers_option
@common
def evaluate(
    state: State,
    tasks: tuple[str, ...],
    names: tuple[str, ...],
    weights: tuple[str, ...],
    fractions: tuple[str, ...],
    adapts: tuple[str, ...],
    seeds: int,
    preset: str,
    steps: int | None,
    rendered: bool,
    dry_run: bool,
    workers: int | None,
) -> None:
    """Train and score every cell that is missing, then write the tables.

    Alone: every task with a linked dataset, from scratch and from every finished run. Prints the
    plan first. A stopped evaluation loses the cells in progress and nothing else.

    \b
    Example:
      facecurate evaluate
      facecurate evaluate --rendered --weights scratch,run:swav-small --fractions 10%,2%
    """
    from facecurate import storage
    from facecurate.tasks import estimate, evaluate, make_arm, plan
    from facecurate.tasks.tables import text_page

    count = worker_count(workers)
    chosen = _chosen(state, split(tasks), split(names), rendered)
    arms = split(weights) or ["scratch", *(f"run:{run}" for run in state.workspace.runs())]
    out = storage.join(state.workspace.url, "runs", "evaluate")
    if dry_run:
        chosen = [name for name in chosen if _is_ready(state, name, rendered)]
        if not chosen:
            state.finish("no dataset is ready: the plan comes with the first run", {"cells": []})
            return
    cells = plan(
        [_labelled(state, name, workers=count, rendered=rendered) for name in chosen],
        [make_arm(word, workspace=state.workspace.url) for word in arms],
        _fractions(fractions),
        seeds=seeds,
        recipe=_recipe(preset, steps),
        adapts=split(adapts),  # type: ignore[arg-type]
        out_url=out,
        workspace=state.workspace.url,
    )
    expected = estimate(cells, workers=count)
    state.say(str(expected))
    if dry_run:
        _print_plan(state, cells)
        state.finish(str(expected), {"cells": [c.name for c in cells], "done": expected.done})
        return
    place = _run_folder(state, "evaluate")
    with place.lock("evaluate") as taken_over, state.logged(place) as counts:
        if taken_over:
            state.say(taken_over)
        with state.progress("steps") as progress:
            result = evaluate(cells, out, workers=count, progress=progress)
        counts |= {"cells": len(cells), "trained": result.trained}
    if not (state.json or state.quiet):
        click.echo(text_page(result.finished))
    state.finish(
        str(result),
        {
            "cells": len(cells),
            "trained": result.trained,
            "tables": result.tables,
            "page": result.page,
        },
    )


def _is_ready(state: State, name: str, rendered: bool) -> bool:
    """Whether a dataset's shards are there; says so if they would be made first."""
    from facecurate.cli.names import linked

    link = linked(state, name, rendered=rendered)
    ready = state.workspace.dataset((link and link.name) or name).has("shards", "dataset.json")
    if not ready:
        state.say(f"{name} would be imported, cropped and sharded first; its cells are not listed")
    return ready


def _print_plan(state: State, cells: tuple[Cell, ...]) -> None:
    if not (state.json or state.quiet):
        for cell in cells:
            click.echo(f"{'done   ' if cell.done else 'to do  '}{cell.name}")


def _chosen(state: State, tasks: list[str], names: list[str], rendered: bool) -> list[str]:
    """The datasets to evaluate on: those named, or every linked one that has a task here."""
    from facecurate.datasets import DATASETS, manifest
    from facecurate.errors import FacecurateError, UsageError
    from facecurate.tasks import TASKS
    from facecurate.workspace import links

    for task in tasks:
        if task not in TASKS:
            raise UsageError(f"no task '{task}' yet: choose from {', '.join(TASKS)}")
    if names:
        return names
    wanted = set(tasks or TASKS)
    every_link = links(state.workspace.url)
    for name in sorted(set(every_link).difference(DATASETS)):
        state.say(f"{name} is linked but no adapter reads it yet: left out")
    found = {
        name
        for name, every in every_link.items()
        if name in DATASETS
        and wanted.intersection(manifest.load(name).tasks)
        and (not rendered or any(link.rendered for link in every))
    }
    if not found:
        raise FacecurateError(
            "no dataset is linked: 'facecurate datasets' lists them; to try it on rendered faces: "
            "facecurate synth rendered-300w --layout 300w, then facecurate evaluate --rendered"
        )
    return sorted(found)


COMMANDS = [pretrain, finetune, evaluate]
