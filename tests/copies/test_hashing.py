"""Hashes of scaled decodes are those of the whole picture, whatever way it was turned."""

from __future__ import annotations

import io
from pathlib import Path

import chain
import numpy as np
import pytest
from PIL import Image

from facecurate import images, tars
from facecurate.copies.hashing import SHORTEST, hashes_of
from facecurate.similar.phash import hashes


def jpeg(seed: int, width: int, height: int, orientation: int = 1) -> bytes:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (14, 14, 3), dtype=np.uint8))
    picture = coarse.resize((width, height), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = orientation
    with io.BytesIO() as file:
        picture.save(file, "JPEG", quality=92, exif=exif)
        return file.getvalue()


def bits(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_scaled_decode_changes_hardly_a_bit(orientation: int) -> None:
    for seed, size in enumerate([(SHORTEST * 4, SHORTEST * 5), (413, 391), (997, 803)]):
        data = jpeg(seed, *size, orientation)
        whole = hashes(images.decode(data).pixels)
        found = hashes_of(data)
        assert bits(found.phash64, whole.phash64) <= 2
        assert bits(found.phash256, whole.phash256) <= 4
        assert bits(found.phash256_mirror, whole.phash256_mirror) <= 4


def test_the_middle_of_a_crop_is_hashed_beside_the_whole(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "dedupe")
    rows = chain.rows(dataset, "hashes", "00000.parquet")
    by_level = {level: {r["key"]: r for r in rows if r["level"] == level} for level in LEVELS}
    assert set(by_level["inner"]) == set(by_level["face"]) and len(by_level["photo"]) == 19
    crops = dict(tars.read_members(dataset.path("faces", "00000.tar")))
    for key, row in by_level["inner"].items():
        whole = images.luma(images.decode(crops[f"{key}.jpg"]).pixels)
        rim = len(whole) / 7
        middle = whole[round(rim) : round(6 * rim), round(rim) : round(6 * rim)]
        assert bits(row["phash256"], hashes(np.ascontiguousarray(middle)).phash256) <= 12


LEVELS = ("photo", "face", "inner")
