"""Crops and views per second and core out of shards, and what resuming and long epochs cost.

    python benchmarks/loading.py [--quick] [--only SECTION] [--json FILE]

reading: decoded crops of rendered portraits (256 px, quality 95) in batches of 64, against the JPEG
decoder alone on bytes in memory (the floor), stock webdataset with Pillow on the same tars, and
litdata, which runs in an environment of its own, on the same pictures. views: SwAV's full
multi-crop (2 x 224 + 6 x 96, flip, jitter, grey, blur, normalised float32), against lightly's
SwaVTransform in the same loader. resuming: from a position of an epoch of a million samples to its
first batch. memory: what the process grows by in an epoch of a million samples. writing: shards
written by ours, by webdataset's TarWriter and by tar (``_writing.py``). Rates of reading are per
second of one core's processor time, all of a process's threads counted, medians over rounds in
which the ways take turns; a peer that cannot be had is printed as "not run".
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import _litdata
import _writing
import cv2
import numpy as np
import simplejpeg
import torch
from _figures import Figure, table, write
from _machine import machine
from _shards import repeat, write_shards

from facecurate.loading import FaceShards, MultiCrop, Transformed, batches, quality

BATCH, SMALL = 64, 96
FLOOR, VIEWS, RESUME, GROWTH = 1 / 1.4, 3.0, 1.0, 16.0  # bars: ratios, seconds, MiB


def rates(images: int, rounds: int, **ways: Callable[[], Any]) -> dict[str, float]:
    """Images per second of processor time, the median of rounds in which the ways take turns."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = time.process_time()
            way()
            if number:  # the first round warms up
                taken[name].append(time.process_time() - began)
    return {name: images / statistics.median(costs) for name, costs in taken.items()}


def drain(shards: FaceShards, count: int, **how: Any) -> int:
    """Reads ``count`` batches."""
    order = shards.order(BATCH, seed=0)
    return sum(len(b) for b in batches(shards, order, stop=count, **how))


def web(tars: list[str], side: int | None) -> int:
    """Stock webdataset with Pillow, as its documentation shows it."""
    import webdataset

    def pixels(sample: tuple[Any]) -> Any:
        picture = sample[0] if side is None else sample[0].resize((side, side), 2)
        return np.asarray(picture)

    dataset = webdataset.WebDataset(tars, shardshuffle=len(tars)).shuffle(500).decode("pil")
    stream = dataset.to_tuple("jpg").map(pixels).batched(BATCH)
    return sum(len(torch.from_numpy(np.stack(batch))) for batch in stream)


def reading(quick: bool) -> Iterator[Figure]:
    """Decoded crops, at their size and reduced, locally and in blocks."""
    count, rounds = (8 * BATCH, 3) if quick else (32 * BATCH, 7)
    here = machine()
    with tempfile.TemporaryDirectory() as name:
        write_shards(Path(name), count)
        tars = sorted(map(str, Path(name).glob("*.tar")))
        whole, small = FaceShards(name, side=256), FaceShards(name, side=SMALL)
        block = FaceShards(f"file://{name}", side=256, block_bytes=1 << 22)
        data = [whole.read(i).jpeg for i in range(count)]
        n = count // BATCH
        found = rates(
            count,
            rounds,
            ours=lambda: drain(whole, n),
            blocks=lambda: drain(block, n),
            floor=lambda: [simplejpeg.decode_jpeg(d) for d in data],
            webdataset=lambda: web(tars, None),
            small=lambda: drain(small, n),
            webdataset_small=lambda: web(tars, SMALL),
        )
        told = "crops of 256 px"
        unit = "images per CPU-second"
        yield Figure(
            f"{told}, the decoder's floor", found["ours"], unit, FLOOR, found["floor"], here
        )
        peer = found["webdataset"]
        yield Figure(f"{told}, webdataset and Pillow", found["ours"], unit, 1.0, peer, here)
        yield from against_litdata(name, found["ours"], rounds)
        yield Figure(
            f"{told} in blocks, by single reads", found["blocks"], unit, None, found["ours"], here
        )
        peer = found["webdataset_small"]
        yield Figure(
            f"reduced to {SMALL} px, webdataset and Pillow", found["small"], unit, 1.0, peer, here
        )


def against_litdata(tars: str, ours: float, rounds: int) -> Iterator[Figure]:
    """The same pictures from litdata's own format."""
    python, version = _litdata.environment()
    if python is None:
        print(f"litdata: not run: {version}")
        return
    peer = 1 / statistics.median(_litdata.seconds(python, tars, BATCH, rounds))
    yield Figure(
        f"crops of 256 px, litdata {version}", ours, "images per CPU-second", None, peer, machine()
    )


def views(quick: bool) -> Iterator[Figure]:
    """SwAV's multi-crop on the CPU."""
    try:
        from lightly.transforms.swav_transform import SwaVTransform
    except ImportError as error:
        print(f"lightly: not run: {error}; pip install lightly")
        return
    count, rounds = (2, 1) if quick else (4, 5)
    with tempfile.TemporaryDirectory() as name:
        write_shards(Path(name), count * BATCH)
        shards = FaceShards(name)
        ours, bytes_ = MultiCrop(), MultiCrop(kind="uint8")
        theirs = Transformed(SwaVTransform())
        found = rates(
            count * BATCH,
            rounds,
            ours=lambda: drain(shards, count, make=ours),
            uint8=lambda: drain(shards, count, make=bytes_),
            lightly=lambda: drain(shards, count, make=theirs),
        )
    unit, peer = "images per CPU-second", found["lightly"]
    what = "2 x 224 + 6 x 96"
    yield Figure(f"{what}, lightly's transform", found["ours"], unit, VIEWS, peer, machine())
    yield Figure(
        f"{what} as uint8, lightly's transform", found["uint8"], unit, None, peer, machine()
    )


def million(folder: str, quick: bool) -> int:
    """Small crops under an index of a million slots (a tenth, quickly)."""
    slots = 100_000 if quick else 1_000_000
    write_shards(Path(folder), 1000, side=48)
    repeat(Path(folder), slots)
    return slots


def resuming(quick: bool) -> Iterator[Figure]:
    """Seconds of the clock from opening the shards to the first batch of a position."""
    with tempfile.TemporaryDirectory() as name:
        slots = million(name, quick)
        for place, url in (("local", name), ("blocks", f"file://{name}")):
            for share in (0.0, 0.5, 1.0):
                began = time.perf_counter()
                shards = FaceShards(url, side=48, block_bytes=1 << 20)
                opened = time.perf_counter() - began
                order = shards.order(BATCH, seed=round(2 * share))  # none that is still in memory
                at = round(share * (order.batches - 1))
                began = time.perf_counter()
                next(batches(shards, order, start=at, stop=at + 1))
                took = time.perf_counter() - began
                told = f"{place}: batch {at:,} of {slots:,} samples"
                yield Figure(told, took, "s", RESUME, None, machine())
            yield Figure(f"{place}: opening the index", opened, "s", None, None, machine())
            print(quality(order))


def memory(quick: bool) -> Iterator[Figure]:
    """Growth of the resident memory between the first twentieth of an epoch and its end."""
    with tempfile.TemporaryDirectory() as name:
        slots = million(name, quick)
        for place, url in (("local", name), ("blocks", f"file://{name}")):
            shards = FaceShards(url, side=48, block_bytes=1 << 20)
            order = shards.order(BATCH, seed=0)
            held = []
            for batch in batches(shards, order, stop=order.batches):
                if batch.number % max(order.batches // 20, 1) == 0:
                    held.append(resident())
            growth = max(held[1:]) - held[1]
            told = f"{place}: growth over {slots:,} samples, of {held[1]:,.0f} MiB"
            yield Figure(told, growth, "MiB", GROWTH, None, machine())


def resident() -> float:
    """MiB that the process holds, shared files left out."""
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE") / 2**20


SECTIONS = {
    "reading": reading,
    "views": views,
    "resuming": resuming,
    "memory": memory,
    "writing": _writing.figures,
}


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description="Crops and views per second out of shards.")
    parser.add_argument("--quick", action="store_true", help="fewer pictures, fewer rounds")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="one section; repeats")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    found: list[Figure] = []
    for name in chosen.only or SECTIONS:
        found += SECTIONS[name](chosen.quick)
    print(table(found))
    print(machine())
    write(chosen.json, found)


if __name__ == "__main__":
    main()
