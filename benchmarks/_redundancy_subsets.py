"""Chosen subsets against stride and stratified random, on rendered face video with coded units.

People are dealt out anew in each draw; strategies choose inside the people trained on by vectors of
one encoder, a ridge probe on the spatial features learns what was chosen, and everybody else's
frames are the test. The table of paired differences goes to standard output.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import _redundancy_faces
import numpy as np
from _figures import Figure
from _redundancy_faces import Frames
from numpy.typing import NDArray

from facecurate.choose.candidates import Candidates
from facecurate.choose.compare import Arm, Comparison, compare
from facecurate.choose.strategies import BASELINES, STRATEGIES
from facecurate.choose.thinning import usual_spacing
from facecurate.diversity.structure import Labels, Structure
from facecurate.probes.narrow import narrow
from facecurate.records import AU_NUMBERS
from facecurate.shares import Fraction

FPS = 10.0
SHARES = (1.0, 2.0, 5.0)
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
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    labels = Labels(tuple(f"AU{n}" for n in AU_NUMBERS), frames.labels, levels=True)
    spacing = usual_spacing(unit, structure)
    return Candidates(tuple(frames.keys), unit, structure, spacing, frames.sharp, labels)


def drawn(quick: bool, workers: int, folder: str | None) -> Frames:
    """The frames; kept for the next time if there is a folder for them."""
    size = {"people": 9, "frames": 300} if quick else {"people": 27, "frames": 2000}
    with tempfile.TemporaryDirectory() as own:
        place = folder or own
        return _redundancy_faces.draw(place, **size, fps=FPS, seed=0, workers=workers)


def figures(
    machine: str, *, quick: bool = False, workers: int = 0, folder: str | None = None
) -> list[Figure]:
    """Differences in ICC of every strategy that looks, from stride and from stratified random."""
    frames = drawn(quick, workers, folder)
    draws = 3 if quick else 10
    arms = [Arm(s, Fraction(percent=share)) for s in STRATEGIES for share in SHARES]
    told: list[Figure] = []
    for name in ("dct", "hog"):
        vectors = narrow(getattr(frames, name))
        of = candidates(frames, vectors)
        found = compare(of, narrow(frames.hog), arms, draws=draws)
        print(f"\nchosen by {name}, spacing {of.spacing:.1f} frames, probe on hog, {draws} draws")
        print("\n".join(table(found)))
        told += _figures(found, name, machine)
    return told


def table(found: Comparison) -> Iterator[str]:
    """Means of every arm, and its differences from the baselines at its size; * where clear."""
    means = found.means()
    yield "arm".ljust(18) + "".join(f"{MEASURES[m]:>14}" for m in means)
    for a, arm in enumerate(found.arms):
        yield str(arm).ljust(18) + "".join(f"{means[m][a]:14.4f}" for m in means)
    for arm in found.arms:
        others = [Arm(b, arm.fraction) for b in BASELINES if b != arm.strategy]
        if arm.fraction.percent == 1.0:
            others.append(Arm("stratified", Fraction(percent=5.0)))
        for other in others:
            yield f"{arm} - {other}: " + ", ".join(_differences(found, arm, other))


def _differences(found: Comparison, arm: Arm, other: Arm) -> Iterator[str]:
    for measure, one in found.difference(arm, other).items():
        people = "" if np.isnan(one.people_low) else (
            f" people [{one.people_low:+.4f}, {one.people_high:+.4f}]"
        )  # fmt: skip
        star = "*" if one.clear else ""
        yield (
            f"{MEASURES[measure]} {one.mean:+.4f}{star} draws [{one.low:+.4f}, {one.high:+.4f}]"
            + people
        )


def _figures(found: Comparison, vectors: str, machine: str) -> Iterator[Figure]:
    icc = dict(zip(found.arms, found.means()["icc"].tolist(), strict=True))
    for arm in found.arms:
        if STRATEGIES[arm.strategy].reads == "frames":
            continue
        for baseline in BASELINES:
            other = Arm(baseline, arm.fraction)
            label = f"{arm} by {vectors}, against {baseline}"
            yield Figure(label, icc[arm], "ICC", None, icc[other], machine)
        if arm.fraction.percent == 1.0:
            random = Arm("stratified", Fraction(percent=5.0))
            label = f"{arm} by {vectors}, against {random}"
            yield Figure(label, icc[arm], "ICC", 1.0, icc[random], machine)


def main(arguments: Sequence[str]) -> None:
    """Alone: ``python benchmarks/_redundancy_subsets.py [FOLDER]``; FOLDER keeps the frames."""
    import _figures as shown
    from _machine import machine

    folder = str(Path(arguments[0])) if arguments else None
    print("\n" + shown.table(figures(machine(), folder=folder)))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
