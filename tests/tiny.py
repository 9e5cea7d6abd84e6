"""A tiny world for the training tests: drawn faces with five points, as shards on disk."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

EYES, MIRROR = ((0,), (1,)), ((0, 1), (3, 4))  # eyes, nose, corners of the mouth


@dataclass(frozen=True)
class Item:
    key: str
    pixels: NDArray[np.uint8]
    row: dict[str, Any]


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def face(seed: int, side: int = 96) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A disc with dark eyes, a nose and a mouth on a coloured ground; its five points, (5, 2)."""
    draw = np.random.default_rng([7, seed])
    shape = np.array([[-0.36, -0.25], [0.36, -0.25], [0, 0.1], [-0.25, 0.45], [0.25, 0.45]])
    shape = shape * draw.uniform(0.85, 1.15, 2) + draw.normal(0, 0.03, (5, 2))
    turn, size = draw.uniform(-0.3, 0.3), side * draw.uniform(0.3, 0.38)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = side / 2 - 0.5 + draw.uniform(-0.06, 0.06, 2) * side
    points = size * shape @ spin.T + middle
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    light = 0.6 + 0.4 * (np.cos(draw.uniform(0, 6.28)) * x + np.sin(1.0) * y) / (2 * side)
    image = draw.uniform(40, 220, 3) + draw.normal(0, 12, (side, side, 1))
    skin = draw.uniform([150, 100, 80], [240, 190, 170])
    disc = np.hypot(x - middle[0], y - middle[1]) < size
    image = np.where(disc[..., None], skin * light[..., None], image)
    for i, (px, py) in enumerate(points):
        spot = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * (side * (0.05, 0.03)[i > 1]) ** 2))
        paint = np.array([20, 20, 30] if i < 2 else [90, 60, 50] if i == 2 else [170, 30, 40])
        image = image * (1 - spot[..., None]) + paint * spot[..., None]
    return np.clip(image + draw.normal(0, 4, image.shape), 0, 255).astype(np.uint8), points


def faces(count: int, *, split: str = "train", first: int = 0, side: int = 96) -> list[Item]:
    """Crops cut from imagined photos: the photo's frame is twice as fine, and shifted."""
    items = []
    for i in range(first, first + count):
        pixels, points = face(i, side)
        key = f"tiny-{i:016x}_000"
        photo = (points + 0.5) * 2 - 0.5 + [100.0, 50.0]
        matrix = [0.5, 0.0, -50.0 - 0.25, 0.0, 0.5, -25.0 - 0.25]
        row = {
            "key": key,
            "photo_id": key[:-4],
            "matrix": matrix,
            "crop_size": side,
            "split": split,
            "points": photo.ravel().tolist(),
        }
        items.append(Item(key, pixels, row))
    return items


def write_shards(
    folder: Path, items: Sequence[Item], *, per_shard: int = 40, split: str = "train"
) -> Path:
    """``folder/shards`` as the contract lays it out."""
    target = folder / "shards"
    target.mkdir(parents=True)
    rows = []
    for number, start in enumerate(range(0, len(items), per_shard)):
        name = f"{split}-{number:06d}.tar"
        with tarfile.open(target / name, "w", format=tarfile.USTAR_FORMAT) as tar:
            for item in items[start : start + per_shard]:
                places = []
                contents = {"jpg": jpeg(item.pixels), "json": json.dumps(item.row).encode()}
                for extension, data in contents.items():
                    info = tarfile.TarInfo(f"{item.key}.{extension}")
                    info.size = len(data)
                    places += [tar.offset + 512, len(data)]
                    tar.addfile(info, io.BytesIO(data))
                rows.append((item.key, name, *places))
    write_index(target, rows)
    (target / "dataset.json").write_text(json.dumps({"format": 1, "samples": len(items)}))
    return folder


def write_index(target: Path, rows: Sequence[tuple[Any, ...]]) -> None:
    """``index.parquet``; a row of None is an emptied slot."""
    kinds = [pa.string(), pa.string(), pa.int64(), pa.int32(), pa.int64(), pa.int32()]
    names = ["key", "shard", "offset", "size", "json_offset", "json_size"]
    columns = [pa.array(c, k) for c, k in zip(zip(*rows, strict=True), kinds, strict=True)]
    schema = pa.schema(zip(names, kinds, strict=True), metadata={"facecurate.format": "1"})
    pq.write_table(pa.table(columns, schema=schema), target / "index.parquet")


def read_rows(target: Path) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in pq.read_table(target / "index.parquet").to_pylist()]
