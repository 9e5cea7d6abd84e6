"""Rendered layout ``vggface2``: loose crops of people in several sessions each.

About a dozen pictures a person, a sixth of the people in the test part. A session is a room with
its light and camera, clothes and whether glasses are worn; it is drawn without regard to the
person, and several people of a part meet in each of its rooms, so that no room names a person. The
exact box stands in for the detector's, and the crop has twice its sides where the picture allows.
The table of people has invented names, and genders only because it has the column: rendered people
have none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.datasets import vggface2_files as layout
from facecurate.errors import FacecurateError
from facecurate.synth.labels import Box, FaceLabels, moved
from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face, random_light
from facecurate.synthesise import rows as table

DATASET: str | None = "vggface2"
PART_SIZE = 100
_LEAST = 6  # three people, two pictures each
_EACH = 12  # pictures a person, in the mean
_TESTED = 6  # every sixth person
_ROOMMATES = 3  # people of a part for each of its rooms


@dataclass(frozen=True, slots=True)
class Planned:
    """One crop; ``person`` counts all people, ``at`` the pictures of one."""

    seed: int
    split: str
    person: int
    identity: int
    at: int
    session: int
    room: int  # among those of the split
    number: int  # of the picture, in its name
    cut: bool  # the face reaches over the edge of the picture

    @property
    def subject(self) -> str:
        """The person's folder: the owners have no numbers from 900000."""
        return f"n{900_001 + self.person:06d}"

    @property
    def picture(self) -> str:
        """The name in the list."""
        return f"{self.subject}/{self.number:04d}_{1 + self.number % 7 // 6:02d}.jpg"

    def photo(self) -> PhotoSpec:
        """The whole picture, before it is cropped."""
        part = list(_SPLITS).index(self.split)
        room = np.random.default_rng([0x466, 4, self.seed, part, self.room])
        light, place = random_light(room), int(room.integers(2**31))
        noise, blur = float(room.uniform(0.5, 4)), float(max(0.0, room.uniform(-0.6, 0.9)))
        quality = int(room.integers(60, 96))
        worn = np.random.default_rng([0x466, 0, self.seed, self.person, self.session])
        clothes, glasses = int(worn.integers(2**31)), bool(worn.uniform() < 0.7)
        rng = np.random.default_rng([0x466, 1, self.seed, self.person, self.at])
        size = float(rng.uniform(80, 140))
        width, height = (int(v) for v in rng.uniform(1.8, 3.2, 2) * size)
        x, y = (float(rng.uniform(0.55 * size, side - 0.55 * size)) for side in (width, height))
        face = random_face(
            rng, IDENTITIES[self.split], max_yaw=45.0, max_pitch=18.0, size_px=size,
            centre=(0.2 * size if self.cut else x, y), light=light,
        )  # fmt: skip
        face = replace(face, identity=self.identity, seed=clothes, glasses=glasses)
        return PhotoSpec(width, height, place, (face,), noise=noise, blur=blur, quality=quality)


# -- the layout ------------------------------------------------------------------------------


def items(count: int, seed: int) -> Sequence[Planned]:
    """The plan of ``count`` crops. Raises FacecurateError for fewer than 6."""
    if count < _LEAST:
        raise FacecurateError(f"vggface2 needs {_LEAST} pictures of three people: ask for more")
    rng = np.random.default_rng([0x466, 2, seed])
    people = max(3, round(count / _EACH))
    each = 2 + rng.multinomial(count - 2 * people, rng.dirichlet(np.full(people, 8.0)))
    who = {name: iter(rng.choice(len(IDENTITIES[name]), people, replace=False)) for name in _SPLITS}
    splits = ["test" if person % _TESTED == 2 else "train" for person in range(people)]
    rooms = {name: max(2, splits.count(name) // _ROOMMATES) for name in _SPLITS}
    planned: list[Planned] = []
    for person, (split, number) in enumerate(zip(splits, each, strict=True)):
        identity = IDENTITIES[split][int(next(who[split]))]
        planned += _person(seed, split, person, identity, int(number), rooms[split])
    return planned


_SPLITS = ("train", "test")


def _person(
    seed: int, split: str, person: int, identity: int, count: int, rooms: int
) -> Iterator[Planned]:
    """Sessions are in different rooms as far as there are ``rooms`` enough.

    The first of each part has one face that its picture cuts.
    """
    rng = np.random.default_rng([0x466, 3, seed, person])
    numbers = np.cumsum(rng.integers(1, 4, count))
    sessions, order = max(2, round(count / 4)), rng.permutation(rooms)
    for at, number in enumerate(numbers):
        cut, session = at == 0 and person in (0, 2), at % sessions
        room = int(order[session % rooms])
        yield Planned(seed, split, person, identity, at, session, room, int(number), cut)


def render(files: str, item: Planned) -> Iterator[dict[str, Any]]:
    """Writes one loose crop; its truth, in pixels of the crop."""
    image, labels = render_photo(item.photo())
    crop, known = loose_crop(image, labels[0])
    file = layout.write_picture(files, item.split, item.picture, crop)
    yield table.row(
        file, [known], split=item.split, subject=item.subject, session=str(item.session)
    )


def loose_crop(
    image: NDArray[np.uint8], labels: FaceLabels
) -> tuple[NDArray[np.uint8], FaceLabels]:
    """The part of a picture within twice the sides of the face's box, and the labels in it."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = _twice(labels.box)
    left, right = max(0, round(x0 + 0.5)), min(width, round(x1 + 0.5))
    top, bottom = max(0, round(y0 + 0.5)), min(height, round(y1 + 0.5))
    shift = -np.array([left, top], np.float64)
    return image[top:bottom, left:right], moved(labels, np.ones(2), shift)


def _twice(box: Box) -> Box:
    x0, y0, x1, y1 = box
    w, h = (x1 - x0) / 2, (y1 - y0) / 2
    return x0 - w, y0 - h, x1 + w, y1 + h


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the lists, the boxes and points, and the table of people."""
    for split in _SPLITS:
        mine = sorted((row for row in rows if row["split"] == split), key=lambda row: row["file"])
        faces = [(r["file"].partition("/")[2], r["boxes"][0], r["landmarks"][0]) for r in mine]
        layout.write_lists(files, split, faces)
    layout.write_identities(files, _people(rows))


def _people(rows: Sequence[Mapping[str, Any]]) -> Iterator[layout.Identity]:
    """One of the names has a comma."""
    flags = {part.split: part.flag for part in layout.PARTS}
    each = Counter((row["subject"], row["split"]) for row in rows)
    for at, ((subject, split), count) in enumerate(sorted(each.items())):
        name = f"Render_{subject[1:]}" + (",_Jr." if at == 1 else "")
        yield layout.Identity(subject, name, count, flags[split], "fm"[at % 2])
