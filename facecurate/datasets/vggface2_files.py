"""The files of VGGFace2: lists of pictures, tables of boxes and points, the table of people."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate import images, storage
from facecurate.errors import DamagedError
from facecurate.text import printable

META = "meta/identity_meta.csv"
_PERSON, _COUNT = re.compile(r"n[0-9]{6}"), re.compile(r"[0-9]{1,9}")
_PICTURE = re.compile(r"n[0-9]{6}/[0-9]{4}_[0-9]{2}\.jpg")
HEADER = "NAME_ID"  # how the first line of boxes and points begins


@dataclass(frozen=True, slots=True)
class Part:
    """``people`` and ``pictures`` of a full copy; nobody is sure of the pictures."""

    split: str
    flag: str  # of identity_meta.csv
    people: int
    pictures: int


PARTS = (Part("train", "1", 8_631, 3_141_890), Part("test", "0", 500, 169_396))


# -- finding ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """Where a copy has a part; paths relative to the root, the files' own where they are not."""

    part: Part
    pictures: str
    names: str
    boxes: str
    landmarks: str


def _first(root: str, places: Sequence[str]) -> str:
    there = (p for p in places if storage.exists(storage.join(root, *p.split("/"))))
    return next(there, places[0])


def find(root: str, part: Part) -> Found | None:
    """Where a copy has a part, its lists by either name; None without the folder of pictures."""
    s = part.split
    folders = [f for f in (s, f"data/{s}") if storage.is_folder(storage.join(root, *f.split("/")))]
    if not folders:
        return None
    lists = [f"{f}{n}" for f in ("meta/", "data/", "") for n in (f"{s}_list.txt", f"{s}.txt")]
    tables = ("bb_landmark/", "meta/bb_landmark/", "meta/", "")
    return Found(
        part,
        folders[0],
        _first(root, lists),
        _first(root, [f"{folder}loose_bb_{s}.csv" for folder in tables]),
        _first(root, [f"{folder}loose_landmark_{s}.csv" for folder in tables]),
    )


# -- reading ---------------------------------------------------------------------------------


def lines(root: str, file: str) -> Iterator[tuple[str, str]]:
    """Place and text of every line that is not blank. Raises DamagedError if the file is gone."""
    url = storage.join(root, *file.split("/"))
    if not storage.exists(url):
        archive = "bb_landmark.tar.gz" if file.endswith(".csv") else "the owner's lists"
        raise DamagedError(f"{file} is missing: unpack {archive} beside the pictures")
    for number, line in enumerate(storage.text_lines(url), start=1):
        if text := line.removeprefix("\ufeff").strip():
            yield f"{file}:{number}", text


def picture_name(line: str, where: str) -> str:
    """A line of a list, ``n000002/0001_01.jpg``. Raises DamagedError naming ``where``."""
    if not _PICTURE.fullmatch(line):
        said = printable(line, 40)
        raise DamagedError(f"{where}: '{said}' is no picture's name like n000002/0001_01.jpg")
    return line


def numbers(line: str, where: str, count: int) -> tuple[str, list[float]]:
    """Key without ``.jpg``, and ``count`` numbers. Raises DamagedError naming ``where``."""
    key, *words = (word.strip().strip('"') for word in line.split(","))
    try:
        row = [float(word) for word in words]
    except ValueError:
        row = []
    if len(row) != count or not all(map(math.isfinite, row)):
        raise DamagedError(f"{where}: '{printable(line, 40)}' is not a name and {count} numbers")
    return key.removesuffix(".jpg"), row


def table(root: str, file: str, count: int) -> Iterator[tuple[str, list[float]]]:
    """The rows of boxes (``count`` 4) or points (10). Raises DamagedError naming file and line."""
    for where, line in lines(root, file):
        if not line.startswith(HEADER):
            yield numbers(line, where, count)


@dataclass(frozen=True, slots=True)
class Identity:
    """A row of ``identity_meta.csv``, read to check a copy; no pool takes names or genders."""

    id: str
    name: str
    pictures: int
    flag: str
    gender: str


def parse_identity(line: str, where: str) -> Identity:
    """A row with or without a comma at its end, and perhaps with one in the name.

    Raises DamagedError naming ``where``.
    """
    try:
        words = [w.strip() for w in next(csv.reader([line], skipinitialspace=True))]
    except csv.Error:
        words = []
    words = words[:-1] if words[-1:] == [""] else words
    if len(words) < 5 or not _PERSON.fullmatch(words[0]) or not _COUNT.fullmatch(words[-3]):
        said = printable(line, 60)
        raise DamagedError(f"{where}: '{said}' is not id, name, number, flag and gender")
    name = ",".join(words[1:-3]).strip('"')
    return Identity(words[0], name, int(words[-3]), words[-2], words[-1])


def identities(root: str) -> Iterator[Identity]:
    """The rows of ``meta/identity_meta.csv``. Raises DamagedError naming file and line."""
    for where, line in lines(root, META):
        if not line.startswith("Class_ID"):
            yield parse_identity(line, where)


# -- writing ---------------------------------------------------------------------------------


def write_picture(root: str, split: str, name: str, image: NDArray[np.uint8]) -> str:
    """Writes a loose crop, ``name`` like ``n900001/0001_01.jpg``; its path relative to ``root``."""
    url = storage.join(root, split, *name.split("/"))
    storage.write_atomic(url, images.encode_jpeg(image))
    return f"{split}/{name}"


def write_lists(
    root: str, split: str, faces: Sequence[tuple[str, Sequence[float], Sequence[float]]]
) -> None:
    """Writes the list, the boxes and the points of (name, x0 y0 x1 y1, ten numbers) rows.

    The corners of boxes are rounded to whole pixels.
    """
    boxes = ["NAME_ID,X,Y,W,H"]
    marks = ["NAME_ID," + ",".join(f"P{k}{axis}" for k in range(1, 6) for axis in "XY")]
    for name, box, landmarks in faces:
        key = f'"{name.removesuffix(".jpg")}"'
        boxes.append(",".join([key, *map(str, _whole(box))]))
        marks.append(",".join([key, *(f"{v:.5f}" for v in landmarks)]))
    _write(root, f"meta/{split}_list.txt", [name for name, *_ in faces])
    _write(root, f"bb_landmark/loose_bb_{split}.csv", boxes)
    _write(root, f"bb_landmark/loose_landmark_{split}.csv", marks)


def _whole(box: Sequence[float]) -> list[int]:
    x0, y0, x1, y1 = (math.floor(v + 1) for v in box)
    return [x0, y0, x1 - x0, y1 - y0]


def write_identities(root: str, people: Iterable[Identity]) -> None:
    """Writes ``identity_meta.csv``: a row whose name has a comma ends without one."""
    rows = ["Class_ID, Name, Sample_Num, Flag, Gender"]
    for who in people:
        row = f'{who.id}, "{who.name}", {who.pictures}, {who.flag}, {who.gender}'
        rows.append(row if "," in who.name else f"{row},")
    _write(root, META, rows)


def _write(root: str, file: str, lines: Iterable[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode("utf-8")
    storage.write_atomic(storage.join(root, *file.split("/")), data)
