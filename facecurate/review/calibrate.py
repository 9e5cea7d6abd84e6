"""``dedupe --calibrate``: which limits suit a dataset, from pairs of it that somebody labelled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facecurate import storage
from facecurate.encoders import Encoder
from facecurate.errors import FacecurateError, RefusedError
from facecurate.pool import Pool, digests_of, write_part
from facecurate.review.calibration_page import calibration_page
from facecurate.review.curve import FEWEST, Measured
from facecurate.review.labelled import by_hash, by_vectors, read_hashed
from facecurate.review.pairs import read_pairs
from facecurate.review.report import is_rendered
from facecurate.review.resolve import Couple, couples
from facecurate.similar.verify import CANDIDATE_BITS, FACE_VERIFIED_BITS, VERIFIED_BITS
from facecurate.stats import Stats
from facecurate.workspace import Dataset

STEM = "calibration"


def calibrate(
    dataset: Dataset,
    pairs: str,
    *,
    hash_distance: int = CANDIDATE_BITS,
    photo_distance: int = VERIFIED_BITS,
    face_distance: int = FACE_VERIFIED_BITS,
    encoder: Encoder | None = None,
) -> Stats:
    """Writes ``calibration.html`` and ``calibration.json``; changes nothing else.

    ``pairs``: url of a file as ``read_pairs`` takes it; ``hash_distance``: bits of the first stage,
    ``photo_distance`` and ``face_distance`` of the second, as they would be for ``dedupe``;
    ``encoder``: the vectors of the faces are looked at too. Raises FacecurateError for a line that
    names no kept picture, and for too few pairs.
    """
    if encoder is not None and encoder.identity:
        raise RefusedError(
            f"{encoder.name} recognises people, and copies of a picture are not pictures of a "
            "person: use --encoder dct or a run of your own"
        )
    with dataset.lock("dedupe --calibrate") as taken_over:
        labelled = couples(dataset, read_pairs(pairs))
        limits = {"photo": photo_distance, "face": face_distance}
        measured = _measured(dataset, labelled, hash_distance, limits, encoder)
        enough = [one for one in measured if one.enough]
        if not enough:
            raise FacecurateError(
                f"too few pairs: {_counts(measured)}; label at least {FEWEST} of each kind"
            )
        settings = {
            "hash_distance": hash_distance,
            "verified_distance": limits,
            "encoder": encoder.name if encoder else None,
        }
        inputs = {"pairs": storage.digest(pairs), **digests_of(Pool(dataset.path("hashes")))}
        with write_part(
            dataset.url, STEM, tool="dedupe --calibrate", settings=settings, inputs=inputs
        ) as part:
            part.stats = Stats.of("pairs", [None] * len(labelled))
            part.result = _result(dataset, enough, measured)
            part.write("html", calibration_page(part.result, enough))
        told = [suggestion(one) for one in enough]
        page = f"see {dataset.path(f'{STEM}.html')}"
        return part.stats.noted(taken_over or "", *told, page)


def _measured(
    dataset: Dataset,
    labelled: Sequence[Couple],
    bits: int,
    limits: Mapping[str, int],
    encoder: Encoder | None,
) -> list[Measured]:
    hashed = read_hashed(dataset, labelled)
    found = [
        by_hash(hashed, labelled, level, candidate_bits=bits, limit=limit)
        for level, limit in limits.items()
    ]
    if encoder is not None:
        found.append(by_vectors(dataset, encoder, hashed, labelled))
    return found


def _counts(measured: Sequence[Measured]) -> str:
    return ", ".join(
        f"{len(one.same)} same and {len(one.different)} different of {one.level}s"
        for one in measured
        if one.measure == "hash"
    )


def suggestion(one: Measured) -> str:
    """One clause: what the pairs suggest, and the option of ``dedupe`` that takes it."""
    found = one.suggested()
    what = f"{one.level}s by {'the 256-bit hash' if one.measure == 'hash' else 'cosine'}"
    if found is None:
        return f"{what}: no limit parts the pairs"
    if one.measure == "cosine":
        least = math.floor(1000 * (1 - found)) / 1000  # downwards, or the pair itself is left out
        return f"{what}: {least:.3f} suggested (--similarity {least:.3f})"
    option = "as it is" if found == one.in_force else f"--{one.level}-distance {found:.0f}"
    return f"{what}: {found:.0f} bits suggested ({option})"


def _result(
    dataset: Dataset, enough: Sequence[Measured], measured: Sequence[Measured]
) -> dict[str, Any]:
    """Every number of the page; limits of cosines are 1 - cosine, as the distances are."""
    return {
        "dataset": dataset.name,
        "rendered": is_rendered(Pool(dataset.path("photos"))),
        "left_out": [f"{one.level} {one.measure}" for one in measured if not one.enough],
        "curves": [
            {
                "level": one.level,
                "measure": one.measure,
                "same": len(one.same),
                "different": len(one.different),
                "proposed": int(np.isfinite(one.same).sum()),
                "unseen": one.unseen,
                "in_force": one.in_force,
                "suggested": one.suggested(),
                "points": [one.at(limit).to_json() for limit in one.limits],
            }
            for one in enough
        ],
    }
