"""Rendered layout ``aflw2000``: single faces in all poses with the parameters of a linear model.

As in the owners' copy, numbers have gaps, hidden points of AFLW's 21 are -1, some squares ``roi``
begin outside their picture, and one fit in a hundred is wrong: its ``Pose_Para`` has a yaw beyond
99 degrees, its points and the truth are right. Parameters belong to the model of ``parameters``,
which is written to ``AFLW2000/Code`` and is not the Basel Face Model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facecurate import storage
from facecurate.datasets.aflw2000 import SampleAFLW2000, write_sample
from facecurate.datasets.morphable import MODEL_FILE, SIDE, write_model
from facecurate.errors import FacecurateError
from facecurate.synth import template as head
from facecurate.synth.labels import FaceLabels
from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face
from facecurate.synth.template import Floats
from facecurate.synthesise import rows as table
from facecurate.synthesise.parameters import DISTANCE, linear_model, parameters

DATASET: str | None = "aflw2000"
PART_SIZE = 100
_LEAST = 8
_LOBES = (-1.7, 1.7)  # radians round the head
_WRONG = 100  # one fit in so many
# Shares of |yaw| below 30, below 60 and above, as in the owners' copy.
_BINS = ((0.656, 0.0, 30.0), (0.1915, 30.0, 60.0), (0.1525, 60.0, 89.0))


@dataclass(frozen=True, slots=True)
class Planned:
    """One picture; ``at``: its place, ``number``: that of its name, ``wrong``: the fit is."""

    seed: int
    at: int
    number: int
    wrong: bool

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return f"image{self.number:05d}"


def items(count: int, seed: int) -> Sequence[Planned]:
    """The plan of ``count`` pictures. Raises FacecurateError for fewer than 8."""
    if count < _LEAST:
        raise FacecurateError(
            f"aflw2000 with fewer than {_LEAST} pictures has none in one of its three bins of yaw:"
            f" ask for at least {_LEAST}"
        )
    steps = np.random.default_rng([0x2000, seed]).integers(1, 4, count)
    steps[0], steps[1] = 2, 2  # the owners' first is image00002, and there is a gap in any copy
    numbers = np.cumsum(steps)
    return [Planned(seed, k, int(n), k % _WRONG == 3) for k, n in enumerate(numbers)]


def photo(item: Planned) -> PhotoSpec:
    """What is drawn."""
    rng = np.random.default_rng([0x2001, item.seed, item.at])
    _, low, high = _BINS[_bin(item)]
    yaw = float(rng.choice([-1.0, 1.0]) * rng.uniform(low, high))
    x, y = (SIDE - 1) / 2 + rng.uniform(-12, 12, 2)
    face = random_face(
        rng, IDENTITIES["test"], max_yaw=1.0, max_pitch=25.0, size_px=float(rng.uniform(150, 230)),
        centre=(float(x), float(y)),
    )  # fmt: skip
    # A nod at profile is a turn by nearly 90 degrees in the owners' pitch and in their roll.
    less = float(np.cos(np.deg2rad(yaw)))
    face = replace(face, yaw=yaw, pitch=face.pitch * less, roll=face.roll * less, distance=DISTANCE)
    noise, blur, room = rng.uniform(0.5, 4), rng.uniform(0, 0.9), int(rng.integers(2**31))
    return PhotoSpec(SIDE, SIDE, room, (face,), float(noise), float(blur))


def _bin(item: Planned) -> int:
    """The first three pictures lie in one bin each, the others in their shares."""
    if item.at < len(_BINS):
        return item.at
    rng = np.random.default_rng([0x2002, item.seed, item.at])
    return int(rng.choice(len(_BINS), p=[share for share, _, _ in _BINS]))


def render(files: str, item: Planned) -> Iterator[dict[str, Any]]:
    """Writes one picture and its parameters; its truth, which a wrong fit does not touch."""
    spec = photo(item)
    image, (labels,) = render_photo(spec)
    values = parameters(spec.faces[0], labels)
    if item.wrong:
        values["Pose_Para"][1] = _wrong_yaw(item, float(values["Pose_Para"][1]))
    values |= {"pt3d_68": labels.points["68-3d"].T, "pt2d": aflw21(labels), "roi": _roi(item)}
    yield table.row(
        write_sample(files, SampleAFLW2000(item.stem, image, values)),
        [labels],
        split="test",
        points=[labels.points["68-3d"][:, :2].ravel().tolist()],
        visible=[labels.seen["68-3d"].tolist()],
    )


def _wrong_yaw(item: Planned, yaw: float) -> float:
    """Radians beyond 99 degrees, on the other side of the true yaw."""
    rng = np.random.default_rng([0x2003, item.seed, item.at])
    return float(np.copysign(np.deg2rad(rng.uniform(100.0, 175.0)), -yaw))


def aflw21(labels: FaceLabels) -> Floats:
    """(2, 21) AFLW's points: the 19 of AFLW-19 and the lobes of the ears; -1 where hidden.

    An ear is called seen as soon as the head does not turn away from it.
    """
    points, seen = labels.points["19"][:, :2], labels.seen["19"]
    columns, rows = np.arange(len(head.COLUMNS)), np.arange(len(head.ROWS))
    uv = [[np.interp(a, head.COLUMNS, columns), np.interp(0.5, head.ROWS, rows)] for a in _LOBES]
    ears = head.on_grid(labels.vertices, np.array(uv))[:, :2]
    shown = np.array([labels.yaw > -5.0, labels.yaw < 5.0])
    order = [*range(12), 19, 12, 13, 14, 20, 15, 16, 17, 18]
    both, visible = np.concatenate([points, ears])[order], np.concatenate([seen, shown])[order]
    return np.asarray(np.where(visible[:, None], np.round(both, 6), -1.0).T)


def _roi(item: Planned) -> Floats:
    """(4,) x1 y1 x2 y2 of the square that AFLW's picture would have been cut from.

    The first one begins left of its picture.
    """
    rng = np.random.default_rng([0x2004, item.seed, item.at])
    side, x, y = rng.uniform(120, 700), *rng.uniform(-80, 400, 2)
    x = -abs(x) - 1 if item.at == 0 else x
    return np.asarray(np.rint([x, y, x + side, y + side]))


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the model that the parameters belong to."""
    write_model(storage.join(files, "AFLW2000", "Code", MODEL_FILE), linear_model())
