"""Shards for measurements: rendered portraits, and an index of a million slots over few of them."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from _portraits import portraits
from PIL import Image

from facecurate import tars
from facecurate.records import INDEX_SCHEMA


def write_shards(folder: Path, count: int, *, side: int = 256, per_shard: int = 500) -> None:
    """``train-*.tar`` and ``index.parquet`` of the first ``count`` portraits."""
    rows = []
    pictures = list(portraits(count))
    for start in range(0, count, per_shard):
        name = f"train-{start // per_shard:06d}.tar"
        with (folder / name).open("wb") as file:
            tar = tars.TarWriter(file)
            for number, data in enumerate(pictures[start : start + per_shard], start):
                key = f"portrait-{number:08d}_000"
                picture = tar.add(f"{key}.jpg", data if side == 256 else _smaller(data, side))
                row = tar.add(f"{key}.json", b"{}")
                rows.append((key, name, picture.offset, picture.size, row.offset, row.size))
            tar.close()
    write_index(folder, rows)


def repeat(folder: Path, slots: int) -> None:
    """Makes the index name its pictures again and again, under other keys, to ``slots`` of them."""
    table = pq.read_table(folder / "index.parquet")
    times = -(-slots // len(table))
    longer = pa.concat_tables([table] * times).slice(0, slots).sort_by("shard")
    keys = pa.array([f"portrait-{n:08d}_000" for n in range(slots)])
    longer = longer.set_column(0, "key", keys)
    pq.write_table(longer, folder / "index.parquet")


def write_index(folder: Path, rows: list[tuple[object, ...]]) -> None:
    columns = [
        pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), INDEX_SCHEMA, strict=True)
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=INDEX_SCHEMA), folder / "index.parquet")


def _smaller(data: bytes, side: int) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).resize((side, side)).save(file, "JPEG", quality=90)
    return file.getvalue()
