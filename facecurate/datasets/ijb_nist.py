"""NIST's own protocol files of IJB-B and IJB-C: comma tables with a header, matches without one.

A template is the rows that share TEMPLATE_ID, a medium those that share SIGHTING_ID too. Columns
are found by their names, because releases of IJB-B have 14, 15 or 16 of them under several names.
FACE_X, FACE_Y, FACE_WIDTH and FACE_HEIGHT are taken as published parsers take them: unshifted,
x1 = x + width. The pictures are named relative to ``images/``.

IJB-C is seen in two arrangements: ``ijbc_1N_gallery_G1.csv`` ... beside ``ijbc_11_G1_G2_matches``,
and ``test1/``, ``test4/`` with seven columns; the second has no SIGHTING_ID, which then comes from
``ijbc_metadata.csv`` by file and subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecurate import storage
from facecurate.datasets import columns
from facecurate.datasets.columns import Columns, Kind
from facecurate.datasets.protocols import Enrolled, Faces, Ids32, Verification, look_up
from facecurate.errors import DamagedError
from facecurate.text import printable

_SAME = {  # what releases call a column -> what it is called here
    "FILE": "FILENAME",
    "FRAME": "FRAME_NUM",
    "VIDEO_FILENAME": "VIDEO",
    "NOSE_BASE_X": "NOSE_X",
    "NOSE_BASE_Y": "NOSE_Y",
    "CS2_BOOL": "CS2",
}
_BOX = ("FACE_X", "FACE_Y", "FACE_WIDTH", "FACE_HEIGHT")
_ROW: dict[str, Kind] = {"TEMPLATE_ID": "int32", "SUBJECT_ID": "int64", "FILENAME": "name"}
_SIGHTING: dict[str, Kind] = {"SIGHTING_ID": "int64"}
_BOXES: dict[str, Kind] = {name: "float?" for name in _BOX}


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where a copy has what: paths relative to the root.

    ``galleries``: name -> file; ``enrolled``, ``probes``: the files whose templates are compared in
    ``matches``; ``searched``: the probes of 1:N; ``metadata``: where sightings are looked up, if
    the template files have none.
    """

    galleries: dict[str, str]
    enrolled: tuple[str, ...]
    probes: str
    searched: str
    matches: str
    metadata: str
    images: str


def arrangements(folder: str, code: str, galleries: Sequence[str]) -> list[Arrangement]:
    """Both arrangements below ``folder`` (for example ``IJB-C/protocols``), the usual one first."""

    def at(name: str) -> str:
        return f"{folder}/{name}"

    files = {g: at(f"{code}_1N_gallery_{g}.csv") for g in galleries}
    tests = {g: at(f"test4/gallery_{g}.csv") for g in galleries}
    probes, metadata = at(f"{code}_1N_probe_mixed.csv"), at(f"{code}_metadata.csv")
    matches = at(f"{code}_11_{'_'.join(galleries)}_matches.csv")
    images = f"{folder.rpartition('/')[0]}/images".lstrip("/")
    return [
        Arrangement(files, tuple(files.values()), probes, probes, matches, metadata, images),
        Arrangement(
            tests,
            (at("test1/enroll_templates.csv"),),
            at("test1/verif_templates.csv"),
            at("test4/probes.csv"),
            at("test1/match.csv"),
            metadata,
            images,
        ),
    ]


def _url(root: str, path: str) -> str:
    return storage.join(root, *path.split("/"))


# -- reading ---------------------------------------------------------------------------------


def header(root: str, path: str) -> list[str]:
    """The names of a table's columns, in capitals and in this module's words.

    Raises DamagedError if the file is missing or its first line is no header.
    """
    if not storage.exists(_url(root, path)):
        raise DamagedError(f"{path} is missing")
    names = [cell.strip().upper() for cell in columns.first_line(_url(root, path)).split(",")]
    names = [_SAME.get(name, name) for name in names]
    if len(set(names)) < len(names) or not names[0].isidentifier():
        shown = printable(",".join(names), 60)
        raise DamagedError(f"{path}:1: '{shown}' is no header of column names")
    return names


def table(root: str, path: str, wanted: dict[str, Kind]) -> Columns:
    """The ``wanted`` columns; row i is line i + 2. Raises DamagedError naming file and line."""
    names = header(root, path)
    if missing := [name for name in wanted if name not in names]:
        raise DamagedError(f"{path}:1: no column {', '.join(missing)}")
    url = _url(root, path)
    return columns.read(url, path, wanted, names=names, delimiter=",", skip=1)


def enrolled(root: str, path: str) -> Enrolled:
    """Templates and their subjects: the columns of these names, else the first two.

    Raises DamagedError naming the line where a template has a second subject.
    """
    names = header(root, path)
    ids = ("TEMPLATE_ID", "SUBJECT_ID")
    if not set(ids) <= set(names):
        names = [*ids, *names[2:]]
    rows = columns.read(
        _url(root, path),
        path,
        {ids[0]: "int32", ids[1]: "int64"},
        names=names,
        delimiter=",",
        skip=1,
    )
    template, subject = rows[ids[0]], rows[ids[1]]
    keys, first = np.unique(template, return_index=True)
    other = np.flatnonzero(look_up(keys, subject[first], template) != subject)
    if len(other):
        line = int(other[0]) + 2
        raise DamagedError(f"{path}:{line}: template {template[other[0]]} has two subjects")
    return Enrolled(keys, subject[first])


def matches(root: str, path: str) -> tuple[Ids32, Ids32, int]:
    """First and second template of each comparison (P,), and the line of the first comparison.

    NIST's files have no header; one is passed over where it is.
    """
    if not storage.exists(_url(root, path)):
        raise DamagedError(f"{path} is missing")
    skip = int(any(c.isalpha() for c in columns.first_line(_url(root, path))))
    wanted: dict[str, Kind] = {"first": "int32", "second": "int32"}
    rows = columns.read(_url(root, path), path, wanted, delimiter=",", skip=skip)
    return rows["first"], rows["second"], skip + 1


def verification(root: str, files: Arrangement) -> Verification:
    """The 1:1 protocol; the truth is whether the two templates have one SUBJECT_ID.

    Raises DamagedError naming file and line.
    """
    parts = [_rows(root, path, files.metadata) for path in (*files.enrolled, files.probes)]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order, first = np.unique(rows["TEMPLATE_ID"], return_index=True)
    subjects = rows["SUBJECT_ID"][first]
    one, two, start = matches(root, files.matches)
    for ids in (one, two):
        unknown = np.flatnonzero(~np.isin(ids, order))
        if len(unknown):
            where = f"{files.matches}:{unknown[0] + start}"
            raise DamagedError(f"{where}: template {ids[unknown[0]]} is in no template file")
    faces = Faces(
        sources=tuple(f"{files.images}/{name}".lstrip("/") for name in rows["FILENAME"]),
        template=rows["TEMPLATE_ID"],
        medium=rows["SIGHTING_ID"],
        subject=rows["SUBJECT_ID"],
        score=np.full(len(rows["TEMPLATE_ID"]), np.nan, np.float32),
        boxes=_corners(rows),
    )
    same = look_up(order, subjects, one) == look_up(order, subjects, two)
    return Verification(faces, one, two, same)


def _rows(root: str, path: str, metadata: str) -> Columns:
    has = "SIGHTING_ID" in header(root, path)
    rows = table(root, path, _ROW | _BOXES | (_SIGHTING if has else {}))
    _check_names(rows["FILENAME"], path)
    if not has:
        rows["SIGHTING_ID"] = _sightings(root, metadata, rows, path)
    return rows


def _check_names(names: NDArray[np.object_], path: str) -> None:
    """Pictures lie below the folder of the pictures, whatever a table says."""
    for i, name in enumerate(names):
        parts = name.split("/")
        if "\\" in name or ":" in name or any(part in ("", ".", "..") for part in parts):
            raise DamagedError(f"{path}:{i + 2}: '{printable(name, 60)}' is no path of a picture")


def _sightings(root: str, metadata: str, rows: Columns, path: str) -> NDArray[np.int64]:
    """By file and subject; of several, the first in the file."""
    wanted: dict[str, Kind] = {"SUBJECT_ID": "int64", "FILENAME": "name"}
    known = table(root, metadata, wanted | _SIGHTING)
    places: dict[tuple[str, int], int] = {}
    for key in zip(known["FILENAME"], known["SUBJECT_ID"], known["SIGHTING_ID"], strict=True):
        places.setdefault((key[0], int(key[1])), int(key[2]))
    out = np.empty(len(rows["FILENAME"]), np.int64)
    for i, key2 in enumerate(zip(rows["FILENAME"], rows["SUBJECT_ID"].tolist(), strict=True)):
        if key2 not in places:
            shown = printable(key2[0], 60)
            raise DamagedError(f"{path}:{i + 2}: {shown} of subject {key2[1]} is not in {metadata}")
        out[i] = places[key2]
    return out


def _corners(rows: Columns) -> NDArray[np.float32]:
    x, y, width, height = (rows[name] for name in _BOX)
    return np.stack([x, y, x + width, y + height], axis=1).astype(np.float32)


# -- writing ---------------------------------------------------------------------------------

COLUMNS = (
    "TEMPLATE_ID", "SUBJECT_ID", "FILENAME", "SIGHTING_ID", *_BOX, "FRAME_NUM", "FACIAL_HAIR",
    "AGE", "INDOOR_OUTDOOR", "SKINTONE", "GENDER", "YAW", "ROLL",
    *(f"OCC{i}" for i in range(1, 19)),
)  # fmt: skip
SEVEN = ("TEMPLATE_ID", "SUBJECT_ID", "FILENAME", *_BOX)


@dataclass(frozen=True, slots=True)
class NistRow:
    """A face in a template; ``box``: x y width height; None is an empty cell."""

    template: int
    subject: int
    file: str
    sighting: int
    box: tuple[int, int, int, int]
    frame: int | None = None
    yaw: int | None = None
    roll: int | None = None

    def cells(self) -> dict[str, object]:
        """By column name; what a renderer does not know about a person stays empty."""
        known = {"TEMPLATE_ID": self.template, "SUBJECT_ID": self.subject, "FILENAME": self.file}
        known |= {"SIGHTING_ID": self.sighting, "FRAME_NUM": self.frame}
        return {
            **known,
            **dict(zip(_BOX, self.box, strict=True)),
            "YAW": self.yaw,
            "ROLL": self.roll,
        }


def write_table(
    root: str, path: str, rows: Sequence[NistRow], names: Sequence[str] = COLUMNS
) -> None:
    """Writes a template or metadata file with the header ``names``, in any of NIST's words."""
    lines = [",".join(names)]
    for row in rows:
        cells = row.cells()
        values = (cells.get(_SAME.get(name.upper(), name.upper())) for name in names)
        lines.append(",".join("" if value is None else str(value) for value in values))
    storage.write_atomic(_url(root, path), ("\n".join(lines) + "\n").encode())


def write_matches(root: str, path: str, first: Ids32, second: Ids32) -> None:
    """Writes a match file: two columns, no header."""
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    storage.write_atomic(_url(root, path), "".join(f"{a},{b}\n" for a, b in pairs).encode())
