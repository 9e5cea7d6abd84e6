"""Pairs of vectors above a cosine: cells against the exact blocked product."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _figures import Figure
from _machine import machine, peak_gib

from facecurate.similar import neighbours
from facecurate.workers import usual_workers

DIMENSION, SIMILARITY, LOW, HIGH = 512, 0.95, 0.95, 0.99
COUNT, QUICK = 1_000_000, 100_000
QUERIES, QUICK_QUERIES, BATCH, EXACT = 20_000, 2000, 2000, 30_000


def planted(path: Path, count: int) -> None:
    """Writes (count, DIMENSION) float32 unit vectors as NPY.

    One centre for 20 vectors, each a centre of length 1 plus noise of length 1; then a tenth of
    the rows becomes copies of another tenth, turned to a cosine uniform in LOW to HIGH.
    """
    rng = np.random.default_rng(0)
    x = np.lib.format.open_memmap(path, "w+", np.float32, (count, DIMENSION))
    centres = _unit(rng.standard_normal((count // 20, DIMENSION), dtype=np.float32))
    for start in range(0, count, 8192):
        rows = x[start : start + 8192]
        noise = _unit(rng.standard_normal(rows.shape, dtype=np.float32))
        rows[:] = _unit(centres[rng.integers(0, len(centres), len(rows))] + noise)
    chosen = rng.permutation(count)[: 2 * (count // 10)].reshape(2, -1)
    for start in range(0, chosen.shape[1], 8192):
        a, b = chosen[:, start : start + 8192]
        cosine = rng.uniform(LOW, HIGH, (len(a), 1)).astype(np.float32)
        aside = rng.standard_normal((len(a), DIMENSION), dtype=np.float32)
        aside = _unit(aside - (aside * x[a]).sum(axis=1, keepdims=True) * x[a])
        x[b] = cosine * x[a] + np.sqrt(1 - cosine**2) * aside
    x.flush()


def _unit(x: np.ndarray) -> np.ndarray:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def alone(path: str, queries: int) -> None:
    """The search in this process, then what a comparison with everything finds; prints JSON."""
    vectors = np.load(path, mmap_mode="r")
    began = time.perf_counter()
    search = neighbours.prepare(vectors, SIMILARITY)
    found = [(part.i * len(vectors) + part.j) for part in search.pairs()]
    took = time.perf_counter() - began
    peak = peak_gib()
    began = time.perf_counter()
    few = neighbours.prepare(vectors[:EXACT], SIMILARITY, exact_below=EXACT + 1)
    sum(len(part.i) for part in few.pairs())
    exact = (time.perf_counter() - began) * (len(vectors) / EXACT) ** 2
    asked = np.sort(np.random.default_rng(3).choice(len(vectors), queries, replace=False))
    true = []
    for start in range(0, queries, BATCH):
        i, j = neighbours.pairs_of(search.rows, asked[start : start + BATCH], SIMILARITY)
        true.append(np.minimum(i, j) * len(vectors) + np.maximum(i, j))
    wanted = np.unique(np.concatenate(true))
    known = np.isin(wanted, np.concatenate(found))
    told = search.recall
    assert told is not None
    print(json.dumps({
        "seconds": took, "peak": peak, "exact": exact, "pairs": sum(map(len, found)),
        "wanted": len(wanted), "known": int(known.sum()), "told": [told.found, told.pairs],
    }))  # fmt: skip


def figures(quick: bool) -> list[Figure]:
    """All lines of the section."""
    here, count = machine(str(usual_workers())), QUICK if quick else COUNT
    queries = QUICK_QUERIES if quick else QUERIES
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        planted(path, count)
        child = [sys.executable, sys.argv[0], "--alone", "neighbours", str(path), str(queries)]
        done = subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True)
        size = path.stat().st_size / 2**30
    got = json.loads(done.stdout.splitlines()[-1])
    recall = neighbours.Recall(got["wanted"], got["known"])
    low, high = recall.interval
    print(f"{got['pairs']:,} pairs; of {recall.pairs:,} pairs of {queries:,} rows compared with "
          f"everything {recall.found:,} were found: {low:.5f}-{high:.5f}; the search itself "
          f"counted {got['told'][0]} of {got['told'][1]}")  # fmt: skip
    what = f"{count:,} x {DIMENSION}, cosine {SIMILARITY}"
    return [
        Figure(f"neighbours, {what}", got["seconds"], "s", None, None, here),
        Figure(f"neighbours, {what}, exact product", count / got["seconds"], "rows/s",
               None if quick else 10.0, count / got["exact"], here),
        Figure(f"neighbours, {what}, recall", recall.found / recall.pairs, "share", 0.999, None,
               here),
        Figure(f"neighbours, {what}, peak", got["peak"], "GiB", size + 2, None, here),
    ]  # fmt: skip
