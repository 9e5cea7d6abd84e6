"""Rendered layout ``affectnet``: single faces with a class, valence and arousal, as of 2017.

About 15 % are validation pictures, whose classes 0 to 7 are as equally many as their number allows;
training classes are drawn with the square roots of the owners' frequencies. A few pictures are None
(8: asleep or yawning), with valence and arousal as any other, and Uncertain (9: hidden and blurred)
and No-Face (10: nobody there), without them. The other classes are those that
``affect.expression_of`` gives the drawn action units. Nobody is in both parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facecurate.datasets import affectnet2017 as layout
from facecurate.datasets.affectnet2017 import Values
from facecurate.errors import FacecurateError
from facecurate.synth import affect
from facecurate.synth.facs import ACTION_UNITS, STRONGEST, Strengths, strengths
from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES, OCCLUDERS, FaceSpec, PhotoSpec, random_face
from facecurate.synthesise import rows as table

DATASET: str | None = "affectnet"
PART_SIZE = 100
NONE, UNCERTAIN, NO_FACE = 8, 9, 10
_LEAST = 12
_CLASSES = len(affect.EXPRESSIONS)
# Pictures of each class in the owners' training part.
_OWNERS = (74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750)
_SHARES = np.sqrt(_OWNERS) / np.sqrt(_OWNERS).sum()
_ODD = 0.05  # share of None, Uncertain and No-Face
_PEOPLE = {"train": "train", "validation": "test"}  # of IDENTITIES


@dataclass(frozen=True, slots=True)
class Planned:
    """One picture; ``at``: its number within its split."""

    seed: int
    split: str
    at: int

    def _rng(self, purpose: int) -> np.random.Generator:
        key = [0xAFF, purpose, self.seed, list(_PEOPLE).index(self.split), self.at]
        return np.random.default_rng(key)

    @property
    def picture(self) -> str:
        """The path below the folder of pictures, as the owners have them; it tells nothing."""
        name = hashlib.sha224(f"{self.seed} {self.split} {self.at}".encode()).hexdigest()
        extension = {1: "JPG", 5: "png", 8: "jpeg"}.get(self.at % 13, "jpg")
        return f"{1 + int(name[:4], 16) % 97}/{name}.{extension}"

    @property
    def code(self) -> int:
        """The class that is to be shown, 0 to 10; each of 8 to 10 is in the training part."""
        if self.split == "validation":
            turn, place = divmod(self.at, 2 * _CLASSES + 1)
            return place % _CLASSES if place < 2 * _CLASSES else NONE + turn % 3
        rng = self._rng(0)
        if self.at < 3 or rng.uniform() < _ODD:
            return NONE + self.at % 3
        return int(rng.choice(_CLASSES, p=_SHARES))

    def photo(self) -> PhotoSpec:
        """What is drawn: one face, or for No-Face nobody."""
        rng, code = self._rng(1), self.code
        width, height = (int(v) for v in rng.integers(224, 321, 2))
        face = _face(rng, code, IDENTITIES[_PEOPLE[self.split]], width, height)
        blurred = float(rng.uniform(0.3, 1.0)) if rng.uniform() < 0.4 else 0.0
        return PhotoSpec(
            width,
            height,
            int(rng.integers(2**31)),
            () if code == NO_FACE else (face,),
            noise=float(rng.uniform(0.5, 4.0)),
            blur=float(rng.uniform(2.0, 3.5)) if code == UNCERTAIN else blurred,
            quality=int(rng.integers(50, 96)) if rng.uniform() < 0.5 else None,
        )


def _face(rng: np.random.Generator, code: int, people: range, width: int, height: int) -> FaceSpec:
    size = float(rng.uniform(0.5, 0.72)) * min(width, height)
    slack = 0.3 * (np.array([width, height]) - size)
    x, y = np.array([width, height]) / 2 - 0.5 + rng.uniform(-slack, slack)
    face = random_face(
        rng, people, max_yaw=45.0, max_pitch=20.0, size_px=size, centre=(float(x), float(y))
    )
    hidden = code == UNCERTAIN or rng.uniform() < 0.06
    occluder = OCCLUDERS[int(rng.integers(1, len(OCCLUDERS)))] if hidden else "none"
    return replace(face, units=_units(rng, code), occluder=occluder)


def _units(rng: np.random.Generator, code: int) -> Strengths:
    """Action units that show a class; stray ones are drawn anew until they leave it as it is."""
    if code == NONE:
        closed, jaw = rng.uniform(2.5, 5.0), rng.uniform(0.0, 5.0)
        return strengths(au43=closed, au25=min(jaw, 3.0), au26=jaw)
    if code >= _CLASSES:
        return affect.random_expression(rng)
    name = affect.EXPRESSIONS[code]
    for _ in range(100):
        shown = affect.shown(name, float(rng.uniform(0.4, 1.0)), rng) + _stray(rng)
        units = tuple(np.clip(shown, 0.0, STRONGEST).tolist())
        if affect.expression_of(units) == code:
            return units
    return units


def _stray(rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float64]]:
    there = rng.uniform(size=len(ACTION_UNITS)) < [affect.BASE_RATES[n] for n in ACTION_UNITS]
    return there * STRONGEST * rng.beta(1.2, 2.5, len(ACTION_UNITS))


# -- the layout ------------------------------------------------------------------------------


def items(count: int, seed: int) -> Sequence[Planned]:
    """The plan of ``count`` pictures. Raises FacecurateError for fewer than 12."""
    if count < _LEAST:
        raise FacecurateError(f"affectnet needs {_LEAST} pictures for all its codes: ask for more")
    validation = round(0.15 * count)
    counts = {"train": count - validation, "validation": validation}
    return [Planned(seed, split, at) for split, number in counts.items() for at in range(number)]


def render(files: str, item: Planned) -> Iterator[dict[str, Any]]:
    """Writes one picture; its truth. Uncertain has no valence and arousal."""
    image, labels = render_photo(item.photo())
    file = layout.write_picture(files, item.picture, image)
    if item.code == NO_FACE:
        yield table.row(file, [], kind="no_face", split=item.split)
    elif item.code == UNCERTAIN:
        odd: dict[str, Any] = {"expression": [UNCERTAIN], "valence": [None], "arousal": [None]}
        yield table.row(file, labels, split=item.split, **odd)
    elif item.code == NONE:
        yield table.row(file, labels, split=item.split, expression=[NONE])
    else:
        yield table.row(file, labels, split=item.split)


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the lists: training with a header and boxes like ``134.0``, validation without."""
    for of in (layout.TRAINING, layout.VALIDATION):
        entries = _entries([row for row in rows if row["split"] == of.split])
        training = of is layout.TRAINING
        layout.write_list(files, of, entries, header=training, decimals=training)


def _entries(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Values]]:
    """Picture and values; where nobody is, a detector's false alarm: the face before it.

    The first of those has the width -1.
    """
    alarm: Values | None = None
    absent = 0
    for row in rows:
        if row["kind"] == "no_face":
            assert alarm is not None, "somebody is on a split's first picture"
            said = replace(alarm, expression=NO_FACE, valence=-2.0, arousal=-2.0)
            said = said if absent else replace(said, box=None)
            absent += 1
        else:
            said = alarm = _values(row)
        yield row["file"].partition("/")[2], said


def _values(row: Mapping[str, Any]) -> Values:
    valence, arousal = (-2.0 if row[name][0] is None else row[name][0] for name in _GRADED)
    x0, y0, x1, y1 = row["boxes"][0]
    points = np.array(row["points"][0], np.float64).reshape(68, 2)
    return Values(row["expression"][0], valence, arousal, points, (x0, y0, x1, y1))


_GRADED = ("valence", "arousal")
