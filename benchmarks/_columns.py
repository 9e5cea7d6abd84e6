"""The quality columns against what is known of a rendered face: blur, pose, what hides it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import _recall
import numpy as np
from numpy.typing import NDArray

from facecurate.faces.hints import occlusion_hints
from facecurate.faces.pose import pose_from_points
from facecurate.faces.quality import looks
from facecurate.synth.person import person
from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES, OCCLUDERS, PhotoSpec, random_face
from facecurate.workers import Task, map_tasks

Floats = NDArray[np.float64]

BLURS = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0)  # percent of the face's longer side
SIZES = (60.0, 112.0, 200.0, 320.0)  # pixels
MAX_YAW = 35.0
_PART = 50
HELD = tuple(kind for kind in OCCLUDERS if kind != "none")
BARE_LIMIT = 95.0  # percentile of bare faces above which a hint is counted as one


@dataclass(frozen=True, slots=True)
class Shown:
    """One face as a detector's five points make it: hints, pose, and the truth."""

    occluder: str
    other_colour: float
    asymmetry: float
    pose: tuple[float, float, float]
    exact: tuple[float, float, float]  # the pose from the exact points
    truth: tuple[float, float, float]


# -- sharpness ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sharp:
    """One face at one blur."""

    face: int
    size: float
    blur: float
    skin: float  # luma of the person's skin
    sharpness: float


def sharp(face: int, seed: int) -> list[Sharp]:
    """One face at every blur of ``BLURS``, all else equal."""
    rng = np.random.default_rng([0x5A4B, seed, face])
    size = float(SIZES[face % len(SIZES)])
    side = int(1.7 * size)
    drawn = random_face(
        rng, IDENTITIES["test"], max_yaw=30, max_pitch=15, size_px=size, centre=(side / 2, side / 2)
    )
    noise, quality = float(rng.uniform(0.5, 4)), int(rng.integers(75, 96))
    skin = float(person(drawn.identity).skin @ _recall.LUMA)
    rows = []
    for blur in BLURS:
        photo = PhotoSpec(
            side, side, face, (drawn,), noise=noise, blur=blur / 100 * size, quality=quality
        )
        image, (labels,) = render_photo(photo)
        rows.append(Sharp(face, size, blur, skin, looks(image, labels.box).sharpness))
    return rows


def sharpness_table(count: int, seed: int) -> dict[str, Any]:
    """Medians by blur, how many faces fall at every step, and what else the number follows."""
    rows = [row for face in range(count) for row in sharp(face, seed)]
    value = np.array([row.sharpness for row in rows]).reshape(count, len(BLURS))
    steps = [auc(value[:, k], value[:, k + 1]) for k in range(len(BLURS) - 1)]
    bare = value[:, BLURS.index(1.0)]
    sizes = np.array([row.size for row in rows]).reshape(count, -1)[:, 0]
    skin = np.array([row.skin for row in rows]).reshape(count, -1)[:, 0]
    return {
        "faces": count,
        "median": dict(zip(map(str, BLURS), np.median(value, axis=0).tolist(), strict=True)),
        "falls at every step": float((np.diff(value, axis=1) < 0).all(axis=1).mean()),
        "sharper of two neighbouring blurs told": steps,
        "median by size at 1 %": {f"{s:g}": float(np.median(bare[sizes == s])) for s in SIZES},
        "correlation with skin at 1 %": float(np.corrcoef(skin, bare)[0, 1]),
    }


def auc(more: Floats, less: Floats) -> float:
    """How often one of ``more`` is above one of ``less``, ties half: the area under the ROC."""
    a, b = more[:, None], less[None, :]
    return float((a > b).mean() + 0.5 * (a == b).mean())


# -- hints and pose ------------------------------------------------------------------------------


def shown(seed: int, index: int, detector: str) -> Shown | None:
    """Every second face is bare, the others by turns behind each thing; None: not detected."""
    rng = np.random.default_rng([0x0CC2, seed, index])
    kind = "none" if index % 2 else HELD[index // 2 % len(HELD)]
    size = float(np.exp(rng.uniform(*np.log([60, 220]))))
    side = max(200, int(1.8 * size))
    face = random_face(
        rng,
        IDENTITIES["test"],
        max_yaw=MAX_YAW,
        max_pitch=15,
        size_px=size,
        centre=(side / 2, side / 2),
    )
    face = replace(face, occluder=kind)
    photo = PhotoSpec(
        side,
        side,
        int(rng.integers(2**31)),
        (face,),
        noise=float(rng.uniform(0.5, 4)),
        blur=float(rng.choice([0.0, rng.uniform(0.3, 0.9)])),
        quality=int(rng.integers(75, 96)),
        style="second" if rng.uniform() < _recall.SECOND_STYLE else "plain",
    )
    image, (labels,) = render_photo(photo)
    (found,) = _recall.detector(detector).detect([image])
    seen = [one for one in found if _recall.matches(one.box.tolist(), labels.box)]
    if not seen:
        return None
    hints = occlusion_hints(image, seen[0].landmarks)
    return Shown(
        kind,
        hints.other_colour,
        hints.asymmetry,
        pose_from_points(seen[0].landmarks),
        pose_from_points(labels.landmarks),
        (labels.yaw, labels.pitch, labels.roll),
    )


@dataclass(frozen=True, slots=True)
class _Part(Task):
    folder: str
    seed: int
    first: int
    last: int
    detector: str


def _make(part: _Part, tick: Any) -> None:
    rows = []
    for index in range(part.first, part.last):
        one = shown(part.seed, index, part.detector)
        rows += [asdict(one)] if one else []
        tick(1)
    Path(part.folder, part.name).write_text(json.dumps(rows))


def measure(count: int, seed: int, detector: str, *, workers: int = 0) -> list[Shown]:
    """``count`` faces, half of them behind something; the same whatever the number of workers."""
    with tempfile.TemporaryDirectory() as folder:
        parts = list(_parts(folder, count, seed, detector))
        map_tasks(_make, parts, workers=workers, total=count)
        rows = [row for part in parts for row in json.loads(Path(folder, part.name).read_text())]
    return [Shown(**row) for row in rows]


def _parts(folder: str, count: int, seed: int, detector: str) -> Iterator[_Part]:
    for first in range(0, count, _PART):
        last = min(count, first + _PART)
        yield _Part(f"{first:06d}.json", folder, seed, first, last, detector)


def hint_table(faces: Sequence[Shown]) -> list[dict[str, Any]]:
    """For each hint and thing: the AUC against bare faces, and how many lie above 95 % of these."""
    rows = []
    for hint in ("other_colour", "asymmetry"):
        bare = _known([getattr(f, hint) for f in faces if f.occluder == "none"])
        limit = float(np.percentile(bare, BARE_LIMIT))
        for kind in ("all", *HELD):
            chosen = [f for f in faces if f.occluder == kind or (kind == "all" != f.occluder)]
            held = _known([getattr(f, hint) for f in chosen if f.occluder != "none"])
            rows.append(
                {
                    "hint": hint,
                    "held": kind,
                    "faces": len(held),
                    "auc": auc(held, bare),
                    "limit": limit,
                    "above": float((held > limit).mean()),
                }
            )
    return rows


def _known(values: Sequence[float]) -> Floats:
    found = np.array(values, np.float64)
    return found[np.isfinite(found)]


def pose_table(faces: Sequence[Shown]) -> list[dict[str, Any]]:
    """Mean error and its 95th percentile in degrees on bare faces, by |yaw|."""
    bare = [face for face in faces if face.occluder == "none"]
    truth = np.array([face.truth for face in bare])
    rows = []
    for source in ("pose", "exact"):
        off = np.abs(np.array([getattr(face, source) for face in bare]) - truth)
        for low, high in ((0, MAX_YAW), (0, 10), (10, 20), (20, MAX_YAW)):
            chosen = off[(np.abs(truth[:, 0]) >= low) & (np.abs(truth[:, 0]) < high)]
            rows.append(
                {
                    "points": "detected" if source == "pose" else "exact",
                    "yaw": f"{low:g}-{high:g}",
                    "faces": len(chosen),
                    "mean": chosen.mean(axis=0).tolist(),
                    "p95": np.percentile(chosen, 95, axis=0).tolist(),
                }
            )
    return rows
