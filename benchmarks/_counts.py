"""Counts of found faces: recall with its interval by group, and what the issue asks of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from _recall import BARRED, BEYOND, FACTORS, Face

BAR, BEHIND, SECOND = 0.95, 0.03, 0  # recall; a group behind the best group; second faces
GROUPED = ("skin", "presentation")  # factors of which no group may fall behind


@dataclass(frozen=True, slots=True)
class Row:
    """Recall of one detector on one group of faces; ``low`` and ``high``: Wilson's 95 %."""

    factor: str
    group: str
    detector: str
    faces: int
    found: int
    low: float
    high: float
    second: int

    @property
    def recall(self) -> float:
        """Share of the faces that were found."""
        return self.found / self.faces


@dataclass(frozen=True, slots=True)
class Bar:
    """What the issue asks of one detector and whether it holds."""

    detector: str
    figure: str
    value: float
    bar: float
    holds: bool


def wilson(found: int, faces: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    share, spread = found / faces, z * z / faces
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / faces + spread / (4 * faces)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def least(count: int, share: float, risk: float) -> int:
    """The largest k that a binomial (count, share) stays below with a chance of at most ``risk``.

    A detector that really finds ``share`` of all faces finds k or more of ``count`` but for that
    chance.
    """
    below = 0.0
    for k in range(count + 1):
        below += math.comb(count, k) * share**k * (1 - share) ** (count - k)
        if below > risk:
            return k
    return count


def row(factor: str, group: str, name: str, faces: Sequence[Face]) -> Row:
    """The counts of one detector on these faces."""
    hits = sum(face.found[name] for face in faces)
    low, high = wilson(hits, len(faces))
    second = sum(face.second[name] for face in faces)
    return Row(factor, group, name, len(faces), hits, low, high, second)


def table(faces: Sequence[Face], names: Sequence[str]) -> list[Row]:
    """Rows of all faces in the bar, of every group of every factor, and of the kinds beyond."""
    barred = [face for face in faces if face.kind == BARRED.name]
    groups: list[tuple[str, str, list[Face]]] = [("all", BARRED.name, barred)]
    for factor, names_of in FACTORS.items():
        for group in names_of:
            groups.append((factor, group, [f for f in barred if f.traits[factor] == group]))
    for kind in BEYOND:
        members = [face for face in faces if face.kind == kind.name]
        if members:
            groups.append(("outside the bar", kind.name, members))
    return [
        row(factor, group, name, members)
        for factor, group, members in groups
        for name in names
        if members
    ]


def bars(rows: Sequence[Row]) -> list[Bar]:
    """What is asked for: recall, no group of skin or presentation behind, no second face."""
    out = []
    for one in (r for r in rows if r.factor == "all"):
        name = one.detector
        out.append(Bar(name, "recall", one.recall, BAR, one.recall >= BAR))
        for factor in GROUPED:
            shares = [r.recall for r in rows if r.factor == factor and r.detector == name]
            behind = max(shares) - min(shares)
            out.append(Bar(name, f"{factor}: worst behind best", behind, BEHIND, behind <= BEHIND))
        out.append(Bar(name, "second faces", one.second, SECOND, one.second <= SECOND))
    return out
