"""How alike is a copy: the tolerance tau_copy of an encoder, measured on the data itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate import images
from facecurate.errors import FacecurateError

Pixels = NDArray[np.uint8]
Encode = Callable[[Sequence[Pixels]], NDArray[np.float32]]

MISS_RATE = 0.005
"""Share of copies that may fall below tau_copy; N_eff over-counts by about this share."""

COPY_QUALITY = 75
BRIGHTER = 0.03


@dataclass(frozen=True, slots=True)
class CopyTolerance:
    """tau: cosine similarity; misses: share of each kind of copy below it; copies: compared."""

    tau: float
    misses: dict[str, float]
    copies: int


def copies(image: Pixels) -> dict[str, Pixels]:
    """Copies of a (H, W, 3) uint8 picture that show nothing new.

    Compressed as JPEG of quality 75; shifted right, and down, by 1 pixel (the edge repeats); 3 %
    brighter and darker.
    """
    return {
        "jpeg": images.decode(images.encode_jpeg(image, COPY_QUALITY)).pixels,
        "right": np.concatenate([image[:, :1], image[:, :-1]], axis=1),
        "down": np.concatenate([image[:1], image[:-1]], axis=0),
        "brighter": _scaled(image, 1 + BRIGHTER),
        "darker": _scaled(image, 1 - BRIGHTER),
    }


def calibrate_copy(
    encode: Encode, sample: Sequence[Pixels], miss_rate: float = MISS_RATE
) -> CopyTolerance:
    """tau_copy of an encoder on a sample of pictures (500 of the data are enough)."""
    made = [copies(image) for image in sample]
    kinds = list(made[0]) if made else []
    vectors = {kind: encode([copy[kind] for copy in made]) for kind in kinds}
    return copy_tolerance(encode(sample), vectors, miss_rate)


def copy_tolerance(
    originals: ArrayLike, copied: Mapping[str, ArrayLike], miss_rate: float = MISS_RATE
) -> CopyTolerance:
    """The largest tau below which at most ``miss_rate`` of all copies fall.

    originals: (N, d) vectors; copied: for each kind (N, d) vectors of the copies, row by row.
    """
    similarity = {kind: _cosine(originals, vectors) for kind, vectors in copied.items()}
    if not similarity or not len(np.asarray(originals)):
        raise FacecurateError("no pictures to measure a tolerance on: sample at least one")
    every = np.sort(np.concatenate(list(similarity.values())))
    tau = float(every[int(miss_rate * len(every))])
    misses = {kind: float((values < tau).mean()) for kind, values in similarity.items()}
    return CopyTolerance(tau, misses, len(every))


def _cosine(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """(N,) cosine similarity, row by row."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    cosine: NDArray[np.float64] = (x * y).sum(axis=1) / lengths
    return cosine


def _scaled(image: Pixels, factor: float) -> Pixels:
    scaled: Pixels = np.clip(np.rint(image * factor), 0, 255).astype(np.uint8)
    return scaled
