"""The Hamming join: against FAISS, brute force and imagededup, and how it grows."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import _imagededup
import numpy as np
from _figures import Figure
from _machine import machine, peak_gib
from _portraits import portraits

from facecurate.similar import hamming
from facecurate.workers import usual_workers

DISTANCE, NOISE = 8, 0.1
FACES, QUICK_FACES = 8000, 2000
ROUNDS, QUERIES, BRUTE = 3, 4000, 200_000
PEER = 20_000


def uniform(count: int) -> np.ndarray:
    """(count, 8) hashes of 64 random bits."""
    return np.random.default_rng(0).integers(0, 256, (count, 8), dtype=np.uint8)


def tiled(count: int, faces: int) -> np.ndarray:
    """(count, 8) hashes of rendered faces, again and again, each bit turned with chance NOISE."""
    import simplejpeg

    from facecurate.similar.phash import hashes

    greys = (simplejpeg.decode_jpeg(jpeg, "GRAY")[..., 0] for jpeg in portraits(faces))
    known = b"".join(hashes(grey).phash64 for grey in greys)
    rows = np.resize(np.frombuffer(known, np.uint8).reshape(-1, 8), (count, 8))
    turned = np.random.default_rng(1).random((count, 64)) < NOISE
    return np.asarray(rows ^ np.packbits(turned, axis=1))


def join(hashes: np.ndarray) -> int:
    """How many pairs of distinct hashes lie within DISTANCE; equal ones are collapsed first."""
    first = hamming.distinct(hashes).first
    return sum(len(pairs.i) for pairs in hamming.stream(hashes[first], None, DISTANCE))


def brute(hashes: np.ndarray) -> int:
    """The same by comparing everything."""
    from facecurate.similar import joins, plan

    words = hashes.view(np.uint64)
    everything = plan.Plan(np.arange(64), plan.EVERYTHING)
    found = joins.stream(words, None, DISTANCE, hamming.CHUNK, everything)
    return sum(len(i) for i, _, _ in found)


def seconds(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of a few rounds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def faiss_seconds(hashes: np.ndarray, queries: int) -> float:
    """FAISS IndexBinaryFlat over all rows, from some of them; checks that the pairs are ours."""
    import faiss

    index = faiss.IndexBinaryFlat(64)
    index.add(hashes)
    asked = np.random.default_rng(2).choice(len(hashes), queries, replace=False)
    paired: list[int] = []  # uniform hashes have few pairs: their rows are asked for as well
    for near in hamming.stream(hashes, None, DISTANCE):
        paired += near.i.tolist()
        if len(paired) >= 300:
            break
    asked = np.unique([*asked.tolist(), *paired[:300]])
    began = time.perf_counter()
    limits, apart, others = index.range_search(hashes[asked], DISTANCE + 1)  # strictly below
    took = (time.perf_counter() - began) * len(hashes) / len(asked)
    rows = np.repeat(asked, np.diff(limits.astype(np.int64)))
    theirs = _coded(rows, others, apart)[rows != others]
    ours = [np.empty(0, np.int64)]
    chosen = np.zeros(len(hashes), bool)
    chosen[asked] = True
    for i, j, d in hamming.stream(hashes, None, DISTANCE):
        for a, b in ((i, j), (j, i)):
            ours.append(_coded(a, b, d)[chosen[a]])
    if not np.array_equal(np.sort(np.concatenate(ours)), np.sort(theirs)):
        raise SystemExit("the pairs differ from those of FAISS")
    print(f"the {len(theirs):,} pairs of {len(asked):,} rows are those of FAISS")
    return took


def _coded(i: np.ndarray, j: np.ndarray, d: np.ndarray) -> np.ndarray:
    return np.asarray((i.astype(np.int64) << 34) + (j.astype(np.int64) << 7) + d)


def alone(count: int) -> None:
    """One join in this process; prints seconds, pairs and the peak of memory."""
    hashes = uniform(count)
    join(uniform(1000))  # what is compiled or read from disk once is no part of it
    began = time.perf_counter()
    pairs = join(hashes)
    took = time.perf_counter() - began
    peak = peak_gib()
    print(json.dumps([took, pairs, peak]))


def figures(quick: bool) -> list[Figure]:
    """All lines of the section."""
    count, here = (100_000 if quick else 1_000_000), machine(str(usual_workers()))
    queries = 1000 if quick else QUERIES
    lines = []
    sets = {"uniform": uniform(count), "faces": tiled(count, QUICK_FACES if quick else FACES)}
    for name, hashes in sets.items():
        join(hashes)
        hashes = hashes[hamming.distinct(hashes).first]
        ours, flat = seconds(lambda h=hashes: join(h)), faiss_seconds(hashes, queries)
        part = hashes[:: max(1, len(hashes) // BRUTE)]
        all_pairs = seconds(lambda p=part: brute(p), 1) * (len(hashes) / len(part)) ** 2
        what = f"{len(hashes):,} {name}, within {DISTANCE}"
        rate = len(hashes) / ours
        lines += [
            Figure(f"join, {what}", ours, "s", 5.0, None, here),
            Figure(f"join, {what}, FAISS IndexBinaryFlat", rate, "hashes/s",
                   None if quick else 50.0, len(hashes) / flat, here),
            Figure(f"join, {what}, brute force", rate, "hashes/s", 1.0, len(hashes) / all_pairs,
                   here),
        ]  # fmt: skip
    lines += growth(6 if quick else 7, here)
    return lines + beside(PEER // 4 if quick else PEER, here)


def growth(last: int, here: str) -> list[Figure]:
    """Seconds and memory of uniform hashes, each size in a process of its own."""
    lines = []
    for power in range(4, last + 1):
        child = [sys.executable, sys.argv[0], "--alone", "join", str(10**power)]
        done = subprocess.run(child, capture_output=True, text=True, check=True)
        took, _, peak = json.loads(done.stdout.splitlines()[-1])
        time_bar, room_bar = (360.0, 8.0) if power == 7 else (None, None)
        lines.append(Figure(f"join, uniform, 10^{power}", took, "s", time_bar, None, here))
        lines.append(Figure(f"join, uniform, 10^{power}, peak", peak, "GiB", room_bar, None, here))
    return lines


def beside(count: int, here: str) -> list[Figure]:
    """As many as imagededup can finish: it and ours on as many."""
    python, version = _imagededup.environment()
    if python is None:
        print(f"imagededup: not run: {version}")
        return []
    cores = usual_workers()
    theirs = _imagededup.run(python, _imagededup.JOIN, [count, cores], cores)
    ours = seconds(lambda: join(uniform(count)))
    name = f"join, {count:,} uniform, imagededup {version}"
    return [Figure(name, count / ours, "hashes/s", None, count / theirs, here)]
