"""``synth``: rendered faces as a folder of photos, or in the layout of a dataset's owners.

A layout is a module of this package that says what it draws (``items``), draws it (``render``) and
writes the lists that need all pictures (``complete``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Protocol, cast

import pyarrow as pa

from facecurate import storage, sums
from facecurate.datasets.annotated import Annotated
from facecurate.errors import UsageError
from facecurate.pool import Pool, check_settings, json_bytes, stem_of, write_part
from facecurate.records import from_parquet
from facecurate.stats import Stats
from facecurate.synthesise.rows import SCHEMA, annotated
from facecurate.workers import Progress, Task, map_tasks, silent
from facecurate.workspace import CONFIG, Dataset, add_link

LAYOUTS = {
    "photos": "photos",
    "video": "video",
    "300w": "w300",
    "300w-lp": "w300lp",
    "aflw2000": "aflw2000",
    "affectnet": "affectnet",
    "disfa": "disfa",
    "ijb": "ijb",
    "lfw": "lfw",
    "vggface2": "vggface2",
}


_PLAN = "settings.json"


class Layout(Protocol):
    """What a layout's module offers."""

    DATASET: str | None  # the known dataset whose files it imitates
    PART_SIZE: int  # items that are made together

    def items(self, count: int, seed: int, **options: float) -> Sequence[Any]:
        """The plan; each item can be drawn alone. Raises FacecurateError for too few pictures.

        ``options``: only those that the layout names.
        """
        ...

    def render(self, files: str, item: Any) -> Iterator[Mapping[str, Any]]:
        """Writes the pictures of an item; a row of ``rows.SCHEMA`` for each."""
        ...

    def complete(self, files: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes what needs all pictures, from their rows."""
        ...


def layout_of(name: str) -> Layout:
    """The layout of a name. Raises UsageError naming those there are."""
    if name not in LAYOUTS:
        raise UsageError(f"no layout '{name}': choose one of {', '.join(sorted(LAYOUTS))}")
    return cast("Layout", import_module(f"facecurate.synthesise.{LAYOUTS[name]}"))


@dataclass(frozen=True, slots=True)
class RenderTask(Task):
    """The items of one part: their numbers in the plan."""

    layout: str
    folder: str  # synth/, where the truth goes
    files: str  # files/, where the pictures go
    count: int
    seed: int
    first: int
    last: int  # not included
    options: tuple[tuple[str, float], ...] = ()


def synthesise(
    dataset: Dataset,
    *,
    layout: str = "photos",
    count: int = 1000,
    seed: int = 0,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
    **options: float,
) -> Stats:
    """Renders ``count`` pictures into ``files/`` with their truth in ``synth/``.

    A dataset's layout is linked as that dataset, marked as rendered, in the workspace's
    ``facecurate.toml``. ``options``: those of the layout (``video.Video``'s). Raises SettingsError
    if the dataset holds another layout, seed, option or, for a dataset's layout, count; UsageError
    if it holds photos that are not rendered.
    """
    kind = layout_of(layout)
    total = len(kind.items(count, seed, **options))  # refuses what cannot be drawn
    with dataset.lock("synth") as taken_over:
        _refuse_others(dataset)
        pool = Pool(dataset.path("synth"))
        if redo:
            storage.delete(pool.url)
            storage.delete(dataset.path("files"))
        storage.sweep(pool.url)
        storage.sweep(dataset.path("files"), deep=True)
        whole = RenderTask(
            "", layout, pool.url, dataset.path("files"), count, seed, 0, total,
            tuple(sorted(options.items())),
        )  # fmt: skip
        _hold_to_plan(dataset, pool, _settings(whole))
        tasks = _tasks(whole, kind.PART_SIZE)
        map_tasks(
            render_part,
            [task for task in tasks if not _finished(pool, task)],
            workers=workers,
            in_process=not storage.is_shared(pool.url),
            total=total,
            progress=progress,
        )
        stats = sum((pool.info(task.name).stats for task in tasks), Stats())
        note = f"pictures in {dataset.path('files')}"
        if layout != "photos":
            kind.complete(dataset.path("files"), truth(dataset))
        if kind.DATASET is not None:
            _link(dataset, kind.DATASET)
            note += f", linked as a rendered {kind.DATASET}"
        return stats.noted(taken_over or "", note)


def _link(dataset: Dataset, id: str) -> None:
    add_link(storage.join(dataset.workspace, CONFIG), id, name=dataset.name, rendered=True)


def _refuse_others(dataset: Dataset) -> None:
    """Nothing is rendered into a dataset of somebody's photos, whatever ``--redo`` says."""
    photos = Pool(dataset.path("photos"))
    origins = {photos.info(stem).settings.get("origin") for stem in photos.stems()}
    if origins - {"rendered"} or storage.exists(dataset.path("crawl.sqlite")):
        raise UsageError(
            f"{dataset.name} holds photos that are not rendered: give those to be another name"
        )


def _hold_to_plan(dataset: Dataset, pool: Pool, settings: dict[str, Any]) -> None:
    """One plan a dataset, known before its first picture, so that a killed run leaves no others."""
    url = storage.join(pool.url, _PLAN)
    if storage.exists(url):
        check_settings(json.loads(storage.read(url)), settings, pool.name)
    elif not pool.stems():
        storage.delete(dataset.path("files"))
    storage.write_atomic(url, json_bytes(settings))
    sums.tell(pool.url, _PLAN)


def _tasks(whole: RenderTask, size: int) -> list[RenderTask]:
    starts = range(whole.first, whole.last, size)
    return [
        replace(whole, name=stem_of(i), first=start, last=min(start + size, whole.last))
        for i, start in enumerate(starts)
    ]


def _settings(task: RenderTask) -> dict[str, Any]:
    """A picture of a dataset's layout depends on how many there are; one of a corpus does not."""
    settings: dict[str, Any] = {"layout": task.layout, "seed": task.seed, **dict(task.options)}
    return settings if task.layout == "photos" else {**settings, "count": task.count}


def _finished(pool: Pool, task: RenderTask) -> bool:
    if not storage.exists(pool.file(task.name, "json")):
        return False
    info = pool.info(task.name)
    check_settings(info.settings, _settings(task), f"{pool.name}/{task.name}")
    return task.layout != "photos" or info.stats.counts["pictures"].taken >= task.last - task.first


def render_part(task: RenderTask, tick: Callable[[int], None]) -> None:
    """Renders the items of one part; each file is whole or not there."""
    layout = layout_of(task.layout)
    writer = write_part(task.folder, task.name, tool="synth", settings=_settings(task), inputs={})
    with writer as part:
        rows: list[Mapping[str, Any]] = []
        plan = layout.items(task.count, task.seed, **dict(task.options))
        for item in plan[task.first : task.last]:
            rows.extend(layout.render(task.files, item))
            tick(1)
        part.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
        part.stats = Stats.of("pictures", [None] * len(rows))


def truth(dataset: Dataset) -> list[dict[str, Any]]:
    """What is on every rendered picture, in the order of the plan."""
    pool = Pool(dataset.path("synth"))
    tables = [pool.file(stem, "parquet") for stem in pool.stems()]
    return [
        row for url in tables for row in from_parquet(storage.read(url), SCHEMA, url).to_pylist()
    ]


def rendered_annotations(dataset: Dataset) -> Iterator[Annotated]:
    """The rendered pictures with their labels, for ``import``."""
    yield from map(annotated, truth(dataset))
