"""How far apart labelled pairs are: by their hashes at both levels, and by vectors of faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from facecurate.encoders import Encoder
from facecurate.errors import FacecurateError
from facecurate.pool import Pool
from facecurate.records import FACE_SCHEMA, HASH_SCHEMA
from facecurate.review.curve import Floats, Measured
from facecurate.review.hashed import hash_table
from facecurate.review.ledger import LEVELS
from facecurate.review.resolve import Couple, Side
from facecurate.review.thresholds import bits_apart
from facecurate.similar import hamming
from facecurate.similar.verify import HashTable
from facecurate.vectors import read_vectors, vectors_pool
from facecurate.workspace import Dataset

BITS = range(0, 129)  # limits that are tried: unrelated pictures differ in half of 256
COSINES = np.round(np.arange(0, 0.501, 0.005), 3)  # as 1 - cosine

Index = NDArray[np.int64]
Apart = Callable[[Index, Index], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True, eq=False)
class Hashed:
    """The hashes of the pictures that the pairs name, and how many pictures a level has in all.

    rows: row of each key; faces: keys of the faces of each photo.
    """

    table: HashTable
    rows: Mapping[str, int]
    faces: Mapping[str, Sequence[str]]
    totals: Mapping[str, int]


def read_hashed(dataset: Dataset, couples: Sequence[Couple]) -> Hashed:
    """Reads ``hashes/`` part by part and keeps what is asked for. Raises FacecurateError."""
    pool = Pool(dataset.path("hashes"))
    missing = set(Pool(dataset.path("photos")).stems()).difference(pool.stems())
    if missing or not pool.stems():
        raise FacecurateError(f"not all photos have hashes: 'facecurate dedupe {dataset.name}'")
    wanted = {side.photo_id for pair in couples for side in (pair.first, pair.second)}
    parts, totals = [], dict.fromkeys(LEVELS, 0)
    for stem in pool.stems():
        table = pool.table(stem, HASH_SCHEMA)
        for level in totals:
            totals[level] += pc.sum(pc.equal(table["level"], level)).as_py() or 0
        here = [level in totals and _photo(key, level) in wanted for key, level in _ids(table)]
        parts.append(table.filter(pa.array(here, pa.bool_())))
    chosen = pa.concat_tables(parts)
    faces: dict[str, list[str]] = {}
    for key, level in _ids(chosen):
        if level == "face":
            faces.setdefault(_photo(key, level), []).append(key)
    rows = {key: row for row, (key, _) in enumerate(_ids(chosen))}
    return Hashed(hash_table(chosen), rows, faces, totals)


def _photo(key: str, level: str) -> str:
    return key if level == "photo" else key.rpartition("_")[0]


def _ids(table: pa.Table) -> Iterator[tuple[str, str]]:
    yield from zip(table["key"].to_pylist(), table["level"].to_pylist(), strict=True)


def by_hash(
    hashed: Hashed, couples: Sequence[Couple], level: str, *, candidate_bits: int, limit: int
) -> Measured:
    """The pairs of one level by the 256-bit hash; the first stage proposes within candidate_bits.

    Upright or mirrored, whichever is nearer. A picture without a usable hash is infinitely far.
    """
    table = hashed.table

    def apart(i: Index, j: Index) -> tuple[Floats, Floats]:
        found = np.full((2, 2, len(i)), np.inf)  # both stages or the second alone, each way
        known = table.informative[i] & table.informative[j]
        for way, mirrored in enumerate((False, True)):
            bits = bits_apart(table, i, j, mirrored).astype(np.float64)
            near = _proposed(table, i, j, mirrored, candidate_bits)
            found[0, way] = np.where(known & near, bits, np.inf)
            found[1, way] = np.where(known, bits, np.inf)
        return found[0].min(axis=0), found[1].min(axis=0)

    return _measured(
        hashed.rows, hashed, couples, level, apart, measure="hash", limits=list(BITS), limit=limit
    )


def _proposed(table: HashTable, i: Index, j: Index, mirrored: bool, bits: int) -> NDArray[np.bool_]:
    """Whether the 64-bit hash proposes a pair, as ``dedupe`` would."""
    small, flipped = table.phash64, table.phash64_mirror
    if not mirrored:
        return np.asarray(hamming.distances(small[i], small[j]) <= bits)
    forth, back = (hamming.distances(*ends) for ends in (
        (small[i], flipped[j]), (flipped[i], small[j])
    ))  # fmt: skip
    return np.asarray(np.minimum(forth, back) <= bits)


def by_vectors(
    dataset: Dataset, encoder: Encoder, hashed: Hashed, couples: Sequence[Couple]
) -> Measured:
    """The pairs of faces by 1 - cosine of their vectors. Raises FacecurateError without any."""
    faces = Pool(dataset.path("faces"))
    pool = vectors_pool(dataset, encoder.name, encoder.sha256)
    made = {stem: pool.info(stem).inputs for stem in pool.stems()}
    if not made or made != {stem: faces.lineage(stem) for stem in faces.stems()}:
        raise FacecurateError(
            f"no vectors of {encoder.name} of these faces: 'facecurate embed {dataset.name} "
            f"--encoder {encoder.name}'"
        )
    keys = [
        key for stem in faces.stems() for key in faces.table(stem, FACE_SCHEMA)["key"].to_pylist()
    ]
    wanted = {key for found in hashed.faces.values() for key in found}
    place = [row for row, key in enumerate(keys) if key in wanted]
    rows = {keys[row]: at for at, row in enumerate(place)}
    vectors = read_vectors(pool)[place]
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def apart(i: Index, j: Index) -> tuple[Floats, Floats]:
        far = 1.0 - np.einsum("nd,nd->n", vectors[i], vectors[j], dtype=np.float64)
        far = np.where(np.isfinite(far), far, np.inf)
        return far, far

    limits = COSINES.tolist()
    return _measured(rows, hashed, couples, "face", apart, measure="cosine", limits=limits)


def _measured(
    rows: Mapping[str, int],
    hashed: Hashed,
    couples: Sequence[Couple],
    level: str,
    apart: Apart,
    *,
    measure: str,
    limits: Sequence[float],
    limit: float | None = None,
) -> Measured:
    """Distances of all pairs; of two photos at face level those of their nearest faces."""
    firsts, seconds, owner = [], [], []
    for number, pair in enumerate(couples):
        for first in _keys(hashed, pair.first, pair.second, level):
            for second in _keys(hashed, pair.second, pair.first, level):
                if first in rows and second in rows:
                    firsts.append(rows[first])
                    seconds.append(rows[second])
                    owner.append(number)
    proposed, alone = apart(np.array(firsts, np.int64), np.array(seconds, np.int64))
    nearest = np.full((2, len(couples)), np.nan)
    for column, values in zip(nearest, (proposed, alone), strict=True):
        np.fmin.at(column, np.array(owner, np.int64), values)
    same = np.array([pair.same for pair in couples], np.bool_)
    line = np.array([pair.line for pair in couples], np.int64)
    seen = ~np.isnan(nearest[0])
    total = hashed.totals[level]
    return Measured(
        level=level,
        measure=measure,
        same=nearest[0, same & seen],
        different=nearest[0, ~same & seen],
        apart=nearest[1, ~same & seen],
        same_lines=line[same & seen],
        different_lines=line[~same & seen],
        limits=limits,
        in_force=limit,
        compared=total * (total - 1) // 2,
        unseen=int((~seen).sum()),
    )


def _keys(hashed: Hashed, side: Side, other: Side, level: str) -> Sequence[str]:
    """A side's pictures of a level: of a photo its faces, of a face no photo."""
    if level == "photo":
        return [side.photo_id] if side.face is None and other.face is None else []
    return [side.face] if side.face else hashed.faces.get(side.photo_id, [])
