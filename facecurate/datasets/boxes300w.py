"""The box files of 300W's six public folders: MATLAB v5, one cell of structs each.

Numbers stay as the owners have them, counted from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate import storage
from facecurate.errors import DamagedError, MissingExtraError

FOLDER = "Bounding Boxes"  # with a blank, as the owners' archive unpacks
_HEADER = b"MATLAB 5.0 MAT-file, boxes of 300W".ljust(116)  # SciPy would write the time

Box = NDArray[np.float64]  # (4,) x0 y0 x1 y1, 1-based


def _scipy() -> Any:
    try:
        import scipy.io
    except ImportError as error:
        raise MissingExtraError("reading 300W's bounding boxes", "datasets") from error
    return scipy.io


def _file(folder: str) -> str:
    return f"bounding_boxes_{folder.replace('/', '_')}.mat"


def read(root: str, folder: str) -> dict[str, Box]:
    """Picture's file name -> the owners' detector's box; empty for the 600-image test set.

    Raises DamagedError if the file is missing or unreadable, MissingExtraError without SciPy.
    """
    if folder.startswith("300W"):
        return {}
    loadmat = _scipy().loadmat
    name = _file(folder)
    places = (storage.join(root, FOLDER, name), storage.join(root, name))
    url = next((place for place in places if storage.exists(place)), None)
    if url is None:
        raise DamagedError(f"{FOLDER}/{name} is missing: unpack bounding_boxes.zip beside {folder}")
    try:
        cells = loadmat(storage.buffer(storage.read(url)))["bounding_boxes"].ravel()
        return {str(c["imgName"].item().item()): _row(c["bb_detector"]) for c in cells}
    except Exception as error:  # SciPy raises what it likes on bad bytes
        raise DamagedError(f"{FOLDER}/{name} is damaged: {error}") from error


def _row(cell: Any) -> Box:
    row = np.asarray(cell.item(), np.float64).ravel()
    if row.shape != (4,):
        raise ValueError(f"a box of {row.size} numbers")
    return row


def write(root: str, folder: str, rows: Sequence[tuple[str, Box, Box]]) -> None:
    """Writes (picture's file name, detector's box, tight box of the points) rows."""
    cells = np.empty((1, len(rows)), dtype=object)
    for i, (name, detector, truth) in enumerate(rows):
        cells[0, i] = {
            "imgName": name,
            "bb_detector": detector.reshape(1, 4),
            "bb_ground_truth": truth.reshape(1, 4),
        }
    file = storage.buffer()
    _scipy().savemat(file, {"bounding_boxes": cells})
    data = _HEADER + file.getvalue()[len(_HEADER) :]
    storage.write_atomic(storage.join(root, FOLDER, _file(folder)), data)
