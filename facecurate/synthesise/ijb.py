"""Rendered layout ``ijb``: people in templates and media, as IJB-C is packaged.

Each person has a gallery template (in G1 or G2) and two to five probe templates; a template has
media, a medium is a still or two to four frames of one scene. Rooms, lights, cameras and distances
belong to the medium and are drawn without looking at who it is; all numbers and the order of the
lists are shuffled, so that no name tells a person. Traps: frames of one medium far apart in the
list, whole photos among the crops, and those of ``ijb_tables``.

"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from facecurate.datasets import ijb_lists
from facecurate.datasets.ijb import SPLIT
from facecurate.errors import FacecurateError
from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES, FaceSpec, PhotoSpec, random_face, random_light
from facecurate.synthesise import rows as table
from facecurate.synthesise.ijb_tables import WHERE, complete

__all__ = ["DATASET", "PART_SIZE", "complete", "items", "render"]

DATASET: str | None = "ijb-c"
PART_SIZE = 100
LEAST = 48  # faces: four people, two a gallery
MAX_YAW, MAX_PITCH = 60.0, 25.0

_EACH = 16  # faces a person, about


@dataclass(frozen=True, slots=True)
class PlannedFace:
    """One face picture; ``frame`` counts from 0 within a video, None for a still.

    ``number``: of the picture; ``subject``, ``template``, ``medium``: as the lists have them;
    ``scene``: seeds what the frames of a medium share; ``whole``: a whole photo, not a crop.
    """

    seed: int
    number: int
    identity: int
    subject: int
    template: int
    medium: int
    scene: int
    frame: int | None
    whole: bool


# -- the plan --------------------------------------------------------------------------------


@lru_cache(maxsize=1)  # every part asks for it
def items(count: int, seed: int) -> Sequence[PlannedFace]:
    """The plan of ``count`` faces in the order of their numbers. Raises FacecurateError."""
    if count < LEAST:
        raise FacecurateError(
            f"ijb needs four people with templates to compare: ask for at least {LEAST} faces"
        )
    rng = np.random.default_rng([0x13B, seed])
    people = max(4, count // _EACH)
    shares = [count // people + (i < count % people) for i in range(people)]
    media = [_media(rng, share) for share in shares]
    templates = [_templates(rng, len(sizes)) for sizes in media]
    faces = _numbered(rng, seed, media, templates)
    order = rng.permutation(count)
    return tuple(replace(faces[k], number=i + 1) for i, k in enumerate(order))


def _media(rng: np.random.Generator, faces: int) -> list[int]:
    """Sizes of a person's media; the first is a video; at least three."""
    sizes = [2, 1, 1]
    while sum(sizes) < faces:
        size = int(rng.integers(2, 5)) if rng.uniform() < 0.4 else 1
        sizes.append(min(size, faces - sum(sizes)))
    return sizes


def _templates(rng: np.random.Generator, media: int) -> list[int]:
    """For each medium its template: 0 the gallery's, then two to five probes; none is empty."""
    probes = int(rng.integers(2, min(5, media - 1) + 1))
    rest = [int(rng.integers(0, probes + 1)) for _ in range(media - probes - 1)]
    return [*range(probes + 1), *rest]


def _numbered(
    rng: np.random.Generator, seed: int, media: list[list[int]], templates: list[list[int]]
) -> list[PlannedFace]:
    """Shuffled numbers for all; a person's gallery template has the smallest of its numbers."""
    people = len(media)
    identities = _chosen(rng, people)
    probes = [max(places) for places in templates]
    galleries = (rng.permutation(people) + 1).tolist()
    others = iter((rng.permutation(sum(probes)) + people + 1).tolist())
    sightings = iter((rng.permutation(sum(map(len, media))) + 1).tolist())
    scene, faces = 0, []
    for i, identity in enumerate(identities):
        numbers = [galleries[i], *(next(others) for _ in range(probes[i]))]
        for size, place in zip(media[i], templates[i], strict=True):
            medium, scene = next(sightings), scene + 1
            for frame in range(size):
                faces.append(
                    PlannedFace(
                        seed, 0, identity, i + 1, numbers[place], medium, scene,
                        frame if size > 1 else None, scene % 17 == 5,
                    )
                )  # fmt: skip
    return faces


def _chosen(rng: np.random.Generator, people: int) -> list[int]:
    who = IDENTITIES["test"]
    chosen = rng.choice(len(who), size=people, replace=False)
    return [who[int(i)] for i in chosen]


# -- the pictures ----------------------------------------------------------------------------


def photo_of(item: PlannedFace) -> PhotoSpec:
    """What is drawn: the medium's scene, and in it this frame's pose and expression."""
    rng = np.random.default_rng([0x13B, item.seed, 1, item.scene])
    room, noise = int(rng.integers(2**31)), float(rng.uniform(0.5, 5))
    light, blur = random_light(rng), max(0.0, float(rng.normal(0.2, 0.6)))
    size = float(rng.uniform(56, 150)) * (0.8 if item.whole else 1.0)
    quality = int(rng.integers(45, 96)) if rng.uniform() < 0.6 else None
    wide, high = (int(size * factor) for factor in rng.uniform(1.45, 1.8, 2))
    lengths = (640, 480) if item.whole else (wide, high)
    slack = (np.array(lengths) - 1.2 * size) / 2
    x, y = (np.array(lengths) - 1) / 2 + rng.uniform(-1, 1, 2) * slack
    base = random_face(
        rng, range(item.identity, item.identity + 1), max_yaw=MAX_YAW, max_pitch=MAX_PITCH,
        size_px=size, centre=(float(x), float(y)), light=light,
    )  # fmt: skip
    face = base if item.frame is None else _moved(base, item)
    return PhotoSpec(lengths[0], lengths[1], room, (face,), noise, blur, quality=quality)


def _moved(base: FaceSpec, item: PlannedFace) -> FaceSpec:
    """The head and the expression of another frame; the person, the clothes and the place stay."""
    rng = np.random.default_rng([0x13B, item.seed, 2, item.scene, item.frame or 0])
    other = random_face(
        rng, range(item.identity, item.identity + 1), max_yaw=1, max_pitch=1,
        size_px=base.size_px, centre=base.centre,
    )  # fmt: skip
    yaw, pitch = rng.normal(0, (9, 5))
    return replace(
        base,
        yaw=float(np.clip(base.yaw + yaw, -MAX_YAW, MAX_YAW)),
        pitch=float(np.clip(base.pitch + pitch, -MAX_PITCH, MAX_PITCH)),
        units=other.units,
        gaze=other.gaze,
    )


def render(files: str, item: PlannedFace) -> Iterator[dict[str, Any]]:
    """Writes one face picture; its truth.

    ``session``: the medium, ``sequence``: template and medium, ``frame``: of a video.
    """
    image, labels = render_photo(photo_of(item))
    yield table.row(
        ijb_lists.write_picture(files, WHERE, f"{item.number}.jpg", image),
        labels,
        split=SPLIT,
        subject=str(item.subject),
        session=str(item.medium),
        sequence=f"{item.template}-{item.medium}",
        frame=item.frame,
    )
