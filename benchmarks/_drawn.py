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

import numpy as np
from numpy.typing import NDArray

from facecurate.synth.affect import random_expression
from facecurate.synth.facs import ACTION_UNITS, REST, STRONGEST, Strengths, select
from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face
from facecurate.workers import Task, map_tasks

SIDE, VIEW = 96, 80  # pixels: of the picture; of what a network sees of it
FACE, SHIFT = (58.0, 68.0), 4.0  # pixels: longer side of the box; the most its centre is off
MAX_YAW, MAX_PITCH = 40.0, 20.0  # degrees
AT_REST, POSED = 0.15, 0.40  # shares of the faces: no unit; as random_expression draws them
SHOWN = 0.30  # of the others: share of the units that are shown, at 0 to 5 alike
UNITS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)  # DISFA's
_PART = 5  # people a task

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """N labelled faces, person after person, each with as many ``sessions``.

    ``images`` (N, SIDE, SIDE, 3) uint8; ``points`` (N, 68, 2) pixels; ``units`` (N, 12) 0..5;
    ``every`` (N, 18) all units; ``affect`` (N, 2) valence and arousal; ``pose`` (N, 3) yaw, pitch
    and roll in degrees; ``expression`` (N,) 0..7; ``person`` (N,) numbered from 0.
    """

    images: NDArray[np.uint8]
    points: Floats
    units: Floats
    every: Floats
    affect: Floats
    pose: Floats
    expression: NDArray[np.int64]
    person: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

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
        return random_expression(rng)
    shown = rng.uniform(size=len(ACTION_UNITS)) < SHOWN
    return tuple((shown * rng.uniform(0, STRONGEST, len(ACTION_UNITS))).tolist())


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
            label = known.points68, units, known.units, affect, pose, known.expression, person
            rows.append((image, *label))
    kinds = (np.uint8, *[np.float32] * 5, np.int64, np.int64)
    columns = zip(zip(*rows, strict=True), kinds, strict=True)
    return Faces(*(np.array(values, kind) for values, kind in columns))


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
