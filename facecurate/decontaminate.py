"""``decontaminate``: what near-duplicates an evaluation set stays out of the shards, certified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from facecurate.copies.certificate import found, known_overlaps, listed
from facecurate.copies.crops import Crops
from facecurate.copies.hashing import make_hashes
from facecurate.copies.limits import limits, rules
from facecurate.copies.pictures import Pictures, read_pictures
from facecurate.copies.registering import Registration
from facecurate.errors import FacecurateError, UsageError
from facecurate.pool import Pool, digests_of, table_is_current, write_part
from facecurate.records import OVERLAP_SCHEMA, to_table
from facecurate.similar import verify
from facecurate.similar.judging import BUDGET
from facecurate.similar.overlap import Match, Overlap, find_overlap
from facecurate.stats import Count, Stats
from facecurate.text import counted
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset


def decontaminate(
    dataset: Dataset,
    against: Sequence[Dataset],
    *,
    hash_distance: int = verify.CANDIDATE_BITS,
    photo_distance: int = verify.VERIFIED_BITS,
    face_distance: int = verify.FACE_VERIFIED_BITS,
    registrations: int = BUDGET,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Compares photos and faces with those of evaluation sets and writes ``overlaps.parquet``.

    The candidates and the verification are those of ``dedupe``, between two lists: mirrored and cut
    copies are found too. Only faces of ``dataset`` are dropped, by ``shard``: each that equals one
    of theirs, and every face of a photo that equals one of theirs. ``overlaps.json`` is the
    certificate. Never identity: another photo of the same person is no overlap.
    """
    _check(dataset, against)
    for other in against:
        with other.lock("decontaminate"):
            make_hashes(other, workers=workers, progress=progress)
    with dataset.lock("decontaminate") as taken_over:
        make_hashes(dataset, workers=workers, progress=progress)
        settings = {
            "against": sorted(other.name for other in against),
            **limits(hash_distance, photo_distance, face_distance, registrations),
        }
        inputs = _inputs(dataset)
        for other in against:
            inputs |= {f"{other.name}/{name}": digest for name, digest in _inputs(other).items()}
        if table_is_current(dataset.url, "overlaps", settings=settings, inputs=inputs, redo=redo):
            stats = Pool(dataset.url).info("overlaps").stats.noted("overlaps were up to date")
        else:
            stats = _write(dataset, against, settings, inputs, workers, progress)
        return stats.noted(taken_over or "")


def _check(dataset: Dataset, against: Sequence[Dataset]) -> None:
    names = [other.name for other in against]
    if not names:
        raise UsageError("nothing to compare with: name evaluation sets with --against D1,D2")
    if dataset.name in names:
        raise UsageError(f"{dataset.name} cannot be compared with itself: dedupe finds its copies")
    if len(set(names)) < len(names):
        raise UsageError("a dataset is named twice in --against: name each once")


def _inputs(dataset: Dataset) -> dict[str, str]:
    return digests_of(*(Pool(dataset.path(name)) for name in ("photos", "faces", "hashes")))


@dataclass(frozen=True, slots=True)
class _Compared:
    """What one evaluation set has in common with ours."""

    dataset: Dataset
    theirs: Pictures
    photos: Overlap
    faces: Overlap

    def rows(self, ours: Pictures) -> Iterator[dict[str, Any]]:
        """Rows of ``overlaps.parquet``: photos, then faces; a face's own match goes first."""
        by_photo = {match.key: match for match in self.photos.matches}
        for match in self.photos.matches:
            yield self._row("photo", match)
        by_face = {match.key: match for match in self.faces.matches}
        for key, photo_id in self._touched(ours, by_face, by_photo):
            own, photo = by_face.get(key), by_photo.get(photo_id)
            if own is not None:
                yield self._row("face", own)
            elif photo is not None:
                yield {**self._row("face", photo), "key": key, "method": "photo"}

    @staticmethod
    def _touched(
        ours: Pictures, by_face: Iterable[str], by_photo: Iterable[str]
    ) -> Iterator[tuple[str, str]]:
        """Key and photo of the faces that match, or whose photo does."""
        rows, faces, photos = ours.faces, list(by_face), list(by_photo)
        wanted = pc.or_(
            pc.is_in(rows["key"], pa.array(faces, pa.string())),
            pc.is_in(rows["photo_id"], pa.array(photos, pa.string())),
        )
        found = rows.filter(wanted)
        yield from zip(found["key"].to_pylist(), found["photo_id"].to_pylist(), strict=True)

    def _row(self, level: str, match: Match) -> dict[str, Any]:
        return {
            "key": match.key,
            "dataset": self.dataset.name,
            "other_key": match.other_key,
            "method": match.method,
            "distance": match.distance,
            "drop": True,
            "level": level,
            "mirrored": match.mirrored,
            "verified": match.verified,
            "agreement": match.agreement,
        }


def _compare(
    dataset: Dataset,
    ours: Pictures,
    other: Dataset,
    settings: Mapping[str, Any],
    workers: int,
    progress: Progress,
) -> _Compared:
    theirs = read_pictures(other)
    photos = find_overlap(ours.photo_items, theirs.photo_items, rules(settings, "photo"))
    crops = [
        Crops(Pool(place.path("faces")), pictures.faces)
        for place, pictures in ((dataset, ours), (other, theirs))
    ]
    faces = find_overlap(
        ours.face_items,
        theirs.face_items,
        rules(settings, "face"),
        registered=Registration(crops[0], crops[1], workers=workers, progress=progress),
    )
    return _Compared(other, theirs, photos, faces)


def _write(
    dataset: Dataset,
    against: Sequence[Dataset],
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    workers: int,
    progress: Progress,
) -> Stats:
    ours = read_pictures(dataset)
    every, certificate, notes = [], {}, []
    for other in sorted(against, key=lambda other: other.name):
        compared = _compare(dataset, ours, other, settings, workers, progress)
        every += list(compared.rows(ours))
        known = known_overlaps(dataset, other)
        told = found(compared.photos, compared.faces)
        certificate[other.name] = {**listed(compared.theirs), **told, "known": known}
        notes += list(_told(compared, known))
    with write_part(
        dataset.url, "overlaps", tool="decontaminate", settings=settings, inputs=inputs
    ) as part:
        part.write_table(to_table(every, OVERLAP_SCHEMA))
        part.result = {"ours": {"name": dataset.name, **listed(ours)}, "against": certificate}
        part.stats = _counts(ours, every)
    return part.stats.noted(*notes).with_facts(against=certificate)


def _counts(ours: Pictures, rows: Iterable[Mapping[str, Any]]) -> Stats:
    gone = {level: {r["key"] for r in rows if r["level"] == level} for level in ("photo", "face")}
    totals = {"photo": len(ours.photos), "face": len(ours.faces)}
    return Stats(
        {
            f"{level}s": Count(
                totals[level],
                totals[level] - len(keys),
                {"overlap": len(keys)} if keys else {},
            )
            for level, keys in gone.items()
        }
    )


def _told(compared: _Compared, known: Sequence[str]) -> Iterator[str]:
    """What to say of one evaluation set."""
    name, theirs = compared.dataset.name, compared.theirs
    photos, faces = len(compared.photos.matches), len(compared.faces.matches)
    yield f"{name}: {counted(photos, 'photo')} and {counted(faces, 'face')} in common"
    if not len(theirs.faces):
        yield f"{name} has no faces yet, so cut copies are not found: 'facecurate detect {name}'"
    if compared.faces.not_registered:
        pairs = counted(compared.faces.not_registered, "pair")
        yield f"{pairs} in doubt not asked about: the farthest, beyond --registrations"
    yield from (f"known: {sentence}" for sentence in known)


def linked_evaluation_sets(links: Iterable[str]) -> list[str]:
    """Those of the linked datasets that results are reported on."""
    from facecurate.datasets import manifest

    chosen = [name for name in links if manifest.load(name).kind == "evaluation"]
    if not chosen:
        raise FacecurateError(
            "no evaluation set is linked: 'facecurate datasets' lists them, or name a dataset of "
            "this workspace with --against"
        )
    return sorted(chosen)
