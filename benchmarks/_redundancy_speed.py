"""How fast smaller sets are chosen and probed at DISFA's size, and facility location's peer."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import _peers
import numpy as np
from _figures import Figure
from _machine import machine
from numpy.typing import NDArray

from facecurate.choose import facility
from facecurate.choose.candidates import Candidates
from facecurate.choose.curve import Labelled, learning_curve
from facecurate.choose.design import Design
from facecurate.choose.kept import kept
from facecurate.choose.strategies import STRATEGIES
from facecurate.diversity.structure import Structure
from facecurate.probes import ridge
from facecurate.probes.narrow import narrow

PEOPLE, WIDTH, UNITS = 27, 512, 12

APRICOT = """
import json, sys, time
import numpy as np
from apricot import FacilityLocationSelection
from scipy.sparse import csr_matrix
for name, kind in (("int", int), ("float", float), ("bool", bool)):
    if name not in np.__dict__:
        setattr(np, name, kind)
graph = np.load(sys.argv[1])
near = csr_matrix((graph["similarity"], graph["ends"], graph["starts"]))
chooser = FacilityLocationSelection(int(sys.argv[2]), metric="precomputed", optimizer="lazy")
chooser.fit(near)
began = time.perf_counter()
FacilityLocationSelection(int(sys.argv[2]), metric="precomputed", optimizer="lazy").fit(near)
print(json.dumps([time.perf_counter() - began, chooser.ranking.tolist()]))
"""


def video(frames: int) -> tuple[Candidates, NDArray[np.float64], NDArray[np.int64]]:
    """Vectors that drift, a sequence a person, levels that a few directions tell."""
    rng = np.random.default_rng(0)
    person = np.arange(frames) * PEOPLE // frames
    noise = np.fft.rfft(rng.standard_normal((frames, WIDTH), dtype=np.float32), axis=0)
    slow = np.exp(-np.arange(len(noise)) / (frames / 40))[:, None]
    vectors = np.fft.irfft(noise * slow, frames, axis=0).astype(np.float32)
    vectors /= vectors.std()
    levels = vectors[:, :40] @ rng.normal(size=(40, UNITS)) / 5 + rng.normal(size=(frames, UNITS))
    starts = np.searchsorted(person, np.arange(PEOPLE))
    frame, none = np.arange(frames) - starts[person], np.full(frames, -1, np.int32)
    names = tuple(f"p{who:02d}" for who in range(PEOPLE))
    structure = Structure(
        person.astype(np.int32), none, person.astype(np.int32), none, frame,
        np.full(frames, 20, np.float32), names, (), names, (),
    )  # fmt: skip
    keys = tuple(f"p{w:02d}_{f:06d}" for w, f in zip(person, frame, strict=True))
    coded = np.clip(np.rint(levels), 0, 5)
    return Candidates(keys, vectors, structure, spacing=20.0), coded, person


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def figures(quick: bool) -> list[Figure]:
    """Seconds at 131,000 x 512 (a tenth of the frames if quick), and apricot's on 5,000 frames."""
    frames = 13_100 if quick else 131_000
    used = machine()
    of, levels, person = video(frames)
    told = [
        Figure(f"{what} ({frames:,} x {WIDTH})", seconds, "s", bar, None, used)
        for what, seconds, bar in _seconds(of, levels, person, 2 if quick else 10)
    ]
    return told + list(_apricot(of, used))


def _seconds(
    of: Candidates, levels: NDArray[np.float64], person: NDArray[np.int64], draws: int
) -> Iterator[tuple[str, float, float | None]]:
    features = narrow(of.vectors)
    gathering, sums = _timed(lambda: ridge.gather(features, levels, person, PEOPLE))
    people = list(range(PEOPLE * 2 // 3))
    fitting, _ = _timed(lambda: ridge.fit(sums, people, ridge.choose_penalties(sums, people)))
    yield "ridge of 18 people, everybody's moments gathered first", gathering + fitting, 10.0
    yield "the same once they are gathered", fitting, None
    size = len(of) // 50
    for name in ("stratified", "stride", "k-centre", "facility"):
        seconds, _ = _timed(lambda name=name: STRATEGIES[name].choose(of, size, 0))
        yield f"{name} 2 %", seconds, None
    names = tuple(f"AU{k}" for k in range(UNITS))
    people_names = of.structure.subject_names
    narrower = narrow(of.vectors, width=256)
    coded = levels.astype(np.float32)
    data = Labelled(of.keys, narrower, coded, person, people_names, names)
    seconds, _ = _timed(lambda: kept(learning_curve(data, Design(draws=draws), start="planted")))
    yield f"the learning curve, 21 cells, {draws} draws, 5 splits, on 256 axes", seconds, None


def _apricot(of: Candidates, used: str) -> Iterator[Figure]:
    """Both choose 250 of the same 5,000 frames on the same graph."""
    rows = np.linspace(0, len(of) - 1, 5000).astype(np.int64)
    near, size = facility.graph(of.of(rows).expressions()), 250
    seconds, (picks, value, bound) = _timed(lambda: facility.greedy(near, size))
    python, version = _peers.environment(
        "apricot-select", "apricot",
        ("apricot-select", "scikit-learn", "joblib", "threadpoolctl", "tqdm", "narwhals"),
    )  # fmt: skip
    label = "facility location, 250 of 5,000 frames"
    if python is None:
        print(f"apricot-select: not run: {version}")
        yield Figure(label, seconds, "s", None, None, used)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "graph.npz"))
        parts = {"similarity": near.similarity, "ends": near.ends, "starts": near.starts}
        np.savez(path, **parts)
        theirs, ranking = _peers.run(python, APRICOT, [path, size], threads=1)
    yield Figure(f"{label}, apricot {version}", seconds, "s", None, theirs, used)
    best = np.zeros(len(rows))
    for j in ranking:
        ends, similarity = near.of(j)
        best[ends] = np.maximum(best[ends], similarity)
    yield Figure("objective of the same", value, "", 0.999, float(best.sum()), used)
    yield Figure("share of the optimum that the gains left prove", bound, "", None, None, used)
    alike = len(set(picks.tolist()) & set(ranking))
    print(f"{alike} of {size} frames chosen by both: {json.dumps(ranking[:5])}, {picks[:5]}")
