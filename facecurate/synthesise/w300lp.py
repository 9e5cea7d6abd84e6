"""Rendered layout ``300w-lp``: originals, their views with larger yaw, and mirrored copies.

The views are drawn anew, not warped out of the original as the owners did: same person, same room,
same light, another yaw. Parameters belong to the model of ``parameters``, which is written to
``300W_LP/Code`` and is not the Basel Face Model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facecurate import storage
from facecurate.datasets.morphable import MODEL_FILE, SIDE, write_model
from facecurate.datasets.w300lp import FLIP, SETS, Sample300WLP, write_sample
from facecurate.errors import FacecurateError
from facecurate.synth.labels import FaceLabels, mirrored
from facecurate.synth.render import Image, render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face
from facecurate.synthesise import rows as table
from facecurate.synthesise.parameters import DISTANCE, linear_model, parameters

DATASET: str | None = "300w-lp"
PART_SIZE = 10  # originals, about 80 pictures
_VIEWS = 4  # of an original, itself included
_MOST_YAW = 89.0  # degrees; at 90 the owners' pitch and roll cannot be told apart


@dataclass(frozen=True, slots=True)
class Original:
    """An original with its views ``0`` to ``views - 1`` and their mirrored copies."""

    seed: int
    folder: str  # of SETS
    at: int  # its number within the folder
    views: int

    @property
    def name(self) -> str:
        """What all its pictures' names begin with, as the owners make them from 300W's names."""
        k = self.at
        if self.folder == "LFPW":
            stem = f"image_{'train' if k % 4 else 'test'}_{k + 1 + k // 7:04d}"
        elif self.folder == "IBUG":
            stem = f"image_{k + 3 + k // 5:03d}" + ("_1" if k % 2 else "")
        else:
            stem = f"{100_000_007 + 7919 * k}_{1 + k % 2}"
        return f"{self.folder}_{stem}"


def items(count: int, seed: int) -> Sequence[Original]:
    """The originals of ``count`` pictures, mirrored copies included, every set at least once.

    Raises FacecurateError for fewer than two pictures an original and for odd counts.
    """
    least = 4 * len(SETS)
    if count < least:
        raise FacecurateError(
            f"300w-lp has {len(SETS)} sets, each with an original, a view of it and their mirrored"
            f" copies: ask for at least {least} pictures"
        )
    if count % 2:
        raise FacecurateError(
            f"300w-lp has a mirrored copy of every picture: ask for {count - 1} or {count + 1}"
        )
    number = max(len(SETS), count // 2 // _VIEWS)
    shares = {name: max(1, number * full // sum(SETS.values())) for name, full in SETS.items()}
    shares["HELEN"] += number - sum(shares.values())
    places = [(name, k) for name, share in shares.items() for k in range(share)]
    views, more = divmod(count // 2, number)
    return [Original(seed, name, k, views + (i < more)) for i, (name, k) in enumerate(places)]


def photos(item: Original) -> list[PhotoSpec]:
    """What is drawn: one face a picture, with growing yaw to the side it looks at."""
    rng = np.random.default_rng([0x300A, item.seed, list(SETS).index(item.folder), item.at])
    x, y = (SIDE - 1) / 2 + rng.uniform(-8, 8, 2)
    face = random_face(
        rng, IDENTITIES["train"], max_yaw=40.0, max_pitch=18.0,
        size_px=float(rng.uniform(165, 215)), centre=(float(x), float(y)),
    )  # fmt: skip
    noise, blur, room = float(rng.uniform(0.5, 4)), float(rng.uniform(0, 0.8)), rng.integers(2**31)
    steps = (np.arange(item.views - 1) + rng.uniform(0.3, 1.0, item.views - 1)) / (item.views - 1)
    turns = np.sign(face.yaw) * (abs(face.yaw) + steps * (_MOST_YAW - abs(face.yaw)))
    out = []
    for yaw in (face.yaw, *turns.tolist()):
        # A nod at profile is a turn by nearly 90 degrees in the owners' pitch and in their roll.
        less = float(np.cos(np.deg2rad(yaw)) / np.cos(np.deg2rad(face.yaw)))
        turned = replace(
            face, yaw=yaw, pitch=face.pitch * less, roll=face.roll * less, distance=DISTANCE
        )
        out.append(PhotoSpec(SIDE, SIDE, int(room), (turned,), noise, blur))
    return out


def render(files: str, item: Original) -> Iterator[dict[str, Any]]:
    """Writes the original, its views and all mirrored copies; a row each."""
    for view, photo in enumerate(photos(item)):
        image, (labels,) = render_photo(photo)
        stem = f"{item.name}_{view}"
        sample = _sample(item, stem, image, photo, labels, mirror=False)
        file = write_sample(files, sample)
        yield _row(file, item, labels)
        labels = mirrored(labels, SIDE)
        sample = _sample(item, stem, image[:, ::-1], photo, labels, mirror=True)
        yield _row(write_sample(files, sample), item, labels, kind="mirrored", copy_of=file)


def _sample(
    item: Original, stem: str, image: Image, photo: PhotoSpec, labels: FaceLabels, mirror: bool
) -> Sample300WLP:
    outline, surface = (np.round(labels.points[name][:, :2], 6) for name in ("68", "68-3d"))
    values = parameters(photo.faces[0], labels, mirror=mirror)
    values |= {"pt2d": surface.T, "roi": _roi(item, labels)}
    if mirror:
        return Sample300WLP(item.folder + FLIP, stem, np.ascontiguousarray(image), values)
    return Sample300WLP(item.folder, stem, image, values, outline, surface)


def _roi(item: Original, labels: FaceLabels) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(4,) x1 y1 x2 y2 of the square that an original picture would have been cut from.

    The first of each set begins left of its picture; a mirrored copy has the same square.
    """
    rng = np.random.default_rng([0x201, item.seed, list(SETS).index(item.folder), item.at])
    side, x, y = rng.uniform(220, 900), *rng.uniform(-60, 300, 2)
    x = -abs(x) - 1 if item.at == 0 else x
    return np.rint([x, y, x + side, y + side])


def _row(file: str, item: Original, labels: FaceLabels, **more: Any) -> dict[str, Any]:
    """The points of the truth are those of ``pt2d``: on the surface, jaws included."""
    return table.row(
        file,
        [labels],
        split="train",
        sequence=item.name,
        points=[labels.points["68-3d"][:, :2].ravel().tolist()],
        visible=[labels.seen["68-3d"].tolist()],
        **more,
    )


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the model that the parameters belong to."""
    write_model(storage.join(files, "300W_LP", "Code", MODEL_FILE), linear_model())
