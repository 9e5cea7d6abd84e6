"""``dedupe``: which photos and which faces are the same picture, and which of them is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from facecurate.copies.clusters import counts, inputs_of, write_clusters
from facecurate.copies.coinciding import coinciding
from facecurate.copies.crops import Crops
from facecurate.copies.hashing import make_hashes
from facecurate.copies.incremental import START_OVER, Before, before
from facecurate.copies.limits import limits, rules
from facecurate.copies.pictures import read_pictures
from facecurate.copies.registering import Registration
from facecurate.encoders import Encoder
from facecurate.errors import FacecurateError, RefusedError, UsageError
from facecurate.pool import Pool, table_is_current
from facecurate.review.report import dedupe_report
from facecurate.similar import verify
from facecurate.similar.deciding import Decided
from facecurate.similar.duplicates import Duplicates, Vectors, find_duplicates
from facecurate.similar.judging import BUDGET
from facecurate.stats import Stats
from facecurate.text import counted
from facecurate.vectors import kept_vectors, vectors_pool
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset

SIMILARITY = 0.8
"""Cosine from which the vectors of two faces make them candidates. Set for ``dct`` on 210 rendered
faces and a copy of each: all rescaled, re-encoded and brightened copies reach it, 80 % of those cut
by 5 %, 53 % of those written on, and 3 of 100,000 pairs of different faces. What holds for rendered
faces need not hold for others, nor for other encoders."""

LARGE, OF_MORE_THAN = 0.01, 1000
"""The share of a level that one cluster may hold, where the level has more items than that."""


def dedupe(
    dataset: Dataset,
    *,
    hash_distance: int = verify.CANDIDATE_BITS,
    photo_distance: int = verify.VERIFIED_BITS,
    face_distance: int = verify.FACE_VERIFIED_BITS,
    encoder: Encoder | None = None,
    similarity: float = SIMILARITY,
    registrations: int = BUDGET,
    keep: str = "largest",
    allow_large_clusters: bool = False,
    incremental: bool = False,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Hashes photos and faces, finds the copies and writes ``clusters.parquet``.

    ``hash_distance``: bits of the 64-bit hash within which two pictures are compared closely;
    ``photo_distance``, ``face_distance``: bits of the 256-bit hash within which they are one.
    ``encoder``: faces whose vectors have a cosine of at least ``similarity`` are compared too.
    ``registrations``: face crops that hashes leave in doubt are laid on each other, at most so
    many pairs. ``incremental``: pairs of two pictures that the last run saw are not compared again;
    the result is that of a run from the start. Nothing is deleted: ``shard`` reads the table.
    Raises FacecurateError, with nothing written, for a cluster of more than a hundredth of a level
    unless ``allow_large_clusters``; RefusedError for an encoder that recognises people; UsageError
    for ``incremental`` with an encoder or with ``redo``.
    """
    if encoder is not None:
        refuse_recognition(encoder)
    if incremental:
        _check_incremental(encoder, redo)
    faces = Pool(dataset.path("faces"))
    with dataset.lock("dedupe") as taken_over:
        make_hashes(dataset, workers=workers, redo=redo, progress=progress)
        told = limits(hash_distance, photo_distance, face_distance, registrations)
        settings: dict[str, Any] = {**told, "keep": keep}
        vectors = None
        if encoder is not None:
            settings["encoder"] = {
                "name": encoder.name,
                "sha256": encoder.sha256,
                "similarity": similarity,
            }
            vectors = vectors_pool(dataset, encoder.name, encoder.sha256)
        inputs = inputs_of(dataset, settings)
        if table_is_current(dataset.url, "clusters", settings=settings, inputs=inputs, redo=redo):
            stats = Pool(dataset.url).info("clusters").stats.noted("clusters were up to date")
        else:
            found = _Found.of(dataset, settings, vectors, incremental, workers, progress)
            if not allow_large_clusters:
                found.refuse_large(settings)
            stats = found.write(dataset, settings, inputs)
        report = dedupe_report(dataset, redo=redo)
        early = "" if faces.stems() else "no faces yet: photos only"
        return stats.noted(taken_over or "", early, report)


def refuse_recognition(encoder: Encoder) -> None:
    """Raises RefusedError for an encoder that tells people apart: copies are not identities."""
    if encoder.identity:
        raise RefusedError(
            f"{encoder.name} recognises people, and a copy is a picture, not a person: "
            "use --encoder dct or a run of your own"
        )


def _check_incremental(encoder: Encoder | None, redo: bool) -> None:
    if encoder is not None:
        raise UsageError(
            "--incremental does not go with --encoder: the search of vectors takes all of them; "
            "leave one of the two out"
        )
    if redo:
        raise UsageError("--redo starts over and --incremental does not: leave one of the two out")


# -- clusters --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of photos and of faces."""

    photos: Duplicates
    faces: Duplicates
    totals: Mapping[str, int]
    notes: tuple[str, ...]

    @staticmethod
    def of(
        dataset: Dataset,
        settings: Mapping[str, Any],
        pool: Pool | None,
        incremental: bool,
        workers: int,
        progress: Progress,
    ) -> _Found:
        """Compares all photos and all faces; ``pool`` holds vectors of the faces."""
        pictures = read_pictures(dataset)
        known = before(dataset, pictures) if incremental else Before({}, ())
        photos = find_duplicates(
            pictures.photo_items, rules(settings, "photo"), earlier=known.levels.get("photo")
        )
        crops = Crops(Pool(dataset.path("faces")), pictures.faces)
        vectors = None
        if pool is not None:
            rows = kept_vectors(dataset, pool, pictures.face_items.keys)
            vectors = Vectors(rows, settings["encoder"]["similarity"])
        faces = find_duplicates(
            pictures.face_items,
            rules(settings, "face"),
            also=list(coinciding(photos.rows, pictures)),
            registered=Registration(crops, crops, workers=workers, progress=progress),
            vectors=vectors,
            earlier=known.levels.get("face"),
        )
        notes = (START_OVER,) if known.levels and not faces.added else known.notes
        totals = {"photos": len(pictures.photos), "faces": len(pictures.faces)}
        return _Found(photos, faces, totals, notes)

    def refuse_large(self, settings: Mapping[str, Any]) -> None:
        """Raises FacecurateError if one cluster holds more than a hundredth of a level."""
        for unit, result in (("photos", self.photos), ("faces", self.faces)):
            total, largest = self.totals[unit], result.largest_cluster
            if total > OF_MORE_THAN and largest > LARGE * total:
                raise FacecurateError(
                    f"one cluster holds {largest:,} of {total:,} {unit}, more than {LARGE:.0%}: "
                    f"with --hash-distance {settings['hash_distance']} chance may join them; look "
                    "with a smaller one, or write it as it is with --allow-large-clusters"
                )

    def write(
        self, dataset: Dataset, settings: Mapping[str, Any], inputs: Mapping[str, str]
    ) -> Stats:
        """Writes ``clusters.parquet`` and its edges; what there is to tell."""
        stats = Stats()
        for unit, result in (("photos", self.photos), ("faces", self.faces)):
            stats += _counted(unit, self.totals[unit], result)
        decided = {
            level: Decided(result.rows, result.edges)
            for level, result in (("photo", self.photos), ("face", self.faces))
        }
        unasked = self.faces.not_registered
        write_clusters(dataset, decided, settings, inputs, Stats(stats.counts), unasked)
        return stats.noted(*self.notes, *_told(self.faces)).with_facts(**_facts(self.faces))


def _counted(unit: str, total: int, result: Duplicates) -> Stats:
    """Counts of a level, its clusters, and how many edges may be false."""
    stats = counts(unit, total, result.rows)
    if not result.rows:
        return stats
    clusters = len({row.cluster for row in result.rows})
    bound = result.false_edges_at_most  # 95 %, by its rate
    facts = {
        f"false_{unit}_edges_at_most": bound,
        f"largest_{unit}_cluster": result.largest_cluster,
    }
    largest = f"{counted(clusters, 'cluster')} of {unit}, the largest of {result.largest_cluster:,}"
    expected = f"false edges expected 0, at most {bound:.2g}"
    return stats.noted(f"{largest} ({expected})").with_facts(**facts)


def _told(faces: Duplicates) -> Iterator[str]:
    """What was registered, what was not, and what the search of vectors may have missed."""
    if faces.registered:
        same = sum(row.verified == "registered" for row in faces.rows)
        yield f"{counted(faces.registered, 'pair')} of faces registered, {same:,} dropped by it"
    if faces.not_registered:
        yield (
            f"{counted(faces.not_registered, 'pair')} in doubt not asked about: the farthest, "
            "beyond --registrations"
        )
    if faces.recall is not None:
        low, high = faces.recall.interval
        found = f"{faces.recall.found:,} of {faces.recall.pairs:,}"
        yield f"the search of vectors found {found} pairs of a sample ({low:.3f} to {high:.3f})"


def _facts(faces: Duplicates) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "pairs_registered": faces.registered,
        "pairs_not_registered": faces.not_registered,
    }
    if faces.recall is not None:
        facts["search_recall"] = [faces.recall.found, faces.recall.pairs]
    return facts
