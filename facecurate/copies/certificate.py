"""The certificate of a comparison with evaluation sets: what was compared, how, and what was found.

Its digests let two people see that they speak of the same pictures: each is the SHA-256 of the
sorted lines of a list, of photos the SHA-256 of their bytes, of faces the 256-bit hash of the crop.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from facecurate import storage
from facecurate.copies.pictures import Pictures
from facecurate.datasets import manifest
from facecurate.errors import DamagedError
from facecurate.pool import Pool
from facecurate.records import check_format
from facecurate.similar.overlap import Overlap
from facecurate.workspace import Dataset


def listed(pictures: Pictures) -> dict[str, Any]:
    """How many pictures were compared, and the digests of their lists."""
    faces = pictures.face_items.hashes
    crops = (faces.phash256[n].tobytes() for n in range(len(faces)) if faces.informative[n])
    photos = (digest for digest in pictures.photo_items.sha256 if digest is not None)
    return {
        "photos": len(pictures.photos),
        "photos_sha256": _digest(photos),
        "faces": len(pictures.faces),
        "faces_sha256": _digest(crops),
    }


def _digest(values: Iterable[bytes]) -> str:
    lines = sorted(value.hex() for value in values)
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def found(photos: Overlap, faces: Overlap) -> dict[str, Any]:
    """Counts of one comparison: matches by what decided, and what was not asked about."""
    told: dict[str, Any] = {
        f"{unit}_found": dict(sorted(Counter(m.verified for m in overlap.matches).items()))
        for unit, overlap in (("photos", photos), ("faces", faces))
    }
    told["pairs_registered"] = faces.registered
    told["pairs_not_registered"] = faces.not_registered
    return told


def known_overlaps(ours: Dataset, theirs: Dataset) -> list[str]:
    """What is known about two public sets: sentences of their manifests."""
    here, there = sources(ours), sources(theirs)
    sentences = []
    for one, other in ((here, there), (there, here)):
        for name in sorted(one):
            for overlap in manifest.load(name).overlaps:
                if overlap.dataset in other:
                    sentences.append(f"{overlap.what} ({overlap.certainty})")
    return list(dict.fromkeys(sentences))


def sources(dataset: Dataset) -> frozenset[str]:
    """The known datasets that a dataset's photos were imported from."""
    photos = Pool(dataset.path("photos"))
    told = {photos.info(stem).settings.get("source") for stem in photos.stems()}
    known = {*told, dataset.name}.intersection(manifest.names())
    return frozenset(str(name) for name in known)


def read_certificate(dataset: Dataset) -> dict[str, Any] | None:
    """The certificate beside ``overlaps.parquet``, if there is one. Raises DamagedError."""
    url = dataset.path("overlaps.json")
    if not storage.exists(url):
        return None
    try:
        data = json.loads(storage.read(url))
        check_format(data.get("format"), url)
        return {"thresholds": data["settings"], **data["result"]}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{url} is damaged: {error}") from error
