"""``synth``: rendered faces as a folder of photos, or in the layout of a dataset's owners."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from facecurate import FORMAT, storage
from facecurate.datasets import ibug300w
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.errors import UsageError
from facecurate.pool import Pool, check_settings, stem_of, write_part
from facecurate.records import from_parquet
from facecurate.stats import Stats
from facecurate.synth.aligned import plan_300w
from facecurate.synth.corpora import plan_photo
from facecurate.workers import Progress, Task, map_tasks, silent
from facecurate.workspace import CONFIG, Dataset, add_link

PART_SIZE = 100  # pictures; small, so that two workers end together

TRUTH_SCHEMA = pa.schema(
    [
        ("file", pa.string()),  # POSIX path relative to files/
        ("kind", pa.string()),  # render, no_face, exact, rescaled, recompressed, mirrored
        ("copy_of", pa.string()),
        ("boxes", pa.list_(pa.list_(pa.float32(), 4))),
        ("landmarks", pa.list_(pa.list_(pa.float32(), 10))),
        ("points", pa.list_(pa.list_(pa.float32()))),  # 68 points a face
        ("visible", pa.list_(pa.list_(pa.bool_()))),
        ("pose", pa.list_(pa.list_(pa.float32(), 3))),  # yaw pitch roll, degrees
        ("identity", pa.list_(pa.string())),
    ],
    metadata={"facecurate.format": str(FORMAT)},
)


@dataclass(frozen=True, slots=True)
class RenderTask(Task):
    """The pictures of one part: their numbers in the plan."""

    layout: str
    folder: str  # synth/, where the truth goes
    files: str  # files/, where the pictures go
    count: int
    seed: int
    first: int
    last: int  # not included


def synthesise(
    dataset: Dataset,
    *,
    layout: str = "photos",
    count: int = 1000,
    seed: int = 0,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Renders ``count`` pictures into ``files/`` with their truth in ``synth/``.

    A dataset's layout is linked as that dataset, marked as rendered, in the workspace's
    ``facecurate.toml``. Raises SettingsError if the dataset holds another layout, seed or, for a
    dataset's layout, count.
    """
    if layout not in _RENDER:
        raise UsageError(f"no layout '{layout}': choose one of {', '.join(sorted(_RENDER))}")
    with dataset.lock("synth") as taken_over:
        pool = Pool(dataset.path("synth"))
        if redo:
            storage.delete(pool.url)
            storage.delete(dataset.path("files"))
        storage.sweep(pool.url)
        tasks = _tasks(dataset, pool, layout, count, seed)
        map_tasks(
            render_part,
            [task for task in tasks if not _finished(pool, task)],
            workers=workers,
            in_process=not storage.is_shared(pool.url),
            total=count,
            progress=progress,
        )
        stats = sum((pool.info(task.name).stats for task in tasks), Stats())
        note = f"pictures in {dataset.path('files')}"
        if layout != "photos":
            _complete(dataset, layout, pool)
            note += f", linked as a rendered {layout}"
        return stats.noted(taken_over or "", note)


def _tasks(dataset: Dataset, pool: Pool, layout: str, count: int, seed: int) -> list[RenderTask]:
    files = dataset.path("files")
    starts = range(0, count, PART_SIZE)
    return [
        RenderTask(
            stem_of(i), layout, pool.url, files, count, seed, start, min(start + PART_SIZE, count)
        )
        for i, start in enumerate(starts)
    ]


def _settings(task: RenderTask) -> dict[str, Any]:
    """A picture of a dataset's layout depends on how many there are; one of a corpus does not."""
    settings: dict[str, Any] = {"layout": task.layout, "seed": task.seed}
    return settings if task.layout == "photos" else {**settings, "count": task.count}


def _finished(pool: Pool, task: RenderTask) -> bool:
    if not storage.exists(pool.file(task.name, "json")):
        return False
    info = pool.info(task.name)
    check_settings(info.settings, _settings(task), f"{pool.name}/{task.name}")
    return info.stats.counts["pictures"].taken >= task.last - task.first


def render_part(task: RenderTask, tick: Callable[[int], None]) -> None:
    """Renders the pictures of one part; each file is whole or not there."""
    writer = write_part(task.folder, task.name, tool="synth", settings=_settings(task), inputs={})
    with writer as part:
        rows = []
        for row in _RENDER[task.layout](task):
            rows.append(row)
            tick(1)
        part.write_table(pa.Table.from_pylist(rows, schema=TRUTH_SCHEMA))
        part.stats = Stats.of("pictures", [None] * len(rows))


def truth(dataset: Dataset) -> list[dict[str, Any]]:
    """What is on every rendered picture, in the order of the plan."""
    pool = Pool(dataset.path("synth"))
    tables = [pool.file(stem, "parquet") for stem in pool.stems()]
    return [
        row
        for url in tables
        for row in from_parquet(storage.read(url), TRUTH_SCHEMA, url).to_pylist()
    ]


# -- photos with planted copies ----------------------------------------------------------------


def _render_photos(task: RenderTask) -> Iterator[dict[str, Any]]:
    for index in range(task.first, task.last):
        data, known = plan_photo(task.seed, index).make()
        storage.write_atomic(storage.join(task.files, *known.file.split("/")), data)
        yield {"file": known.file, "kind": known.kind, "copy_of": known.copy_of} | _columns(
            known.labels
        )


def _columns(labels: Any) -> dict[str, Any]:
    return {
        "boxes": [list(known.box) for known in labels],
        "landmarks": [known.landmarks.tolist() for known in labels],
        "points": [known.points68.ravel().tolist() for known in labels],
        "visible": [known.visible.tolist() for known in labels],
        "pose": [[known.yaw, known.pitch, known.roll] for known in labels],
        "identity": [str(known.identity) for known in labels],
    }


def rendered_annotations(dataset: Dataset) -> Iterator[Annotated]:
    """The rendered photos with their exact labels, for ``import``."""
    for row in truth(dataset):
        faces = zip(
            *(row[c] for c in ("boxes", "landmarks", "points", "visible", "pose", "identity")),
            strict=True,
        )
        yield Annotated(
            source=row["file"],
            split="train",
            faces=tuple(
                GivenFace(
                    box=box,
                    landmarks=landmarks,
                    points=points,
                    points_visible=visible,
                    label_pose=pose,
                    label_identity=identity,
                )
                for box, landmarks, points, visible, pose, identity in faces
            ),
        )


# -- 300W --------------------------------------------------------------------------------------


def _render_300w(task: RenderTask) -> Iterator[dict[str, Any]]:
    for planned in plan_300w(task.count, task.seed)[task.first : task.last]:
        sample = planned.make()
        yield {
            "file": ibug300w.write_sample(task.files, sample),
            "kind": "render",
            "boxes": [list(sample.box)],
            "points": [sample.points68.ravel().tolist()],
        }


_RENDER: dict[str, Callable[[RenderTask], Iterator[Mapping[str, Any]]]] = {
    "photos": _render_photos,
    "300w": _render_300w,
}


def _complete(dataset: Dataset, layout: str, pool: Pool) -> None:
    """What a layout needs once all its pictures are there, and the link to it."""
    boxes = {row["file"]: tuple(row["boxes"][0]) for row in truth(dataset)}
    ibug300w.write_boxes(dataset.path("files"), boxes)
    add_link(storage.join(dataset.workspace, CONFIG), layout, name=dataset.name, rendered=True)
