"""Counts of the samples of one shard, which add up to those of the dataset.

They stand in the shard's own JSON, so that a dataset whose shards were rewritten is counted again
without reading the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from facecurate.records import LABEL_COLUMNS

SPREADS: dict[str, tuple[float, ...]] = {  # column of faces -> where its bins meet
    "size": (40, 64, 96, 128, 192, 256, 384, 512),  # pixels of the photo
    "sharpness": (10, 20, 30, 40, 60, 80),  # percent
    "brightness": (50, 80, 110, 140, 170, 200),  # mean luma
    "contrast": (15, 25, 35, 45, 60),
    "yaw": (-60, -45, -30, -15, 15, 30, 45, 60),  # degrees
    "pitch": (-45, -30, -15, 15, 30, 45),
    "roll": (-45, -30, -15, 15, 30, 45),
}

Tally = dict[str, Any]


def tally_of(rows: Iterable[Mapping[str, Any]]) -> Tally:
    """Counts the rows of ``KEY.json``.

    ``spread``: for each column one number a bin, and last how many faces it is not known of.
    """
    rows = list(rows)
    return {
        "samples": len(rows),
        "origins": _counts(row.get("origin") for row in rows),
        "licenses": _counts(row.get("license") for row in rows),
        "sources": _counts(_source(row) for row in rows),
        "credited": sum(bool(row.get("author") and row.get("page_url")) for row in rows),
        "labels": _counts(c for row in rows for c in LABEL_COLUMNS if row.get(c) is not None),
        "spread": {
            column: _spread([row.get(column) for row in rows], edges)
            for column, edges in SPREADS.items()
        },
    }


def _source(row: Mapping[str, Any]) -> str | None:
    """A photo's id begins with the dataset that it was imported as, or with ``flickr``."""
    return str(row["photo_id"]).rpartition("-")[0] if row.get("photo_id") else None


def _counts(words: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(word or "unknown" for word in words).items()))


def _spread(values: list[float | None], edges: tuple[float, ...]) -> list[int]:
    known = np.array([v for v in values if v is not None and v == v], np.float64)
    bins = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return [*bins.tolist(), len(values) - len(known)]


def add(tallies: Iterable[Tally]) -> Tally:
    """The counts of several shards together."""
    total = tally_of([])
    for one in tallies:
        total["samples"] += one["samples"]
        total["credited"] += one["credited"]
        for name in ("origins", "licenses", "sources", "labels"):
            summed: Counter[str] = Counter(total[name]) + Counter(one[name])
            total[name] = dict(sorted(summed.items()))
        for column, bins in total["spread"].items():
            total["spread"][column] = [
                a + b for a, b in zip(bins, one["spread"][column], strict=True)
            ]
    return total
