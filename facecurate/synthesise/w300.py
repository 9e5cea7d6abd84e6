"""Rendered layout ``300w``: single faces with 68 points in the folders of 300W."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from facecurate.datasets import ibug300w
from facecurate.synth.aligned import Planned300W, plan_300w
from facecurate.synthesise import rows as table

DATASET: str | None = "300w"
PART_SIZE = 100


def items(count: int, seed: int) -> Sequence[Planned300W]:
    """The plan of ``count`` pictures, every folder at least once."""
    return plan_300w(count, seed)


def render(files: str, item: Planned300W) -> Iterator[dict[str, Any]]:
    """Writes one picture and its points; its truth."""
    sample = item.make()
    file = ibug300w.write_sample(
        files, (sample.subset, sample.name, sample.image, sample.labels.points68, sample.labels.box)
    )
    yield table.row(file, [sample.labels])


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the box files; the exact boxes stand in for the owners' detector's."""
    ibug300w.write_boxes(files, {row["file"]: tuple(row["boxes"][0]) for row in rows})
