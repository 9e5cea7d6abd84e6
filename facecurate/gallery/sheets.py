"""Contact sheets: rendered faces in rows, as one picture of a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate import images
from facecurate.synth.render import render_photo
from facecurate.synth.spec import FaceSpec, PhotoSpec

Image = NDArray[np.uint8]
SIDE = 128  # pixels of a cell
FACE = 88.0  # of its face
_GAP = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of a sheet and how it is made."""

    face: FaceSpec
    photo: PhotoSpec


def cell_of(face: FaceSpec, **photo: Any) -> Cell:
    """The face in the middle of a cell; ``photo``: settings of its ``PhotoSpec``."""
    where = (SIDE - 1) / 2
    placed = replace(face, size_px=FACE, centre=(where, where + 4))
    settings = {"noise": 1.0, "seed": 3, **photo}
    return Cell(placed, PhotoSpec(SIDE, SIDE, faces=(placed,), **settings))


def drawn(cell: Cell) -> Image:
    """The cell's picture."""
    return render_photo(cell.photo)[0]


def sheet(cells: Sequence[Image], columns: int) -> Image:
    """Pictures of one size in rows of ``columns``, white between them."""
    height, width = cells[0].shape[:2]
    rows = -(-len(cells) // columns)
    out = np.full(
        (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), 255, np.uint8
    )
    for at, cell in enumerate(cells):
        y, x = at // columns * (height + _GAP), at % columns * (width + _GAP)
        out[y : y + height, x : x + width] = cell
    return out


def picture(cells: Sequence[Image], columns: int, text: str) -> dict[str, str]:
    """A sheet as the page takes it, with its caption."""
    data = base64.b64encode(images.encode_jpeg(sheet(cells, columns), 88)).decode()
    return {"src": f"data:image/jpeg;base64,{data}", "text": text}


def identities(seed: int, count: int) -> list[int]:
    """People drawn at random, the same for the same seed."""
    rng = np.random.default_rng([0x6A11, seed])
    return [int(i) for i in rng.integers(0, 10_000_000, count)]
