"""Photos and faces per second of every stage of the chain, on rendered photos and one core.

    python benchmarks/chain.py [--quick] [--json FILE]

Each stage runs in this process with one thread, after a small warm-up that pays for imports and
compiled code. Nothing is compared with others' programs; the bars are those of the demo's budget.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec

from _figures import Figure, table, write
from _machine import machine

from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.embed import embed
from facecurate.prepare import import_rendered
from facecurate.shard import shard
from facecurate.stats import Stats
from facecurate.synthesise import synthesise
from facecurate.workspace import Dataset

# The demo's budget in CPU-seconds: 2,000 pictures rendered in 80, their faces detected in 60.
BARS = {"synth": 2000 / 80, "detect dlib": 2000 / 60}


def stages(folder: str, count: int) -> dict[str, tuple[str, Callable[[], Stats]]]:
    """Name -> unit and the call; ``detect dlib`` leaves the faces that the later stages read."""
    photos, other = Dataset(folder, "photos"), Dataset(folder, "other")
    work: dict[str, tuple[str, Callable[[], Stats]]] = {
        "synth": ("pictures", lambda: synthesise(photos, count=count)),
        "import": ("photos", lambda: import_rendered(photos)),
        "detect given": ("photos", lambda: detect(photos, detector="given")),
        "dedupe": ("photos", lambda: dedupe(photos)),
        "embed": ("faces", lambda: embed(photos)),
        "shard": ("faces", lambda: shard(photos)),
    }
    if find_spec("dlib"):
        synthesise(other, count=max(count // 5, 4))
        import_rendered(other)
        work["detect dlib"] = ("photos", lambda: detect(other, detector="dlib"))
    return work


def measure(count: int) -> list[Figure]:
    """Every stage once over ``count`` rendered photos, after a warm-up over a few."""
    here, figures = machine(), []
    for size, keep in ((8, False), (count, True)):
        with tempfile.TemporaryDirectory() as folder:
            for name, (unit, call) in stages(folder, size).items():
                began = time.perf_counter()
                done = call()
                seconds = time.perf_counter() - began
                if keep:
                    rate = done.counts.get(unit, next(iter(done.counts.values()))).taken / seconds
                    bar = BARS.get(name)
                    figures.append(Figure(name, round(rate, 1), f"{unit}/s", bar, None, here))
    return figures


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description="Rates of the chain's stages on one core.")
    parser.add_argument("--quick", action="store_true", help="40 photos instead of 400")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    chosen = parser.parse_args()
    figures = measure(40 if chosen.quick else 400)
    print(table(figures))
    print(figures[0].machine)
    write(chosen.json, figures)


if __name__ == "__main__":
    main()
