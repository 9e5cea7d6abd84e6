"""The command ``dedupe`` on rendered faces with planted copies: precision, and recall by kind.

20,000 rendered faces take about seven minutes of processor time to draw. ``figures`` draws 4,000
unless it is told another number; the bars are those for 20,000. What is drawn into a folder of the
user's is left there, and taken again by the next run.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import _planted
from _figures import Figure
from _machine import machine
from _planted import Named

from facecurate import storage
from facecurate.dedupe import dedupe
from facecurate.records import CLUSTER_SCHEMA, from_parquet
from facecurate.stats import Stats
from facecurate.workers import usual_workers
from facecurate.workspace import Dataset

FACES, EVERY, SEED = 4000, 20, 5
NAME = "planted"
BARS = {"rescaled": 0.99, "re-encoded": 0.99, "brightened": 0.99, "mirrored": 0.99}


def figures(quick: bool, faces: int | None = None, folder: str | None = None) -> list[Figure]:
    """All lines of the section."""
    here = machine()
    count = faces or (FACES // 10 if quick else FACES)
    kept = contextlib.nullcontext(folder) if folder else tempfile.TemporaryDirectory()
    with kept as root:
        dataset = _world(Path(root), count)
        began = time.monotonic()
        told = dedupe(dataset, allow_large_clusters=True, workers=usual_workers(), redo=True)
        took = time.monotonic() - began
        shown = list(_planted.planned(count, EVERY))
        return [*_measured(dataset, shown, told, here), *_cost(told, count, took, here)]


def _world(root: Path, count: int) -> Dataset:
    """``count`` faces and their copies with their crops, drawn unless they lie there already."""
    dataset = Dataset(f"{root}/{count}", NAME)
    finished = root / f"{count}.drawn"
    if not finished.exists():
        shown = list(_planted.drawn(SEED, count, EVERY))
        _planted.take(dataset, root / f"{count}-files", shown, SEED)
        finished.touch()
    return dataset


def _cost(told: Stats, count: int, took: float, here: str) -> list[Figure]:
    what = f"dedupe of {count:,} rendered faces"
    asked = float(told.facts["pairs_registered"])
    return [
        Figure(f"{what}, seconds", took, "s", None, None, here),
        Figure(f"{what}, pairs registered", asked, "pairs", None, None, here),
    ]


def _measured(dataset: Dataset, shown: Sequence[Named], told: Stats, here: str) -> list[Figure]:
    """Precision of what is dropped, recall of what was planted, at the level of faces."""
    key_of = {one.file: _planted.face_key(dataset, one.file) for one in shown}
    origin = {key_of[one.file]: key_of[one.copy_of or one.file] for one in shown}
    url = dataset.path("clusters.parquet")
    rows = from_parquet(storage.read(url), CLUSTER_SCHEMA, url).to_pylist()
    faces = {row["key"]: row for row in rows if row["level"] == "face"}
    dropped = [row for row in faces.values() if not row["keep"]]
    right = sum(origin[row["key"]] == origin[row["kept_key"]] for row in dropped)
    what = f"{len(shown):,} rendered faces"
    share = right / len(dropped) if dropped else 1.0
    lines = [Figure(f"precision, {what}", share, "of dropped", 0.999, None, here)]
    planted, found = Counter[str](), Counter[str]()
    for one in shown:
        if one.kind is None or one.copy_of is None:
            continue
        ends = [faces.get(key_of[file]) for file in (one.file, one.copy_of)]
        planted[one.kind] += 1
        found[one.kind] += None not in ends and ends[0]["cluster"] == ends[1]["cluster"]
    for kind, count in planted.items():
        name = f"recall, {kind}, {count} planted"
        lines.append(Figure(name, found[kind] / count, "of copies", BARS.get(kind), None, here))
    largest = float(told.facts.get("largest_faces_cluster", 1))
    lines.append(Figure(f"largest cluster of {what}", largest, "faces", None, None, here))
    return lines
