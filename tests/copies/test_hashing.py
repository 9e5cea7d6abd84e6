"""Hashes of scaled decodes are those of the whole picture, whatever way it was turned."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from facecurate import images
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
