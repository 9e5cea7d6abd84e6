"""What ``dedupe --incremental`` may build upon: the edges of the parts that are as they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate.copies.clusters import part_digests, read_edges, read_result
from facecurate.copies.pictures import LEVELS, Pictures
from facecurate.similar.earlier import Earlier
from facecurate.text import counted
from facecurate.workspace import Dataset

START_OVER = (
    "pairs had been left out by --registrations and pictures of then have changed or gone: "
    "everything was compared"
)


class Before(NamedTuple):
    """The earlier search, level by level, and what to say of it."""

    levels: Mapping[str, Earlier]
    notes: tuple[str, ...]


def before(dataset: Dataset, pictures: Pictures) -> Before:
    """What the last ``dedupe`` found, for pictures of parts that have not changed since.

    Without an earlier result, or one without edges, there are no levels and everything is compared.
    """
    edges = read_edges(dataset)
    if edges is None:
        early = dataset.has("clusters.json")
        why = "clusters.parquet had been written without its edges" if early else "the first search"
        return Before({}, (f"{why}: everything was compared",))
    result, now = read_result(dataset), part_digests(dataset)
    then: Mapping[str, str] = result["parts"]
    same = {stem for stem, digest in then.items() if now.get(stem) == digest}
    known = pa.array(sorted(same), pa.string())
    levels = {
        level: Earlier(
            edges=edges[level],
            seen=_among(pictures.rows(level)["part"], known),
            unasked=result["not_registered"] if level == "face" else 0,
            whole=len(same) == len(then) and result["whole"],
        )
        for level in LEVELS
    }
    return Before(levels, tuple(_told(then, now, len(same))))


def _among(part: pa.ChunkedArray, known: pa.Array) -> NDArray[np.bool_]:
    return np.array(pc.is_in(part.cast(pa.string()), known), np.bool_)


def _told(then: Mapping[str, Any], now: Mapping[str, Any], same: int) -> Iterator[str]:
    fresh, gone = len(now.keys() - then.keys()), len(then.keys() - now.keys())
    yield f"{counted(fresh, 'new part')} compared with {counted(same, 'part')} of before"
    changed = len(then) - gone - same
    if changed:
        yield f"{counted(changed, 'changed part')} compared again"
    if gone:
        yield f"{counted(gone, 'part')} of before gone"
