"""Chosen subsets against stride and stratified random, on rendered face video with coded units.

People are dealt out anew in each draw; strategies choose inside the people trained on by vectors of
one encoder, a ridge probe on oriented gradients less each person's mean learns what was chosen, and
everybody else's frames are the test. The table of paired differences goes to standard output.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import _redundancy_faces
import numpy as np
from _figures import Figure
from _machine import machine
from _redundancy_faces import Frames
from numpy.typing import NDArray

from facecurate.choose.candidates import Candidates
from facecurate.choose.compare import Arm, Comparison, Difference, compare
from facecurate.choose.strategies import BASELINES, NEEDS_LABELS, STRATEGIES
from facecurate.choose.thinning import usual_spacing
from facecurate.diversity.structure import Labels, Structure
from facecurate.probes.narrow import impersonal
from facecurate.records import AU_NUMBERS
from facecurate.shares import Fraction
from facecurate.workers import usual_workers

FOLDER = Path(tempfile.gettempdir()) / "facecurate-bench-frames"
FPS = 10.0
ONE, TWO, FIVE = (Fraction(percent=share) for share in (1.0, 2.0, 5.0))
MEASURES = {"icc": "ICC", "recall": "recall >= 3", "kept": "events", "kept_rare": "events >= 3"}


def candidates(frames: Frames, vectors: NDArray[np.float32]) -> Candidates:
    """Frames in the order of their keys, to be chosen by these vectors."""
    person = frames.person.astype(np.int32)
    nothing = np.full(len(frames), -1, np.int32)
    people = int(person.max()) + 1
    structure = Structure(
        subject=person, session=nothing, sequence=person, split=nothing,
        frame=frames.frame, rate=np.full(len(frames), FPS, np.float32),
        subject_names=tuple(f"p{who:03d}" for who in range(people)), session_names=(),
        sequence_names=tuple(f"v{who:03d}" for who in range(people)), split_names=(),
    )  # fmt: skip
    labels = Labels(tuple(f"AU{n}" for n in AU_NUMBERS), frames.labels, levels=True)
    spacing = usual_spacing(vectors, structure)
    return Candidates(tuple(frames.keys), vectors, structure, spacing, frames.sharp, labels)


def drawn(quick: bool) -> Frames:
    """The frames; kept for the next time."""
    people, frames = (9, 300) if quick else (27, 2000)
    folder, workers = str(FOLDER), usual_workers()
    return _redundancy_faces.draw(
        folder, people=people, frames=frames, fps=FPS, seed=0, workers=workers
    )


def arms() -> list[Arm]:
    """Every strategy at 1 and 2 %, and the baselines at 5 %."""
    both = [Arm(name, share) for name in STRATEGIES for share in (ONE, TWO)]
    return both + [Arm(name, FIVE) for name in BASELINES]


def figures(quick: bool) -> list[Figure]:
    """ICC of every strategy that looks, against the baselines, by vectors of two encoders."""
    frames, used = drawn(quick), machine()
    read = impersonal(frames.hog, frames.person)
    told: list[Figure] = []
    for name, vectors in (("dct", frames.dct), ("hog", frames.hog)):
        of = candidates(frames, vectors)
        found = compare(of, read, arms(), draws=3 if quick else 10)
        print(f"\nchosen by {name}, one frame in {of.spacing:.1f} kept, {found.draws} draws")
        print("\n".join(table(found)))
        told += _figures(found, name, used, bar=None if quick else 1.0)
    return list({one.figure: one for one in told}.values())  # what reads labels reads no vectors


def table(found: Comparison) -> Iterator[str]:
    """Means of every arm, then what it has more than the baselines; * where clear.

    Intervals (95 %) over draws, and for tests also over resampled people.
    """
    means = found.means()
    yield "arm".ljust(36) + "".join(f"{told:>44}" for told in MEASURES.values())
    for a, arm in enumerate(found.arms):
        yield str(arm).ljust(36) + "".join(f"{means[m][a]:44.3f}" for m in MEASURES)
    for arm in found.arms:
        if arm.fraction != FIVE:
            others = [Arm(name, arm.fraction) for name in BASELINES if name != arm.strategy]
            for other in [*others, Arm("stratified", FIVE)] if arm.fraction == ONE else others:
                gained = found.difference(arm, other)
                cells = "".join(f"{_told(gained[m]):>44}" for m in MEASURES)
                yield f"{arm} - {other}".ljust(36) + cells


def _told(one: Difference) -> str:
    ends = f"[{one.low:+.3f}, {one.high:+.3f}]"
    if not np.isnan(one.people_low):
        ends += f" [{one.people_low:+.3f}, {one.people_high:+.3f}]"
    return f"{one.mean:+.3f}{'*' if one.clear else ' '} {ends}"


def _figures(found: Comparison, vectors: str, used: str, bar: float | None) -> Iterator[Figure]:
    icc = dict(zip(found.arms, found.means()["icc"].tolist(), strict=True))
    for arm in found.arms:
        if STRATEGIES[arm.strategy].reads == "frames":
            continue
        told = (
            f"{arm} ({NEEDS_LABELS})" if STRATEGIES[arm.strategy].remark else f"{arm} by {vectors}"
        )
        for baseline in BASELINES:
            other = Arm(baseline, arm.fraction)
            yield Figure(f"{told}, against {baseline}", icc[arm], "ICC", None, icc[other], used)
        if arm.fraction == ONE:
            random = Arm("stratified", FIVE)
            least = None if STRATEGIES[arm.strategy].remark else bar
            yield Figure(f"{told}, against {random}", icc[arm], "ICC", least, icc[random], used)
