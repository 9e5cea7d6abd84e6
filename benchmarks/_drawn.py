"""Rendered faces as arrays, with the labels that a network is to read off them.

Every face is a session of its own: room, light, camera, pose and action units are drawn without a
look at the identity. Nobody is in two of the three sets.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate import images
from facecurate.faces import align
from facecurate.synth.affect import EXPRESSIONS, shown
from facecurate.synth.facs import ACTION_UNITS, REST, STRONGEST, Strengths, select
from facecurate.synth.render import Image, render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face
from facecurate.workers import Task, map_tasks

SIDE = 112  # pixels of the drawn picture
FACE, SHIFT = (70.0, 82.0), 5.0  # pixels: longer side of the box; the most its centre is off
# Cut by the box, or laid on the five points: pixels that are stored, pixels that are looked at.
BOXED, ALIGNED = (72, 64), (84, 80)
OFF = 0.03  # standard deviation of the five points' errors, of the distance from eyes to mouth
ENLARGED = 1.15  # of the template that the points are laid on: from the brows to the chin
MAX_YAW, MAX_PITCH = 40.0, 20.0  # degrees
AT_REST, POSED = 0.10, 0.45  # shares of the faces: no unit; a whole expression
SHOWN = 0.30  # of the others: share of the units that are shown, at 0 to 5 alike
UNITS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)  # DISFA's
_PART = 5  # people a task

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """N labelled faces, person after person, each with as many ``sessions``.

    ``boxed`` and ``aligned`` (N, side, side, 3) uint8; ``points`` (N, 68, 2) pixels of ``boxed``;
    ``units`` (N, 12) 0..5; ``every`` (N, 18) all units; ``affect`` (N, 2) valence and arousal;
    ``pose`` (N, 3) yaw, pitch and roll in degrees; ``expression`` (N,) 0..7; ``person`` (N,)
    numbered from 0.
    """

    boxed: NDArray[np.uint8]
    aligned: NDArray[np.uint8]
    points: Floats
    units: Floats
    every: Floats
    affect: Floats
    pose: Floats
    expression: NDArray[np.int64]
    person: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.person)

    @property
    def sessions(self) -> int:
        """Pictures of each person."""
        return len(self) // (int(self.person[-1]) + 1)

    def take(self, rows: NDArray[np.int64]) -> Faces:
        """These rows."""
        return Faces(*(getattr(self, f.name)[rows] for f in fields(self)))

    def spread(self, count: int) -> Faces:
        """``count`` faces of as many people as there are."""
        order = np.arange(len(self)).reshape(-1, self.sessions).T.ravel()
        return self.take(order[:count])

    def people(self, count: int) -> Faces:
        """All sessions of the first people, ``count`` faces."""
        return self.take(np.arange(count - count % self.sessions))


def random_units(rng: np.random.Generator) -> Strengths:
    """Intensities that cover every unit's range, and faces at rest."""
    kind = rng.uniform()
    if kind < AT_REST:
        return REST
    if kind < AT_REST + POSED:
        name = EXPRESSIONS[1 + int(rng.integers(len(EXPRESSIONS) - 1))]
        return tuple(shown(name, float(rng.uniform(0.4, 1.0)), rng).tolist())
    active = rng.uniform(size=len(ACTION_UNITS)) < SHOWN
    return tuple((active * rng.uniform(0, STRONGEST, len(ACTION_UNITS))).tolist())


def picture(seed: int, purpose: str, person: int, session: int) -> PhotoSpec:
    """One face cut out by its box with a margin, jittered."""
    rng = np.random.default_rng([0x1AB315, seed, zlib.crc32(purpose.encode()), person, session])
    middle = (SIDE - 1) / 2
    x, y = (float(middle + v) for v in rng.uniform(-SHIFT, SHIFT, 2))
    who = IDENTITIES[purpose][seed % 1000 * 10_000 + person :][:1]
    face = random_face(
        rng,
        who,
        max_yaw=MAX_YAW,
        max_pitch=MAX_PITCH,
        size_px=float(rng.uniform(*FACE)),
        centre=(x, y),
    )
    face = replace(face, units=random_units(rng))
    return PhotoSpec(
        SIDE,
        SIDE,
        seed=int(rng.integers(2**31)),
        faces=(face,),
        noise=float(rng.uniform(0.5, 4)),
        blur=float(rng.choice([0.0, rng.uniform(0.2, 0.5)])),
        quality=int(rng.integers(80, 96)),
    )


def _faces(seed: int, purpose: str, people: range, sessions: int) -> Faces:
    """Draws all sessions of some people."""
    rows: list[tuple[Any, ...]] = []
    for person in people:
        for session in range(sessions):
            image, (known,) = render_photo(picture(seed, purpose, person, session))
            affect = known.valence, known.arousal
            pose = known.yaw, known.pitch, known.roll
            units = select(known.units, UNITS)
            boxed, points = _shrunk(image, known.points68)
            laid = _laid(image, known.landmarks, np.random.default_rng([seed, person, session]))
            label = points, units, known.units, affect, pose, known.expression, person
            rows.append((boxed, laid, *label))
    kinds = (np.uint8, np.uint8, *[np.float32] * 5, np.int64, np.int64)
    columns = zip(zip(*rows, strict=True), kinds, strict=True)
    return Faces(*(np.array(values, kind) for values, kind in columns))


def _shrunk(image: Image, points: NDArray[np.float64]) -> tuple[Image, NDArray[np.float64]]:
    factor = BOXED[0] / SIDE
    return images.resize(image, BOXED[0], BOXED[0]), (points + 0.5) * factor - 0.5


def _laid(image: Image, landmarks: NDArray[np.float64], rng: np.random.Generator) -> Image:
    """The face laid on the template by its five points, as inexact as a detector's."""
    points = landmarks.reshape(5, 2)
    height = np.linalg.norm(points[3:].mean(axis=0) - points[:2].mean(axis=0))
    points = points + rng.normal(0, OFF * float(height), (5, 2))
    side, seen = ALIGNED
    target = ((align.ARCFACE - [56, 72]) * ENLARGED + [56, 62] + 0.5) * seen / 112 - 0.5
    matrix = align.similarity(points, target + (side - seen) / 2).reshape(2, 3)
    return np.asarray(cv2.warpAffine(image, matrix, (side, side)), np.uint8)


@dataclass(frozen=True, slots=True)
class _Part(Task):
    folder: str
    seed: int
    purpose: str
    first: int
    last: int
    sessions: int


def _make(part: _Part, tick: Any) -> None:
    faces = _faces(part.seed, part.purpose, range(part.first, part.last), part.sessions)
    save(str(Path(part.folder, part.name)), faces)
    tick(len(faces))


def draw(seed: int, purpose: str, people: int, sessions: int, workers: int = 0) -> Faces:
    """``people`` of ``IDENTITIES[purpose]``; the same whatever the number of workers."""
    with tempfile.TemporaryDirectory() as folder:
        parts = list(_parts(folder, seed, purpose, people, sessions))
        map_tasks(_make, parts, workers=workers, total=people * sessions)
        return _joined([load(str(Path(folder, part.name))) for part in parts])


def _parts(folder: str, seed: int, purpose: str, people: int, sessions: int) -> Iterator[_Part]:
    for first in range(0, people, _PART):
        last = min(people, first + _PART)
        yield _Part(f"{first:06d}.npz", folder, seed, purpose, first, last, sessions)


def _joined(parts: list[Faces]) -> Faces:
    names = [f.name for f in fields(Faces)]
    return Faces(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def save(path: str, faces: Faces) -> None:
    """Writes an .npz file."""
    np.savez(path, **{f.name: getattr(faces, f.name) for f in fields(faces)})


def load(path: str) -> Faces:
    """Reads it back."""
    with np.load(path, allow_pickle=False) as file:
        return Faces(*(file[f.name] for f in fields(Faces)))
