"""Rendered faces before detectors that never saw them, and how fast they are drawn.

    python benchmarks/synth.py [--quick] [--faces N] [--seed S] [--workers W] [--json FILE]

One markdown table: recall of dlib, RetinaFace-MobileNet0.25 and YuNet by what is drawn, with
Wilson's 95 % interval and the number of second faces; then the bars; then faces per second of CPU
time on one core. ``_recall`` says what counts as found. The weights are read below
FACECURATE_TEST_DATA, else ../shared/data beside the checkout.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import _counts
import _recall
import numpy as np
from _machine import machine

from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face
from facecurate.workers import single_thread, usual_workers

FACES, QUICK = 2000, 200
PICTURE, SIZE, RUN, RUNS = 256, 170.0, 50, 5
AT_LEAST, AIM = 25.0, 100.0  # faces per second

# Stage -> the function in facecurate/synth whose time it is; one that is not there is left out.
STAGES = {
    "background": "background",
    "person's texture": "atlas",
    "mesh and landmarks": "build",
    "raster and shading": "draw",
    "camera": "develop",
}


@dataclass(frozen=True)
class Speed:
    """Faces per second of CPU time on one thread: the median and the extremes of the runs."""

    figure: str
    value: float
    slowest: float
    fastest: float
    unit: str = "faces/s"
    bar: float | None = None


def spent() -> float:
    """CPU seconds of this process and of its ended children."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def portrait(seed: int, identity: int | None = None) -> PhotoSpec:
    """A face of 170 px on 256 px; somebody new, or ``identity`` with everything else new."""
    rng = np.random.default_rng([0x5BEED, seed])
    centre = (PICTURE - 1) / 2, (PICTURE - 1) / 2
    face = random_face(
        rng, IDENTITIES["val"], max_yaw=30.0, max_pitch=15.0, size_px=SIZE, centre=centre
    )
    if identity is not None:
        face = replace(face, identity=identity)
    return PhotoSpec(PICTURE, PICTURE, int(rng.integers(2**31)), (face,))


def rate(figure: str, photo: Callable[[int], PhotoSpec], bar: float | None = None) -> Speed:
    """``RUNS`` runs of ``RUN`` pictures after a warm-up."""
    for index in range(3):
        render_photo(photo(-1 - index + 2**31))
    rates = []
    for run in range(RUNS):
        photos = [photo(run * RUN + k) for k in range(RUN)]
        began = time.process_time()
        for one in photos:
            render_photo(one)
        rates.append(RUN / (time.process_time() - began))
    return Speed(figure, statistics.median(rates), min(rates), max(rates), bar=bar)


def stages() -> list[Speed]:
    """Milliseconds a face with a new identity spends in each stage, under the profiler."""
    photos = [portrait(10**6 + k) for k in range(RUN)]
    profile = cProfile.Profile()
    profile.enable()
    for one in photos:
        render_photo(one)
    profile.disable()
    took = dict.fromkeys(STAGES, 0.0)
    calls = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    for (file, _, name), (*_, cumulative, _) in calls.items():
        for stage, what in STAGES.items():
            if name == what and Path(file).parent.name == "synth":
                took[stage] += 1000 * cumulative / RUN
    return [Speed(f"{k}", v, v, v, "ms a face") for k, v in took.items() if v]


def speeds() -> list[Speed]:
    """All rates, in this process with one thread."""
    somebody = IDENTITIES["val"][0]
    with single_thread():
        return [
            rate("256 px, face 170 px, a new identity each", portrait, AT_LEAST),
            rate("256 px, face 170 px, one identity (video)", lambda k: portrait(k, somebody)),
            *stages(),
        ]


def show(rows: Sequence[_counts.Row], names: Sequence[str], absent: dict[str, str]) -> str:
    """A markdown table: recall in percent, its interval, and second faces where there are any."""
    lines = ["| rendered | | faces | " + " | ".join(names) + " |"]
    lines.append("|---|---|---:|" + "---:|" * len(names))
    groups = dict.fromkeys((one.factor, one.group) for one in rows)
    for factor, group in groups:
        cells = [one for one in rows if (one.factor, one.group) == (factor, group)]
        told = " | ".join(_cell(one) for one in cells)
        lines.append(f"| {factor} | {group} | {cells[0].faces:,} | {told} |")
    lines += [f"\n{name}: not run: {why}" for name, why in absent.items()]
    return "\n".join(lines)


def _cell(one: _counts.Row) -> str:
    more = f", {one.second} second" if one.second else ""
    return f"{100 * one.recall:.1f} ({100 * one.low:.1f}-{100 * one.high:.1f}){more}"


def show_bars(bars: Sequence[_counts.Bar]) -> str:
    """A markdown table of what is asked for."""
    lines = ["| detector | figure | ours | bar | |", "|---|---|---:|---:|---|"]
    for one in bars:
        ours, bar = f"{one.value:g}", f"{one.bar:g}"
        if one.figure != "second faces":
            ours, bar = f"{100 * one.value:.1f} %", f"{100 * one.bar:g} %"
        lines.append(
            f"| {one.detector} | {one.figure} | {ours} | {bar} | "
            f"{'holds' if one.holds else 'DOES NOT HOLD'} |"
        )
    return "\n".join(lines)


def show_speeds(figures: Sequence[Speed]) -> str:
    """A markdown table of rates."""
    lines = ["| speed | median | lowest-highest | unit | bar |", "|---|---:|---:|---|---:|"]
    for one in figures:
        span = f"{one.slowest:.1f}-{one.fastest:.1f}" if one.slowest < one.fastest else "-"
        bar = "-" if one.bar is None else f"{one.bar:g} (aim {AIM:g})"
        lines.append(f"| {one.figure} | {one.value:.1f} | {span} | {one.unit} | {bar} |")
    return "\n".join(lines)


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description="Rendered faces before foreign detectors.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} faces instead of {FACES}")
    parser.add_argument("--faces", type=int, help="so many faces in the bar")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=usual_workers())
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    chosen = parser.parse_args()
    count = chosen.faces or (QUICK if chosen.quick else FACES)
    absent = _recall.missing()
    names = [name for name in _recall.DETECTORS if name not in absent]
    faces = _recall.measure(count, chosen.seed, names, workers=chosen.workers)
    rows = _counts.table(faces, names)
    bars = _counts.bars(rows)
    print(f"Recall in % on {len(faces):,} rendered faces, seed {chosen.seed}.\n")
    print(show(rows, names, absent) + "\n")
    print(show_bars(bars) + "\n")
    if count < FACES:
        print(f"The bars are meant for {FACES:,} faces: groups of {count:,} differ by chance.\n")
    figures = speeds()
    print(show_speeds(figures))
    print(f"\n{machine()}; {spent():.0f} CPU seconds in all")
    if chosen.json:
        told = {
            "seed": chosen.seed,
            "faces": len(faces),
            "not run": absent,
            "recall": [{**asdict(one), "recall": one.recall} for one in rows],
            "bars": [asdict(one) for one in bars],
            "speed": [asdict(one) for one in figures],
            "machine": machine(),
        }
        Path(chosen.json).write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
