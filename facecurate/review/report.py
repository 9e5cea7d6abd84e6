"""``dedupe.html``: what ``dedupe`` found, to be looked at before anything is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from facecurate.pool import PartInfo, Pool, digests_of, page_is_current, write_part
from facecurate.records import PHOTO_SCHEMA
from facecurate.review.choice import Cluster, chosen, keys_of
from facecurate.review.hashed import read_pictures
from facecurate.review.ledger import Ledger, read_ledger
from facecurate.review.page import dedupe_page
from facecurate.review.thresholds import Outlook, outlook
from facecurate.review.thumbnails import thumbnails
from facecurate.similar.verify import CANDIDATE_BITS, FACE_VERIFIED_BITS, VERIFIED_BITS
from facecurate.workspace import Dataset

STEM = "dedupe"
_LIMITS = {"photo": VERIFIED_BITS, "face": FACE_VERIFIED_BITS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One level: its pictures, its copies, the clusters to be shown, what other limits would do.

    limit: bits of the 256-bit hash within which two pictures are copies; outlook: None where
    there are too many pictures to look for all pairs again.
    """

    level: str
    pictures: int
    ledger: Ledger
    groups: Mapping[str, list[Cluster]]
    limit: int
    candidate_bits: int
    outlook: Outlook | None

    def shown(self) -> dict[str, list[str]]:
        """Keys of the pictures on the page, by the name of their group."""
        keys = {group: list(keys_of(found)) for group, found in self.groups.items()}
        near = self.outlook.nearest if self.outlook else ()
        return {**keys, "refused": [key for pair in near for key in (pair.key, pair.other)]}


def dedupe_report(dataset: Dataset, *, redo: bool = False) -> str:
    """Writes ``dedupe.html`` and ``dedupe.json`` unless they are current; a remark about it.

    Reads ``clusters.parquet`` as it is; the caller holds the dataset's lock. The JSON lists the
    keys of all photos and faces that are shown.
    """
    about = Pool(dataset.url).info("clusters")
    names = ("photos", "faces", "hashes")
    inputs = {**about.outputs, **digests_of(*(Pool(dataset.path(name)) for name in names))}
    if not redo and page_is_current(dataset.url, STEM, settings=about.settings, inputs=inputs):
        return f"{STEM}.html was up to date"
    with write_part(
        dataset.url, STEM, tool="dedupe", settings=about.settings, inputs=inputs
    ) as part:
        part.stats = about.stats
        findings = measure(dataset, about)
        part.result = _result(dataset, findings)
        shown = {
            one.level: thumbnails(
                dataset, one.level, [k for ks in one.shown().values() for k in ks]
            )
            for one in findings
        }
        part.write("html", dedupe_page(part.result, findings, about.settings, shown))
    return f"see {dataset.path(f'{STEM}.html')}"


def measure(dataset: Dataset, about: PartInfo) -> list[Finding]:
    """What the page tells, level by level. ``about``: the JSON of the clusters."""
    return [_finding(dataset, about, ledger) for ledger in read_ledger(dataset).values()]


def _finding(dataset: Dataset, about: PartInfo, ledger: Ledger) -> Finding:
    limits = about.settings.get("verified_distance", {})
    limit = int(limits.get(ledger.level, _LIMITS[ledger.level]))
    bits = int(about.settings.get("hash_distance", CANDIDATE_BITS))
    pictures = read_pictures(dataset, ledger.level, str(about.settings.get("keep", "largest")))
    count = about.stats.counts.get(f"{ledger.level}s")
    return Finding(
        level=ledger.level,
        pictures=count.taken if count else 0,
        ledger=ledger,
        groups=chosen(ledger),
        limit=limit,
        candidate_bits=bits,
        outlook=outlook(pictures, ledger, candidate_bits=bits, limit=limit),
    )


def _result(dataset: Dataset, findings: list[Finding]) -> dict[str, Any]:
    """Every number that the page shows, and the keys of every picture."""
    shown = {one.level: one.shown() for one in findings}
    keys = {key for groups in shown.values() for row in groups.values() for key in row}
    return {
        "dataset": dataset.name,
        "rendered": is_rendered(Pool(dataset.path("photos"))),
        "levels": {one.level: _numbers(one) for one in findings},
        "shown": shown,
        "keys": sorted(keys),
    }


def _numbers(one: Finding) -> dict[str, Any]:
    ledger, seen = one.ledger, one.outlook
    sizes = ledger.sizes()
    methods = {
        name: {"copies": int(rows.sum()), "mirrored": int((rows & ledger.mirrored).sum())}
        for name, rows in ((name, ledger.of(name)) for name in ledger.methods)
    }
    return {
        "pictures": one.pictures,
        "clusters": len(sizes),
        "copies": int((~ledger.kept).sum()),
        "largest": int(sizes.max()) if len(sizes) else 0,
        "methods": methods,
        "limit": one.limit,
        "candidate_bits": one.candidate_bits,
        "compared": seen.pairs if seen else None,
        "false_edges_at_most": seen.false_edges_at_most if seen else None,
        "dropped": {str(bits): n for bits, n in seen.dropped.items()} if seen else {},
    }


def is_rendered(photos: Pool) -> bool:
    """Whether nobody is shown in any of the photos."""
    return all(set(_origins(photos, stem)) <= {"rendered"} for stem in photos.stems())


def _origins(photos: Pool, stem: str) -> Iterator[str]:
    yield from photos.table(stem, PHOTO_SCHEMA)["origin"].unique().to_pylist()
