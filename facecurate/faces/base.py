"""What every detector takes and gives, and the one way from working pixels back to the photo's.

A detector works on a resized copy of the photo, the working picture. Its answer is first brought to
corner-origin working coordinates (the picture spans 0..w, 0..h) and from there to our frame, where
a pixel's centre lies at its integer coordinates and the photo spans -0.5..w-0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facecurate import fetch
from facecurate.errors import UsageError
from facecurate.weights import KNOWN, locate

Image = NDArray[np.uint8]  # (h, w, 3) RGB
Floats = NDArray[np.float32]
SAME_FACE = 0.4  # intersection over union from which two boxes are one face's


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face in a picture, in that picture's pixels (a pixel's centre at its integers).

    ``box``: (4,) float32, x0 y0 x1 y1, continuous; it may reach over the picture's edge.
    ``landmarks``: (10,) float32, x then y of left eye, right eye, nose, left and right mouth corner
    as seen in the image; NaN for points the detector does not give.
    ``score``: the detector's own, comparable within one detector only.
    """

    box: Floats
    landmarks: Floats
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user may choose of any detector; each refuses what it has no use for.

    ``weights``: a file instead of the fetched one; ``unchecked``: whatever its digest is.
    ``threshold``: the lowest score kept, None for the detector's own. ``device``: ``cpu`` or
    ``cuda``. ``precision``: ``fp32`` or ``bf16``, None for fp32 on the CPU and bf16 on a GPU.
    """

    weights: str | None = None
    unchecked: bool = False
    threshold: float | None = None
    device: str = "cpu"
    precision: str | None = None


Answers = list[list[Detection]]


class Detector(Protocol):
    """Finds faces.

    ``settings`` holds everything that moves the results (JSON values only), so that a stored result
    can be told from what the detector would give now. ``longest_side`` is the working picture's, in
    pixels; None if the detector does not look at pixels.
    """

    @property
    def name(self) -> str:
        """The detector's key in ``DETECTORS``."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What moves the results."""
        ...

    @property
    def longest_side(self) -> int | None:
        """Longest side of the working picture, pixels."""
        ...

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The faces of each (h, w, 3) RGB uint8 picture: highest score first, ties by x0, y0.

        A picture's answer does not depend on the others in the call; on a GPU it may in rounding.
        """
        ...

    @property
    def window(self) -> int:
        """How many pictures a call should have; 1 where more in a call save nothing."""
        ...


def working(
    image: Image, longest_side: int, enlarge: float = 1.0
) -> tuple[Image, NDArray[np.float64]]:
    """A copy whose longest side is at most ``longest_side``, and its scale.

    Larger pictures are averaged down (INTER_AREA); smaller ones are enlarged (bilinear) by at most
    the factor ``enlarge``. The scale is (2,), working pixels per photo pixel along x and y, exact
    for the rounded size.
    """
    import cv2

    height, width = image.shape[:2]
    factor = min(enlarge, longest_side / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    scale = np.array([size[0] / width, size[1] / height])
    if size == (width, height):
        return np.ascontiguousarray(image), scale
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8), scale


def from_corner(
    box: Sequence[float] | NDArray[Any],
    points: Sequence[float] | NDArray[Any],
    score: float,
    scale: NDArray[np.float64],
) -> Detection:
    """A detection from corner-origin working coordinates: photo = working / scale - 0.5.

    ``box`` (4,), ``points`` (10,), ``scale`` (2,) as ``working`` gave it.
    """
    back_box = np.asarray(box, np.float64).reshape(2, 2) / scale - 0.5
    back_points = np.asarray(points, np.float64).reshape(5, 2) / scale - 0.5
    return Detection(
        back_box.reshape(4).astype(np.float32),
        back_points.reshape(10).astype(np.float32),
        float(score),
    )


def ordered(faces: Sequence[Detection]) -> list[Detection]:
    """Highest score first, ties by x0, then y0."""
    return sorted(faces, key=lambda face: (-face.score, float(face.box[0]), float(face.box[1])))


Look = Callable[[Sequence[Image], int], list[list[Detection]]]  # pictures, longest side


def twice(look: Look, images: Sequence[Image], longest_side: int, large: float | None) -> Answers:
    """The faces of pictures, the large ones found at half the working size.

    A detector finds a face of more than ``large`` working pixels twice, or not at all: what it was
    trained to see is smaller. Where it finds such a face, or none, it looks again at half the size;
    from that look come the faces that are larger, from the first one the others. ``large`` None:
    one look is enough, as it is for a photo that small.
    """
    answers = look(images, longest_side)
    if large is None:
        return answers
    limits = [large * max(1.0, max(image.shape[:2]) / longest_side) for image in images]
    again = [
        number
        for number, (faces, limit) in enumerate(zip(answers, limits, strict=True))
        if max(images[number].shape[:2]) > longest_side // 2
        and (not faces or any(_side(face) > limit for face in faces))
    ]
    halves = look([images[number] for number in again], longest_side // 2)
    for number, half in zip(again, halves, strict=True):
        limit = limits[number]
        small = [face for face in answers[number] if _side(face) <= limit]
        answers[number] = _joined(small, [face for face in half if _side(face) > limit])
    return answers


def _joined(small: Sequence[Detection], large: Sequence[Detection]) -> list[Detection]:
    """Both, without the small ones that are a large one again: the limit lies between the two."""
    own = [face for face in small if all(_overlap(face, other) < SAME_FACE for other in large)]
    return ordered([*own, *large])


def _side(face: Detection) -> float:
    """The longer side of a face's box, pixels."""
    return float(max(face.box[2] - face.box[0], face.box[3] - face.box[1]))


def _overlap(a: Detection, b: Detection) -> float:
    """Intersection over union of two faces' boxes."""
    low, high = np.maximum(a.box[:2], b.box[:2]), np.minimum(a.box[2:], b.box[2:])
    shared = float(np.prod(np.maximum(high - low, 0.0)))
    areas = (float(np.prod(face.box[2:] - face.box[:2])) for face in (a, b))
    return shared / max(sum(areas) - shared, 1e-9)


def threshold(
    name: str, options: Options, usual: float, *, low: float = 0.0, high: float = 1.0
) -> float:
    """The threshold asked for, or the ``usual`` one; UsageError outside [low, high]."""
    value = usual if options.threshold is None else options.threshold
    if not low <= value <= high:
        raise UsageError(
            f"--threshold {value:g} is outside {name}'s scores: give {low:g} to {high:g}"
        )
    return float(value)


def located(name: str, options: Options) -> str:
    """The path of the weights ``name`` of ``weights.KNOWN``, or of the file that was asked for."""
    if options.unchecked and options.weights is None:
        raise UsageError("--weights-unchecked says nothing without --weights FILE")
    return locate(
        KNOWN[name], options.weights, download=fetch.download, unchecked=options.unchecked
    )


def only_cpu(name: str, options: Options) -> None:
    """Refuses device and precision for a detector that runs on the CPU as it is."""
    if options.device != "cpu":
        raise UsageError(
            f"the {name} detector runs on the CPU: leave out --device {options.device}"
        )
    if options.precision is not None:
        raise UsageError(f"the {name} detector has one precision: leave out --precision")
