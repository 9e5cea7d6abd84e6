"""VGGFace2: loose crops of faces of 9,131 people, a box and five points each.

Boxes and points are pixel coordinates of the loose crop, which everyone uses unshifted. A box X, Y,
W, H holds the pixels X to X + W - 1: with a pixel's centre at its integer it reaches from X - 0.5
to X + W - 0.5, and it may begin outside the crop. Lists, boxes and points have the same order. What
is known of the layout, and how surely, is said in the manifest ``vggface2.toml``.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from facecurate import images, storage
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.errors import DamagedError
from facecurate.text import counted, printable

T = TypeVar("T")
_META = "meta/identity_meta.csv"
_PICTURE = re.compile(r"n\d{6}/\d{4}_\d{2}\.jpg")
_SHOWN = 20  # findings of one kind that are listed one by one


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


def _find(root: str, part: Part) -> Found | None:
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


def _lines(root: str, file: str) -> Iterator[tuple[str, str]]:
    """Place and text of every line that is not blank. Raises DamagedError if the file is gone."""
    url = storage.join(root, *file.split("/"))
    if not storage.exists(url):
        archive = "bb_landmark.tar.gz" if file.endswith(".csv") else "the owner's lists"
        raise DamagedError(f"{file} is missing: unpack {archive} beside the pictures")
    for number, line in enumerate(storage.text_lines(url), start=1):
        if text := line.removeprefix("\ufeff").strip():
            yield f"{file}:{number}", text


def _name(line: str, where: str) -> str:
    if not _PICTURE.fullmatch(line):
        said = printable(line, 40)
        raise DamagedError(f"{where}: '{said}' is no picture's name like n000002/0001_01.jpg")
    return line


def _row(line: str, where: str, count: int) -> tuple[str, list[float]]:
    """Key without ``.jpg``, and ``count`` numbers."""
    key, *words = (word.strip().strip('"') for word in line.split(","))
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise DamagedError(f"{where}: '{printable(line, 40)}' is not a name and {count} numbers")
    return key.removesuffix(".jpg"), numbers


def _rows(root: str, file: str, count: int) -> Iterator[tuple[str, list[float]]]:
    for where, line in _lines(root, file):
        if not line.startswith(_HEADER):
            yield _row(line, where, count)


def _take(rows: Iterator[tuple[str, list[float]]], name: str, file: str) -> list[float]:
    """The numbers of a picture; rows of pictures that the list leaves out are passed over."""
    key = name.removesuffix(".jpg")
    for other, numbers in rows:
        if other == key:
            return numbers
    raise DamagedError(f"{file}: {_LOST.format(key)}")


_HEADER = "NAME_ID"
_LOST = "no row for {}, or not in the order of the list"


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
    words = [w.strip() for w in next(csv.reader([line], skipinitialspace=True))]
    words = words if words[-1] else words[:-1]
    id, middle, last = words[0], words[1:-3], words[-3:]
    if not middle or not re.fullmatch(r"n\d{6}", id) or not last[0].isdecimal():
        said = printable(line, 60)
        raise DamagedError(f"{where}: '{said}' is not id, name, number, flag and gender")
    return Identity(id, ",".join(middle).strip('"'), int(last[0]), last[1], last[2])


def identities(root: str) -> Iterator[Identity]:
    """The rows of ``meta/identity_meta.csv``. Raises DamagedError naming file and line."""
    for where, line in _lines(root, _META):
        if not line.startswith("Class_ID"):
            yield parse_identity(line, where)


@dataclass(frozen=True, slots=True)
class ReaderVGGFace2:
    """Reads a copy of VGGFace2, or of one of its parts."""

    name: str = "vggface2"

    def annotations(self, root: str) -> Iterator[Annotated]:
        """Every listed picture, training part first, in the order of the lists.

        A picture is one loose crop with one face; ``subject`` and ``label_identity`` are the
        person's folder. Raises DamagedError naming file and line.
        """
        parts = [found for part in PARTS if (found := _find(root, part))]
        if not parts:
            raise DamagedError(_nothing(root))
        for found in parts:
            yield from _annotations(root, found)

    def check(self, root: str, rendered: bool) -> list[str]:
        """What is wrong with a copy, a line each; what is merely smaller starts with 'warning:'.

        ``rendered``: any number of people and pictures is right.
        """
        parts = {part: _find(root, part) for part in PARTS}
        if not any(parts.values()):
            return [_nothing(root)]
        findings, listed = [], Counter[tuple[str, str]]()
        for part, found in parts.items():
            if found is None:
                findings.append(f"warning: {part.split}: not in this copy")
            else:
                findings += _check_part(root, found, listed, rendered)
        return findings + list(_check_people(root, listed))


def _nothing(root: str) -> str:
    return f"{root} holds none of VGGFace2's folders (train, test)"


def _annotations(root: str, found: Found) -> Iterator[Annotated]:
    boxes, marks = _rows(root, found.boxes, 4), _rows(root, found.landmarks, 10)
    seen: set[str] = set()
    for where, line in _lines(root, found.names):
        name = _name(line, where)
        if name in seen:
            raise DamagedError(f"{where}: {name} is listed a second time")
        seen.add(name)
        person = name.partition("/")[0]
        x, y, width, height = _take(boxes, name, found.boxes)
        face = GivenFace(
            box=(x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5),
            landmarks=_take(marks, name, found.landmarks),
            label_identity=person,
        )
        source = f"{found.pictures}/{name}"
        yield Annotated(source, found.part.split, subject=person, faces=(face,))


# -- checking --------------------------------------------------------------------------------


def _sorted_out(
    root: str, file: str, parse: Callable[[str, str], T], header: str = "\0"
) -> tuple[list[T], list[str]]:
    """What ``parse`` makes of each line and place, and what is wrong with the others."""
    good: list[T] = []
    wrong: list[str] = []
    lines = _lines(root, file)
    while True:
        try:
            where, line = next(lines)
            if not line.startswith(header):
                good.append(parse(line, where))
        except StopIteration:
            return good, wrong
        except DamagedError as error:
            wrong.append(str(error))


def _check_part(
    root: str, found: Found, listed: Counter[tuple[str, str]], rendered: bool
) -> Iterator[str]:
    """Adds to ``listed`` how many pictures of each (split, person) the list has."""
    names, wrong = _sorted_out(root, found.names, _name)
    yield from _some(wrong)
    for file, count in ((found.boxes, 4), (found.landmarks, 10)):
        parse = partial(_key, count=count)
        keys, wrong = _sorted_out(root, file, parse, _HEADER)
        yield from _some(wrong)
        if lost := None if wrong else _not_in_order(names, keys):
            yield f"{file}: {_LOST.format(lost)}"
    here = Counter((found.part.split, name.partition("/")[0]) for name in names)
    listed.update(here)
    again = [name for name, count in Counter(names).items() if count > 1]
    yield from _some([f"{found.names}: {name} is listed more than once" for name in again])
    yield from _check_pictures(root, found, names)
    if not rendered:
        yield from _count(found.names, len(here), found.part.people, "people")
        yield from _count(found.names, len(names), found.part.pictures, "pictures")


def _key(line: str, where: str, count: int) -> str:
    return _row(line, where, count)[0]


def _not_in_order(names: Sequence[str], keys: Iterable[str]) -> str | None:
    """The first name whose key does not follow those before it."""
    following = iter(keys)
    for name in names:
        key = name.removesuffix(".jpg")
        if not any(other == key for other in following):
            return key
    return None


def _check_pictures(root: str, found: Found, names: Sequence[str]) -> Iterator[str]:
    place = storage.join(root, *found.pictures.split("/"))
    there: set[str] = set()
    for person in storage.list(place):
        pictures = storage.list(storage.join(place, person))
        there.update(f"{person}/{name}" for name in pictures if not name.startswith("."))
    missing = [name for name in names if name not in there]
    if missing:
        told = counted(len(missing), "listed picture")
        yield f"{found.pictures}: {told} not there, {missing[0]} among them"
    if left := sorted(there.difference(names)):
        told = counted(len(left), "picture")
        yield f"warning: {found.pictures}: {told} not listed, {left[0]} among them"


def _check_people(root: str, listed: Counter[tuple[str, str]]) -> Iterator[str]:
    """Whether ``identity_meta.csv`` and the lists tell the same people and numbers."""
    rows, wrong = _sorted_out(root, _META, parse_identity, "Class_ID")
    yield from _some(wrong)
    splits = {part.flag: part.split for part in PARTS}
    known = {row.id: (splits.get(row.flag), row.pictures) for row in rows}
    for (split, person), count in () if wrong else listed.items():
        said, pictures = known.get(person, (None, 0))
        if said != split:
            yield f"{_META}: {person} is not of the {split} part there"
        elif count != pictures:
            smaller = "warning: " if count < pictures else ""
            yield f"{smaller}{_META}: {person} has {pictures:,} pictures there, listed are {count:,}"


def _count(file: str, found: int, full: int, what: str) -> Iterator[str]:
    """The number of pictures is only reported, so that more of them is a warning too."""
    if found != full:
        smaller = "" if found > full and what == "people" else "warning: "
        yield f"{smaller}{file}: {found:,} {what} instead of {full:,}"


def _some(findings: Sequence[str]) -> Iterator[str]:
    """The first few, and how many more there are."""
    yield from findings[:_SHOWN]
    if len(findings) > _SHOWN:
        yield f"and {len(findings) - _SHOWN:,} more like '{findings[0]}'"


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

    Boxes are rounded to whole pixels.
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
    x0, y0, x1, y1 = box
    return [math.floor(x0 + 1), math.floor(y0 + 1), round(x1 - x0), round(y1 - y0)]


def write_identities(root: str, people: Iterable[Identity]) -> None:
    """Writes ``identity_meta.csv``: a row whose name has a comma ends without one."""
    rows = ["Class_ID, Name, Sample_Num, Flag, Gender"]
    for who in people:
        row = f'{who.id}, "{who.name}", {who.pictures}, {who.flag}, {who.gender}'
        rows.append(row if "," in who.name else f"{row},")
    _write(root, _META, rows)


def _write(root: str, file: str, lines: Iterable[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode("utf-8")
    storage.write_atomic(storage.join(root, *file.split("/")), data)


VGGFACE2 = ReaderVGGFace2()
