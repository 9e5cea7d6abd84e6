"""Names in a list of pairs made to keys: a photo_id, a face's key, or a path as it was imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from facecurate.errors import FacecurateError
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA
from facecurate.review.pairs import Pair
from facecurate.text import printable
from facecurate.workspace import Dataset


@dataclass(frozen=True, slots=True)
class Side:
    """One picture of a pair: a photo, or one of its faces."""

    photo_id: str
    face: str | None = None


@dataclass(frozen=True, slots=True)
class Couple:
    """A pair of pictures of the dataset, and the verdict; ``line`` of the file that names it."""

    line: int
    first: Side
    second: Side
    same: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What the dataset has under the names that are asked for.

    status: reason of a photo or face by key, None if it is kept; paths: photo_ids by a path or
    the end of one; whole: the one photo whose whole path that is.
    """

    status: Mapping[str, str | None]
    paths: Mapping[str, Sequence[str]]
    whole: Mapping[str, str]


def couples(dataset: Dataset, pairs: Sequence[Pair]) -> list[Couple]:
    """The pairs as keys. Raises FacecurateError, naming the line, for what is not kept or clear."""
    known = _known(dataset, {name for pair in pairs for name in (pair.first, pair.second)})
    found = []
    for pair in pairs:
        first, second = (
            _side(dataset, known, name, pair.line) for name in (pair.first, pair.second)
        )
        if first == second:
            raise FacecurateError(f"line {pair.line} names one picture twice: give two")
        found.append(Couple(pair.line, first, second, pair.same))
    return found


def _side(dataset: Dataset, known: Known, name: str, line: int) -> Side:
    key = name if name in known.status else known.whole.get(name)
    if key is None:
        photos = known.paths.get(name, ())
        if len(photos) > 1:
            raise FacecurateError(
                f"line {line}: '{printable(name, 80)}' is the end of {len(photos)} paths: write "
                "more of it"
            )
        if not photos:
            raise FacecurateError(
                f"line {line}: {dataset.name} knows no photo or face '{printable(name, 80)}': give "
                "a key, a photo_id, or a path relative to the folder that was imported"
            )
        (key,) = photos
    if known.status[key] is not None:
        raise FacecurateError(
            f"line {line}: '{printable(name, 80)}' was dropped ({known.status[key]}): leave the "
            "pair out"
        )
    photo, _, index = key.rpartition("_")
    return Side(photo, key) if photo in known.status and index.isdigit() else Side(key)


def _known(dataset: Dataset, names: set[str]) -> Known:
    status: dict[str, str | None] = {}
    paths: dict[str, list[str]] = {}
    whole: dict[str, str] = {}
    holders = {name.rpartition("_")[0] for name in names}
    for photo_id, source, reason in _rows(
        Pool(dataset.path("photos")), ["photo_id", "source", "reason"]
    ):
        ends = names.intersection(_ends(source or ""))
        for end in ends:
            paths.setdefault(end, []).append(str(photo_id))
        if source in ends:
            whole[str(source)] = str(photo_id)
        if ends or photo_id in names or photo_id in holders:
            status[str(photo_id)] = reason
    for key, reason in _rows(Pool(dataset.path("faces")), ["key", "reason"]):
        if key in names:
            status[str(key)] = reason
    return Known(status, paths, whole)


def _rows(pool: Pool, columns: list[str]) -> Iterator[tuple[str | None, ...]]:
    schema = PHOTO_SCHEMA if "photo_id" in columns else FACE_SCHEMA
    for stem in pool.stems():
        table = pool.table(stem, schema)
        yield from zip(*(table[column].to_pylist() for column in columns), strict=True)


def _ends(path: str) -> Iterable[str]:
    """A path and what is left of it after each slash."""
    parts = path.split("/")
    return ("/".join(parts[k:]) for k in range(len(parts)))
