"""The files of AffectNet's 2021 release: numbered pictures, four NumPy files each.

Pictures are 224 x 224 and named by an integer that counts in each part anew. ``_exp``, ``_val`` and
``_aro`` hold one value without dimensions, as text or as a number (published readers convert both);
``_lnd`` holds 136 numbers, x y of 68 points in pixels of the picture, used unshifted.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facecurate import images, storage
from facecurate.datasets.affectnet2017 import Values
from facecurate.errors import DamagedError
from facecurate.text import printable

Floats = NDArray[np.float64]
KINDS = ("exp", "val", "aro", "lnd")


@dataclass(frozen=True, slots=True)
class Part:
    """``folder`` as the owners name it; ``count`` of pictures in a full copy."""

    split: str
    folder: str
    count: int


PARTS = (Part("train", "train_set", 287_651), Part("validation", "val_set", 3_999))


def parts(root: str) -> list[Part]:
    """The parts of the release that lie in ``root``."""
    return [p for p in PARTS if storage.is_folder(storage.join(root, p.folder, "images"))]


def pictures(root: str, part: Part) -> tuple[dict[int, str], list[str]]:
    """Number -> file name in the order of the numbers, and the names that are no number."""
    found, others = {}, []
    for name in storage.list(storage.join(root, part.folder, "images")):
        stem = name.rpartition(".")[0]
        if stem.isascii() and stem.isdigit() and int(stem) not in found:
            found[int(stem)] = name
        elif not name.startswith("."):
            others.append(name)
    return dict(sorted(found.items())), others


def label_files(root: str, part: Part) -> list[str]:
    """The names of a part's annotation files."""
    names = storage.list(storage.join(root, part.folder, "annotations"))
    return [name for name in names if not name.startswith(".")]


def values(root: str, part: Part, name: str) -> Values:
    """What is known of the picture ``name``. Raises DamagedError naming the file."""
    stem = name.rpartition(".")[0]
    numbers = [_numbers(root, f"{part.folder}/annotations/{stem}_{kind}.npy") for kind in KINDS]
    for kind, row in zip(KINDS, numbers, strict=True):
        expected = 136 if kind == "lnd" else 1
        if row.size != expected:
            file = f"{part.folder}/annotations/{stem}_{kind}.npy"
            raise DamagedError(f"{file}: {row.size} numbers instead of {expected}")
    expression, valence, arousal = (float(row[0]) for row in numbers[:3])
    return Values(expression, valence, arousal, numbers[3].reshape(68, 2))


def _numbers(root: str, file: str) -> Floats:
    try:
        data = storage.read(storage.join(root, *file.split("/")))
    except FileNotFoundError as error:
        raise DamagedError(f"{file}: not there") from error
    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # NumPy raises what it likes on bad bytes
        said = printable(error, 80)
        raise DamagedError(f"{file}: no array that is read without pickling: {said}") from error
    return _as_floats(array, file)


def _as_floats(array: NDArray[np.generic], file: str) -> Floats:
    """(n,) from numbers or from text, whatever the number of dimensions."""
    row = []
    for value in array.ravel().tolist():
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
        try:
            row.append(float(text))
        except (TypeError, ValueError):
            row.append(math.nan)
        if not math.isfinite(row[-1]):
            raise DamagedError(f"{file}: '{printable(text, 40)}' is not a number")
    return np.array(row, np.float64)


# -- writing ---------------------------------------------------------------------------------


def write_sample(
    root: str,
    split: Literal["train", "validation"],
    number: int,
    image: NDArray[np.uint8],
    values: Values,
    *,
    numeric: bool = False,
) -> str:
    """Writes one picture and its four files; the picture's POSIX path relative to ``root``.

    ``image``: (224, 224, 3) uint8 RGB. ``numeric``: the values as float64 and int64 arrays, not as
    text.
    """
    folder = next(part.folder for part in PARTS if part.split == split)
    place = storage.join(root, folder)
    storage.write_atomic(storage.join(place, "images", f"{number}.jpg"), images.encode_jpeg(image))
    for kind, array in _arrays(values, numeric).items():
        file = io.BytesIO()
        np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)
        url = storage.join(place, "annotations", f"{number}_{kind}.npy")
        storage.write_atomic(url, file.getvalue())
    return f"{folder}/images/{number}.jpg"


def _arrays(values: Values, numeric: bool) -> dict[str, NDArray[np.generic]]:
    expression = int(values.expression)
    graded = {"val": values.valence, "aro": values.arousal}
    points = np.ascontiguousarray(values.points, np.float64).ravel()
    if numeric:
        exact = {kind: np.array(value, np.float64) for kind, value in graded.items()}
        return {"exp": np.array(expression, np.int64), **exact, "lnd": points}
    text = {kind: np.array(f"{value:.6g}") for kind, value in graded.items()}
    return {"exp": np.array(str(expression)), **text, "lnd": points}
