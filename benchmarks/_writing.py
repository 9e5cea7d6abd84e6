"""Shards written by ``shard``, by webdataset's own TarWriter and by ``tar``; memory of the plan.

    python benchmarks/_writing.py [--quick] [--json FILE]

The three write the same samples, a crop and its row each, 512 MB of them (with --quick a tenth),
and flush them to the disk: ours from the parts of ``faces/`` in seeded order, with the digest;
TarWriter from the same reads and rows; ``tar`` from loose files that lie in the cache. The whole
command also reads tables, plans, scans headers and writes index and cards. The plan is that of a
million faces without labels, in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from _figures import Figure, table, write
from _machine import machine, peak_gib
from _timing import medians

from facecurate import images, storage, tars
from facecurate.pool import Pool, stem_of, write_part
from facecurate.records import FACE_SCHEMA, PHOTO_SCHEMA, to_table
from facecurate.shard import shard
from facecurate.shard.plan import cut, keys_digest, seeded_order, weights_of
from facecurate.shard.sources import FACE_COLUMNS, PHOTO_COLUMNS, compact
from facecurate.shard.writer import Rows, ShardTask, write_shard
from facecurate.stats import Stats
from facecurate.workspace import Dataset

PART, SIDE, BYTES = 1000, 176, 512 * 10**6
RUNS = 5


def row(number: int) -> dict[str, Any]:
    """A face and its photo as a detector and a crawl leave them."""
    draw = np.random.default_rng(number)
    photo = f"flickr-{50_000_000_000 + number}"
    x, y, side = draw.uniform(50, 700, 3).round(3).tolist()
    return {
        "key": f"{photo}_000",
        "photo_id": photo,
        "face_index": 0,
        "box": [x, y, x + side, y + side],
        "landmarks": draw.uniform(0, 900, 10).tolist(),
        "matrix": draw.uniform(-1, 300, 6).tolist(),
        "crop": "box",
        "crop_size": SIDE,
        "size": side,
        "score": 0.98,
        **dict(zip(("yaw", "pitch", "roll"), draw.normal(0, 20, 3).tolist(), strict=True)),
        **dict(zip(("sharpness", "brightness", "contrast"), draw.uniform(9, 99, 3), strict=True)),
        "outside": 0.01,
        "other_colour": 0.1,
        "asymmetry": 0.1,
        "license": ("CC-BY-2.0", "CC-BY-SA-2.0", "CC0-1.0")[number % 3],
        "author": f"author {number % 50_000}",
        "page_url": f"https://pages.example/{number % 50_000}/{50_000_000_000 + number}/",
        "owner": f"{number % 50_000}@N01",
        "origin": "collected",
        "status": "ok",
    }


def drawn(count: int) -> list[bytes]:
    """Crops of smooth noise, about 20 KB each."""
    draw = np.random.default_rng(0)
    small = draw.integers(0, 256, (count, 24, 24, 3), np.uint8)
    grain = draw.integers(0, 24, (count, SIDE, SIDE, 3), np.uint8)
    smooth = (images.resize(one, SIDE, SIDE) // 2 for one in small)
    return [images.encode_jpeg(a + b) for a, b in zip(smooth, grain, strict=True)]


def store(dataset: Dataset, count: int) -> None:
    """``photos/`` and ``faces/`` of so many samples; the photos themselves are empty."""
    crops = drawn(100)
    for number, start in enumerate(range(0, count, PART)):
        stem, rows = stem_of(number), [row(n) for n in range(start, min(start + PART, count))]
        folder = dataset.path("photos")
        with write_part(folder, stem, tool="x", settings={"origin": "rendered"}, inputs={}) as part:
            part.write_table(to_table(rows, PHOTO_SCHEMA))
            part.stats = Stats.of("photos", [None] * len(rows))
        inputs = Pool(folder).lineage(stem)
        with write_part(dataset.path("faces"), stem, tool="x", settings={}, inputs=inputs) as part:
            with part.file("tar") as file:
                tar = tars.TarWriter(file)
                for n, one in enumerate(rows):
                    tar.add(f"{one['key']}.jpg", crops[(start + n) % len(crops)])
                tar.close()
            part.write_table(to_table(rows, FACE_SCHEMA))
            part.stats = Stats.of("faces", [None] * len(rows))


def samples(dataset: Dataset) -> list[tuple[dict[str, Any], str, tars.Member]]:
    """The peer's input: the rows of our shards in their order, and where each crop lies."""
    from facecurate.loading import FaceShards  # not in the process whose memory is measured

    faces = Pool(dataset.path("faces"))
    places = {
        name: (faces.file(stem, "tar"), member)
        for stem in faces.stems()
        for name, member in tars.index(faces.file(stem, "tar")).items()
    }
    shards = FaceShards(dataset.path("shards"))
    rows = [shards.metadata(i) for i in range(len(shards))]
    return [(row, *places[f"{row['key']}.jpg"]) for row in rows]


def stock(target: Path, rows: list[tuple[dict[str, Any], str, tars.Member]]) -> None:
    """The same samples by webdataset's TarWriter."""
    from webdataset import TarWriter

    with TarWriter(str(target)) as sink:
        for told, url, place in rows:
            data = storage.read(url, place.offset, place.size)
            sink.write({"__key__": told["key"], "jpg": data, "json": told})
    flush(target)


def flush(target: Path) -> None:
    """Until the disk has it, as ours does: a peer that ends in the cache has not written yet."""
    with target.open("rb") as file:
        os.fsync(file.fileno())


def plain(target: Path, files: Path, listing: Path) -> None:
    """The same samples by ``tar``, from loose files."""
    words = ["tar", "-cf", str(target), "-C", str(files), "-T", str(listing)]
    subprocess.run(words, check=True)
    flush(target)


def unpack(dataset: Dataset, folder: Path) -> list[str]:
    """The samples as loose files; their names in the order of the tars."""
    folder.mkdir()
    names = []
    for shard_name in storage.list(dataset.path("shards")):
        if shard_name.endswith(".tar"):
            for name, data in tars.read_members(dataset.path("shards", shard_name)):
                (folder / name).write_bytes(data)
                names.append(name)
    return names


def figures(quick: bool) -> list[Figure]:
    """Megabytes a second of the three, the whole command, and the memory of a plan."""
    with tempfile.TemporaryDirectory() as where:
        return [*speeds(Path(where), quick), memory(100_000 if quick else 1_000_000)]


def speeds(where: Path, quick: bool) -> Iterator[Figure]:
    """One shard on one core."""
    dataset = Dataset(str(where), "mine")
    size = sum(map(len, drawn(100))) / 100 + 2500
    count = int(BYTES / size / (10 if quick else 1))
    store(dataset, count)
    shard(dataset, shard_size="10GB")
    (name,) = (n for n in storage.list(dataset.path("shards")) if n.endswith(".tar"))
    written = storage.size(dataset.path("shards", name)) / 1e6
    task = one_task(dataset)
    rows = samples(dataset)
    files = where / "loose"
    listing = where / "names"
    listing.write_text("\n".join(unpack(dataset, files)) + "\n")
    took = medians(
        RUNS,
        ours=lambda: write_shard(task, lambda n: None),
        stock=lambda: stock(where / "stock.tar", rows),
        plain=lambda: plain(where / "plain.tar", files, listing),
        command=lambda: shard(dataset, shard_size="10GB", redo=True),
    )
    here, rate = machine(), {name: round(written / s, 1) for name, s in took.items()}
    what = f"{count:,} samples written"
    yield Figure(f"{what}, peer: TarWriter", rate["ours"], "MB/s", 1.0, rate["stock"], here)
    yield Figure(f"{what}, peer: tar", rate["ours"], "MB/s", 0.5, rate["plain"], here)
    yield Figure(f"{what}, the whole command", rate["command"], "MB/s", None, rate["plain"], here)


def one_task(dataset: Dataset) -> ShardTask:
    """All samples of a dataset as one shard."""
    from facecurate.shard.sources import Source

    source = Source(dataset)
    kept = np.ones(len(source.decided()), np.bool_)
    found = source.samples(kept).unify_dictionaries().combine_chunks()
    order = seeded_order(found["key"].combine_chunks(), 0)
    pools = (source.faces.url,)
    return ShardTask("x-000000", dataset.path("x"), pools, Rows(found, order), {}, {})


def memory(count: int) -> Figure:
    """The most that a process holds that plans the shards of ``count`` faces."""
    command = [sys.executable, __file__, "--alone", str(count)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return Figure(f"plan of {count:,} faces", float(run.stdout), "GiB", 2.0, None, machine())


def alone(count: int) -> None:
    """Rows of that many faces, their order, their cuts, and each shard's rows on their way."""
    first = [row(n) for n in range(PART)]
    names = (*FACE_COLUMNS, *PHOTO_COLUMNS)
    fields = {f.name: f for f in (*PHOTO_SCHEMA, *FACE_SCHEMA)}
    template = to_table(first, pa.schema([fields[name] for name in names]))
    parts = []
    for number in range(count // PART):
        ids = [f"flickr-{50_000_000_000 + number * PART + n}" for n in range(PART)]
        pages = [f"https://pages.example/{number}/{id}/" for id in ids]
        told = {"key": [f"{id}_000" for id in ids], "photo_id": ids, "page_url": pages}
        part = template
        for name, values in told.items():
            part = part.set_column(names.index(name), name, pa.array(values))
        for name, values in (("at_source", 0), ("at_part", number), ("at_offset", 5 * number)):
            part = part.append_column(name, pa.array(np.full(PART, values, np.int64)))
        part = part.append_column("at_size", pa.array(np.full(PART, 20_000, np.int32)))
        parts.append(compact(part))
    whole = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
    order = seeded_order(whole["key"].combine_chunks(), 0)
    for places in cut(order, weights_of(whole), BYTES):
        rows = Rows(whole, places)
        keys_digest(rows.keys())
        rows.__reduce__()
    print(round(peak_gib(), 2))


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description="Shards written, and the memory of their plan.")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.alone:
        alone(chosen.alone)
        return
    found = figures(chosen.quick)
    print(table(found))
    print(found[0].machine)
    write(chosen.json, found)


if __name__ == "__main__":
    main()
