"""Lines of a benchmark's table, and the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LIMITS = ("s", "GiB", "MiB", "bits")
"""Units of which less is better, so that a bar is the most allowed."""


@dataclass(frozen=True)
class Figure:
    """One line: ours, and beside it the same of a peer or a floor.

    bar: for LIMITS the most that ``value`` may be; else the least ratio of value to peer, or the
    least value where there is no peer.
    """

    figure: str
    value: float
    unit: str
    bar: float | None
    peer: float | None
    machine: str

    @property
    def holds(self) -> bool | None:
        """Whether the bar is met; None without one."""
        if self.bar is None:
            return None
        if self.unit in LIMITS:
            return self.value <= self.bar
        return (self.value / self.peer if self.peer else self.value) >= self.bar


def table(figures: Sequence[Figure]) -> str:
    """Aligned columns: figure, ours, peer, unit, ratio, bar."""
    rows = [("figure", "ours", "peer", "unit", "ratio", "bar", "")]
    for one in figures:
        peer = (_told(one.peer), f"{one.value / one.peer:.2f}") if one.peer else ("-", "-")
        least = "at most" if one.unit in LIMITS else "at least"
        bar = "-" if one.bar is None else f"{least} {one.bar:g}"
        verdict = {True: "holds", False: "DOES NOT HOLD", None: ""}[one.holds]
        rows.append((one.figure, _told(one.value), peer[0], one.unit, peer[1], bar, verdict))
    widths = [max(len(row[i]) for row in rows) for i in range(7)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def write(path: str | None, figures: Sequence[Figure]) -> None:
    """The figures as a list of objects, if there is a path to write them to."""
    if path:
        told = [asdict(one) for one in figures]
        Path(path).write_text(json.dumps(told, indent=1) + "\n")


def _told(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
