"""Labels, time and spectra of a redundancy report: against known truth, and their seconds.

Truth: AR(1) series, whose effective size is n (1 - phi) / (1 + phi), for 27 series of 4,845
frames (DISFA's size); eight smooth sequences on six dimensions; the package vendi-score. Seconds
are for 130,815 frames of 27 people, 12 action units and vectors of 512 numbers; beside those of
spectra stand the ones of the products that they need at least.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from _figures import Figure
from _machine import machine
from numpy.typing import NDArray

from facecurate.diversity.correlation import autocovariance, correlation, integrated_time
from facecurate.diversity.design import design_effects
from facecurate.diversity.dimension import decimated, intrinsic_dimension
from facecurate.diversity.events import events
from facecurate.diversity.levels import level_counts
from facecurate.diversity.runs import label_runs
from facecurate.diversity.spectral import moments, principal_components, spectral_diversity
from facecurate.diversity.structure import UNKNOWN, Labels, Structure
from facecurate.diversity.timing import timings

PEOPLE, FRAMES, UNITS, DIMENSION = 27, 4845, 12, 512

Floats = NDArray[np.float64]


def figures(quick: bool) -> list[Figure]:
    """All lines of the section."""
    here = machine()
    sets = 3 if quick else 60
    found = [*_series(sets), *_dimensions(), _vendi(), *_seconds(FRAMES // 10 if quick else FRAMES)]
    return [Figure(*line, here) for line in found]


Line = tuple[str, float, str, float | None, float | None]


def _walks(phi: float, seed: int) -> Floats:
    """(27, 4845) AR(1) series of variance 1, begun in their stationary state."""
    rng = np.random.default_rng([seed, int(1000 * phi)])
    steps = rng.standard_normal((PEOPLE, FRAMES)) * np.sqrt(1 - phi**2)
    steps[:, 0] = rng.standard_normal(PEOPLE)
    for k in range(1, FRAMES):
        steps[:, k] += phi * steps[:, k - 1]
    return steps


def _series(sets: int) -> Iterator[Line]:
    for phi in (0.5, 0.9, 0.97):
        truth = PEOPLE * FRAMES * (1 - phi) / (1 + phi)
        sizes = [correlation(_single(_walks(phi, seed))).effective for seed in range(sets)]
        near = np.mean([abs(size / truth - 1) <= 0.15 for size in sizes])
        what = f"AR(1), phi {phi}: {sets} sets within 15 %"
        yield what, float(near), "share", 0.95, None
        yield f"AR(1), phi {phi}: frames", float(np.mean(sizes)), "frames", 0.95, truth
    for phi in (0.99, 0.999):
        walks = [_walks(phi, seed) for seed in range(sets)]
        flagged = np.mean([not correlation(_single(x)).reliable for x in walks])
        yield f"AR(1), phi {phi}: flagged as unreliable", float(flagged), "share", 1.0, None
        truth = PEOPLE * FRAMES * (1 - phi) / (1 + phi)
        for name, way in WAYS.items():
            size = float(np.mean([way(x) for x in walks]))
            yield f"AR(1), phi {phi}: frames, {name}", size, "frames", None, truth


def _single(x: Floats) -> list[list[Floats]]:
    return [[row] for row in x]


def _alone(x: Floats) -> float:
    each = [integrated_time(autocovariance([row - row.mean()])) for row in x]
    return sum(FRAMES / time for time in each)


def _pooled(x: Floats) -> float:
    return x.size / integrated_time(autocovariance(list(x - x.mean(axis=1, keepdims=True))))


WAYS: dict[str, Callable[[Floats], float]] = {
    "each series alone": _alone,
    "pooled, own means": _pooled,
    "pooled, one mean": lambda x: correlation(_single(x), common_mean=True).effective,
    "pooled, own means, put back (ours)": lambda x: correlation(_single(x)).effective,
}


def _dimensions() -> Iterator[Line]:
    """Six dimensions seen in 64: sequences that move smoothly, five times eight of them."""
    made = [_smooth(seed) for seed in range(5)]
    thin = [intrinsic_dimension(vectors[rows]).two_nn for vectors, rows in made]
    yield "six dimensions: TwoNN of all", intrinsic_dimension(made[0][0]).two_nn, "", None, 6.0
    what = "six dimensions: one frame per correlation time"
    yield what, float(np.mean(thin)), "", 0.9, 6.0


def _smooth(seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(9600, 64) frames of eight sequences, and the rows of those a correlation time apart."""
    rng, frames, width = np.random.default_rng(seed), 1200, 11
    lift = rng.standard_normal((6, 64)) / np.sqrt(6)
    kernel = np.exp(-0.5 * (np.arange(-4 * width, 4 * width + 1) / width) ** 2)
    noise = rng.standard_normal((8, 6, frames + len(kernel) - 1))
    walks = np.apply_along_axis(np.convolve, 2, noise, kernel, "valid")
    latent = walks / walks.std(axis=2, keepdims=True)
    vectors = np.sin(0.7 * latent.transpose(0, 2, 1).reshape(-1, 6) @ lift).astype(np.float32)
    world = _structure(8, frames)
    apart = timings(world, ["1", "2", "3"], principal_components(vectors, 3)).interval
    return vectors, decimated(world, apart)


def _vendi() -> Line:
    """The worst agreement with the reference over all orders."""
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((2000, 64)) + 0.5).astype(np.float32)
    unit = x / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a name of SciPy's that has moved
        from vendi_score import vendi

        found = spectral_diversity(x)
        theirs = [vendi.score_dual(unit, q="inf" if q == np.inf else q) for q in found.orders]
    ratios = np.array(found.plain) / theirs
    worst = float(np.minimum(ratios, 1 / ratios).min())
    return "Vendi score: worst agreement with vendi-score", worst, "share", 0.999999, None


def _seconds(frames: int) -> Iterator[Line]:
    rng = np.random.default_rng(1)
    world = _structure(PEOPLE, frames)
    count = PEOPLE * frames
    vectors = rng.standard_normal((count, DIMENSION), dtype=np.float32)
    values = np.clip(np.round(np.cumsum(rng.normal(0, 0.05, (count, UNITS)), axis=0)) % 9 - 4, 0, 5)
    labels = Labels(tuple(f"AU{k}" for k in range(UNITS)), values.astype(np.float32), True)
    places = principal_components(vectors, 5)
    names = [f"component {k}" for k in range(5)]
    steps: dict[str, Callable[[], Any]] = {
        "label runs": lambda: label_runs(world, labels),
        "events, a tenth kept": lambda: events(world, labels).kept(np.arange(0, count, 10)),
        "level counts": lambda: level_counts(labels, np.ones(count)),
        "time constants of 12 units": lambda: timings(world, labels.names, labels.values),
        "time constants of 5 components": lambda: timings(world, names, places),
        "design effects": lambda: design_effects(world.subject, labels.names, labels.values),
        "Vendi scores": lambda: spectral_diversity(vectors),
        "principal components": lambda: principal_components(vectors, 5),
        "intrinsic dimension (10,000)": lambda: intrinsic_dimension(vectors),
    }
    took = {name: _timed(step) for name, step in steps.items()}
    floor = _timed(lambda: moments(vectors, unit=False))
    for name, seconds in took.items():
        peer = floor if name in ("Vendi scores", "principal components") else None
        yield f"{name}, {count:,} frames", seconds, "s", None, peer
    yield f"all of these, {count:,} frames", sum(took.values()), "s", 60.0, None


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _structure(people: int, frames: int) -> Structure:
    codes = np.repeat(np.arange(people, dtype=np.int32), frames)
    names, nothing = tuple(f"S{k:03d}" for k in range(people)), np.full(len(codes), UNKNOWN)
    return Structure(
        subject=codes,
        session=nothing.astype(np.int32),
        sequence=codes,
        split=nothing.astype(np.int32),
        frame=np.tile(np.arange(frames, dtype=np.int64), people),
        rate=np.full(len(codes), 20.0, np.float32),
        subject_names=names,
        session_names=(),
        sequence_names=names,
        split_names=(),
    )
