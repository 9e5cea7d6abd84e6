"""Figures beside their peers: medians of alternating runs, one table, one list for JSON."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: ``ratio`` is peer's time over ours, or the other way where the bar is a floor's.

    ``bar``: what the ratio should reach (``at_most`` turns it round); None where there is none.
    """

    figure: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    bar: float | None = None
    at_most: bool = False

    @property
    def verdict(self) -> str:
        """``met`` or ``missed``; nothing where there is no bar."""
        if self.bar is None or self.ratio is None:
            return ""
        met = self.ratio <= self.bar if self.at_most else self.ratio >= self.bar
        return "met" if met else "missed"


def medians(runs: int, **ways: Callable[[], Any]) -> dict[str, float]:
    """Seconds of each way, the median of ``runs`` in turn after one warm-up of each."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(runs):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def show(figures: Sequence[Figure]) -> str:
    """A markdown table."""
    lines = ["| figure | ours | peer or floor | ratio | bar | |", "|---|---:|---:|---:|---:|---|"]
    for one in figures:
        peer = f"{one.peer} {_number(one.peer_value)}".strip()
        ratio = f"{one.ratio:.2f}" if one.ratio is not None else ""
        sign = "at most" if one.at_most else "at least"
        bar = f"{sign} {one.bar:g}" if one.bar is not None else ""
        ours = f"{_number(one.value)} {one.unit}".strip()
        lines.append(f"| {one.figure} | {ours} | {peer} | {ratio} | {bar} | {one.verdict} |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def write(path: str | None, figures: Sequence[Figure], machine: str, **more: Any) -> None:
    """The list that every benchmark writes, to ``path`` if there is one."""
    if path is None:
        return
    rows: list[Mapping[str, Any]] = [
        {
            "figure": one.figure,
            "value": one.value,
            "unit": one.unit,
            "bar": one.bar,
            "peer": {"name": one.peer, "value": one.peer_value, "ratio": one.ratio}
            if one.peer
            else None,
            "machine": machine,
            **more,
        }
        for one in figures
    ]
    Path(path).write_text(json.dumps(rows, indent=1) + "\n")
