"""The whole command ``detect``: how two workers compare with one, and how much memory it needs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from _figures import Figure
from _machine import machine
from _recall import weights
from _timing import medians

from facecurate.detect import detect
from facecurate.images import encode_jpeg
from facecurate.importing import import_folder
from facecurate.synth.render import render_photo
from facecurate.synth.spec import PhotoSpec, random_spec
from facecurate.workspace import Dataset

WORKERS, FLAT = 1.8, 1.10  # bars


def files(folder: Path, count: int, width: int, height: int) -> Path:
    """``count`` JPEGs of twenty rendered photos; a comment makes each one's bytes its own."""
    folder.mkdir()
    drawn = [_jpeg(seed, width, height) for seed in range(min(20, count))]
    for number in range(count):
        told = str(number).encode()
        comment = b"\xff\xfe" + (len(told) + 2).to_bytes(2, "big") + told
        data = drawn[number % len(drawn)]
        (folder / f"{number:05d}.jpg").write_bytes(data[:2] + comment + data[2:])
    return folder


def _jpeg(seed: int, width: int, height: int) -> bytes:
    spec = random_spec(seed, size_px=0.5 * height, centre=(width / 2, height / 2))
    pixels, _ = render_photo(PhotoSpec(width, height, seed, (spec,)))
    return encode_jpeg(pixels, 88)


def workers(quick: bool) -> Iterator[Figure]:
    """Decode-bound work: large photos without given faces, so that decoding is all there is."""
    each = 100 if quick else 1000
    with tempfile.TemporaryDirectory() as folder:
        source, dataset = Path(folder, "files"), Dataset(f"{folder}/work", "large")
        source.mkdir()
        for part in (0, 1):  # what is new in a folder becomes a part of its own
            files(source / str(part), each, 3000, 2000)
            import_folder(dataset, str(source))
        one, two = (partial(_decoded, dataset, count) for count in (1, 2))
        took = medians(1 if quick else 3, one=one, two=two)
    rate = {way: 2 * each / seconds for way, seconds in took.items()}
    told = "detect, decode-bound (3,000 x 2,000): two workers, one worker"
    yield Figure(told, rate["two"], "photos/s", WORKERS, rate["one"], machine("2"))


def _decoded(dataset: Dataset, workers: int) -> None:
    detect(dataset, detector="given", workers=workers, redo=True)


def memory(quick: bool) -> Iterator[Figure]:
    """Peak memory of the command's process tree, from what the log of the dataset says."""
    few, many = (100, 1000) if quick else (1000, 10_000)
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (few, many):
            source = files(Path(folder, f"files{count}"), count, 320, 240)
            line = [sys.executable, "-m", "facecurate", "--workspace", f"{folder}/{count}", "-q"]
            subprocess.run([*line, "import", str(source), "--name", "many"], check=True)
            words = ["detect", "many", "--weights", str(weights("retinaface-mobile"))]
            subprocess.run([*line, *words], check=True)
            log = Path(folder, str(count), "many", "log.jsonl").read_text().splitlines()
            peaks[count] = json.loads(log[-1])["peak_memory_bytes"]
    told = f"detect, peak memory at {many:,} photos, at {few:,}"
    least = peaks[few] / 2**20
    yield Figure(told, peaks[many] / 2**20, "MiB", FLAT * least, least, machine())
