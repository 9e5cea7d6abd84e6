"""How many frames to label, how long that takes, and what to expect of it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from facecurate import __version__


def annotation_plan(result: Mapping[str, Any], minutes: float | None) -> list[dict[str, Any]]:
    """One line a list, and one a share of the learning curve; hours where ``minutes`` are given.

    The expectation is the curve's: a probe trained on as many frames, chosen at random within each
    person. It is None where no curve was measured or the list's share is not on it. Shares are of
    the frames that lists are chosen from, those to train on.
    """
    curve = result["learning_curve"]
    cells = {}
    if curve:
        cells = {one["frames"]: one for one in curve["cells"] if one["people"] == 100}
    lines = [
        _line(one["frames"], one["size"], one["file"], cells.get(_percent(one["size"])), minutes)
        for one in result["subsets"]
    ]
    frames = result["subsets"][0]["of"] if result["subsets"] else result["frames"]
    known = {_percent(one["size"]) for one in result["subsets"]}
    lines += [
        _line(max(1, round(share * frames / 100)), f"{share:g}%", None, cell, minutes)
        for share, cell in cells.items()
        if share not in known
    ]
    return sorted(lines, key=lambda line: int(line["frames"])) if minutes or curve else []


def _percent(size: str) -> float | None:
    return float(size.removesuffix("%")) if size.endswith("%") else None


def _line(
    frames: int, size: str, file: str | None, cell: Mapping[str, Any] | None, minutes: float | None
) -> dict[str, Any]:
    names = ("value", "low", "high", "retention", "retention_low", "retention_high", "loss_worst")
    return {
        "size": size,
        "frames": frames,
        "file": file,
        "hours": None if minutes is None else frames * minutes / 60,
        **{name: cell[name] if cell else None for name in names},
    }


def versions() -> dict[str, str]:
    """What computed the numbers."""
    found = {name: importlib.metadata.version(name) for name in ("numpy", "torch", "pyarrow")}
    return {"facecurate": __version__, **found}
