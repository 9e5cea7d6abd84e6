"""300W: pictures of AFW, HELEN, LFPW and IBUG and the 600-image test set, 68 points each.

The owners' ``.pts`` files count from 1 (the top-left pixel's centre is 1, 1): 1 is taken off when
they are read and added when they are written. What is known of the layout, and how surely, is said
in the manifest ``300w.toml``.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facecurate import images, storage
from facecurate.datasets import boxes300w
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.datasets.points import POINT_SETS, landmarks, tight_box
from facecurate.errors import DamagedError
from facecurate.text import printable

POINTS = POINT_SETS["68"]
_BASE = 1.0  # the files' coordinate of the first pixel's centre
_PICTURES = (".jpg", ".png", ".jpeg", ".bmp")

Floats = NDArray[np.float64]
# folder, name, (H, W, 3) uint8 RGB, (68, 2) points, box; pixels, centres at integers
Sample = tuple[str, str, NDArray[np.uint8], Floats, tuple[float, float, float, float]]


@dataclass(frozen=True, slots=True)
class Folder:
    """``path`` as the owners have it, ``others``: as some copies have it; ``count`` of faces."""

    path: str
    split: str
    count: int
    others: tuple[str, ...] = ()


FOLDERS = (
    Folder("afw", "train", 337),
    Folder("helen/trainset", "train", 2000),
    Folder("lfpw/trainset", "train", 811),
    Folder("helen/testset", "common", 330),
    Folder("lfpw/testset", "common", 224),
    Folder("ibug", "challenge", 135),
    Folder("300W/01_Indoor", "test", 300, ("Test/01_Indoor", "01_Indoor")),
    Folder("300W/02_Outdoor", "test", 300, ("Test/02_Outdoor", "02_Outdoor")),
)


# -- reading ---------------------------------------------------------------------------------


def parse_pts(data: bytes, what: str) -> Floats:
    """(68, 2) points, 0-based, of a ``.pts`` file's bytes.

    Windows line ends, a byte order mark, blank lines and a missing last line end are taken as they
    come. Raises DamagedError naming ``what`` and the line.
    """
    lines = [line.strip() for line in data.decode("utf-8-sig", "replace").split("\n")]
    if "{" not in lines:
        raise DamagedError(f"{what}:{len(lines)}: no line with an opening brace")
    first = lines.index("{") + 1
    if "}" not in lines[first:]:
        raise DamagedError(f"{what}:{len(lines)}: ends without a closing brace: it is cut short")
    last = lines.index("}", first)
    _check_header(lines[: first - 1], what)
    rows = [_row(lines[i], f"{what}:{i + 1}") for i in range(first, last) if lines[i]]
    if len(rows) != POINTS.count:
        raise DamagedError(f"{what}:{last + 1}: {len(rows)} points instead of {POINTS.count}")
    return np.array(rows) - _BASE


def _check_header(lines: list[str], what: str) -> None:
    for number, line in enumerate(lines, start=1):
        if found := re.fullmatch(r"n_points\s*:\s*(\S*)", line):
            if found[1] != str(POINTS.count):
                said = printable(found[1], 20)
                raise DamagedError(f"{what}:{number}: n_points is {said}, not {POINTS.count}")
            return
    raise DamagedError(f"{what}:{max(len(lines), 1)}: no line 'n_points:  {POINTS.count}'")


def _row(line: str, where: str) -> list[float]:
    try:
        row = [float(word) for word in line.split()]
    except ValueError:
        row = []
    if len(row) != 2 or not all(map(math.isfinite, row)):
        raise DamagedError(f"{where}: '{printable(line, 40)}' is not two numbers")
    return row


def _places(root: str) -> dict[Folder, str]:
    """Where this copy has each folder, as POSIX paths relative to ``root``; missing ones absent."""
    found = {}
    for folder in FOLDERS:
        for path in (folder.path, *folder.others):
            if storage.is_folder(storage.join(root, *path.split("/"))):
                found[folder] = path
                break
    return found


@dataclass(frozen=True, slots=True)
class _Listing:
    """The names in a folder, in the order of their bytes; ``pictures``: stem -> file name."""

    annotations: list[str]
    pictures: dict[str, str]


def _listing(root: str, path: str) -> _Listing:
    names = [n for n in storage.list(storage.join(root, *path.split("/"))) if n[:2] != "._"]
    pictures: dict[str, str] = {}
    for name in names:
        stem, dot, extension = name.rpartition(".")
        if dot + extension.lower() in _PICTURES:
            pictures.setdefault(stem, name)
    marks = sorted((n for n in names if n.lower().endswith(".pts")), key=os.fsencode)
    return _Listing(marks, pictures)


def _picture(path: str, name: str, listing: _Listing) -> str:
    stem = name[:-4]
    if stem not in listing.pictures:
        raise DamagedError(f"{path}/{name}: no picture of that name beside it")
    return f"{path}/{listing.pictures[stem]}"


def _points(root: str, path: str, name: str) -> Floats:
    return parse_pts(storage.read(storage.join(root, *path.split("/"), name)), f"{path}/{name}")


@dataclass(frozen=True, slots=True)
class Reader300W:
    """Reads a copy of 300W.

    ``box``: ``points`` gives every face the tight box of its 68 points; ``detector`` the box of the
    owners' detector, which only the six public folders have (others: that of the points) and which
    needs the files of ``bounding_boxes.zip``.
    """

    box: Literal["points", "detector"] = "points"
    name: str = "300w"

    def annotations(self, root: str) -> Iterator[Annotated]:
        """Every face, by folder and by name; a face is a picture of its own.

        Raises DamagedError naming file and line, MissingExtraError for the detector's boxes.
        """
        places = _places(root)
        if not places:
            known = ", ".join(folder.path for folder in FOLDERS)
            raise DamagedError(f"{root} holds none of 300W's folders ({known})")
        for folder, path in places.items():
            listing = _listing(root, path)
            given = boxes300w.read(root, folder.path) if self.box == "detector" else {}
            for name in listing.annotations:
                source = _picture(path, name, listing)
                face = _face(_points(root, path, name), given.get(listing.pictures[name[:-4]]))
                yield Annotated(source=source, split=folder.split, faces=(face,))

    def check(self, root: str, rendered: bool) -> list[str]:
        """What is wrong with a copy, a line each; what is merely smaller starts with 'warning:'.

        ``rendered``: any number of faces is right.
        """
        places = _places(root)
        findings = [] if places else [f"{root} holds none of 300W's folders"]
        for folder in FOLDERS:
            if folder not in places and places:
                findings.append(f"warning: {folder.path}: not in this copy ({folder.split})")
            elif folder in places:
                findings += _check_folder(root, folder, places[folder], rendered)
        return findings

    def write(self, root: str, samples: Iterable[Sample]) -> list[str]:
        """Writes ``samples`` as the owners distribute theirs; the pictures' paths in order."""
        detected: dict[str, tuple[float, float, float, float]] = {}
        for sample in samples:
            detected[write_sample(root, sample)] = sample[4]
        write_boxes(root, detected)
        return list(detected)


def _face(points: Floats, box: Floats | None) -> GivenFace:
    return GivenFace(
        box=tight_box(points) if box is None else [float(v) for v in box - _BASE],
        landmarks=landmarks(points, POINTS),
        points=[float(v) for v in points.ravel()],
    )


def _check_folder(root: str, folder: Folder, path: str, rendered: bool) -> list[str]:
    listing = _listing(root, path)
    findings = [f for name in listing.annotations for f in _check_face(root, path, name, listing)]
    marked = {name[:-4] for name in listing.annotations}
    alone = [n for stem, n in listing.pictures.items() if stem not in marked]
    findings += [f"{path}/{name}: no .pts file beside it" for name in sorted(alone)]
    count = len(listing.annotations)
    if not rendered and count != folder.count:
        smaller = "warning: " if count < folder.count else ""
        findings.append(f"{smaller}{path}: {count:,} faces instead of {folder.count:,}")
    return findings


def _check_face(root: str, path: str, name: str, listing: _Listing) -> Iterator[str]:
    try:
        _picture(path, name, listing)
    except DamagedError as error:
        yield str(error)
    try:
        _points(root, path, name)
    except DamagedError as error:
        yield str(error)


# -- writing ---------------------------------------------------------------------------------


def to_pts(points: Floats) -> bytes:
    """A ``.pts`` file as the owners' are: two blanks after ``n_points:``, no final line end."""
    rows = [f"{x:.6f} {y:.6f}" for x, y in np.asarray(points, np.float64) + _BASE]
    return "\n".join(["version: 1", f"n_points:  {len(rows)}", "{", *rows, "}"]).encode("ascii")


def write_sample(root: str, sample: Sample) -> str:
    """Writes one picture and its points; the picture's POSIX path relative to ``root``."""
    folder, name, image, points, _ = sample
    place = storage.join(root, *folder.split("/"))
    storage.write_atomic(storage.join(place, name), _encoded(image, name))
    storage.write_atomic(storage.join(place, name.rpartition(".")[0] + ".pts"), to_pts(points))
    return f"{folder}/{name}"


def _encoded(image: NDArray[np.uint8], name: str) -> bytes:
    if not name.endswith(".png"):
        return images.encode_jpeg(image)
    import cv2

    done, data = cv2.imencode(".png", image[:, :, ::-1])
    assert done
    return data.tobytes()


def write_boxes(root: str, detected: Mapping[str, tuple[float, float, float, float]]) -> None:
    """Writes the box files of the six public folders from the ``.pts`` files that are there.

    ``detected``: a picture's path relative to ``root`` -> what stands in for the owners' detector's
    box; pictures without one get the tight box of their points. Raises MissingExtraError.
    """
    for folder in (f for f in _places(root) if f.split != "test"):
        listing, rows = _listing(root, folder.path), []
        for name in listing.annotations:
            tight = tight_box(_points(root, folder.path, name))
            source = _picture(folder.path, name, listing)
            box = np.array([detected.get(source, tight), tight]) + _BASE
            rows.append((source.rpartition("/")[2], box[0], box[1]))
        boxes300w.write(root, folder.path, rows)


IBUG300W = Reader300W()
