"""dlib's HOG detector and five-point predictor, whose weights come inside the packages.

The detector (Dalal and Triggs 2005, as trained in dlib) sees upright, nearly frontal faces from
about 64 working pixels on (its own box, which is smaller than ours: brows to chin). A photo is
therefore brought to a longest side of 1,024 pixels, enlarged at most twice, so that faces from
about 40 pixels on are found in photos of up to 512 pixels. The time grows with the working pixels.

Frame: dlib's rectangle names its first and last pixel, both inside, and its points are whole
pixels. In corner-origin working coordinates a rectangle l, t, r, b spans l, t, r + 1, b + 1 and a
point x, y lies at x + 0.5, y + 0.5 (so a point is exact to half a working pixel at best).

The predictor (Kazemi and Sullivan 2014) marks the corners of both eyes and the base of the nose. An
eye is the middle of its two corners, the nose is that base (below the tip), and the corners of the
mouth are unknown: NaN.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facecurate import storage
from facecurate.errors import MissingExtraError, UsageError
from facecurate.faces import base
from facecurate.faces.base import Detection, Image, Options

LONGEST_SIDE = 1024
ENLARGE = 2.0
THRESHOLD = 0.0
_PREDICTOR = "shape_predictor_5_face_landmarks.dat"
# The predictor's points: outer and inner corner of the eye on the image's right, the same of the
# eye on its left, base of the nose.
_LEFT_EYE, _RIGHT_EYE, _NOSE = (2, 3), (0, 1), 4


@dataclass(frozen=True, slots=True, eq=False)
class DlibDetector:
    """One picture at a time; ``find`` and ``mark`` are dlib's detector and predictor."""

    find: Any
    mark: Any
    threshold: float
    settings: Mapping[str, Any]
    name: str = "dlib"
    longest_side: int | None = LONGEST_SIDE
    window: int = 1

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The faces of each (h, w, 3) RGB uint8 picture, in its pixels; highest score first."""
        return [self._faces(image) for image in images]

    def _faces(self, image: Image) -> list[Detection]:
        picture, scale = base.working(image, LONGEST_SIDE, ENLARGE)
        rectangles, scores, _ = self.find.run(picture, 0, self.threshold)
        faces = []
        for rectangle, score in zip(rectangles, scores, strict=True):
            shape = self.mark(picture, rectangle)
            marks = np.array([(p.x, p.y) for p in shape.parts()], np.float64) + 0.5
            faces.append(base.from_corner(_corners(rectangle), five_points(marks), score, scale))
        return base.ordered(faces)


def _corners(rectangle: Any) -> list[float]:
    return [rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1]


def five_points(marks: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    """Our ten numbers from the predictor's (5, 2) points; NaN for the mouth."""
    left = marks[list(_LEFT_EYE)].mean(axis=0)
    right = marks[list(_RIGHT_EYE)].mean(axis=0)
    return [*left, *right, *marks[_NOSE], *[np.nan] * 4]


def dlib_hog(options: Options) -> DlibDetector:
    """The detector of dlib; MissingExtraError if its packages are not installed."""
    base.only_cpu("dlib", options)
    if options.weights is not None:
        raise UsageError("the dlib detector brings its own weights: leave out --weights")
    level = base.threshold("dlib", options, THRESHOLD, low=-2.0, high=10.0)
    path = _predictor_path()
    try:
        import dlib
    except ImportError as error:
        raise MissingExtraError("the dlib detector", "dlib") from error
    settings = {
        "detector": "dlib",
        "threshold": level,
        "longest_side": LONGEST_SIDE,
        "enlarge": ENLARGE,
        "weights": storage.digest(path),
    }
    return DlibDetector(
        dlib.get_frontal_face_detector(), dlib.shape_predictor(path), level, settings
    )


def _predictor_path() -> str:
    """The weights inside face_recognition_models, found without importing that package.

    Its code needs pkg_resources, which current setuptools no longer has.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = storage.join(folder, "models", _PREDICTOR)
        if storage.exists(path):
            return path
    raise MissingExtraError("the dlib detector", "dlib")
