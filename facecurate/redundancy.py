"""``redundancy-report``: how many different frames a set of faces holds, and how that is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate import images, storage, tars
from facecurate.diversity.effective import EffectiveNumber, effective_number
from facecurate.diversity.intervals import Interval, interval
from facecurate.diversity.tolerance import CopyTolerance, calibrate_copy
from facecurate.encoders import Encoder
from facecurate.errors import FacecurateError, RefusedError
from facecurate.pool import Pool, table_is_current, write_part
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA
from facecurate.report.page import Section, Table, figure, render_page
from facecurate.stats import Stats
from facecurate.vectors import read_vectors, vectors_pool
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset

SAMPLE = 500  # faces on which the tolerance is measured
CURVE = 24  # points of the curve N_eff(tau)


def redundancy_report(
    dataset: Dataset, encoder: Encoder, *, redo: bool = False, progress: Progress = silent
) -> Stats:
    """Writes ``redundancy.json`` and ``redundancy.html`` from the vectors of ``encoder``.

    N_eff counts frames that a re-compressed, shifted or slightly brighter copy cannot imitate,
    within each group (subject, else sequence, else the whole set), summed over groups.
    """
    if encoder.identity:
        raise RefusedError(
            f"{encoder.name} is trained to ignore expression and would count about one frame a "
            "person: use --encoder dct or a run of your own"
        )
    faces = Pool(dataset.path("faces"))
    pool = vectors_pool(dataset, encoder.name, encoder.sha256)
    with dataset.lock("redundancy-report") as taken_over:
        settings = {"encoder": encoder.name, "sha256": encoder.sha256, "sample": SAMPLE}
        inputs = {"faces": faces.digest(), "embeddings": pool.digest()}
        if table_is_current(dataset.url, "redundancy", settings=settings, inputs=inputs, redo=redo):
            stats = Pool(dataset.url).info("redundancy").stats
            result = _stored(dataset)
            return stats.noted(result["sentence"], "the report was up to date").with_facts(
                result=result
            )
        progress(0, 3)
        frames = Frames.read(dataset, pool)
        progress(1, 3)
        tolerance = calibrate_copy(encoder.encode, frames.sample(faces))
        progress(2, 3)
        finding = measure(frames, tolerance)
        with write_part(
            dataset.url, "redundancy", tool="redundancy-report", settings=settings, inputs=inputs
        ) as part:
            part.stats = Stats.of("faces", [None] * len(frames.vectors))
            part.result = finding.to_json(dataset.name, encoder.name)
            part.write("html", report_page(part.result))
        progress(3, 3)
        return part.stats.noted(taken_over or "", part.result["sentence"]).with_facts(
            result=part.result
        )


def _stored(dataset: Dataset) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(storage.read(dataset.path("redundancy.json")))["result"]
    return result


# -- the frames --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frames:
    """The kept faces of a dataset with the vector and the group of each."""

    keys: Sequence[str]
    parts: Sequence[str]
    groups: Sequence[str]
    unit: str  # subject, sequence, dataset: what a group is
    vectors: NDArray[np.float32]
    rendered: bool

    @staticmethod
    def read(dataset: Dataset, pool: Pool) -> Frames:
        """Joins faces, photos and vectors. Raises FacecurateError if they do not fit."""
        faces = Pool(dataset.path("faces"))
        photos = Pool(dataset.path("photos")).tables(PHOTO_SCHEMA)
        about = {row["photo_id"]: row for row in photos.to_pylist()}
        rows = [
            {**row, "part": stem}
            for stem in faces.stems()
            for row in faces.table(stem, FACE_SCHEMA).to_pylist()
        ]
        made = {stem: pool.info(stem).inputs for stem in pool.stems()}
        if made != {stem: faces.lineage(stem) for stem in faces.stems()}:
            raise FacecurateError(
                f"the vectors are not those of the faces: 'facecurate embed {dataset.name}'"
            )
        vectors = read_vectors(pool)
        kept = [i for i, row in enumerate(rows) if row["status"] == "ok"]
        if not kept:
            raise FacecurateError(f"{dataset.name} has no face to measure")
        photo_of = [about[rows[i]["photo_id"]] for i in kept]
        unit = _unit(photo_of)
        return Frames(
            keys=[rows[i]["key"] for i in kept],
            parts=[rows[i]["part"] for i in kept],
            groups=[str(p[unit]) if unit != "dataset" else "all" for p in photo_of],
            unit=unit,
            vectors=vectors[kept],
            rendered=all(p["origin"] == "rendered" for p in photo_of),
        )

    def sample(self, faces: Pool) -> list[images.Pixels]:
        """Crops to measure the tolerance on: the first in the hash order of the keys."""
        order = sorted(
            range(len(self.keys)), key=lambda i: hashlib.sha256(self.keys[i].encode()).digest()
        )[:SAMPLE]
        crops = {stem: tars.index(faces.file(stem, "tar")) for stem in set(self.parts)}
        found = []
        for i in order:
            member = crops[self.parts[i]][f"{self.keys[i]}.jpg"]
            url = faces.file(self.parts[i], "tar")
            found.append(images.decode(storage.read(url, member.offset, member.size)).pixels)
        return found


def _unit(photos: Sequence[Mapping[str, Any]]) -> str:
    """Subjects where every frame has one, else sequences, else the whole set as one group."""
    for unit in ("subject", "sequence"):
        if all(photo[unit] is not None for photo in photos):
            return unit
    return "dataset"


# -- the numbers -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """What was measured."""

    frames: Frames
    tolerance: CopyTolerance
    at_tolerance: EffectiveNumber
    curve: EffectiveNumber
    over_people: Interval | None

    def to_json(self, name: str, encoder: str) -> dict[str, Any]:
        """Every number that the page shows."""
        n, effective = len(self.frames.keys), float(self.at_tolerance.total0[0])
        return {
            "sentence": self.sentence(name),
            "dataset": name,
            "rendered": self.frames.rendered,
            "encoder": encoder,
            "frames": n,
            "groups": len(self.at_tolerance.groups),
            "unit": self.frames.unit,
            "n_eff": effective,
            "ratio": n / effective,
            "orders": {
                "0": effective,
                "1": float(self.at_tolerance.total1[0]),
                "2": float(self.at_tolerance.total2[0]),
            },
            "interval": asdict(self.over_people) if self.over_people else None,
            "tolerance": asdict(self.tolerance),
            "curve": {
                "tau": self.curve.taus.tolist(),
                "n_eff": self.curve.total0.tolist(),
            },
            "per_group": [
                {"group": group, "frames": int(count), "n_eff": float(value)}
                for group, count, value in zip(
                    self.at_tolerance.groups,
                    self.at_tolerance.frames,
                    self.at_tolerance.d0[0],
                    strict=True,
                )
            ],
        }

    def sentence(self, name: str) -> str:
        """The headline."""
        n, effective = len(self.frames.keys), float(self.at_tolerance.total0[0])
        of = {
            "subject": f" of {len(self.at_tolerance.groups)} people",
            "sequence": f" in {len(self.at_tolerance.groups)} sequences",
        }.get(self.frames.unit, "")
        between = ""
        if self.over_people:
            between = f" [{self.over_people.low:,.0f}, {self.over_people.high:,.0f}]"
        return (
            f"{name}: {n:,} frames{of} are {effective:,.0f}{between} distinct frames where a "
            f"re-compressed copy cannot be told apart ({n / effective:.1f} frames for one)"
        )


def measure(frames: Frames, tolerance: CopyTolerance) -> Finding:
    """N_eff at the tolerance and along the curve, with an interval over people if there are any."""
    at = effective_number(frames.vectors, frames.groups, [tolerance.tau])
    far = max(1 - tolerance.tau, 1e-4)
    taus = 1 - far * np.geomspace(0.1, min(50.0, 1 / far), CURVE)
    curve = effective_number(frames.vectors, frames.groups, taus.tolist())
    people = frames.unit == "subject" and len(at.groups) > 1
    return Finding(frames, tolerance, at, curve, interval(at.d0[0]) if people else None)


# -- the page ----------------------------------------------------------------------------------


def report_page(result: Mapping[str, Any]) -> bytes:
    """``redundancy.html`` from the numbers of ``redundancy.json``."""
    with figure() as (axes, svg):
        distance = [1 - tau for tau in result["curve"]["tau"]]
        axes.plot(distance, result["curve"]["n_eff"], color="#2f6f9f")
        axes.axvline(max(1 - result["tolerance"]["tau"], 1e-4), color="#b5482f", linestyle="--")
        axes.set(xscale="log", xlabel="tolerance, 1 - cosine", ylabel="distinct frames (N_eff)")
        axes.set_ylim(bottom=0)
    groups = sorted(result["per_group"], key=lambda g: g["n_eff"] / g["frames"])
    misses = ", ".join(f"{k} {100 * v:.2f} %" for k, v in result["tolerance"]["misses"].items())
    people = result["unit"] == "subject"
    sections = [
        Section(
            "Distinct frames against the tolerance",
            svg=svg[0],
            caption="Dashed: the tolerance measured on re-compressed, shifted and brightened "
            "copies of this dataset's own faces. Left of it sensor noise counts as news.",
        ),
        Section(
            "How it was measured",
            paragraphs=[
                f"Encoder {result['encoder']}; cosine at least {result['tolerance']['tau']:.5f}. "
                f"Share of copies missed at it: {misses}.",
                f"Frames are compared within each {result['unit']} and the sums are added. Orders "
                f"0, 1, 2: {', '.join(f'{v:,.0f}' for v in result['orders'].values())}.",
                "The interval is over people (log-t), not over frames."
                if people
                else "No interval: this dataset does not say who is in a frame.",
                "Another encoder gives another number: read it beside its curve.",
            ],
        ),
        Section(
            f"By {result['unit']}",
            table=Table(
                (result["unit"], "frames", "distinct", "frames for one"),
                [
                    (
                        g["group"],
                        f"{g['frames']:,}",
                        f"{g['n_eff']:,.1f}",
                        f"{g['frames'] / g['n_eff']:.1f}",
                    )
                    for g in groups[:200]
                ],
            ),
        ),
    ]
    return render_page(
        f"Redundancy of {result['dataset']}",
        lead=result["sentence"],
        banner="Rendered faces: nothing here is evidence about real people or real datasets."
        if result["rendered"]
        else "",
        sections=sections,
        footer="Made by facecurate redundancy-report; every number is in redundancy.json.",
    )
