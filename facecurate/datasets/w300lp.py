"""300W-LP: the pictures of AFW, HELEN, IBUG and LFPW, turned to large poses by a 3D model.

Each original (``..._0.jpg``) has views with larger yaw (``_1``, ``_2``, ...), and every picture
its mirrored copy in ``<SET>_Flip``. They show one person on one photo: ``Annotated.sequence`` is
the original's name (``AFW_134212_1``), so that splits and fractions by sequence keep twins
together. ``frame`` stays empty: the views are no video. What the ``.mat`` files hold is told in
``morphable``; what is known of the layout, and how surely, in the manifest ``300w-lp.toml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate import images, storage
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.datasets.matfiles import Key, Listing, Values, listing, parse_mat, to_mat
from facecurate.datasets.morphable import PARAMETERS, label_pose
from facecurate.datasets.points import POINT_SETS, landmarks, tight_box
from facecurate.errors import DamagedError, UsageError
from facecurate.text import counted

POINTS = POINT_SETS["68"]
KEYS = {"pt2d": Key((2, 68), "double"), **PARAMETERS}
LANDMARKS = {"pts_2d": Key((68, 2), "double"), "pts_3d": Key((68, 2), "double")}
SETS = {"AFW": 5207, "HELEN": 37676, "IBUG": 1786, "LFPW": 16556}  # pictures, as many mirrored
FLIP = "_Flip"
_ROOTS = ("300W_LP", "300W-LP", "")  # as the owners unpack, as some copies have it, the root itself


@dataclass(frozen=True, slots=True)
class Sample300WLP:
    """One picture and its labels, in the numbers of the files.

    ``folder``: one of ``SETS``, or with ``FLIP`` behind it; ``stem``: the file's name without its
    ending. ``image``: (450, 450, 3) uint8 RGB. ``values``: the variables of ``KEYS``. ``outline``,
    ``surface``: (68, 2) points with the jaws on the visible outline and on the 3D one; both None
    for mirrored pictures, which have no file in ``landmarks``.
    """

    folder: str
    stem: str
    image: NDArray[np.uint8]
    values: Mapping[str, ArrayLike]
    outline: NDArray[np.float64] | None = None
    surface: NDArray[np.float64] | None = None


def original_of(stem: str) -> str:
    """``AFW_134212_1`` of the view ``AFW_134212_1_3``: the same for mirrored copies."""
    first, _, view = stem.rpartition("_")
    return first if first and view.isdigit() else stem


@dataclass(frozen=True, slots=True)
class Reader300WLP:
    """Reads a copy of 300W-LP.

    ``points``: ``pt2d`` of each picture's own file, or ``pts_2d`` (jaws on the visible outline) and
    ``pts_3d`` (on the 3D one) of the folder ``landmarks``, which has no mirrored copies.
    ``include_flips``: also the mirrored copies. ``origin``: the coordinate of the first pixel's
    centre in the files; nobody has said whether they count from 1, and published code takes 0.
    """

    points: Literal["pt2d", "pts_2d", "pts_3d"] = "pt2d"
    include_flips: bool = True
    origin: Literal[0, 1] = 0
    name: str = "300w-lp"

    def annotations(self, root: str) -> Iterator[Annotated]:
        """Every picture, by folder and by name; the box is the tight one of the 68 points.

        Raises DamagedError naming the file, UsageError for mirrored copies of ``landmarks``.
        """
        if self.points != "pt2d" and self.include_flips:
            raise UsageError(f"{self.points} has no mirrored copies: set include_flips=False")
        base = _base(root)
        if base is None:
            raise DamagedError(f"{root} holds none of 300W-LP's folders ({', '.join(SETS)})")
        for folder in _folders(self.include_flips):
            here = listing(root, base + folder)
            for mark in here.marks:
                yield self._annotated(root, base, here, mark)

    def _annotated(self, root: str, base: str, here: Listing, mark: str) -> Annotated:
        source, values = here.picture(mark), here.read(root, mark, KEYS)
        points = values["pt2d"].astype(np.float64).T
        if self.points != "pt2d":
            set_ = here.path.rpartition("/")[2]
            path = f"{base}landmarks/{set_}/{mark[:-4]}_pts.mat"
            url = storage.join(root, *path.split("/"))
            if not storage.exists(url):
                raise DamagedError(f"{path} is missing: use points='pt2d'")
            points = parse_mat(storage.read(url), LANDMARKS, path)[self.points].astype(np.float64)
        face = face_of(points - self.origin, values)
        return Annotated(source, "train", sequence=original_of(mark[:-4]), faces=(face,))

    def check(self, root: str, rendered: bool) -> list[str]:
        """What is wrong with a copy, a line each; what is merely smaller starts with 'warning:'.

        ``rendered``: any number of pictures is right.
        """
        base = _base(root)
        if base is None:
            return [f"{root} holds none of 300W-LP's folders"]
        findings: list[str] = []
        for folder in _folders(True):
            here = listing(root, base + folder)
            if not here.marks and not here.pictures:
                findings.append(f"warning: {base}{folder}: not in this copy")
                continue
            findings += here.check(root, KEYS)[0]
            findings += [] if rendered else _count(folder, len(here.marks))
        for set_ in SETS:
            findings += _check_twins(root, base, set_) + _check_landmarks(root, base, set_)
        return findings

    def write(self, root: str, samples: Iterable[Sample300WLP]) -> list[str]:
        """Writes ``samples`` as the owners distribute theirs; the pictures' paths in order."""
        return [write_sample(root, sample) for sample in samples]


def face_of(points: NDArray[np.float64], values: Values) -> GivenFace:
    """The face of (68, 2) points and a file's ``Pose_Para``."""
    return GivenFace(
        box=tight_box(points),
        landmarks=landmarks(points, POINTS),
        points=[float(v) for v in points.ravel()],
        label_pose=label_pose(values["Pose_Para"]),
    )


def _folders(flips: bool) -> list[str]:
    return [*SETS, *(f"{name}{FLIP}" for name in SETS)] if flips else list(SETS)


def _base(root: str) -> str | None:
    """What stands before the folders' names in this copy, ending in a slash if anything."""
    for path in _ROOTS:
        parts = [path] if path else []
        if any(storage.is_folder(storage.join(root, *parts, name)) for name in SETS):
            return f"{path}/" if path else ""
    return None


def _count(folder: str, count: int) -> list[str]:
    full = SETS[folder.removesuffix(FLIP)]
    if count == full:
        return []
    smaller = "warning: " if count < full else ""
    return [f"{smaller}{folder}: {counted(count, 'picture')} instead of {full:,}"]


def _check_twins(root: str, base: str, set_: str) -> list[str]:
    """One line for each of a set's two folders with pictures that the other has not."""
    one, two = (set(listing(root, base + name).marks) for name in (set_, set_ + FLIP))
    if not one or not two:  # told already
        return []
    lone = {set_: sorted(one - two), set_ + FLIP: sorted(two - one)}
    return [
        f"warning: {base}{folder}: {len(marks):,} without a mirrored twin, first {marks[0]}"
        for folder, marks in lone.items()
        if marks
    ]


def _check_landmarks(root: str, base: str, set_: str) -> list[str]:
    here = listing(root, f"{base}landmarks/{set_}")
    marks = listing(root, base + set_).marks
    if not here.marks:
        return [f"warning: {here.path}: not in this copy"] if marks else []
    findings = []
    for mark in here.marks:
        try:
            here.read(root, mark, LANDMARKS)
        except DamagedError as error:
            findings.append(str(error))
    gone = sorted({f"{mark[:-4]}_pts.mat" for mark in marks}.difference(here.marks))
    if gone:
        findings.append(
            f"warning: {here.path}: {counted(len(gone), 'file')} missing, first {gone[0]}"
        )
    return findings


# -- writing ---------------------------------------------------------------------------------


def write_sample(root: str, sample: Sample300WLP) -> str:
    """Writes one picture and its files; the picture's POSIX path relative to ``root``."""
    path = f"{_ROOTS[0]}/{sample.folder}/{sample.stem}"
    place = storage.join(root, *path.split("/"))
    storage.write_atomic(f"{place}.jpg", images.encode_jpeg(sample.image))
    storage.write_atomic(f"{place}.mat", to_mat(sample.values, KEYS))
    if sample.outline is not None and sample.surface is not None:
        points = {"pts_2d": sample.outline, "pts_3d": sample.surface}
        url = storage.join(root, _ROOTS[0], "landmarks", sample.folder, f"{sample.stem}_pts.mat")
        storage.write_atomic(url, to_mat(points, LANDMARKS))
    return f"{path}.jpg"


W300LP = Reader300WLP()
