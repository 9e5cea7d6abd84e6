"""The whole command ``detect``: how two workers compare with one, and how much memory it needs."""

from __future__ import annotations

import io
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
from PIL import Image

from facecurate.detect import detect
from facecurate.importing import import_folder
from facecurate.synth.render import render_photo
from facecurate.synth.spec import PhotoSpec, random_spec
from facecurate.workspace import Dataset

WORKERS, FLAT = 1.8, 1.10  # bars


def files(folder: Path, count: int, width: int, height: int) -> Path:
    """``count`` JPEGs of twenty rendered photos; no two have the same bytes."""
    folder.mkdir()
    spec = {
        k: random_spec(k, size_px=0.5 * height, centre=(width / 2, height / 2)) for k in range(20)
    }
    drawn = [
        render_photo(PhotoSpec(width, height, k, (spec[k],)))[0] for k in range(min(20, count))
    ]
    for number in range(count):
        file = io.BytesIO()
        pixels = Image.fromarray(drawn[number % len(drawn)])
        pixels.save(file, "JPEG", quality=88, comment=str(number).encode())
        (folder / f"{number:05d}.jpg").write_bytes(file.getvalue())
    return folder


def workers(quick: bool) -> Iterator[Figure]:
    """Decode-bound work: large photos without given faces, so that decoding is all there is."""
    each = 40 if quick else 200
    with tempfile.TemporaryDirectory() as folder:
        source, dataset = Path(folder, "files"), Dataset(f"{folder}/work", "large")
        source.mkdir()
        for part in (0, 1):  # what is new in a folder becomes a part of its own
            files(source / str(part), each, 3000, 2000)
            import_folder(dataset, str(source))
        one, two = (partial(_decoded, dataset, count) for count in (1, 2))
        took = medians(1 if quick else 5, one=one, two=two)
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
