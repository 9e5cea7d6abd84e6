"""DISFA's files one by one: names, label lines, landmark files of MATLAB, frames with lost faces.

Label lines count frames from 1. Landmark files ``SN001_0000_lm.mat`` count from 0; those with an
``l`` before the number (``l00001_lm.mat``) count from 1. Letter case varies between copies and is
not looked at.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate import storage
from facecurate.datasets.matfiles import check_tables
from facecurate.datasets.points import POINT_SETS, PointSet
from facecurate.errors import DamagedError, MissingExtraError
from facecurate.records import AU_NUMBERS
from facecurate.text import printable

SUBJECTS = tuple(f"SN{n:03d}" for n in (*range(1, 14), 16, 17, 18, 21, *range(23, 33)))
LABELS, LANDMARKS, INSIDE = "ActionUnit_Labels", "Landmark_Points", "tmp_frame_lm"
STRONGEST = 5

# Frames (from 1, both ends included) in which the face or its tracking is lost, as one public
# parser of DISFA lists them; other lists differ, and none is the owners'.
BAD_FRAMES: dict[str, tuple[tuple[int, int], ...]] = {
    "SN001": ((398, 420), (3190, 3243)),
    "SN002": ((800, 826),),
    "SN004": ((4541, 4555),),
    "SN006": ((1349, 1405),),
    "SN009": ((1736, 1808), (1851, 1885)),
    "SN011": ((4529, 4533), (4830, 4845)),
    "SN021": (
        (574, 616), (985, 1164), (1190, 1205), (1305, 1338), (1665, 1710), (1862, 2477),
        (2554, 4657), (4710, 4722),
    ),
    "SN023": (
        (1021, 1049), (3378, 3557), (3584, 3668), (4547, 4621), (4741, 4772), (4825, 4845),
    ),
    "SN025": ((4596, 4662), (4816, 4835)),
    "SN027": ((3461, 3494), (4738, 4785)),
    "SN028": ((1875, 1885), (4571, 4690)),
    "SN029": ((4090, 4543),),
    "SN030": ((939, 962), (1406, 1422), (2100, 2132), (2893, 2955)),
}  # fmt: skip

# The 68 points but for the corners of the inner lips, which 66-point trackers leave out. That the
# owners' order is this one is likely, not certain: ``check`` looks at eyes, nose and mouth.
OF_68 = tuple(i for i in range(68) if i not in (60, 64))


def _points66() -> PointSet:
    full, place = POINT_SETS["68"], {old: new for new, old in enumerate(OF_68)}
    return PointSet(
        count=len(OF_68),
        pairs=tuple((place[a], place[b]) for a, b in full.pairs if a in place and b in place),
        outer_eyes=(place[full.outer_eyes[0]], place[full.outer_eyes[1]]),
        left_eye=tuple(place[i] for i in full.left_eye),
        right_eye=tuple(place[i] for i in full.right_eye),
        nose=place[full.nose],
        mouth=(place[full.mouth[0]], place[full.mouth[1]]),
    )


POINTS = _points66()

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]  # (n, 12) in the order of AU_NUMBERS


def is_bad(subject: str, frame: int) -> bool:
    """True if :data:`BAD_FRAMES` lists the frame (from 1)."""
    return any(first <= frame <= last for first, last in BAD_FRAMES.get(subject, ()))


def matching(root: str, folder: str, pattern: str) -> dict[str, re.Match[str]]:
    """POSIX paths of what ``folder`` holds whose whole names match, letter case aside."""
    base = storage.join(root, *folder.split("/")) if folder else root
    found = {n: re.fullmatch(pattern, n, re.IGNORECASE) for n in storage.list(base)}
    prefix = f"{folder}/" if folder else ""
    return {f"{prefix}{name}": match for name, match in found.items() if match}


# -- labels --------------------------------------------------------------------------------------


def label_name(subject: str, unit: int) -> str:
    """The file of one subject's action unit, relative to the root."""
    return f"{LABELS}/{subject}/{subject}_au{unit}.txt"


def parse_labels(data: bytes, what: str) -> list[int]:
    """Intensities 0 to 5 of frames 1, 2, ... of a label file's bytes.

    Windows line ends, a byte order mark and blank lines are taken as they come. Raises
    DamagedError naming ``what`` and the line.
    """
    out: list[int] = []
    for number, line in enumerate(data.decode("utf-8-sig", "replace").split("\n"), start=1):
        if not (text := line.strip()):
            continue
        found = re.fullmatch(r"(\d{1,9})\s*,\s*(\d)", text, re.ASCII)
        where, said = f"{what}:{number}", printable(text, 40)
        if not found:
            raise DamagedError(f"{where}: '{said}' is not a frame, a comma and an intensity")
        if int(found[1]) != len(out) + 1:
            raise DamagedError(f"{where}: frame {found[1]} where frame {len(out) + 1} belongs")
        if int(found[2]) > STRONGEST:
            raise DamagedError(f"{where}: intensity {found[2]} is above {STRONGEST}")
        out.append(int(found[2]))
    return out


def to_labels(codes: Iterable[int]) -> bytes:
    """A label file as the owners' are: ``1,0`` and on, LF."""
    return b"".join(b"%d,%d\n" % line for line in enumerate(codes, start=1))


def read_labels(root: str, files: dict[int, str]) -> Codes:
    """(n, 12) the intensities of one subject's files by action unit.

    Raises DamagedError for a missing file and for files of different lengths.
    """
    first = files[min(files)].rpartition("/")[0] if files else LABELS
    columns: dict[int, list[int]] = {}
    for unit in AU_NUMBERS:
        if unit not in files:
            raise DamagedError(f"{first}: no file of action unit {unit}")
        path = files[unit]
        columns[unit] = parse_labels(storage.read(storage.join(root, *path.split("/"))), path)
        one = len(columns[AU_NUMBERS[0]])
        if len(columns[unit]) != one:
            more = f"{len(columns[unit]):,} frames, action unit {AU_NUMBERS[0]} has {one:,}"
            raise DamagedError(f"{path}:{len(columns[unit])}: {more}")
    return np.array([columns[unit] for unit in AU_NUMBERS], np.int8).T


def label_problems(root: str, files: dict[int, str]) -> list[str]:
    """All that is wrong with one subject's label files, a line each; empty if they can be read."""
    first = files[min(files)].rpartition("/")[0] if files else LABELS
    lines = [f"{first}: no file of action unit {u}" for u in AU_NUMBERS if u not in files]
    lengths: dict[str, int] = {}
    for path in (files[unit] for unit in AU_NUMBERS if unit in files):
        try:
            data = storage.read(storage.join(root, *path.split("/")))
            lengths[path] = len(parse_labels(data, path))
        except DamagedError as error:
            lines.append(str(error))
    usual = Counter(lengths.values()).most_common(1)
    return lines + [
        f"{path}: {length:,} frames, most files of this subject have {usual[0][0]:,}"
        for path, length in lengths.items()
        if length != usual[0][0]
    ]


# -- landmarks -----------------------------------------------------------------------------------

_HEADER = b"MATLAB 5.0 MAT-file, landmarks of DISFA".ljust(116)  # SciPy would write the time


def _scipy() -> Any:
    try:
        import scipy.io
    except ImportError as error:
        raise MissingExtraError("reading DISFA's landmarks", "datasets") from error
    return scipy.io


def landmark_name(subject: str, frame: int, from_one: bool) -> str:
    """The landmark file of a frame (from 1); ``from_one``: the naming with an ``l``."""
    name = f"l{frame:05d}_lm.mat" if from_one else f"{subject}_{frame - 1:04d}_lm.mat"
    return f"{LANDMARKS}/{subject}/{INSIDE}/{name}"


def landmark_files(root: str, folder: str, lines: int, drop_first: bool) -> dict[int, str]:
    """Frame (from 1) -> file below ``folder``, a subject's.

    ``drop_first``: where there is one file more than label ``lines``, the first one belongs to no
    frame and all others move on; else the last one does.
    """
    inside = next(iter(matching(root, folder, INSIDE)), folder)
    named = matching(root, inside, r"(?:SN\d+_)?(l?)(\d+)_lm\.mat")
    out = {int(m[2]) + (0 if m[1] else 1): path for path, m in named.items()}
    if drop_first and lines and len(out) == lines + 1 and min(out) == 1:
        out = {frame - 1: path for frame, path in out.items() if frame > 1}
    return out


def read_points(root: str, path: str) -> Floats:
    """(66, 2) numbers of a landmark file as they stand there.

    Raises DamagedError naming the file, MissingExtraError without SciPy.
    """
    scipy_io, shape = _scipy(), (POINTS.count, 2)
    try:
        data = storage.read(storage.join(root, *path.split("/")))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a table that is there twice, complex numbers
            check_tables(scipy_io, data, {"pts": shape}, path)
            found = scipy_io.loadmat(storage.buffer(data), variable_names=["pts"])
            points = np.asarray(found["pts"], np.float64)
    except DamagedError:
        raise
    except Exception as error:  # SciPy raises what it likes on bad bytes
        raise DamagedError(f"{path} is damaged: {printable(error)}") from error
    if points.shape != shape or not np.isfinite(points).all():
        raise DamagedError(f"{path}: pts is no table of {POINTS.count} x 2 numbers")
    return points


def to_mat(points: ArrayLike) -> bytes:
    """A landmark file of (66, 2) numbers; the same numbers give the same bytes."""
    file = storage.buffer()
    table = np.asarray(points, np.float64).reshape(POINTS.count, 2)
    _scipy().savemat(file, {"pts": table})
    return _HEADER + file.getvalue()[len(_HEADER) :]


def is_a_face(points: Floats) -> bool:
    """False if 66 points cannot be an upright face in the order of :data:`POINTS`."""
    left, right = (points[list(eye)].mean(axis=0) for eye in (POINTS.left_eye, POINTS.right_eye))
    nose, mouth = points[POINTS.nose], points[list(POINTS.mouth)]
    eyes: Sequence[float] = sorted((left[1], right[1]))
    return bool(left[0] < right[0] and mouth[0, 0] < mouth[1, 0] and eyes[1] < mouth[:, 1].min()
                and eyes[0] < nose[1] < mouth[:, 1].max())  # fmt: skip
