"""AFLW2000-3D: 2,000 pictures of AFLW with the parameters of a 3D model fitted to them.

The points are the 68 of ``pt3d_68``, x and y; ``pt2d`` holds AFLW's own 21 points with -1 for those
that are not seen. Some fits are wrong: for head pose, samples with an angle of ``Pose_Para`` beyond
99 degrees are left out by convention (``drop_beyond``), which leaves 1,969. What the ``.mat`` files
hold is told in ``morphable``; what is known of the layout, and how surely, in the manifest
``aflw2000.toml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate import images, storage
from facecurate.datasets.annotated import Annotated
from facecurate.datasets.matfiles import Key, Listing, Values, listing, to_mat
from facecurate.datasets.morphable import PARAMETERS, beyond
from facecurate.datasets.w300lp import face_of
from facecurate.errors import DamagedError
from facecurate.text import counted

KEYS = {"pt2d": Key((2, 21), "double"), "pt3d_68": Key((3, 68), "single"), **PARAMETERS}
COUNT = 2000
LIMIT = 99.0  # degrees
LEFT = 1969  # samples within the limit
_FOLDERS = ("AFLW2000", "AFLW2000-3D", "")  # as the owners unpack, and the root itself


@dataclass(frozen=True, slots=True)
class SampleAFLW2000:
    """One picture and its labels, in the numbers of the files.

    ``stem``: the file's name without its ending (``image00002``). ``image``: (450, 450, 3) uint8
    RGB. ``values``: the variables of ``KEYS``; ``pt2d`` has -1 where a point is not seen.
    """

    stem: str
    image: NDArray[np.uint8]
    values: Mapping[str, ArrayLike]


@dataclass(frozen=True, slots=True)
class ReaderAFLW2000:
    """Reads a copy of AFLW2000-3D.

    ``drop_beyond``: leaves out samples with an angle of ``Pose_Para`` beyond so many degrees (99
    for head pose; None keeps all 2,000, as landmark errors are published). ``origin``: the
    coordinate of the first pixel's centre in the files; nobody has said whether they count from 1,
    and published code takes 0.
    """

    drop_beyond: float | None = None
    origin: Literal[0, 1] = 0
    name: str = "aflw2000"

    def annotations(self, root: str) -> Iterator[Annotated]:
        """Every picture by name; the box is the tight one of the 68 points.

        Raises DamagedError naming the file and the variable.
        """
        here = _place(root)
        if here is None:
            raise DamagedError(f"{root} holds no folder {_FOLDERS[0]} with image00002.mat ...")
        for mark in here.marks:
            source, values = here.picture(mark), here.read(root, mark, KEYS)
            if self.drop_beyond is not None and beyond(values["Pose_Para"], self.drop_beyond):
                continue
            points = values["pt3d_68"][:2].T.astype(np.float64) - self.origin
            yield Annotated(source, "test", faces=(face_of(points, values),))

    def check(self, root: str, rendered: bool) -> list[str]:
        """What is wrong with a copy, a line each; what is merely smaller starts with 'warning:'.

        ``rendered``: any number of pictures and of wrong fits is right.
        """
        here = _place(root)
        if here is None:
            return [f"{root} holds no folder {_FOLDERS[0]}"]
        findings, whole = here.check(root, KEYS)
        if not rendered:
            findings += _counts(len(here.marks), whole)
        return findings

    def write(self, root: str, samples: Iterable[SampleAFLW2000]) -> list[str]:
        """Writes ``samples`` as the owners distribute theirs; the pictures' paths in order."""
        return [write_sample(root, sample) for sample in samples]


def aflw_points(values: Values) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """AFLW's 21 points (21, 2) of ``pt2d``, as in the file, and which of them are seen (21,)."""
    points = values["pt2d"].astype(np.float64).T
    return points, np.asarray((points != -1).any(axis=1))


def _place(root: str) -> Listing | None:
    for path in _FOLDERS:
        here = listing(root, path)
        if any(mark.startswith("image") for mark in here.marks):
            return here
    return None


def _counts(count: int, whole: Mapping[str, Values]) -> list[str]:
    findings = []
    if count != COUNT:
        smaller = "warning: " if count < COUNT else ""
        findings.append(f"{smaller}{counted(count, 'picture')} instead of {COUNT:,}")
    bad = sum(beyond(values["Pose_Para"], LIMIT) for values in whole.values())
    if count == COUNT and bad != COUNT - LEFT:
        findings.append(
            f"warning: {counted(bad, 'fit')} beyond {LIMIT:g} degrees instead of {COUNT - LEFT}"
        )
    elif bad:
        findings.append(
            f"warning: {counted(bad, 'fit')} beyond {LIMIT:g} degrees:"
            f" drop_beyond={LIMIT:g} leaves {count - bad:,}"
        )
    return findings


def write_sample(root: str, sample: SampleAFLW2000) -> str:
    """Writes one picture and its parameters; the picture's POSIX path relative to ``root``."""
    place = storage.join(root, _FOLDERS[0], sample.stem)
    storage.write_atomic(f"{place}.jpg", images.encode_jpeg(sample.image))
    storage.write_atomic(f"{place}.mat", to_mat(sample.values, KEYS))
    return f"{_FOLDERS[0]}/{sample.stem}.jpg"


AFLW2000 = ReaderAFLW2000()
