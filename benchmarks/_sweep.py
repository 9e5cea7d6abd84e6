"""Rendered faces that differ from the usual ones in one thing, before foreign detectors.

A picture shows one person and nothing held before the face: 80 to 200 px, yaw within 30 degrees, a
random room and light, unless its step of the sweep says otherwise. ``_recall`` says what counts as
found; whatever else is detected is false.
"""

from __future__ import annotations

import json
import math
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import _recall
import numpy as np
from _counts import wilson

from facecurate.synth.background import background
from facecurate.synth.render import Image, render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face
from facecurate.workers import Task, map_tasks

_PART = 50  # pictures a task


@dataclass(frozen=True, slots=True)
class Step:
    """One group of pictures; ranges are drawn from evenly, ``size`` on a log scale.

    ``yaw``: |degrees|; ``size``: pixels of the face's longer side; ``blur``: standard deviation in
    percent of that; ``stops``: of exposure, of the whole picture; ``hard``: a bare bulb from a
    side; ``face`` False: nobody is there.
    """

    factor: str
    group: str
    yaw: tuple[float, float] = (0, 30)
    size: tuple[float, float] = (80, 200)
    blur: tuple[float, float] = (0, 0.5)
    stops: float = 0.0
    hard: bool = False
    face: bool = True
    fills: bool = False  # the face is as long as the picture


STEPS = (
    Step("usual", "usual"),
    Step("usual", "nobody", face=False),
    *(Step("yaw", f"{a}-{a + 15} deg", yaw=(a, a + 15)) for a in range(0, 90, 15)),
    *(
        Step("size", f"{a}-{b} px", size=(a, b))
        for a, b in ((12, 20), (20, 32), (32, 50), (50, 80), (80, 200), (200, 400), (400, 700))
    ),
    Step("size", "fills 800 px", size=(800, 800), fills=True),
    *(
        Step("blur", f"{a:g}-{b:g} %", blur=(a, b))
        for a, b in ((0, 1), (1, 2), (2, 4), (4, 6), (6, 9))
    ),
    *(Step("light", f"{s:+g} stops", stops=s) for s in (2, 1, -2, -4, -6)),
    Step("light", "hard, from a side", hard=True),
)


@dataclass(frozen=True, slots=True)
class Score:
    """What one detector made of one step's pictures; ``low``, ``high``: Wilson's 95 % of recall."""

    factor: str
    group: str
    detector: str
    pictures: int
    faces: int
    found: int
    false: int
    recall: float
    low: float
    high: float
    precision: float  # NaN where nothing was detected


def picture(seed: int, step: Step, index: int) -> tuple[Image, Sequence[float] | None]:
    """The ``index``-th picture of a step and the box of its face."""
    name = zlib.crc32(f"{step.factor} {step.group}".encode())
    rng = np.random.default_rng([0x53EE9, seed, name, index])
    size = float(np.exp(rng.uniform(*np.log(step.size))))
    side = max(_recall.PICTURE, math.ceil(1.6 * size))
    x = float(rng.uniform(0.6 * size, side - 0.6 * size))
    y = float(rng.uniform(0.75 * size, side - 0.6 * size))
    if step.fills:
        side, x, y = round(size), size / 2, size / 2
    if not step.face:
        return background(side, side, int(rng.integers(2**31))), None
    face = random_face(
        rng, IDENTITIES["test"], max_yaw=0, max_pitch=_recall.MAX_PITCH, size_px=size, centre=(x, y)
    )
    face = replace(face, yaw=float(rng.uniform(*step.yaw) * rng.choice([-1, 1])))
    if step.hard:
        side_light = float(rng.uniform(60, 80) * rng.choice([-1, 1]))
        light = replace(face.light, hardness=1.0, azimuth=side_light, key=0.9, fill=0.3)
        face = replace(face, light=light)
    blur = float(rng.uniform(*step.blur)) / 100 * size
    photo = PhotoSpec(
        side, side, int(rng.integers(2**31)), (face,), noise=float(rng.uniform(0.5, 4)), blur=blur
    )
    image, (labels,) = render_photo(photo)
    return exposed(image, step.stops, rng), labels.box


def exposed(image: Image, stops: float, rng: np.random.Generator) -> Image:
    """The picture with ``stops`` more light (its tone is a square root), cut at white, as a JPEG.

    What is too dark is not made lighter again; the noise of the sensor stays as it was.
    """
    levels = image * 2.0 ** (stops / 2)
    if stops < 0:
        levels = levels + rng.normal(0, 2.0, image.shape)
    from facecurate import images

    dark = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return images.decode(images.encode_jpeg(dark, int(rng.integers(75, 96)))).pixels


@dataclass(frozen=True, slots=True)
class _Part(Task):
    folder: str
    seed: int
    step: int
    first: int
    last: int
    detectors: tuple[str, ...]


def _make(part: _Part, tick: Any) -> None:
    rows = []
    for index in range(part.first, part.last):
        image, box = picture(part.seed, STEPS[part.step], index)
        rows.append({name: _seen(name, image, box) for name in part.detectors})
        tick(1)
    Path(part.folder, part.name).write_text(json.dumps(rows))


def _seen(name: str, image: Image, box: Sequence[float] | None) -> tuple[bool, int]:
    if box is None:
        (faces,) = _recall.detector(name).detect([image])
        return False, len(faces)
    return _recall.shown(name, image, box)


def measure(count: int, seed: int, names: Sequence[str], *, workers: int = 0) -> list[Score]:
    """``count`` pictures a step, the same whatever the number of workers."""
    with tempfile.TemporaryDirectory() as folder:
        parts = list(_parts(folder, count, seed, tuple(names)))
        map_tasks(_make, parts, workers=workers, total=count * len(STEPS))
        rows: dict[int, list[dict[str, tuple[bool, int]]]] = {}
        for part in parts:
            told = json.loads(Path(folder, part.name).read_text())
            rows.setdefault(part.step, []).extend(told)
    return [_score(STEPS[at], name, rows[at]) for at in rows for name in names]


def _parts(folder: str, count: int, seed: int, names: tuple[str, ...]) -> Iterator[_Part]:
    for at in range(len(STEPS)):
        for first in range(0, count, _PART):
            last = min(count, first + _PART)
            yield _Part(f"{at}-{first}.json", folder, seed, at, first, last, names)


def _score(step: Step, name: str, rows: Sequence[dict[str, tuple[bool, int]]]) -> Score:
    found = sum(row[name][0] for row in rows)
    false = sum(row[name][1] for row in rows)
    faces = len(rows) if step.face else 0
    low, high = wilson(found, faces) if faces else (math.nan, math.nan)
    return Score(
        step.factor,
        step.group,
        name,
        len(rows),
        faces,
        found,
        false,
        found / faces if faces else math.nan,
        low,
        high,
        found / (found + false) if found + false else math.nan,
    )
