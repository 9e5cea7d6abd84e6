"""Rendered layout ``lfw``: 250 x 250 pictures by person, ten folds of pairs, a development view.

Nobody is in two folds or in two views (in LFW itself the development view shares people with the
ten folds). Every picture has a room, light and camera of its own, drawn without looking at who it
is; names are dealt out at random. The number of pairs a fold follows from the pictures that there
are and stands in the lists' first lines.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from facecurate import storage
from facecurate.datasets.lfw import LISTS, SIDE, write_picture
from facecurate.datasets.lfw_lists import Pair, Person, Picture, write_pairs, write_people
from facecurate.errors import FacecurateError
from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face
from facecurate.synthesise import rows as table

DATASET: str | None = "lfw"
PART_SIZE = 100
FOLDS = 10
MAX_YAW, MAX_PITCH = 35.0, 18.0

_PAIRED = 2  # people with two pictures or more whom each fold needs
_SHARES = {"dev-train": 0.12, "dev-test": 0.06}  # of the pictures; the rest is view2
LEAST = 2 * _PAIRED * (FOLDS + len(_SHARES))  # pictures
_WHO = {"view2": "test", "dev-train": "train", "dev-test": "val"}
_SIZES = ((1, 2, 3, 4, 6, 9), (0.30, 0.28, 0.17, 0.12, 0.09, 0.04))  # pictures a person, chances

_FIRST = (
    "Alex Ari Ash Bay Blair Casey Charlie Dana Dee Drew Eden Ellis Emery Fin Frankie Gray Harper "
    "Indigo Jamie Jane Jess Jo Jules Kai Kim Lee Lou Max Mika Nico Noor Parker Quinn Ray Robin Sam "
    "Sasha Sky Toni Val Winter Yuri Zen"
)
_LAST = (
    "Albedo Alpha Anisotropy Atlas Bitmap Bump Caustic Clip Cubemap Diffuse Dither Edge Facet "
    "Fresnel Frustum Gamma Gloss Grid Lattice Lumen Matte Mesh Mipmap Normal Octree Parallax Pixel "
    "Polygon Quad Radiosity Raster Render Sampler Shader Specular Spline Stencil Tangent Tessel "
    "Texel Texture Topology Vector Vertex Viewport Voxel Wireframe"
)


@dataclass(frozen=True, slots=True)
class PlannedPicture:
    """One picture; ``at``: its number in the whole plan, ``number``: among the person's, from 1."""

    seed: int
    at: int
    split: str
    identity: int
    name: str
    number: int


# -- the plan --------------------------------------------------------------------------------


@lru_cache(maxsize=1)  # every part asks for it
def items(count: int, seed: int) -> Sequence[PlannedPicture]:
    """The plan of ``count`` pictures, person by person. Raises FacecurateError."""
    if count < LEAST:
        raise FacecurateError(
            f"lfw has {FOLDS} folds and a development view: ask for at least {LEAST} pictures"
        )
    rng = np.random.default_rng([0x1F3, seed])
    pictures = _shared(count)
    people = [
        (split, size)
        for split, total in pictures.items()
        for size in _sizes(rng, total, _PAIRED * (FOLDS if split == "view2" else 1))
    ]
    who = [_identity(rng, split) for split, _ in people]
    while len(set(who)) < len(who):  # one in many thousand draws
        who = [_identity(rng, split) for split, _ in people]
    names = _names(rng, len(people))
    rows = [
        (split, identity, name, number)
        for (split, size), identity, name in zip(people, who, names, strict=True)
        for number in range(1, size + 1)
    ]
    return tuple(PlannedPicture(seed, at, *row) for at, row in enumerate(rows))


def _shared(count: int) -> dict[str, int]:
    """Pictures of each split: the least of each first, then the shares as far as the rest goes."""
    spare, development = count - LEAST, {}
    for split, share in _SHARES.items():
        more = min(spare, max(0, int(share * count) - 2 * _PAIRED))
        development[split] = 2 * _PAIRED + more
        spare -= more
    return {"view2": count - sum(development.values()), **development}


def _sizes(rng: np.random.Generator, total: int, paired: int) -> list[int]:
    """Pictures of each person, ``total`` together; the first ``paired`` people have two."""
    sizes = [2] * paired
    while (left := total - sum(sizes)) > 0:
        sizes.append(min(left, int(rng.choice(_SIZES[0], p=_SIZES[1]))))
    return sizes


def _identity(rng: np.random.Generator, split: str) -> int:
    who = IDENTITIES[_WHO[split]]
    return who[int(rng.integers(len(who)))]


def _names(rng: np.random.Generator, count: int) -> list[str]:
    """Invented names without blanks, each once; with initials where the list is too short."""
    plain = [(a, b) for a in _FIRST.split() for b in _LAST.split()]
    order = rng.permutation(max(count, len(plain)))[:count].tolist()
    return [
        "_".join([first, *_initials(i // len(plain)), last])
        for i in order
        for first, last in (plain[i % len(plain)],)
    ]


def _initials(number: int) -> list[str]:
    """0: none, 1: A, 26: Z, 27: A A, ..."""
    out = []
    while number > 0:
        number, letter = divmod(number - 1, 26)
        out.append(chr(ord("A") + letter))
    return out


# -- the pictures ----------------------------------------------------------------------------


def photo_of(item: PlannedPicture) -> PhotoSpec:
    """What is drawn: about as large and as well centred as LFW's detector left its faces."""
    rng = np.random.default_rng([0x1F3, item.seed, 1, item.at])
    middle = (SIDE - 1) / 2 + rng.uniform(-5, 5, 2)
    face = random_face(
        rng,
        range(item.identity, item.identity + 1),
        max_yaw=MAX_YAW,
        max_pitch=MAX_PITCH,
        size_px=float(rng.uniform(112, 138)),
        centre=(float(middle[0]), float(middle[1])),
    )
    return PhotoSpec(
        SIDE,
        SIDE,
        int(rng.integers(2**31)),
        (face,),
        noise=float(rng.uniform(0.5, 4)),
        blur=max(0.0, float(rng.normal(0.3, 0.5))),
        quality=int(rng.integers(60, 96)) if rng.uniform() < 0.6 else None,
    )


def render(files: str, item: PlannedPicture) -> Iterator[dict[str, Any]]:
    """Writes one picture; its truth."""
    image, labels = render_photo(photo_of(item))
    file = write_picture(files, (item.name, item.number), image)
    yield table.row(file, labels, split=item.split, subject=item.name)


# -- the lists -------------------------------------------------------------------------------


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the lists of pairs, of people and of names, from the names and splits of the rows."""
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        counts[row["split"], row["subject"]] = counts.get((row["split"], row["subject"]), 0) + 1
    for split, (pairs, people, folds, most) in LISTS.items():
        known = _dealt([(name, n) for (s, name), n in counts.items() if s == split], folds)
        write_people(storage.join(files, people), known, folded=folds > 1)
        write_pairs(storage.join(files, pairs), _paired(known, most), folded=folds > 1)
    names = sorted((name, n) for (_, name), n in counts.items())
    lines = "".join(f"{name}\t{n}\n" for name, n in names)
    storage.write_atomic(storage.join(files, "lfw-names.txt"), lines.encode())


def _dealt(people: list[tuple[str, int]], folds: int) -> list[Person]:
    """People by fold and name: dealt out by their number of pictures, so that folds are alike."""
    order = sorted(people, key=lambda person: (-person[1], person[0]))
    dealt = [Person(name, n, i % folds) for i, (name, n) in enumerate(order)]
    return sorted(dealt, key=lambda person: (person.fold, person.name))


def _paired(people: Sequence[Person], most: int) -> list[Pair]:
    """As many matched and mismatched pairs in every fold: what the smallest fold has."""
    rng = np.random.default_rng(0x1F3)
    folds = sorted({person.fold for person in people})
    matched, mismatched = {}, {}
    for fold in folds:
        mine = [person for person in people if person.fold == fold]
        matched[fold] = [pair for person in mine for pair in _matched(person)]
        mismatched[fold] = _mismatched(rng, mine, most)
    size = min(most, *(len(kind[fold]) for kind in (matched, mismatched) for fold in folds))
    return [
        pair
        for fold in folds
        for kind in (matched, mismatched)
        for pair in _drawn(rng, kind[fold], size)
    ]


def _matched(person: Person) -> Iterator[Pair]:
    for i, j in itertools.combinations(range(1, person.count + 1), 2):
        yield Pair((person.name, i), (person.name, j), person.fold)


def _mismatched(rng: np.random.Generator, people: Sequence[Person], most: int) -> list[Pair]:
    """Up to ``most`` pairs of different people, each once; all that there are, if few."""
    pictures = [(person.name, k) for person in people for k in range(1, person.count + 1)]
    if len(pictures) <= 64:
        every = itertools.combinations(pictures, 2)
        return [Pair(a, b, people[0].fold) for a, b in every if a[0] != b[0]]
    found: dict[tuple[Picture, Picture], None] = {}
    while len(found) < most:
        i, j = sorted(rng.choice(len(pictures), size=2, replace=False).tolist())
        if pictures[i][0] != pictures[j][0]:
            found[pictures[i], pictures[j]] = None
    return [Pair(a, b, people[0].fold) for a, b in found]


def _drawn(rng: np.random.Generator, pairs: Sequence[Pair], size: int) -> list[Pair]:
    """``size`` of them in the order given, as the owners' lists go by name."""
    return [pairs[i] for i in sorted(rng.permutation(len(pairs))[:size].tolist())]
