"""The kept faces of a dataset as columns: keys, structure, labels, quality; read part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate.diversity.structure import UNKNOWN, Codes, Labels, Structure
from facecurate.errors import DamagedError, FacecurateError
from facecurate.pool import Pool
from facecurate.records import AU_NUMBERS, FACE_SCHEMA, PHOTO_SCHEMA
from facecurate.redundancy.told import AFFECT, UNITS, Told
from facecurate.text import printable
from facecurate.workspace import Dataset

QUALITY = ("outside", "sharpness", "brightness", "contrast")
WHO = ("subject", "session", "sequence", "split")

_PHOTO = ("photo_id", "source", "origin", "frame", *WHO)
_FACE = ("key", "photo_id", "label_au", "label_valence", "label_arousal", *QUALITY)


@dataclass(frozen=True, slots=True)
class Frames:
    """N kept faces in the order of their rows; a face is called a frame, still pictures too.

    keys: (N,) strings; part: (N,) int32, the code of its part in ``stems``; row: (N,) int32, its
    row in that part; quality: (N,) float32 by column, NaN where not measured; rendered: nobody is
    shown; collected: some of the pictures come from no dataset. labels: None where nothing is.
    """

    keys: pa.Array
    part: NDArray[np.int32]
    row: NDArray[np.int32]
    stems: tuple[str, ...]
    structure: Structure
    labels: Labels | None
    quality: Mapping[str, NDArray[np.float32]]
    rendered: bool
    collected: bool

    def __len__(self) -> int:
        return len(self.part)

    def key(self, i: int) -> str:
        """The key of frame ``i``."""
        return str(self.keys[int(i)].as_py())


def read_frames(dataset: Dataset, rate: float | None = None, told: Told | None = None) -> Frames:
    """Joins faces and photos. Raises FacecurateError without faces.

    rate: frames a second; told: what the user says of the pictures, in place of the source's.
    """
    faces, photos = Pool(dataset.path("faces")), Pool(dataset.path("photos"))
    codes = {name: _Names() for name in WHO}
    parts = [_part(faces, photos, stem, codes, told) for stem in faces.stems()]
    if not sum(len(part["row"]) for part in parts):
        raise FacecurateError(f"{dataset.name} has no face to measure")
    if told and not any(part["named"].any() for part in parts):
        raise FacecurateError(
            "the table names none of the pictures: its sources are paths such as "
            f"'{printable(told.table['source'][0].as_py())}', theirs '{parts[0]['example']}'"
        )
    column = {
        name: np.concatenate([p[name] for p in parts])
        for name in parts[0]
        if name not in ("key", "example")
    }
    origins = {str(origin) for part in parts for origin in np.unique(part["origin"])}
    return Frames(
        keys=pa.concat_arrays([part["key"] for part in parts]),
        part=np.repeat(np.arange(len(parts), dtype=np.int32), [len(p["row"]) for p in parts]),
        row=column["row"],
        stems=tuple(faces.stems()),
        structure=_structure(column, {name: codes[name].told for name in WHO}, rate),
        labels=_labels(column),
        quality={name: column[name] for name in QUALITY},
        rendered=origins == {"rendered"},
        collected="collected" in origins,
    )


def _structure(
    column: Mapping[str, NDArray[Any]], names: Mapping[str, tuple[str, ...]], rate: float | None
) -> Structure:
    sequence, films = films_of(
        column["sequence"], column["subject"], names["sequence"], names["subject"]
    )
    return Structure(
        subject=column["subject"],
        session=column["session"],
        sequence=sequence,
        split=column["split"],
        frame=column["frame"],
        rate=np.full(len(column["row"]), np.nan if rate is None else rate, np.float32),
        subject_names=names["subject"],
        session_names=names["session"],
        sequence_names=films,
        split_names=names["split"],
    )


def films_of(
    sequence: Codes, subject: Codes, names: tuple[str, ...], people: tuple[str, ...]
) -> tuple[Codes, tuple[str, ...]]:
    """Codes and names of sequences, a name that several people's frames have split by person.

    Tasks are often called the same for everybody: T1 of one person does not go on with T1 of
    another, and every tenth frame of all of them together may be of one person alone.
    """
    known = (sequence != UNKNOWN) & (subject != UNKNOWN)
    pair = sequence[known].astype(np.int64) * len(people) + subject[known]
    pairs, which = np.unique(pair, return_inverse=True)
    film, who = np.divmod(pairs, max(1, len(people)))
    shared = np.bincount(film, minlength=len(names))[film] > 1
    if not shared.any():
        return sequence, names
    codes = sequence.astype(np.int64)
    codes[known] = np.where(shared, len(names) + np.cumsum(shared) - 1, film)[which]
    told = [
        *names,
        *(f"{people[w]}/{names[f]}" for f, w in zip(film[shared], who[shared], strict=True)),
    ]
    present, places = np.unique(codes[codes != UNKNOWN], return_inverse=True)
    codes[codes != UNKNOWN] = places
    return codes.astype(np.int32), tuple(told[code] for code in present)


class _Names:
    """Names by code, in the order in which they are met."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, column: pa.Array) -> NDArray[np.int32]:
        """(n,) int32; null becomes UNKNOWN."""
        encoded = column.dictionary_encode()
        mine = [self._codes.setdefault(n, len(self._codes)) for n in encoded.dictionary.to_pylist()]
        places = np.asarray(encoded.indices.fill_null(len(mine)).to_numpy(zero_copy_only=False))
        codes: NDArray[np.int32] = np.array([*mine, UNKNOWN], np.int32)[places]
        return codes

    @property
    def told(self) -> tuple[str, ...]:
        return tuple(self._codes)


def _part(
    faces: Pool, photos: Pool, stem: str, codes: Mapping[str, _Names], told: Told | None
) -> dict[str, Any]:
    """The columns of one part's kept faces; ``key`` is an Arrow array."""
    table = faces.table(stem, FACE_SCHEMA)
    kept = np.flatnonzero(pc.equal(table["status"], "ok").fill_null(False).to_numpy())
    table = table.select(list(_FACE)).take(pa.array(kept)).combine_chunks()
    about = photos.table(stem, PHOTO_SCHEMA).select(list(_PHOTO))
    places = pc.index_in(_flat(table["photo_id"]), value_set=_flat(about["photo_id"]))
    if places.null_count:
        raise DamagedError(
            f"faces/{stem} names photos that photos/{stem} lacks: 'facecurate verify' says what "
            "to do"
        )
    about = about.take(places).combine_chunks()
    words = {name: _flat(about[name]) for name in WHO}
    rows = told.rows(_flat(about["source"])) if told else None
    if told:
        given = {name: told.words(name, rows) for name in WHO}
        words |= {name: column for name, column in given.items() if column is not None}
    found: dict[str, Any] = {name: codes[name].code(words[name]) for name in WHO}
    found |= {name: _floats(table[name]) for name in QUALITY}
    found["key"], found["row"] = _flat(table["key"]), kept.astype(np.int32)
    found["origin"] = np.array(about["origin"].to_pylist(), np.str_)
    found["frame"] = _flat(about["frame"]).fill_null(-1).to_numpy().astype(np.int64)
    found["units"] = _units(_flat(table["label_au"]))
    found["affect"] = np.stack([_floats(table[f"label_{n}"]) for n in AFFECT], axis=1)
    if told:
        _overlay(found, told, rows)
        found["example"] = printable(about["source"][0].as_py()) if len(about) else ""
    return found


def _overlay(found: dict[str, Any], told: Told, rows: pa.Array) -> None:
    """Puts the numbers that the user gives in place of the source's."""
    found["named"] = ~np.asarray(pc.is_null(rows).to_numpy(zero_copy_only=False))
    for name, names in (("units", UNITS), ("affect", AFFECT)):
        numbers = told.numbers(names, rows)
        found[name] = found[name] if numbers is None else numbers
    frame = told.numbers(("frame",), rows)
    if frame is not None:
        found["frame"] = np.nan_to_num(frame[:, 0], nan=-1).astype(np.int64)


def _flat(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _floats(column: Any) -> NDArray[np.float32]:
    values = _flat(column).cast(pa.float32()).fill_null(np.nan)
    return np.array(values.to_numpy(zero_copy_only=False), np.float32)


def _units(column: pa.Array) -> NDArray[np.float32]:
    """(n, 12) intensities in the order of ``AU_NUMBERS``, NaN where nobody coded."""
    units = np.full((len(column), len(AU_NUMBERS)), np.nan, np.float32)
    lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    if not np.isin(lengths, (0, len(AU_NUMBERS))).all():
        raise DamagedError(
            f"label_au has {int(lengths.max())} numbers instead of {len(AU_NUMBERS)}: "
            "'facecurate verify' says what to do"
        )
    values = column.drop_null().flatten().fill_null(np.nan).to_numpy(zero_copy_only=False)
    units[lengths > 0] = np.asarray(values, np.float32).reshape(-1, len(AU_NUMBERS))
    return units


def _labels(column: Mapping[str, NDArray[Any]]) -> Labels | None:
    """Action units where any was coded, else valence and arousal, else None."""
    for names, values, levels in (
        (UNITS, column["units"], True),
        (AFFECT, column["affect"], False),
    ):
        coded = np.isfinite(values).any(axis=0)
        if coded.any():
            told = tuple(n for n, some in zip(names, coded, strict=True) if some)
            return Labels(told, np.ascontiguousarray(values[:, coded]), levels)
    return None


def parts_of(frames: Frames, chosen: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The places in ``chosen`` that lie in each part, part by part."""
    part = frames.part[chosen]
    for code in np.unique(part):
        yield frames.stems[int(code)], np.flatnonzero(part == code)


def read_in_parts(
    frames: Frames, read: Callable[[str], NDArray[Any]], dimension: int
) -> NDArray[np.float16]:
    """(N, dimension) float16: the rows of ``read(stem)`` that are kept, without a second copy."""
    out = np.empty((len(frames), dimension), np.float16)
    for stem, places in parts_of(frames, np.arange(len(frames))):
        out[places] = read(stem)[frames.row[places]]
    return out
