"""The faces of one or more datasets as Arrow columns, joined with what is told of their photos.

First what decisions need, of all faces; then what samples need, of the kept ones. No row becomes
a Python object before its tar is written, so that a million faces take about half a gigabyte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate import tars
from facecurate.errors import DamagedError, FacecurateError
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA
from facecurate.workspace import Dataset

FACE_COLUMNS = [n for n in FACE_SCHEMA.names if n not in ("status", "reason")]
PHOTO_COLUMNS = ["split", "subject", "license", "author", "page_url", "origin"]
_DECIDED = ["key", "photo_id", "status", "reason", "label_identity"]  # of faces
_GROUPED = ["subject", "owner", "split", "origin"]  # of their photos
_REPEATED = ["crop", "license", "origin", "split", "subject", "author"]  # few different words


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset whose faces are taken. ``number``: its place among those of a mixture."""

    dataset: Dataset
    number: int = 0
    prefix: str = ""  # of the names of its files where shards tell what they were made from

    @property
    def faces(self) -> Pool:
        """Its crops."""
        return Pool(self.dataset.path("faces"))

    @property
    def photos(self) -> Pool:
        """Its photos."""
        return Pool(self.dataset.path("photos"))

    def check(self) -> None:
        """Raises FacecurateError, naming the command, unless its faces are those of its photos."""
        name = self.dataset.name
        photos, faces = set(self.photos.stems()), self.faces.stems()
        if not faces:
            raise FacecurateError(f"{name} has no faces yet: 'facecurate detect {name}'")
        behind = photos.difference(faces)
        if behind:
            raise FacecurateError(
                f"{len(behind)} parts of photos have no faces yet: 'facecurate detect {name}'"
            )
        for stem in faces:
            made = self.photos.lineage(stem) if stem in photos else {}
            if self.faces.info(stem).inputs != made:
                raise FacecurateError(
                    f"faces/{stem} is older than its photos: 'facecurate detect {name}'"
                )

    def decided(self) -> pa.Table:
        """Of every face what decisions and splits need, in the order of the parts."""
        return pa.concat_tables(
            [self._joined(stem, _DECIDED, _GROUPED) for stem in self.faces.stems()]
        )

    def samples(self, keep: NDArray[np.bool_]) -> pa.Table:
        """Of the faces kept what is written, and where their crops lie.

        keep: (N,) in the order of ``decided``. Further columns say where the crop is: ``at_source``
        and ``at_part`` are numbers, ``at_offset`` and ``at_size`` bytes in the part's tar. Raises
        DamagedError for a crop that is missing.
        """
        parts, start = [], 0
        for number, stem in enumerate(self.faces.stems()):
            table = self._joined(stem, FACE_COLUMNS, PHOTO_COLUMNS)
            mine = keep[start : start + len(table)]
            start += len(table)
            kept = self._with_places(stem, number, table.filter(pa.array(mine)))
            parts.append(compact(kept))
        return pa.concat_tables(parts).unify_dictionaries()

    def inputs(self) -> list[dict[str, str]]:
        """Of every part the files and digests that its samples are made from."""
        present = set(self.photos.stems())
        found = []
        for stem in self.faces.stems():
            files = self.faces.lineage(stem)
            if stem in present:
                table = f"photos/{stem}.parquet"
                files[table] = self.photos.lineage(stem)[table]
            found.append({f"{self.prefix}{file}": digest for file, digest in files.items()})
        return found

    def _joined(self, stem: str, of_faces: Sequence[str], of_photos: Sequence[str]) -> pa.Table:
        faces = self.faces.table(stem, FACE_SCHEMA).select(of_faces)
        photos = self.photos.table(stem, PHOTO_SCHEMA)
        ids = photos["photo_id"].combine_chunks()
        rows = pc.index_in(faces["photo_id"].combine_chunks(), value_set=ids)
        if rows.null_count:
            raise DamagedError(f"faces/{stem} names photos that photos/{stem} has not")
        about = photos.select(of_photos).take(rows)
        for name in of_photos:
            faces = faces.append_column(PHOTO_SCHEMA.field(name), about[name])
        return faces

    def _with_places(self, stem: str, number: int, table: pa.Table) -> pa.Table:
        found = tars.index(self.faces.file(stem, "tar")) if len(table) else {}
        offsets = np.zeros(len(table), np.int64)
        sizes = np.zeros(len(table), np.int32)
        for i, key in enumerate(table["key"].to_pylist()):
            member = found.get(f"{key}.jpg")
            if member is None:
                raise DamagedError(f"faces/{stem}.tar lacks {key}: 'facecurate verify'")
            offsets[i], sizes[i] = member.offset, member.size
        columns: Mapping[str, NDArray[np.signedinteger]] = {
            "at_source": np.full(len(table), self.number, np.int16),
            "at_part": np.full(len(table), number, np.int32),
            "at_offset": offsets,
            "at_size": sizes,
        }
        for name, values in columns.items():
            table = table.append_column(name, pa.array(values))
        return table


def compact(table: pa.Table) -> pa.Table:
    """Words that many rows share are stored once, columns without a value not at all."""
    for i, field in enumerate(table.schema):
        column = table[field.name]
        if field.name in _REPEATED:
            table = table.set_column(i, field.name, column.dictionary_encode())
    return table


def column_of(table: pa.Table, name: str) -> pa.Array:
    """One column as one array."""
    return table[name].combine_chunks()
