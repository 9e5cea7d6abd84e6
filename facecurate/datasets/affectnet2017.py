"""The files of AffectNet's 2017 release: comma-separated lists beside folders of pictures.

A box x, y, width, height is square and holds the pixels x to x + width - 1: with a pixel's centre
at its integer it reaches from x - 0.5 to x + width - 0.5. The 68 points are pixel coordinates that
everyone uses unshifted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facecurate import images, storage
from facecurate.errors import DamagedError
from facecurate.text import counted, printable

Floats = NDArray[np.float64]
COLUMNS = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height",
    "facial_landmarks", "expression", "valence", "arousal",
)  # fmt: skip
LANDMARKS = 2 * 68


@dataclass(frozen=True, slots=True)
class FileList:
    """A list, the folders that may hold it and those that may hold its pictures.

    ``count`` of rows in a full copy, None where nobody says.
    """

    split: str
    name: str
    folders: tuple[str, ...]
    pictures: tuple[str, ...]
    count: int | None


def _places(outer: str, *inner: str) -> tuple[str, ...]:
    """Deepest first: some archives unpack one level too deep."""
    return (*(f"{over}/{name}" for name in inner for over in (outer, name)), *inner)


_LISTS = (*_places("Manually_Annotated", "Manually_Annotated_file_lists"), "")
_PICTURES = _places("Manually_Annotated", "Manually_Annotated_Images")
VALIDATION = FileList("validation", "validation.csv", _LISTS, _PICTURES, 5_500)
TRAINING = FileList("train", "training.csv", _LISTS, _PICTURES, 414_799)
_AUTOMATIC = ("Automatically_annotated_file_list", "Automatically_annotated_file_lists")
AUTOMATIC = FileList(
    "automatic",
    "automatically_annotated.csv",
    (*_places("Automatically_Annotated", *_AUTOMATIC), ""),
    _places("Automatically_Annotated", "Automatically_Annotated_Images"),
    None,
)


@dataclass(frozen=True, slots=True)
class Found:
    """A list that lies in a copy; ``file`` and ``pictures`` are relative to the root."""

    of: FileList
    file: str
    pictures: str | None


def find(root: str, of: FileList) -> Found | None:
    """Where a copy has a list and its pictures; None if it has not the list."""
    files = (f"{folder}/{of.name}".lstrip("/") for folder in of.folders)
    file = next((f for f in files if storage.is_file(storage.join(root, *f.split("/")))), None)
    folders = (f for f in of.pictures if storage.is_folder(storage.join(root, *f.split("/"))))
    return Found(of, file, next(folders, None)) if file else None


class Listed(NamedTuple):
    """One row of a list: file and line, the picture's path, the eight other words."""

    where: str
    picture: str
    words: list[str]


def rows(root: str, file: str, errors: list[str] | None = None) -> Iterator[Listed]:
    """The rows of a list that may have a header or none.

    A row with too few columns, without a path or with one that is absolute or has empty, ``.`` or
    ``..`` parts raises DamagedError, or is told to ``errors``.
    """
    order = list(range(len(COLUMNS)))
    for number, line in enumerate(storage.text_lines(storage.join(root, *file.split("/"))), 1):
        words = [word.strip() for word in line.removeprefix("\ufeff").split(",")]
        where = f"{file}:{number}"
        if number == 1 and set(COLUMNS) & set(words):
            order = _order(words, where)
        elif line.strip():
            problem = _problem(words, order)
            if problem is None:
                yield Listed(where, words[order[0]], [words[k] for k in order[1:]])
                continue
            problem = f"{where}: {problem}"
            if errors is None:
                raise DamagedError(problem)
            errors.append(problem)


def _problem(words: list[str], order: list[int]) -> str | None:
    """Why a row is none: a picture has one path, and that leads below the folder of pictures."""
    if len(words) <= max(order) or not words[order[0]]:
        return f"no path and eight values in {counted(len(words), 'column')}"
    path = words[order[0]]
    if "\\" in path or ":" in path or {"", ".", ".."} & set(path.split("/")):
        return f"'{printable(path, 60)}' is no path of a picture"
    return None


def _order(header: list[str], where: str) -> list[int]:
    for column in COLUMNS:
        if column not in header:
            raise DamagedError(f"{where}: no column '{column}' in the header")
    return [header.index(column) for column in COLUMNS]


@dataclass(frozen=True, slots=True)
class Values:
    """What a release says of a face: the codes as they stand there, geometry in our frame.

    ``points``: (68, 2); ``box``: x0 y0 x1 y1, None where the release has none.
    """

    expression: float
    valence: float
    arousal: float
    points: Floats
    box: tuple[float, float, float, float] | None = None


def values(words: list[str]) -> Values | None:
    """The values of a row; None where it says that there is no face: NULL, or a width below 0.

    Raises ValueError for what is no number.
    """
    if "NULL" in (word.upper() for word in words):
        return None
    x, y, width, height = (_number(word) for word in words[:4])
    if width < 0:
        return None
    points = _points(words[4].split(";"))
    code, valence, arousal = (_number(word) for word in words[5:])
    box = (x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5)
    return Values(code, valence, arousal, points, box)


def _points(words: list[str]) -> Floats:
    try:
        points = np.array(list(map(float, words)))
    except ValueError:
        points = np.array([math.nan])
    if not np.isfinite(points).all():  # one by one, to name the word
        points = np.array([_number(word) for word in words])
    if len(points) != LANDMARKS:
        raise ValueError(f"{len(points)} landmark numbers instead of {LANDMARKS}")
    return points.reshape(-1, 2)


def _number(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"'{printable(word, 40)}' is not a number")
    return value


# -- writing ---------------------------------------------------------------------------------


def write_picture(root: str, picture: str, image: NDArray[np.uint8]) -> str:
    """Writes a picture of the manually annotated part; its path relative to ``root``.

    ``picture``: ``<number>/<56 hexadecimal digits>.<extension>``; ``image``: (H, W, 3) uint8 RGB.
    """
    source = f"{_PICTURES[-1]}/{picture}"
    data = _encoded(image, picture.rpartition(".")[2].lower())
    storage.write_atomic(storage.join(root, *source.split("/")), data)
    return source


def _encoded(image: NDArray[np.uint8], extension: str) -> bytes:
    if extension in ("jpg", "jpeg"):
        return images.encode_jpeg(image)
    import cv2

    done, data = cv2.imencode(f".{extension}", image[:, :, ::-1])
    assert done
    return data.tobytes()


def write_list(
    root: str,
    of: FileList,
    entries: Iterable[tuple[str, Values]],
    *,
    header: bool = True,
    decimals: bool = False,
) -> None:
    """Writes a list from (picture's path below the folder of pictures, values).

    A face without a box gets the width -1. ``decimals``: boxes print as ``134.0``, else as ``134``.
    """
    lines = [",".join(COLUMNS)] if header else []
    lines += [_line(picture, said, decimals) for picture, said in entries]
    url = storage.join(root, "Manually_Annotated_file_lists", of.name)
    storage.write_atomic(url, "".join(f"{line}\n" for line in lines).encode("utf-8"))


def _line(picture: str, said: Values, decimals: bool) -> str:
    box = [f"{v:.1f}" if decimals else str(v) for v in _square(said.box)]
    points = ";".join(f"{v:.2f}" for v in said.points.ravel())
    graded = (f"{v:.6g}" for v in (said.valence, said.arousal))
    return ",".join([picture, *box, points, str(int(said.expression)), *graded])


def _square(box: tuple[float, float, float, float] | None) -> list[int]:
    """x, y, width, height of the square around a box's centre, in whole pixels."""
    if box is None:
        return [-1] * 4
    x0, y0, x1, y1 = box
    side = round(max(x1 - x0, y1 - y0))
    corner = ((x0 + x1 - side) / 2, (y0 + y1 - side) / 2)
    return [*(math.floor(v + 1) for v in corner), side, side]
