"""``embed``: one vector a face, row by row beside ``faces/``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from facecurate import images, storage, tars
from facecurate.datasets import manifest
from facecurate.encoders import Encoder, load_encoder
from facecurate.errors import DamagedError, FacecurateError, RefusedError
from facecurate.faces.align import crop_points
from facecurate.pool import PartTask, Pool, run_step
from facecurate.records import FACE_SCHEMA
from facecurate.stats import Stats
from facecurate.vectors import vectors_pool
from facecurate.workers import Progress, limit_threads, silent
from facecurate.workspace import Dataset

BATCH = 64  # faces; batches are cut inside a part, in row order


def embed(
    dataset: Dataset,
    *,
    encoder: str = "dct",
    not_identity: bool = False,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Writes float16 vectors (rows of ``faces/``, dimension of the encoder), NaN for dropped faces.

    Raises RefusedError for a recognition encoder on pictures of people who were merely collected.
    """
    with dataset.lock("embed") as taken_over:
        faces = Pool(dataset.path("faces"))
        if not faces.stems():
            raise FacecurateError(
                f"{dataset.name} has no faces yet: 'facecurate detect {dataset.name}'"
            )
        model = load_encoder(encoder, dataset.workspace, not_identity=not_identity)
        _refuse_identity(dataset, model)
        settings = {
            "encoder": model.name,
            "sha256": model.sha256,
            "dimension": model.dimension,
        }
        target = vectors_pool(dataset, model.name, model.sha256)
        stats = run_step(
            faces,
            target,
            _EmbedPart(encoder, dataset.workspace),
            tool="embed",
            settings=settings,
            workers=workers,
            redo=redo,
            progress=progress,
        )
        return stats.noted(taken_over or "", f"vectors of {model.dimension} in {target.name}")


def _refuse_identity(dataset: Dataset, encoder: Encoder) -> None:
    if not encoder.identity:
        return
    photos = Pool(dataset.path("photos"))
    told = [photos.info(stem).settings for stem in photos.stems()]
    if not all(_may_be_recognised(settings) for settings in told):
        raise RefusedError(
            f"{encoder.name} recognises people, and nobody licensed {dataset.name} for that: "
            "use --encoder dct or a run of your own"
        )


def _may_be_recognised(settings: Mapping[str, Any]) -> bool:
    """Rendered faces, and datasets whose owners license labels of identity."""
    if settings["origin"] == "rendered":
        return True
    source = settings.get("source")
    return source in manifest.names() and manifest.load(source).identity_labels == "licensed"


@lru_cache(maxsize=1)
def _encoder(name: str, workspace: str) -> Encoder:
    encoder = load_encoder(name, workspace)
    limit_threads()  # libraries that the encoder has just loaded
    return encoder


@dataclass(frozen=True, slots=True)
class _EmbedPart:
    """The part function with what a worker needs and the part's settings must not hold."""

    encoder: str
    workspace: str

    def __call__(self, task: PartTask, tick: Callable[[int], None]) -> None:
        embed_part(task, _encoder(self.encoder, self.workspace), tick)


def embed_part(task: PartTask, encoder: Encoder, tick: Callable[[int], None]) -> None:
    """Encodes the crops of one part."""
    faces = Pool(task.source)
    columns = ["key", "status", "landmarks", "points", "matrix"]
    rows = faces.table(task.name, FACE_SCHEMA).select(columns).to_pylist()
    vectors = np.full((len(rows), encoder.dimension), np.nan, np.float16)
    kept = [i for i, row in enumerate(rows) if row["status"] == "ok"]
    crops = tars.index(faces.file(task.name, "tar"))
    with task.writer() as part:
        for start in range(0, len(kept), BATCH):
            chosen = kept[start : start + BATCH]
            pictures = [_crop(faces, task.name, crops, rows[i]["key"]) for i in chosen]
            vectors[chosen] = encoder.encode(pictures, [crop_points(rows[i]) for i in chosen])
            tick(len(chosen))
        with storage.buffer() as file:
            np.save(file, vectors, allow_pickle=False)
            part.write("npy", file.getvalue())
        part.stats = Stats.of(
            "faces", [None if r["status"] == "ok" else "dropped_earlier" for r in rows]
        )


def _crop(faces: Pool, stem: str, crops: dict[str, tars.Member], key: str) -> images.Pixels:
    member = crops.get(f"{key}.jpg")
    if member is None:
        raise DamagedError(f"faces/{stem}.tar lacks {key}: 'facecurate verify' says what to do")
    data = storage.read(faces.file(stem, "tar"), member.offset, member.size)
    return images.decode(data).pixels
