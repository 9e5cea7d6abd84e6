"""Rendered faces before foreign detectors: what is drawn, what counts as found, and the counts.

A face counts as found when a detection overlaps the labels' box by an IoU of at least 0.4, or holds
the box's centre and has between a quarter and four times its area: detectors draw their boxes by
other rules than ours (dlib's ends at the brows). Whatever else is detected on the picture, which
shows one person, is a second face, a box on a face that was missed included.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from facecurate.errors import FacecurateError
from facecurate.faces import Detector, load_detector
from facecurate.synth.affect import expression_of
from facecurate.synth.person import person
from facecurate.synth.render import Image, render_photo
from facecurate.synth.spec import IDENTITIES, OCCLUDERS, STYLES, PhotoSpec, random_face
from facecurate.workers import Task, map_tasks

# Detector -> its file below the test data's weights/, None where the package brings its own.
DETECTORS: dict[str, str | None] = {
    "dlib": None,
    "retinaface-mobile": "retinaface_mobilenet0.25.pth",
    "yunet": "yunet_n_dynamic.onnx",
}

IOU, AREA = 0.4, 4.0
SIZES, PICTURE = (80.0, 200.0), 256  # pixels: longer side of the face; least side of the picture
MAX_YAW, MAX_PITCH = 30.0, 15.0  # degrees
SECOND_STYLE = 0.25  # share of the pictures drawn in the second style
LUMA, SKIN = (0.30, 0.59, 0.11), (95.0, 140.0, 190.0)  # of a person's skin, sRGB 0..255
_PART = 100  # pictures a task

# Factor -> its groups in the table's order.
FACTORS: dict[str, tuple[str, ...]] = {
    "yaw": ("0-10 deg", "10-20 deg", "20-30 deg"),
    "pitch": ("below -5 deg", "-5-5 deg", "above 5 deg"),
    "size": ("80-110 px", "110-150 px", "150-200 px"),
    "light": ("soft", "medium", "hard"),
    "key light": ("0-25 deg", "25-50 deg", "50-70 deg"),
    "key + fill": ("dark", "medium", "bright"),
    "skin": ("luma below 95", "luma 95-140", "luma 140-190", "luma above 190"),
    "presentation": ("feminine", "between", "masculine"),
    "age": ("young", "middle", "old"),
    "glasses": ("none", "clear", "dark"),
    "expression": ("neutral", "shown"),
    "style": STYLES,
}

Traits = dict[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """Pictures of one sort: ``share`` of the count asked for, |yaw| in degrees, an occluder."""

    name: str
    share: float
    yaw: tuple[float, float] = (0.0, MAX_YAW)
    occluder: str = "none"


BARRED = Kind("in the bar", 1.0)
BEYOND = (  # for information
    Kind("yaw 30-45 deg", 0.1, (30, 45)),
    Kind("yaw 45-60 deg", 0.1, (45, 60)),
    Kind("yaw 60-90 deg", 0.1, (60, 90)),
    *(Kind(name, 0.05, occluder=name) for name in OCCLUDERS if name != "none"),
)


@dataclass(frozen=True, slots=True)
class Face:
    """One drawn face: whether each detector found it, and how much else it found."""

    kind: str
    traits: Traits
    found: dict[str, bool]
    second: dict[str, int]


# -- the pictures ------------------------------------------------------------------------------


def picture(seed: int, kind: Kind, index: int) -> PhotoSpec:
    """The ``index``-th picture of a kind: one person, wholly on it, never seen on another one."""
    rng = np.random.default_rng([0xDE7EC7, seed, zlib.crc32(kind.name.encode()), index])
    size = float(rng.uniform(*SIZES))
    side = max(PICTURE, math.ceil(1.6 * size))
    x = float(rng.uniform(0.6 * size, side - 0.6 * size))
    y = float(rng.uniform(0.75 * size, side - 0.6 * size))
    face = random_face(
        rng, IDENTITIES["test"], max_yaw=MAX_YAW, max_pitch=MAX_PITCH, size_px=size, centre=(x, y)
    )
    if kind != BARRED:
        yaw = float(rng.uniform(*kind.yaw) * rng.choice([-1, 1]))
        face = replace(face, yaw=yaw, occluder=kind.occluder)
    styled = kind == BARRED and rng.uniform() < SECOND_STYLE
    return PhotoSpec(
        side,
        side,
        seed=int(rng.integers(2**31)),
        faces=(face,),
        noise=float(rng.uniform(0.5, 4)),
        blur=float(rng.choice([0.0, rng.uniform(0.3, 0.9)])),
        quality=int(rng.integers(75, 96)),
        style="second" if styled else "plain",
    )


def _binned(factor: str, value: float, *edges: float) -> str:
    return FACTORS[factor][int(np.searchsorted(edges, value, side="right"))]


def traits(photo: PhotoSpec) -> Traits:
    """Factor of ``FACTORS`` -> the group that a picture belongs to."""
    (face,) = photo.faces
    who, light = person(face.identity), face.light
    worn = who.glasses if face.glasses else None
    return {
        "yaw": _binned("yaw", abs(face.yaw), 10, 20),
        "pitch": _binned("pitch", face.pitch, -5, 5),
        "size": _binned("size", face.size_px, 110, 150),
        "light": _binned("light", light.hardness, 1 / 3, 2 / 3),
        "key light": _binned("key light", abs(light.azimuth), 25, 50),
        "key + fill": _binned("key + fill", light.key + light.fill, 0.95, 1.25),
        "skin": _binned("skin", float(who.skin @ LUMA), *SKIN),
        "presentation": _binned("presentation", who.presentation, -0.3, 0.3),
        "age": _binned("age", who.age, 1 / 3, 2 / 3),
        "glasses": FACTORS["glasses"][0 if worn is None else 1 + worn.dark],
        "expression": FACTORS["expression"][expression_of(face.units) > 0],
        "style": photo.style,
    }


# -- detectors -----------------------------------------------------------------------------------


def test_data() -> Path:
    """Where the published weights lie: FACECURATE_TEST_DATA, else ../shared/data."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("FACECURATE_TEST_DATA", beside))


@lru_cache(maxsize=8)
def detector(name: str, **options: Any) -> Detector:
    """The detector with its own threshold; FacecurateError with what to give if it cannot run."""
    if DETECTORS[name] is None:
        return load_detector(name, **options)
    return load_detector(name, weights=str(weights(name)), **options)


def weights(name: str) -> Path:
    """A detector's file of weights; FacecurateError with what to give if it is not there."""
    path = test_data() / "weights" / str(DETECTORS[name])
    if not path.is_file():
        raise FacecurateError(f"give FACECURATE_TEST_DATA, a folder that has weights/{path.name}")
    return path


def missing() -> dict[str, str]:
    """Detector -> what to give for it; those that can run are left out."""
    out = {}
    for name in DETECTORS:
        try:
            detector(name)
        except FacecurateError as error:
            out[name] = str(error)
    return out


def matches(found: Sequence[float], box: Sequence[float]) -> bool:
    """Whether a detection (x0, y0, x1, y1) is the face whose labels have ``box``."""
    (a0, b0, a1, b1), (x0, y0, x1, y1) = found, box
    across = max(0.0, min(a1, x1) - max(a0, x0)) * max(0.0, min(b1, y1) - max(b0, y0))
    mine, theirs = (x1 - x0) * (y1 - y0), (a1 - a0) * (b1 - b0)
    if across >= IOU * (mine + theirs - across):
        return True
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return a0 <= x <= a1 and b0 <= y <= b1 and mine <= AREA * theirs <= AREA**2 * mine


def look(photo: PhotoSpec, kind: str, names: Sequence[str]) -> Face:
    """Draws a picture of one face and shows it to the detectors."""
    image, (labels,) = render_photo(photo)
    seen = {name: shown(name, image, labels.box) for name in names}
    found = {name: hit for name, (hit, _) in seen.items()}
    return Face(kind, traits(photo), found, {name: more for name, (_, more) in seen.items()})


def shown(name: str, image: Image, box: Sequence[float]) -> tuple[bool, int]:
    """Whether a detector finds the face that has ``box``, and how many others it sees."""
    (faces,) = detector(name).detect([image])
    hit = any(matches(face.box.tolist(), box) for face in faces)
    return hit, len(faces) - hit


@dataclass(frozen=True, slots=True)
class _Part(Task):
    folder: str
    seed: int
    kind: Kind
    first: int
    last: int
    detectors: tuple[str, ...]


def _make(part: _Part, tick: Any) -> None:
    faces = []
    for index in range(part.first, part.last):
        photo = picture(part.seed, part.kind, index)
        face = look(photo, part.kind.name, part.detectors)
        faces.append([face.kind, face.traits, face.found, face.second])
        tick(1)
    Path(part.folder, part.name).write_text(json.dumps(faces))


def measure(
    count: int, seed: int, names: Sequence[str], *, beyond: bool = True, workers: int = 0
) -> list[Face]:
    """``count`` faces in the bar and, with ``beyond``, the shares outside; 0 workers: in here.

    The same faces whatever the number of workers.
    """
    kinds = (BARRED, *(BEYOND if beyond else ()))
    with tempfile.TemporaryDirectory() as folder:
        parts = list(_parts(folder, count, seed, kinds, tuple(names)))
        total = sum(part.last - part.first for part in parts)
        map_tasks(_make, parts, workers=workers, total=total)
        rows = [row for part in parts for row in json.loads(Path(folder, part.name).read_text())]
    return [Face(*row) for row in rows]


def _parts(
    folder: str, count: int, seed: int, kinds: Sequence[Kind], names: tuple[str, ...]
) -> Iterator[_Part]:
    for at, kind in enumerate(kinds):
        wanted = max(1, round(count * kind.share))
        for first in range(0, wanted, _PART):
            last = min(wanted, first + _PART)
            yield _Part(f"{at}-{first}.json", folder, seed, kind, first, last, names)
