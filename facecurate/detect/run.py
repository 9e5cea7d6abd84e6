"""The verb: which photos are read, what finds the faces, where they go."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from facecurate.detect.buried import Buried
from facecurate.detect.part import EARLIER, detect_part
from facecurate.detect.report import quality_report
from facecurate.errors import FacecurateError, UsageError
from facecurate.faces import CROPS, gates, load_detector
from facecurate.pool import PartTask, Pool, run_step
from facecurate.stats import Stats
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, buried_faces


def detect(
    dataset: Dataset,
    *,
    detector: str = "retinaface-mobile",
    weights: str | None = None,
    crop: str = "box",
    crop_size: int = 256,
    min_face: float = 40,
    threshold: float | None = None,
    limits: Mapping[str, float | None] | None = None,
    device: str = "cpu",
    precision: str | None = None,
    weights_unchecked: bool = False,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Finds the faces of every photo and writes ``faces/`` (``faces-arcface112/`` for that crop).

    ``min_face``: longer side of the box in photo pixels below which a face is dropped;
    ``crop_size``: largest side of a ``box`` crop; ``limits``: further ones by the options of
    ``faces.gates``; ``device``, ``precision`` and ``weights_unchecked`` as in
    ``faces.base.Options``. Writes ``quality.html`` about what it has found. Raises SettingsError
    for other settings than before, FacecurateError for a detector that cannot run.
    """
    if crop not in CROPS:
        raise UsageError(f"no crop '{crop}': choose one of {', '.join(CROPS)}")
    if crop_size < 16:
        raise UsageError(f"--crop-size {crop_size} leaves nothing to see: give at least 16")
    further = gates.checked(limits or {})
    if "min_score" in further and detector == "given":
        raise UsageError("the given boxes have no score: leave out --min-score")
    photos = Pool(dataset.path("photos"))
    if not photos.stems():
        raise FacecurateError(f"{dataset.name} has no photos: 'facecurate import FOLDER'")
    options: dict[str, Any] = {
        "weights": weights,
        "unchecked": weights_unchecked,
        "threshold": threshold,
        "device": device,
        "precision": precision,
    }
    with dataset.lock("detect") as taken_over:
        source, finder = photos, dict[str, Any]()
        if crop != "box" and dataset.has("faces"):
            source, detector, options = Pool(dataset.path("faces")), EARLIER, {}
        else:
            finder = dict(load_detector(detector, **options).settings)
        processes, threads = spread(workers, options.get("device", "cpu"))
        settings = {"finder": finder, "crop": crop, "crop_size": crop_size, "min_face": min_face}
        settings |= further
        target = Pool(dataset.path("faces" if crop == "box" else f"faces-{crop}"))
        stats = run_step(
            source,
            target,
            _MakePart(
                json.dumps({"name": detector, **options}),
                photos.url,
                threads,
                buried_faces(dataset.workspace),
            ),
            tool="detect",
            settings=settings,
            beside=[photos] if source is not photos else [],
            workers=processes,
            redo=redo,
            progress=progress,
        )
        remark = "boxes of faces/ taken, no detector ran" if source is not photos else ""
        report = quality_report(dataset, target, settings, redo=redo)
        return stats.noted(taken_over or "", remark, report)


def spread(workers: int, device: str) -> tuple[int, int]:
    """Processes, and the threads in each that decode and crop beside the detector.

    On the CPU a worker is a process of one thread. A GPU is shared by two processes, so that one
    uses it while the other writes its part; each feeds it by half of the workers as threads.
    """
    if device == "cpu" or not workers:
        return workers, 0
    processes = min(2, workers)
    return processes, workers // processes


@dataclasses.dataclass(frozen=True, slots=True)
class _MakePart:
    """The part function with what a worker needs and the part's settings must not hold.

    Where the weights lie and on which device they run does not enter the settings: the weights'
    digest does.
    """

    options: str  # JSON
    photos: str  # url
    threads: int
    buried: Buried

    def __call__(self, task: PartTask, tick: Callable[[int], None]) -> None:
        photos = Pool(self.photos)
        detect_part(task, json.loads(self.options), photos, tick, self.threads, self.buried)
