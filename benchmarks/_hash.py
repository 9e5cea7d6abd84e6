"""JPEG bytes to both perceptual hashes, on one core, and how a scaled decode changes the bits."""

from __future__ import annotations

import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import _imagededup
import imagehash
import numpy as np
import simplejpeg
from _figures import Figure
from _machine import machine
from _portraits import portraits
from PIL import Image

from facecurate import images
from facecurate.similar.phash import Hashes, filled, hashes
from facecurate.workers import single_thread

SIDE, ROUNDS = 64, 5


def scaled(jpeg: bytes) -> np.ndarray:
    """The floor: libjpeg-turbo's grey decode at the smallest scale with SIDE pixels a side."""
    return np.asarray(simplejpeg.decode_jpeg(jpeg, "GRAY", min_height=SIDE, min_width=SIDE))


def ours(jpeg: bytes) -> Hashes:
    """Both hashes, upright and mirrored, from that decode."""
    height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
    grey = scaled(jpeg)[..., 0]
    return hashes(grey, filled=(filled(height, grey.shape[0]), filled(width, grey.shape[1])))


def reference(jpeg: bytes, draft: bool = False) -> None:
    """Both hashes of ImageHash, upright only."""
    picture = Image.open(io.BytesIO(jpeg))
    if draft:
        picture.draft("L", (SIDE, SIDE))
    for size in (8, 16):
        imagehash.phash(picture, hash_size=size)


def rates(ways: dict[str, Callable[[bytes], object]], jpegs: Sequence[bytes]) -> dict[str, float]:
    """Pictures per second of processor time: medians of rounds in which the ways take turns."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    with single_thread():
        for number in range(ROUNDS + 1):
            for name, way in ways.items():
                began = time.process_time()
                for jpeg in jpegs:
                    way(jpeg)
                if number:  # the first one warms up
                    took[name].append(time.process_time() - began)
    return {name: len(jpegs) / statistics.median(runs) for name, runs in took.items()}


def figures(quick: bool) -> list[Figure]:
    """All lines of the section."""
    here, lines = machine(), []
    faces = list(portraits(100 if quick else 400))
    sets = {"256 px": faces, "1024 px": [enlarged(jpeg) for jpeg in faces[: len(faces) // 4]]}
    python, version = _imagededup.environment()
    if python is None:
        print(f"imagededup: not run: {version}")
    for name, jpegs in sets.items():
        found = rates(
            {
                "ours": ours,
                "floor": scaled,
                "ImageHash": reference,
                "ImageHash with draft": lambda jpeg: reference(jpeg, draft=True),
            },
            jpegs,
        )
        mine = found.pop("ours")
        if python is not None:
            found[f"imagededup {version}, 64 bits alone"] = peer(python, jpegs)
        for other, rate in found.items():
            what = "scaled-grey floor" if other == "floor" else other
            bar = 0.75 if other == "floor" else None
            lines.append(Figure(f"hashes, {name}, {what}", mine, "photos/s", bar, rate, here))
    lines += differences("rendered", faces, here)
    return lines + differences("real photos", real(), here)


def enlarged(jpeg: bytes) -> bytes:
    """The same picture at 1024 pixels."""
    pixels = images.resize(simplejpeg.decode_jpeg(jpeg, "RGB"), 1024, 1024)
    return images.encode_jpeg(pixels, 90)


def peer(python: str, jpegs: Sequence[bytes]) -> float:
    """The rate of imagededup on the same pictures as files."""
    with tempfile.TemporaryDirectory() as folder:
        for number, jpeg in enumerate(jpegs):
            (Path(folder) / f"{number:05d}.jpg").write_bytes(jpeg)
        costs = _imagededup.run(python, _imagededup.HASH, [folder, ROUNDS], threads=1)
    return 1 / statistics.median(costs)


def real() -> list[bytes]:
    """The photos of the test data that decode, or none."""
    usual = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FACECURATE_TEST_DATA", usual)) / "photos"
    found = []
    for path in sorted(folder.rglob("*.jpg")):
        jpeg = path.read_bytes()
        try:
            simplejpeg.decode_jpeg(jpeg, "GRAY")
        except ValueError:
            continue
        found.append(jpeg)
    return found


def differences(name: str, jpegs: Iterable[bytes], here: str) -> list[Figure]:
    """Bits by which the hashes of scaled decodes differ from those of the whole picture."""
    apart: dict[str, list[tuple[int, int]]] = {"the whole picture": [], "ImageHash": []}
    for jpeg in jpegs:
        mine, grey = ours(jpeg), simplejpeg.decode_jpeg(jpeg, "GRAY")[..., 0]
        for what, exact in (("the whole picture", False), ("ImageHash", True)):
            other = hashes(grey, exact=exact)
            small = _differing(mine.phash64, other.phash64)
            apart[what].append((small, _differing(mine.phash256, other.phash256)))
    lines = []
    for what, pairs in apart.items() if jpegs else ():
        for bits, column in zip((64, 256), np.array(pairs).T, strict=True):
            for how, value in (("mean", column.mean()), ("99 %", np.percentile(column, 99))):
                told = f"{bits} bits from {what}, {len(pairs)} {name}, {how}"
                lines.append(Figure(told, round(float(value), 2), "bits", None, None, here))
    return lines


def _differing(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()
