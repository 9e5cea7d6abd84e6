"""The three lists of IJB's loose-crop packaging, read and written: no header, single blanks.

``*_face_tid_mid.txt``: picture, template, medium. ``*_name_5pts_score.txt``: picture, five points
(pixels of the picture, counted from 0, image-left first), detector's score. Both have a face a line
and are joined by line, as published evaluations do; here the two names must agree.
``*_template_pair_label.txt``: two templates, 1 for the same person, else 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate import images, storage
from facecurate.datasets import columns
from facecurate.datasets.columns import Kind
from facecurate.datasets.protocols import Ids32, Ids64
from facecurate.errors import DamagedError
from facecurate.text import printable

_POINTS: dict[str, Kind] = {f"{axis}{i}": "float" for i in range(5) for axis in "xy"}


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a copy has the lists and the pictures, relative to its root."""

    faces: str
    points: str
    pairs: str
    pictures: str


def paths(folder: str, code: str) -> Paths:
    """``folder``: that of the packaging, empty if it is the root; ``code`` begins the names."""
    place = f"{folder}/" if folder else ""
    start = f"{place}meta/{code}_"
    return Paths(
        faces=f"{start}face_tid_mid.txt",
        points=f"{start}name_5pts_score.txt",
        pairs=f"{start}template_pair_label.txt",
        pictures=f"{place}loose_crop",
    )


def url(root: str, path: str) -> str:
    """Where a relative POSIX path lies."""
    return storage.join(root, *path.split("/"))


# -- reading ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class FaceList:
    """F faces; row i is line i + 1 of both lists.

    ``names``: of pictures in ``loose_crop/``; ``template``, ``medium``: (F,); ``points``: (F, 10)
    x y ...; ``score``: (F,) float32.
    """

    names: tuple[str, ...]
    template: Ids32
    medium: Ids64
    points: NDArray[np.float64]
    score: NDArray[np.float32]


def read_faces(root: str, where: Paths) -> FaceList:
    """Both face lists. Raises DamagedError where they do not name the same picture."""
    one: dict[str, Kind] = {"name": "name", "template": "int32", "medium": "int64"}
    two: dict[str, Kind] = {"name": "name", **_POINTS, "score": "float"}
    ids = columns.read(url(root, where.faces), where.faces, one)
    marks = columns.read(url(root, where.points), where.points, two)
    _check_joined(ids["name"], marks["name"], where)
    points = np.stack([marks[name] for name in _POINTS], axis=1)
    score = marks["score"].astype(np.float32)
    return FaceList(tuple(ids["name"]), ids["template"], ids["medium"], points, score)


def _check_joined(one: NDArray[np.object_], two: NDArray[np.object_], where: Paths) -> None:
    """The lists name the same pictures, line by line, each once, and none outside the folder."""
    seen: set[str] = set()
    for i, (a, b) in enumerate(zip(one, two, strict=False), start=1):
        if a != b:
            shown = f"'{printable(b, 40)}', but '{printable(a, 40)}' in {where.faces}"
            raise DamagedError(f"{where.points}:{i}: {shown}: the lists must have one order")
        if a in seen or not re.fullmatch(r"[\w-][\w.-]*", a):
            fault = "is listed twice" if a in seen else "is no name of a picture"
            raise DamagedError(f"{where.faces}:{i}: '{printable(a, 40)}' {fault}")
        seen.add(a)
    if len(one) != len(two):
        shown = f"{len(two):,} lines, but {len(one):,} in {where.faces}"
        raise DamagedError(f"{where.points}:{min(len(one), len(two)) + 1}: {shown}")


def read_pairs(root: str, where: Paths) -> tuple[Ids32, Ids32, NDArray[np.bool_]]:
    """First and second template, and whether they are one person; (P,) each; row i is line i + 1.

    Measured: 5 to 10 million lines a second on one core.
    """
    kinds: dict[str, Kind] = {"first": "int32", "second": "int32", "same": "flag"}
    rows = columns.read(url(root, where.pairs), where.pairs, kinds)
    return rows["first"], rows["second"], rows["same"]


def box_about(points: ArrayLike) -> list[float]:
    """x0 y0 x1 y1: the square of side 4.4 r, its centre 0.6 r above the five points' centroid.

    r is the points' root mean square distance from their centroid; above is from the middle of the
    mouth's corners to that of the eyes. On rendered faces that is forehead to chin: the side is 4 %
    short up to 30 degrees of yaw, 13 % beyond 45.
    """
    p = np.asarray(points, np.float64).reshape(5, 2)
    centre = p.mean(axis=0)
    r = float(np.sqrt(((p - centre) ** 2).sum(axis=1).mean()))
    up = p[:2].mean(axis=0) - p[3:].mean(axis=0)
    x, y = centre + 0.6 * r * up / max(float(np.hypot(*up)), 1e-9)
    return [float(v) for v in (x - 2.2 * r, y - 2.2 * r, x + 2.2 * r, y + 2.2 * r)]


# -- writing ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListedFace:
    """A line of both lists; ``points``: ten numbers, pixels of the picture."""

    name: str
    template: int
    medium: int
    points: Sequence[float]
    score: float


def write_picture(root: str, where: Paths, name: str, pixels: images.Pixels) -> str:
    """Writes one loose crop (H, W, 3) RGB; its POSIX path relative to ``root``."""
    storage.write_atomic(url(root, f"{where.pictures}/{name}"), images.encode_jpeg(pixels))
    return f"{where.pictures}/{name}"


def write_faces(root: str, where: Paths, faces: Sequence[ListedFace]) -> None:
    """Writes both lists in the order of ``faces``."""
    ids = (f"{f.name} {f.template} {f.medium}\n" for f in faces)
    marks = (" ".join([f.name, *(f"{v:.3f}" for v in (*f.points, f.score))]) + "\n" for f in faces)
    storage.write_atomic(url(root, where.faces), "".join(ids).encode())
    storage.write_atomic(url(root, where.points), "".join(marks).encode())


def write_pairs(
    root: str, where: Paths, first: Ids32, second: Ids32, same: NDArray[np.bool_]
) -> None:
    """Writes the comparisons, (P,) each."""
    rows = zip(first.tolist(), second.tolist(), same.tolist(), strict=True)
    lines = "".join(f"{a} {b} {c:d}\n" for a, b, c in rows)
    storage.write_atomic(url(root, where.pairs), lines.encode())
