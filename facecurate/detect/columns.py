"""The columns that ``quality.html`` shows: their ranges, their units, and what to conclude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.faces.gates import GATES, Gate

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """One number of a face.

    ``low``, ``high``: the range in which faces are counted, values beyond it at its ends; symmetric
    where ``magnitude`` says that the sign does not count. ``lowest``, ``highest``: what the faces
    at the ends are called. ``worse``: the ends at which faces are useless, for limits to propose.
    """

    name: str
    title: str
    axis: str
    low: float
    high: float
    lowest: str
    highest: str
    worse: tuple[str, ...]  # of "low", "high"
    reading: str
    log: bool = False
    magnitude: bool = False
    share: bool = False
    digits: int | None = None  # behind the point; else three digits in all

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The gates on this column."""
        return tuple(gate for gate in GATES if gate.column == self.name)

    def ranked(self, values: Floats) -> Floats:
        """What faces are ordered by: the value, or how far it is from zero."""
        return np.abs(values) if self.magnitude else values

    def told(self, value: Any) -> str:
        """A value for people: percent, or a few digits."""
        if value is None or value != value:
            return "-"
        if self.share:
            return f"{100 * float(value):.0f} %"
        if self.digits is not None:
            return f"{round(float(value), self.digits) + 0.0:.{self.digits}f}"  # never -0
        rounded = float(f"{float(value):.3g}")
        return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:g}"


COLUMNS: tuple[Column, ...] = (
    Column(
        "size", "Size", "longer side of the box, photo pixels", 1, 1e5, "smallest", "largest",
        ("low",), "Small faces hold little to learn from, and most of what is called a face and is "
        "none is small. --min-face is the limit; a box crop of a smaller face keeps its size.",
        log=True, digits=0,
    ),
    Column(
        "score", "Detector's score", "score, comparable within one detector", -10, 20,
        "least certain", "most certain", ("low",), "Look at the least certain first: if they are "
        "no faces, raise --min-score above theirs.", digits=3,
    ),
    Column(
        "sharpness", "Sharpness", "fine structure, % of the contrast", 0, 200, "most blurred",
        "sharpest", ("low",), "Out of focus, moved, or with fewer pixels than are looked at. Noise "
        "and the rims of glasses count as fine structure: the sharpest may be the noisiest.",
        digits=1,
    ),
    Column(
        "brightness", "Brightness", "mean luma of the box, 0-255", 0, 255, "darkest", "brightest",
        ("low", "high"), "Skin differs: before a limit is set, see whether it drops faces for bad "
        "light or for dark skin.", digits=0,
    ),
    Column(
        "contrast", "Contrast", "standard deviation of luma", 0, 128, "flattest", "most contrast",
        ("low",), "Fog, veiling glare and faded prints are flat; a face in hard light has most.",
        digits=1,
    ),
    Column(
        "yaw", "Turned to a side (yaw)", "degrees, positive: to the image's right", -180, 180,
        "most frontal", "most turned", ("high",), "From five points, good to a few degrees: see "
        "docs/faces.md for the errors.", magnitude=True, digits=0,
    ),
    Column(
        "pitch", "Looking up or down (pitch)", "degrees, positive: up", -180, 180, "most level",
        "furthest up or down", ("high",), "The least certain of the three angles: long and short "
        "noses are taken for nods.", magnitude=True, digits=0,
    ),
    Column(
        "roll", "Leaning (roll)", "degrees, positive: clockwise", -180, 180, "most upright",
        "most leaning", ("high",), "An arcface crop undoes the lean, a box crop does not. Many at "
        "90 or 180 degrees: those photos lie on their side.", magnitude=True, digits=0,
    ),
    Column(
        "outside", "Over the photo's edge", "share of the crop outside the photo", 0, 1,
        "wholly inside", "furthest outside", ("high",), "Outside is black in the crop.", share=True,
    ),
    Column(
        "other_colour", "Other colours on the lower face", "share unlike the skin between the eyes",
        0, 1, "of one colour", "of other colours", ("high",), "A hint of masks, cups, phones and "
        "scarfs; thick beards have it too, hands and pictures without colours never do.",
        share=True,
    ),
    Column(
        "asymmetry", "Asymmetry about the mouth", "1 less the likeness to the mirror image, halved",
        0, 1, "most symmetric", "least symmetric", ("high",), "A hint of hands and phones; a head "
        "that is turned is asymmetric as well.", share=True,
    ),
)  # fmt: skip
