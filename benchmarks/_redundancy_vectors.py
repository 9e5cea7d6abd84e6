"""The measures of ``redundancy-report`` that read vectors, with planted truth and peers."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _figures import Figure
from _machine import machine, peak_gib

from facecurate.diversity.effective import effective
from facecurate.diversity.intervals import interval
from facecurate.diversity.label_pairs import label_pairs
from facecurate.diversity.label_tolerance import label_sight, label_tolerance
from facecurate.diversity.leakage import leakage
from facecurate.diversity.pairs import compare
from facecurate.diversity.shares import shares
from facecurate.diversity.structure import UNKNOWN, Labels, Structure
from facecurate.diversity.variance import variance_by_group
from facecurate.workers import usual_workers

DIMENSION, PEOPLE, NOISE = 512, 27, 0.03
STATES = 700  # of the person with most; 300 of the one with fewest
TAU = 1 - 4 * NOISE**2  # two observations of one state are at 1 - NOISE^2
TAUS = [TAU, *(1 - np.geomspace(1e-4, 0.2, 23)).tolist()]
CONE = 0.4  # the mean cosine of two people's frames
FRAMES, MANY, QUICK = 131_000, 1_000_000, 13_000
LIMIT, ROOM = 100.0, 4.0
FAISS, SKLEARN = 16_000, 6_000


def planted(path: Path, count: int) -> None:
    """Writes (count, DIMENSION) float16 vectors as NPY: states of PEOPLE, seen in turn."""
    rng = np.random.default_rng(0)
    x = np.lib.format.open_memmap(path, "w+", np.float16, (count, DIMENSION))
    common = _unit(rng.standard_normal((1, DIMENSION), dtype=np.float32))
    own = _unit(rng.standard_normal((PEOPLE * STATES, DIMENSION), dtype=np.float32))
    states = _unit(np.sqrt(CONE) * common + np.sqrt(1 - CONE) * own)
    person, state = _frames(count)
    for start in range(0, count, 8192):
        which = (person * STATES + state)[start : start + 8192]
        noise = rng.standard_normal((len(which), DIMENSION), dtype=np.float32)
        x[start : start + 8192] = states[which] + noise * NOISE / np.sqrt(DIMENSION)
    x.flush()


def _frames(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The person and the state of each frame."""
    person = np.arange(count) * PEOPLE // count
    return person, (np.arange(count) // 3) % (300 + person * 400 // (PEOPLE - 1))


def _truth(count: int) -> float:
    """How many different states there are."""
    person, state = _frames(count)
    return float(len(np.unique(person * STATES + state)))


def _source(count: int) -> tuple[Structure, Labels]:
    """A film for each person, every third person in the test split, a level a hundred states."""
    person, state = _frames(count)
    people = person.astype(np.int32)
    names = tuple(f"{n:02d}" for n in range(PEOPLE))
    frame = np.arange(count) - np.searchsorted(person, person)
    of = Structure(
        people, np.full(count, UNKNOWN, np.int32), people, (people % 3 == 0).astype(np.int32),
        frame.astype(np.int64), np.full(count, 20, np.float32), names, (), names,
        ("train", "test"),
    )  # fmt: skip
    return of, Labels(("AU4",), (state // 100).astype(np.float32)[:, None], levels=True)


def _unit(x: np.ndarray) -> np.ndarray:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def alone(path: str) -> None:
    """Every measure in this process; prints JSON."""
    vectors = np.load(path, mmap_mode="r")
    of, labels = _source(len(vectors))
    few = np.asarray(vectors[:3000])
    compare(few, _source(len(few))[0], TAUS, leak_tau=TAU)  # compiles
    began, used = time.perf_counter(), time.process_time()
    pairs = compare(vectors, of, TAUS, leak_tau=TAU)
    passed = time.perf_counter() - began
    found = effective(pairs)
    over = interval(found.d0[0])
    shares(pairs, of)
    leakage(pairs, of)
    near = label_pairs(vectors, of, labels, 20)
    tolerance = label_tolerance(labels, near)
    sight = label_sight(near)
    share = variance_by_group(vectors, of.subject)
    took, used = time.perf_counter() - began, time.process_time() - used
    assert over is not None and sight.auroc is not None
    print(json.dumps({
        "seconds": took, "pass": passed, "cpu": used, "peak": peak_gib(),
        "n_eff": float(found.total0[0]), "error": float(found.error0[0]),
        "low": over.low, "high": over.high, "exact": pairs.exact, "tau_label": tolerance.tau,
        "auroc": sight.auroc, "subject": share,
    }))  # fmt: skip


def figures(quick: bool) -> list[Figure]:
    """All lines of the section."""
    here = machine(str(usual_workers()))
    sizes = (QUICK // 4, QUICK // 2, QUICK) if quick else (FRAMES // 4, FRAMES // 2, FRAMES, MANY)
    lines, before = [], None
    for count in sizes:
        got = _measured(count)
        what = f"vectors, {count:,} x {DIMENSION} of {PEOPLE} people"
        sampled = "" if got["exact"] else f", a sample compared with all (SE {got['error']:.0f})"
        print(f"{what}{sampled}: {got['seconds']:.1f} s ({got['cpu']:.0f} of CPU), the pass "
              f"{got['pass']:.1f}; N_eff {got['n_eff']:,.0f} [{got['low']:,.0f}, "
              f"{got['high']:,.0f}], tau_label {got['tau_label']}, AUROC {got['auroc']:.2f}, "
              f"subject {got['subject']:.2f}")  # fmt: skip
        if before:
            grown = np.log(got["cpu"] / before[1]) / np.log(count / before[0])
            print(f"  CPU time grows as n to the {grown:.2f} from {before[0]:,} frames on")
        before = count, got["cpu"]
        full = count == FRAMES
        lines += [
            Figure(f"{what}, all measures", got["seconds"], "s", LIMIT if full else None, None,
                   here),
            Figure(f"{what}, peak", got["peak"], "GiB", None if quick else ROOM, None, here),
            Figure(f"{what}, N_eff against planted", got["n_eff"], "frames", 0.97, _truth(count),
                   here),
        ]  # fmt: skip
    return [*lines, *_peers(here, quick)]


def _measured(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        planted(path, count)
        child = [sys.executable, sys.argv[0], "--alone", "vectors", str(path)]
        done = subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _peers(here: str, quick: bool) -> list[Figure]:
    """Frames within one tolerance of each frame, everything against everything."""
    import faiss
    from sklearn.neighbors import NearestNeighbors

    def by_faiss(x: np.ndarray) -> np.ndarray:
        index = faiss.IndexFlatIP(DIMENSION)
        index.add(x)
        starts, _, _ = index.range_search(x, TAU)
        return np.diff(starts)

    def by_sklearn(x: np.ndarray) -> np.ndarray:
        radius = np.sqrt(2 - 2 * TAU)  # of unit vectors, for the cosine TAU
        found = NearestNeighbors(radius=radius, algorithm="brute", n_jobs=-1).fit(x)
        return np.array([len(one) for one in found.radius_neighbors(x, return_distance=False)])

    scale = 4 if quick else 1
    return [
        _against("faiss IndexFlatIP.range_search", by_faiss, FAISS // scale, here),
        _against("scikit-learn radius_neighbors", by_sklearn, SKLEARN // scale, here),
    ]


def _against(
    name: str, peer: Callable[[np.ndarray], np.ndarray], count: int, here: str
) -> Figure:  # fmt: skip
    """Frames a second of a peer at one tolerance, ours at 24 of them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        planted(path, count)
        x = _unit(np.load(path).astype(np.float32))
    of, _ = _source(count)
    one = Structure(
        np.zeros(count, np.int32), of.session, of.sequence, of.split, of.frame, of.rate,
        ("all",), (), of.sequence_names, of.split_names,
    )  # fmt: skip
    compare(x[:1000], _source(len(x[:1000]))[0], TAUS)  # compiles
    began = time.perf_counter()
    counts = compare(x, one, TAUS).within(TAU)
    ours = count / (time.perf_counter() - began)
    began = time.perf_counter()
    theirs = peer(x)
    rate = count / (time.perf_counter() - began)
    print(f"{name}: {int((counts != theirs).sum())} of {count:,} counts differ")
    return Figure(
        f"counts at 24 tolerances, {count:,} x {DIMENSION}, {name} at one", ours, "frames/s", None,
        rate, here,
    )  # fmt: skip
