"""Rendered portraits as JPEG bytes, kept between runs in a folder for temporary files.

A portrait is a face of 170 px of a new identity on 256 px, at quality 95. Drawing costs about
20 ms of processor time each, so what was drawn once is read again: the folder's name holds the
seed's version, and deleting it is safe.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator
from pathlib import Path

from facecurate.workers import single_thread, usual_workers

SIZE, FACE, BATCH = 256, 170.0, 250
FOLDER = Path(tempfile.gettempdir()) / "facecurate-bench-portraits-1"


def portraits(count: int) -> Iterator[bytes]:
    """The first ``count`` portraits; those that are missing are drawn first, on all cores."""
    import pyarrow.parquet as pq

    FOLDER.mkdir(exist_ok=True)
    batches = range(-(-count // BATCH))
    missing = [number for number in batches if not _file(number).exists()]
    if missing:
        with multiprocessing.get_context("spawn").Pool(usual_workers()) as pool:
            pool.map(_draw, missing, chunksize=1)
    for number in batches:
        rows = pq.read_table(_file(number))["jpeg"].to_pylist()
        yield from rows[: count - number * BATCH]


def _file(number: int) -> Path:
    return FOLDER / f"{number:05d}.parquet"


def _draw(number: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from facecurate import images
    from facecurate.synth.render import render_photo
    from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face

    centre = (SIZE - 1) / 2, (SIZE - 1) / 2
    drawn = []
    with single_thread():
        for k in range(number * BATCH, (number + 1) * BATCH):
            rng = np.random.default_rng([0xC0B1E5, k])
            face = random_face(
                rng, IDENTITIES["train"], max_yaw=30.0, max_pitch=15.0, size_px=FACE, centre=centre
            )
            picture, _ = render_photo(PhotoSpec(SIZE, SIZE, int(rng.integers(2**31)), (face,)))
            drawn.append(images.encode_jpeg(picture))
    unfinished = _file(number).with_suffix(".part")
    pq.write_table(pa.table({"jpeg": drawn}), unfinished)
    unfinished.rename(_file(number))
